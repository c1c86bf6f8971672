use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::config::testing::settings;
use crate::net::testing::{PATIENCE, cx};

/// What an endpoint was asked: `Authorization`, and the form.
type Asked = Arc<parking_lot::Mutex<Vec<(String, String)>>>;

/// An endpoint that answers so.
async fn endpoint(answer: impl Fn(&str) -> (u16, &'static str) + Clone + Send + Sync + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let asked = Asked::default();
    let log = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (log, answer) = (log.clone(), answer.clone());
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (log, answer) = (log.clone(), answer.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let form = body.collect().await?.to_bytes();
                    let authorization = head.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
                    let form = String::from_utf8(form.to_vec()).unwrap();
                    let (status, body) = answer(authorization);
                    log.lock().push((authorization.to_owned(), form));
                    // Long enough for others to come in between.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    let body = Full::new(Bytes::from_static(body.as_bytes()));
                    Ok::<_, hyper::Error>(http::Response::builder().status(status).body(body).unwrap())
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, asked)
}

fn extension(url: &str, more: &str) -> Oauth2Client {
    let yaml = format!("{{client_id: 'me:', client_secret: s&cret, token_url: '{url}'{more}}}");
    let (settings, problems) = settings::<Settings>(&yaml);
    assert!(!problems.has_errors(), "{problems}");
    Oauth2Client::new(settings.unwrap(), &cx("oauth2client", None)).unwrap()
}

async fn shown(extension: &Oauth2Client) -> Result<String, Refusal> {
    let mut headers = HeaderMap::new();
    tokio::time::timeout(PATIENCE, extension.apply(&mut headers, None)).await.expect("in time")?;
    Ok(headers[header::AUTHORIZATION].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn one_token_is_asked_for_and_kept() {
    let (url, asked) = endpoint(|_| (200, r#"{"access_token": "t", "expires_in": 3600}"#)).await;
    let extension = extension(&url, ", scopes: [a, b], endpoint_params: {audience: x, r: ['1', '2']}");
    let all = join_all((0..20).map(|_| shown(&extension))).await;
    assert!(all.iter().all(|shown| shown.as_deref().is_ok_and(|shown| shown == "Bearer t")));
    extension.rejected();
    assert_eq!(shown(&extension).await.unwrap(), "Bearer t");
    // Id and secret are encoded first: they may hold a colon.
    let form = "grant_type=client_credentials&scope=a+b&audience=x&r=1&r=2".to_owned();
    assert_eq!(*asked.lock(), [("Basic bWUlM0E6cyUyNmNyZXQ=".to_owned(), form)]);
}

#[tokio::test]
async fn endpoints_that_want_the_secret_in_the_form_get_it_there() {
    let answer = |header: &str| match header {
        "" => (200, r#"{"access_token": "t"}"#),
        _ => (401, r#"{"error": "invalid_client"}"#),
    };
    let (url, asked) = endpoint(answer).await;
    assert_eq!(shown(&extension(&url, "")).await.unwrap(), "Bearer t");
    let form = "grant_type=client_credentials&client_id=me%3A&client_secret=s%26cret";
    assert_eq!(asked.lock()[1], (String::new(), form.to_owned()));
}

#[tokio::test]
async fn a_failure_is_a_retryable_refusal_and_not_repeated_at_once() {
    let (url, asked) =
        endpoint(|_| (401, r#"{"error": "invalid_client", "error_description": "s&cret is wrong"}"#)).await;
    let wrong = extension(&url, "");
    for _ in 0..5 {
        let refusal = shown(&wrong).await.unwrap_err();
        assert!(!refusal.is_permanent());
        let why = format!(
            "failed to get security token from token endpoint (endpoint \"{url}\"): 401 Unauthorized invalid_client"
        );
        assert_eq!(refusal.why, why);
    }
    assert_eq!(asked.lock().len(), 2);
    let nobody = extension("http://127.0.0.1:1/token", ", timeout: 1s");
    assert!(shown(&nobody).await.unwrap_err().why.contains("Connection refused"));
    let (url, _) = endpoint(|_| (200, "<html>")).await;
    assert!(shown(&extension(&url, "")).await.unwrap_err().why.ends_with("its answer is no JSON with an access_token"));
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (yaml, expected) in [
        ("{client_secret: a, token_url: 'https://a'}", "no ClientID provided in the OAuth2 exporter configuration"),
        (
            "{client_id: a, token_url: 'https://a'}",
            "no ClientSecret provided in OAuth Client Credentials configuration",
        ),
        ("{client_id: a, client_secret: a}", "no TokenURL provided in OAuth Client Credentials configuration"),
        ("{client_id: a, client_secret: a, token_url: a}", "\"a\" must be a valid URL"),
        ("{client_id: a, client_secret: a, token_url: 'http://a'}", "the secret travels in the clear"),
    ] {
        let (_, problems) = settings::<Settings>(yaml);
        let messages: Vec<_> = problems.all().iter().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{yaml} {messages:?}");
    }
}
