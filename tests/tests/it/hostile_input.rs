//! Bytes that no SDK sends: the right status, nothing buffered, a healthy process.

use std::io::Write as _;

use bytes::Bytes;
use http::Method;
use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::{Answer, Client};
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::telemetry::{Trace, trace_request};
use tonic::Code;

use crate::yaml;

/// More than the 4 MiB that gRPC takes and the 20 MiB that HTTP takes.
const TOO_LARGE: usize = 24 << 20;

async fn start(backend: &Backend) -> Host {
    Setup::new(yaml::sampling(backend.address())).start().await
}

/// Healthy, nothing taken in, nothing held; and then a trace goes through as ever.
async fn is_unharmed(mut host: Host, backend: &Backend) {
    assert!(host.is_running());
    assert_eq!(Client::http(&host.address("health")).get("/").await.status, 200);
    let metrics = host.metrics().await;
    for metric in ["otelcol_receiver_accepted_spans", "otelcol_processor_tail_sampling_sampling_traces_on_memory"] {
        assert!(metrics.sum(metric, &[]).abs() < f64::EPSILON, "{}", metrics.with_prefix(metric));
    }
    assert!(backend.received().is_empty());
    assert!(host.grpc().send(Signal::Traces, &Trace::new(1).error().request()).await.is_ok());
    backend.wait_for_spans(4).await;
    assert!(!host.log().contains("panicked"), "{}", host.log());
    assert!(host.stop().await.status.success());
}

fn valid() -> Vec<u8> {
    trace_request(Trace::new(2).spans(20).build()).encode_to_vec()
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory is enough").into()
}

/// A small body that would take a gigabyte.
fn bomb(encoding: &str) -> Bytes {
    const SLICE: usize = 1 << 20;
    let zeros = vec![0; SLICE];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 3).expect("memory is enough");
    for _ in 0..1024 {
        if encoding == "gzip" {
            gzip.write_all(&zeros).expect("memory is enough");
        } else {
            zstd.write_all(&zeros).expect("memory is enough");
        }
    }
    if encoding == "gzip" { gzip.finish() } else { zstd.finish() }.expect("memory is enough").into()
}

/// Broken in different ways.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let valid = valid();
    let mut short_id = Trace::new(3).build();
    short_id[0].trace_id.truncate(7);
    let mut long_span_id = Trace::new(3).build();
    long_span_id[1].span_id.push(1);
    vec![
        ("cut off", valid[..valid.len() - 3].to_vec()),
        ("a length beyond the end", vec![0x0a, 0xff, 0xff, 0xff, 0x7f, 1, 2]),
        ("an endless varint", vec![0xff; 40]),
        ("a group that is never closed", vec![0x0b, 0x08, 1]),
        ("field number 0", vec![0x02, 0x00]),
        ("text", b"this is not protobuf at all, it is text".to_vec()),
        ("a scalar where a message stands", vec![0x08, 0x01]),
        ("broken deep inside", [&[0x0a, 6, 0x12, 4, 0x12, 2][..], &[0x0a, 0x7f]].concat()),
        ("a trace id of 7 bytes", trace_request(short_id).encode_to_vec()),
        ("a span id of 9 bytes", trace_request(long_span_id).encode_to_vec()),
    ]
}

#[tokio::test]
async fn malformed_protobuf() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    for (what, body) in malformed() {
        let answer = host.grpc().send_bytes(Signal::Traces, body.clone().into(), &[]).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{what}: {answer:?}");
        let answer = host.http().send_bytes(Signal::Traces, body.into(), &[]).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(answer.rpc_status().code, Code::InvalidArgument as i32, "{what}");
        assert!(!answer.is_retryable());
    }
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn every_truncation_of_a_valid_request() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let body: Bytes = trace_request(Trace::new(2).spans(1).build()).encode_to_vec().into();
    let client = host.grpc();
    for len in 1..body.len() {
        let answer = client.send_bytes(Signal::Traces, body.slice(..len), &[]).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{len} of {} bytes: {answer:?}", body.len());
    }
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn broken_json() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let deep = "[".repeat(100_000);
    let bodies = [
        "{",
        "not json",
        "[]",
        "\"text\"",
        "{\"resourceSpans\": 3}",
        "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"traceId\": \"zz\"}]}]}]}",
        "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"startTimeUnixNano\": \"soon\"}]}]}]}",
        "{\"resourceSpans\": []} and more",
        &deep,
    ];
    for body in bodies {
        let headers = [("content-type", "application/json")];
        let answer = host.http().post("/v1/traces", body.to_owned().into(), &headers).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        let status: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(status["code"], 3, "{shown}");
    }
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn oversized_bodies() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let body = Bytes::from(vec![0; TOO_LARGE]);
    let answer = host.grpc().send_bytes(Signal::Traces, body.clone(), &[]).await;
    assert_eq!(answer.code(), Code::ResourceExhausted, "{answer:?}");
    assert!(!answer.is_retryable(), "it will be as large the next time");
    let answer = host.http().send_bytes(Signal::Traces, body, &[]).await;
    // The connection may be closed while the rest of the body is still being sent.
    assert!([400, 413, 0].contains(&answer.status), "{answer:?}");
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn a_frame_that_announces_gigabytes() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let mut frame = vec![0, 0xff, 0xff, 0xff, 0xf0];
    frame.extend(valid());
    let path = tailrace_tests::client::grpc_path(Signal::Traces);
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = host.grpc().post(path, frame.into(), &headers).await;
    assert_eq!(answer.code(), Code::ResourceExhausted, "{answer:?}");
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn decompression_bombs() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let before = host.peak_rss();
    for encoding in ["gzip", "zstd"] {
        let body = bomb(encoding);
        let answer = host.grpc().send_bytes(Signal::Traces, body.clone(), &[("grpc-encoding", encoding)]).await;
        assert_eq!(answer.code(), Code::ResourceExhausted, "{encoding}: {answer:?}");
        let answer = host.http().send_bytes(Signal::Traces, body, &[("content-encoding", encoding)]).await;
        assert!([400, 413].contains(&answer.status), "{encoding}: {answer:?}");
        assert!(!answer.is_retryable());
    }
    let grown = (host.peak_rss() - before) >> 20;
    assert!(grown < 256, "{grown} MiB more for bombs of 1 GiB");
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn broken_compression() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let packed = gzip(&valid());
    let cut = packed.slice(..packed.len() / 2);
    for (what, body) in [("cut off", cut), ("no gzip at all", Bytes::from(valid()))] {
        let answer = host.http().send_bytes(Signal::Traces, body.clone(), &[("content-encoding", "gzip")]).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        let answer = host.grpc().send_bytes(Signal::Traces, body, &[("grpc-encoding", "gzip")]).await;
        assert!(!answer.is_ok() && !answer.is_retryable(), "{what}: {answer:?}");
    }
    let answer = host.http().send_bytes(Signal::Traces, packed.clone(), &[("content-encoding", "br")]).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let answer = host.grpc().send_bytes(Signal::Traces, packed, &[("grpc-encoding", "br")]).await;
    assert_eq!(answer.code(), Code::Unimplemented, "{answer:?}");
    is_unharmed(host, &backend).await;
}

#[tokio::test]
async fn wrong_paths_methods_and_content_types() {
    let backend = Backend::start().await;
    let host = start(&backend).await;
    let http = host.http();
    let body = Bytes::from(valid());
    let status = async |method: Method, path: &str, content_type: Option<&str>| {
        let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
        let Answer { status, .. } = http.request(method, path, body.clone(), &headers).await;
        status
    };
    let protobuf = Some("application/x-protobuf");
    assert_eq!(status(Method::POST, "/v1/nonsense", protobuf).await, 404);
    assert_eq!(status(Method::POST, "/", protobuf).await, 404);
    assert_eq!(status(Method::GET, "/v1/traces", protobuf).await, 405);
    assert_eq!(status(Method::PUT, "/v1/traces", protobuf).await, 405);
    assert_eq!(status(Method::POST, "/v1/traces", Some("text/plain")).await, 415);
    assert_eq!(status(Method::POST, "/v1/traces", None).await, 415);
    // Protobuf that claims to be JSON.
    assert_eq!(status(Method::POST, "/v1/traces", Some("application/json")).await, 400);

    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = host.grpc().post("/opentelemetry.proto.collector.trace.v1.TraceService/Import", body, &headers).await;
    assert_eq!(answer.code(), Code::Unimplemented, "{answer:?}");
    is_unharmed(host, &backend).await;
}

/// Neither HTTP nor anything else.
#[tokio::test]
async fn garbage_on_the_socket() {
    use tokio::io::AsyncWriteExt as _;
    let backend = Backend::start().await;
    let host = start(&backend).await;
    for port in ["grpc", "http", "health", "metrics"] {
        for garbage in
            [&[0xff; 4096][..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\xff\xff\xff\xff\xff\xff\xff", b"\r\n\r\n"]
        {
            let mut socket = tokio::net::TcpStream::connect(host.address(port)).await.expect("a listener");
            // It may hang up in the middle.
            let _ = socket.write_all(garbage).await;
        }
    }
    is_unharmed(host, &backend).await;
}
