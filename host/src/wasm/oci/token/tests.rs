use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::wasm::module::Remote;

/// A registry and its token service at one address: gives the manifest to who has a token, and a token to who has the identity token
/// `kept` or the password.
struct Service {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// `token_service` is what the challenge names as such.
    async fn start(token_service: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, token_service) = (asked.clone(), token_service.map(str::to_owned));
        let realm = token_service.unwrap_or_else(|| format!("http://{address}/token"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, realm) = (log.clone(), realm.clone());
                let service = service_fn(move |request| answer(request, log.clone(), realm.clone()));
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    server.serve_connection(TokioIo::new(stream), service).await.map_err(|error| error.to_string())
                });
            }
        });
        Self { address, asked }
    }

    /// Gets the manifest with this as docker's configuration.
    async fn get(&self, docker: serde_json::Value) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.json"), docker.to_string()).expect("written");
        let reference = format!("{}/team/redact:1", self.address).parse().expect("a reference");
        let mut registry = Registry::new(&reference, &Remote::default())?;
        registry.docker = Some(folder.path().to_owned());
        registry.get("manifests", "1", 1000).await
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<String>>>,
    realm: String,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let authorization = head.headers.get("authorization").map(|value| value.to_str().expect("text").to_owned());
    log.lock().push(format!("{} {}", head.method, head.uri.path()));
    let reply = |status: u16, body: String| Response::builder().status(status).body(Full::from(body)).expect("good");
    if head.uri.path() == "/moved" {
        let to = Response::builder().status(307).header("location", realm.replace("/moved", "/token"));
        return Ok(to.body(Full::default()).expect("good"));
    }
    if head.uri.path() != "/token" {
        let challenge =
            format!("Bearer realm=\"{realm}\",service=\"the registry\",scope=\"repository:team/redact:pull\"");
        return Ok(match authorization.as_deref() {
            Some("Bearer good") => reply(200, "the manifest".to_owned()),
            _ => Response::builder()
                .status(401)
                .header("www-authenticate", challenge)
                .body(Full::default())
                .expect("a response"),
        });
    }
    let query = head.uri.query().unwrap_or_default().to_owned();
    let sent = if head.method == Method::POST { String::from_utf8_lossy(&body).into_owned() } else { query };
    let pairs: HashMap<_, _> = url::form_urlencoded::parse(sent.as_bytes()).into_owned().collect();
    let pair = |key: &str| pairs.get(key).map(String::as_str);
    if pair("service") != Some("the registry") || pair("scope") != Some("repository:team/redact:pull") {
        return Ok(reply(400, String::new()));
    }
    let is_form = head.headers.get("content-type").is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let granted = pair("grant_type") == Some("refresh_token")
        && pair("refresh_token") == Some("k&pt")
        && pair("client_id") == Some("tailrace")
        && authorization.is_none();
    Ok(match head.method {
        Method::POST if is_form && granted => reply(200, json!({"access_token": "good", "expires_in": 60}).to_string()),
        // "you:known"
        Method::GET if authorization.as_deref() == Some("Basic eW91Omtub3du") => {
            reply(200, json!({"token": "good"}).to_string())
        }
        _ => reply(401, String::new()),
    })
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_a_token_of_the_registry() {
    let service = Service::start(None).await;
    let auths = |auth: serde_json::Value| json!({"auths": {service.address.clone(): auth}});
    let identity = auths(json!({"auth": "PHRva2VuPjo=", "identitytoken": "k&pt"}));
    assert_eq!(service.get(identity).await.expect("the manifest"), b"the manifest");
    let manifest = "GET /v2/team/redact/manifests/1".to_owned();
    assert_eq!(*service.asked.lock(), [manifest.clone(), "POST /token".to_owned(), manifest]);

    let wrong = service.get(auths(json!({"identitytoken": "stale"}))).await.expect_err("it is refused");
    assert!(wrong.contains("its token service answers 401"), "{wrong}");
    let password = service.get(auths(json!({"username": "you", "password": "known"}))).await;
    assert_eq!(password.expect("the manifest"), b"the manifest");
    let none = service.get(json!({})).await.expect_err("without any");
    assert!(none.contains("its token service answers 401"), "{none}");
}

/// An identity token is worth more than any that it is exchanged for: it goes to the token service that is named and nowhere else.
#[tokio::test]
async fn an_identity_token_is_not_sent_on() {
    let away = Service::start(None).await;
    let service = Service::start(Some(&format!("http://{}/moved", away.address))).await;
    let identity = json!({"auths": {service.address.clone(): {"identitytoken": "k&pt"}}});
    let error = service.get(identity).await.expect_err("it is not followed");
    assert!(error.contains("its token service answers 307"), "{error}");
    assert_eq!(*away.asked.lock(), ["POST /moved"]);
}

#[test]
fn challenges_are_read() {
    let some = |text: &str| Some(text.to_owned());
    let bearer = r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push""#;
    let expected = Challenge {
        is_bearer: true,
        realm: some("https://auth.example/token"),
        service: some("r.example"),
        scope: some("repository:a/b:pull,push"),
    };
    assert_eq!(Challenge::parse(bearer), expected);
    let basic = Challenge::parse("Basic realm=x, charset=\"UTF-8\"");
    assert_eq!((basic.is_bearer, basic.realm), (false, some("x")));
    assert_eq!(Challenge::parse(""), Challenge::default());
    assert_eq!(
        Challenge::parse("Bearer realm=\"open"),
        Challenge { is_bearer: true, realm: some("\"open"), ..Challenge::default() }
    );
}
