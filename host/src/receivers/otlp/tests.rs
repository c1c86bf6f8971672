use ::http::{HeaderMap, Request, Version};
use bytes::{BufMut as _, Bytes};
use h2::client::SendRequest;
use tokio::net::TcpStream;

use super::*;
use crate::config::{Check, Path};
use crate::net::compression::{Encoding, compress};
use crate::net::status::{Status, code};
use crate::net::testing::{Served, traces};
use crate::pipeline::{Refusal, Settings as _};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

async fn connect(server: &Served) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address()).await.expect("connects");
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender.ready().await.expect("ready")
}

fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut body = vec![flag];
    body.put_u32(message.len() as u32);
    body.extend_from_slice(message);
    body.into()
}

/// Sends `body` in frames of `step` bytes, gives the HTTP status and gRPC's.
async fn call(server: &Served, path: &str, headers: &[(&str, &str)], body: Bytes, step: usize) -> (u16, Status) {
    let mut sender = connect(server).await;
    let mut request = Request::post(format!("http://localhost{path}")).version(Version::HTTP_2);
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(headers) {
        request
            .headers_mut()
            .expect("valid")
            .insert(::http::HeaderName::from_bytes(name.as_bytes()).expect("valid"), value.parse().expect("valid"));
    }
    let (response, mut stream) = sender.send_request(request.body(()).expect("valid"), false).expect("sends");
    let mut rest = body;
    while !rest.is_empty() {
        // The server may have answered before all is sent.
        if stream.send_data(rest.split_to(step.min(rest.len())), rest.is_empty()).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let (head, mut body) = response.await.expect("answers").into_parts();
    while let Some(chunk) = body.data().await {
        assert_eq!(&chunk.expect("reads")[..], [0; 5]);
    }
    let trailers: HeaderMap = body.trailers().await.expect("reads").unwrap_or(head.headers);
    (head.status.as_u16(), Status::from_trailers(&trailers).expect("gRPC"))
}

async fn export(server: &Served, headers: &[(&str, &str)], body: Bytes) -> Status {
    call(server, TRACES, headers, body, usize::MAX).await.1
}

#[tokio::test]
async fn messages_arrive_however_they_are_cut() {
    let server = Served::grpc("");
    let message = traces(7, 30);
    for step in [1, 2, 5, 6, 100, usize::MAX] {
        let (_, status) = call(&server, TRACES, &[], framed(0, &message), step).await;
        assert_eq!(status.code, code::OK, "{step} {status:?}");
    }
    assert!(server.sink.bytes().iter().all(|taken| *taken == message));
    assert_eq!(server.sink.taken().len(), 6);
    // Nothing in it: success, and nothing for the pipeline.
    assert_eq!(export(&server, &[], framed(0, b"")).await.code, code::OK);
    assert_eq!(server.sink.taken().len(), 6);
}

#[tokio::test]
async fn requests_that_are_wrong_get_their_status() {
    let server = Served::grpc(", max_recv_msg_size_mib: 1");
    let zeros = |len: usize| vec![0; len].into();
    let gzip = ("grpc-encoding", "gzip");
    let bomb = compress(Encoding::Gzip, None, &zeros(64 << 20)).expect("packs");
    let mut cut_off = framed(0, &traces(1, 1)).to_vec();
    cut_off.pop();
    let two = [framed(0, &traces(1, 1)), framed(0, &traces(1, 1))].concat();
    for (headers, body, expected, text) in [
        (&[][..], framed(0, b"\xff\xff\xff"), code::INVALID_ARGUMENT, "truncated"),
        (&[], framed(0, &vec![0; (1 << 20) + 1]), code::RESOURCE_EXHAUSTED, "larger than max (1048577 vs. 1048576)"),
        (&[gzip], framed(1, &bomb), code::RESOURCE_EXHAUSTED, "after decompression larger than max"),
        (&[gzip], framed(1, b"not gzip, truly"), code::INTERNAL, "gzip: invalid header"),
        (&[], framed(1, &traces(1, 1)), code::INTERNAL, "compressed flag"),
        (&[("grpc-encoding", "br")], framed(1, b""), code::UNIMPLEMENTED, "Decompressor is not installed"),
        (&[], framed(7, b""), code::INTERNAL, "payload format 7"),
        (&[], cut_off.into(), code::INTERNAL, "unexpected EOF"),
        (&[], Bytes::from_static(b"\0\0"), code::INTERNAL, "unexpected EOF"),
        (&[], two.into(), code::INTERNAL, "more than one message"),
    ] {
        let status = export(&server, headers, body).await;
        assert_eq!(status.code, expected, "{status:?}");
        assert!(status.message.contains(text), "{status:?}");
    }
    assert_eq!(server.sink.taken().len(), 0);
    assert_eq!(export(&server, &[], framed(0, &traces(1, 1))).await.code, code::OK);
}

#[tokio::test]
async fn what_is_no_service_is_unimplemented() {
    let server = Served::grpc("");
    for (path, text) in [
        (LOGS, "unknown service opentelemetry.proto.collector.logs.v1.LogsService"),
        ("/grpc.health.v1.Health/Check", "unknown service grpc.health.v1.Health"),
    ] {
        let (http, status) = call(&server, path, &[], framed(0, b""), usize::MAX).await;
        assert_eq!((http, status.code, status.message.as_str()), (200, code::UNIMPLEMENTED, text));
    }
    let json = [("content-type", "application/json")];
    let (http, status) = call(&server, TRACES, &json, framed(0, b""), usize::MAX).await;
    assert_eq!((http, status.code), (415, code::INVALID_ARGUMENT));
}

#[tokio::test]
async fn refusals_are_told_and_counted() {
    let server = Served::grpc(", include_metadata: true");
    assert_eq!(export(&server, &[("x-tenant", "a")], framed(0, &traces(3, 1))).await.code, code::OK);
    let metadata = server.sink.taken()[0].metadata.clone().expect("kept");
    assert_eq!(metadata.values("x-tenant").collect::<Vec<_>>(), ["a"]);
    server.sink.refuse(Some(Refusal::retry("sending queue is full")));
    let status = export(&server, &[], framed(0, &traces(2, 1))).await;
    assert_eq!(status, Status::new(code::UNAVAILABLE, "sending queue is full"));
    server.sink.turn_away(Some(Refusal::retry("memory")));
    // On its headers alone: the body would be refused otherwise.
    let status = export(&server, &[], framed(0, b"\xff")).await;
    assert_eq!(status, Status::new(code::UNAVAILABLE, "memory"));
    let labels = [("receiver", "otlp"), ("transport", "grpc")];
    let count = |name| {
        let desc = crate::telemetry::metrics::Desc { name, unit: "", help: "" };
        server.cx.metrics.counter(desc, &labels).get()
    };
    assert_eq!(count("receiver_accepted_spans"), 3);
    assert_eq!(count("receiver_refused_spans"), 2);
    assert_eq!(count("receiver_turned_away_requests"), 1);
}

#[tokio::test]
async fn a_server_that_stops_answers_what_it_has() {
    let server = Served::grpc("");
    let mut sender = connect(&server).await;
    let request = Request::post(format!("http://localhost{TRACES}")).header("content-type", "application/grpc");
    let (response, mut stream) = sender.send_request(request.body(()).expect("valid"), false).expect("sends");
    let body = framed(0, &traces(1, 1));
    stream.send_data(body.slice(..8), false).expect("sends");
    // The request is open before the server stops, its message complete only after.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let sink = server.sink.clone();
    let finish = tokio::spawn(server.finish());
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stream.send_data(body.slice(8..), true).expect("sends");
    let mut answer = response.await.expect("answers").into_body();
    while answer.data().await.is_some() {}
    let trailers = answer.trailers().await.expect("reads").expect("there");
    assert_eq!(trailers["grpc-status"], "0");
    finish.await.expect("ends");
    assert_eq!(sink.taken().len(), 1);
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (yaml, expected) in [
        ("protocols:", "must specify at least one protocol when using the OTLP receiver"),
        ("protocols: {grpc: {enabled: false}}", "must specify at least one protocol when using the OTLP receiver"),
        ("protocols: {grpc: {auth: {}}}", "requires an \"authenticator\""),
        ("protocols: {http: {middlewares: [{id: x}]}}", "`middlewares` is not supported"),
        ("protocols: {grpc: {transport: unix}}", "`transport` \"unix\" is not supported: only tcp is"),
        (
            "protocols: {http: {tls: {}}}",
            "TLS configuration must include both certificate and key for server connections",
        ),
        ("protocols: {http: {compression_algorithms: [br]}}", "unsupported compression algorithm: \"br\""),
        (
            "protocols: {http: {keepalive: {}, idle_timeout: 1}}",
            "cannot use both `keepalive` and the deprecated `idle_timeout` or `keep_alives_enabled`",
        ),
    ] {
        let settings: OtlpSettings = serde_yaml::from_str(yaml).expect("parses");
        let (mut problems, at) = (crate::config::Problems::default(), Path::root());
        settings.check(&mut Check::new(None, &at, &[], &mut problems));
        let messages: Vec<_> = problems.all().iter().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{yaml} {messages:?}");
    }
}
