use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use super::*;
use crate::net::auth::{AuthenticateServer, Offer};
use crate::net::compression::compress;
use crate::net::testing::{Served, traces};
use crate::pipeline::{Refusal, RefusalKind};

const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

async fn call(server: &Served, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(HttpConnector::new());
    let mut request = Request::builder().method(method).uri(format!("http://{}{path}", server.address()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.request(request.body(Full::new(body.into())).expect("valid")).await.expect("answered");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("read").to_bytes().to_vec();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

async fn post(server: &Served, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    call(server, Method::POST, "/v1/traces", headers, body).await
}

fn packed(encoding: Encoding, body: Vec<u8>) -> Vec<u8> {
    compress(encoding, None, &body.into()).expect("packs").to_vec()
}

#[tokio::test]
async fn success_is_said_in_the_requests_encoding() {
    let server = Served::http("");
    let answer = post(&server, &[PROTO], traces(2, 5)).await;
    assert_eq!((answer.status, answer.header("content-type"), &answer.body[..]), (200, PROTO.1, &b""[..]));
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}"#;
    let answer = post(&server, &[JSON], json.to_vec()).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"partialSuccess":{}}"#));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(server.sink.taken().iter().map(|batch| batch.items).collect::<Vec<_>>(), [2, 1]);
    // No items: success, and nothing for the pipeline.
    assert_eq!(post(&server, &[PROTO], Vec::new()).await.status, 200);
    assert_eq!(post(&server, &[JSON], b"{}".to_vec()).await.status, 200);
    assert_eq!(server.sink.taken().len(), 2);
}

#[tokio::test]
async fn requests_that_are_wrong_get_their_status() {
    let server = Served::http(", max_request_body_size: 10000");
    let garbage = b"\xff\xff\xff".to_vec();
    let bomb = packed(Encoding::Gzip, vec![0; 1 << 20]);
    let encoding = |name| ("content-encoding", name);
    let truncated = packed(Encoding::Gzip, traces(9, 9))[..20].to_vec();
    for (headers, body, status, text) in [
        (&[PROTO][..], garbage.clone(), 400, "truncated"),
        (&[JSON], garbage.clone(), 400, r#""code":3"#),
        (&[JSON], b"{".to_vec(), 400, r#""code":3"#),
        (&[], traces(1, 1), 415, "415 unsupported media type, supported: [application/json, application/x-protobuf]"),
        (&[("content-type", "text/plain")], traces(1, 1), 415, "415 unsupported media type"),
        (&[JSON, encoding("br")], traces(1, 1), 400, r#"{"code":3,"message":"unsupported Content-Encoding: br"}"#),
        (&[encoding("br")], traces(1, 1), 400, r#"{"code":3,"message":"unsupported Content-Encoding: br"}"#),
        (&[JSON, encoding("gzip")], garbage, 400, "unexpected EOF"),
        (&[JSON, encoding("gzip")], truncated, 400, "unexpected EOF"),
        (&[JSON, encoding("gzip")], bomb, 400, "http: request body too large"),
        (&[JSON], vec![b' '; 10_001], 400, r#"{"code":3,"message":"http: request body too large"}"#),
    ] {
        let answer = post(&server, headers, body).await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.text());
        assert!(answer.text().contains(text), "{headers:?} {}", answer.text());
    }
    assert_eq!(server.sink.taken().len(), 0);
    assert_eq!(post(&server, &[PROTO], traces(1, 1)).await.status, 200);
}

#[tokio::test]
async fn paths_and_methods_that_are_wrong_get_their_status() {
    let server = Served::http(", traces_url_path: in/traces");
    for (method, path, status, text) in [
        (Method::GET, "/in/traces", 405, "405 method not allowed, supported: [POST]"),
        (Method::POST, "/v1/traces", 404, "404 page not found"),
        (Method::POST, "/v1/logs", 404, "404 page not found"),
        (Method::POST, "/", 404, "404 page not found"),
    ] {
        let answer = call(&server, method, path, &[PROTO], traces(1, 1)).await;
        assert_eq!((answer.status, answer.text().trim()), (status, text), "{path}");
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
    assert_eq!(call(&server, Method::POST, "/in/traces", &[PROTO], traces(1, 1)).await.status, 200);
}

#[tokio::test]
async fn the_pipelines_refusals_are_passed_on() {
    let server = Served::http("");
    let throttle = Refusal {
        kind: RefusalKind::Retry { after: Some(Duration::from_millis(1200)) },
        code: Some(code::RESOURCE_EXHAUSTED),
        ..Refusal::retry("slow down")
    };
    for (refusal, status, code, retry_after) in [
        (Refusal::retry("sending queue is full"), 503, 14, ""),
        (Refusal::permanent("never"), 500, 13, ""),
        (throttle, 429, 8, "2"),
    ] {
        server.sink.refuse(Some(refusal.clone()));
        let answer = post(&server, &[PROTO], traces(1, 1)).await;
        let said = Status::from_proto(&answer.body).expect("a status");
        assert_eq!((answer.status, said.code, said.message), (status, code, refusal.why.clone()));
        assert_eq!(answer.header("retry-after"), retry_after);
    }
    server.sink.turn_away(Some(Refusal::retry("memory")));
    let answer = post(&server, &[JSON], b"not looked at".to_vec()).await;
    assert_eq!((answer.status, answer.text().as_str()), (503, r#"{"code":14,"message":"memory"}"#));
}

#[tokio::test]
async fn metadata_and_headers_are_as_configured() {
    let server = Served::http(
        ", include_metadata: true, response_headers: {x-frame-options: deny}, cors: {allowed_origins: ['http://app']}",
    );
    let answer = post(&server, &[PROTO, ("X-Tenant", "a"), ("origin", "http://app")], traces(1, 1)).await;
    assert_eq!(answer.header("x-frame-options"), "deny");
    assert_eq!(answer.header("access-control-allow-origin"), "http://app");
    let metadata = server.sink.taken()[0].metadata.clone().expect("kept");
    assert_eq!(metadata.values("x-tenant").collect::<Vec<_>>(), ["a"]);
    assert_eq!(metadata.values("host").collect::<Vec<_>>(), [server.address().to_string()]);
    let asks = [("origin", "http://app"), ("access-control-request-method", "POST")];
    let answer = call(&server, Method::OPTIONS, "/v1/traces", &asks, Vec::new()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, "POST"));
}

/// Knows whoever shows "t".
struct Knows;

impl AuthenticateServer for Knows {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Denied>> {
        let challenge = HeaderValue::from_static("Token");
        let result = match headers.get("token").map(HeaderValue::as_bytes) {
            Some(b"t") => Ok(Some(Arc::new([("subject".to_owned(), "alice".to_owned())].into_iter().collect()))),
            Some(b"later") => Err(Denied::for_now("not now")),
            _ => Err(Denied::new("who are you?").challenge(Some(&challenge))),
        };
        Box::pin(std::future::ready(result))
    }
}

#[tokio::test]
async fn who_sends_is_asked_first_and_travels_along() {
    let server = Served::http(", auth: {authenticator: knows, request_params: [token]}");
    let offer = Offer { server: Some(Arc::new(Knows)), client: None };
    server.cx.host.auth.set(&"knows".parse().expect("an id"), offer);
    let path = |query: &str| format!("/v1/traces{query}");
    for (headers, query, status) in [
        (&[PROTO][..], "", 401),
        (&[PROTO, ("token", "u")], "?token=t", 401),
        (&[PROTO, ("token", "later")], "", 503),
        (&[JSON], "?other=t", 401),
        (&[], "", 401),
        (&[PROTO, ("token", "t")], "", 200),
        (&[PROTO], "?a=b&token=t", 200),
    ] {
        let answer = call(&server, Method::POST, &path(query), headers, traces(1, 1)).await;
        assert_eq!(answer.status, status, "{headers:?} {query} {}", answer.text());
        assert_eq!(answer.header("www-authenticate"), if status == 401 { "Token" } else { "" });
    }
    let unknown = call(&server, Method::POST, "/nowhere", &[PROTO], Vec::new()).await;
    assert_eq!(unknown.status, 401, "{}", unknown.text());
    let taken = server.sink.taken();
    assert_eq!(taken.len(), 2);
    for batch in taken {
        let metadata = batch.metadata.expect("an identity");
        assert_eq!(metadata.identity.as_ref().expect("known").values("subject").collect::<Vec<_>>(), ["alice"]);
        assert!(metadata.entries.is_empty());
    }
}
