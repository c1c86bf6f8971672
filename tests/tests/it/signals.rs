//! What goes in comes out: all three signals, both protocols, byte for byte.

use bytes::Bytes;
use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::{Backend, Reply};
use tailrace_tests::client::Client;
use tailrace_tests::host::Setup;
use tailrace_tests::telemetry::{self, Trace};
use tonic::{Code, Status};

use crate::yaml;

/// Field 900 with the bytes `new`: something that a later version of OTLP might have.
const UNKNOWN_FIELD: [u8; 6] = [0xa2, 0x38, 3, b'n', b'e', b'w'];

fn requests() -> [(Signal, Bytes); 3] {
    [
        (Signal::Traces, telemetry::trace_request(Trace::new(7).error().build()).encode_to_vec()),
        (Signal::Metrics, telemetry::metric_request(5).encode_to_vec()),
        (Signal::Logs, telemetry::log_request(5).encode_to_vec()),
    ]
    .map(|(signal, mut message)| {
        message.extend(UNKNOWN_FIELD);
        (signal, message.into())
    })
}

#[tokio::test]
async fn every_signal_passes_unchanged_over_every_protocol() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    for client in [host.grpc(), host.http()] {
        for (signal, message) in requests() {
            let before = backend.accepted(signal).len();
            let answer = client.send_bytes(signal, message.clone(), &[]).await;
            assert!(answer.is_ok(), "{signal}: {answer:?}");
            let arrived = &backend.accepted(signal)[before..];
            assert_eq!(arrived.len(), 1, "{signal}");
            assert_eq!(arrived[0].message, message, "{signal}");
        }
    }
}

#[tokio::test]
async fn the_http_exporter_passes_everything_unchanged_too() {
    let backend = Backend::start().await;
    for compression in ["none", "gzip", "zstd"] {
        let exporter = format!(
            "  otlphttp: {{endpoint: 'http://{}', compression: {compression}, sending_queue: {{enabled: false}}}}\n",
            backend.address()
        );
        let pipelines = [("traces", "", "otlphttp"), ("metrics", "", "otlphttp"), ("logs", "", "otlphttp")];
        let host = Setup::new(yaml::config("", &exporter, &pipelines)).start().await;
        for (signal, message) in requests() {
            let answer = host.grpc().send_bytes(signal, message.clone(), &[]).await;
            assert!(answer.is_ok(), "{signal}: {answer:?}");
            let arrived = backend.accepted(signal).pop().expect("a request");
            assert_eq!(arrived.message, message, "{signal}");
            assert_eq!(arrived.encoding, if compression == "none" { "" } else { compression });
            assert_eq!(arrived.headers["content-type"], "application/x-protobuf");
        }
    }
}

#[tokio::test]
async fn compressed_requests_are_understood() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    let message = telemetry::trace_request(Trace::new(9).spans(50).build()).encode_to_vec();
    let zstd = zstd::bulk::compress(&message, 1).expect("memory is enough");
    let gzip = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&message).and_then(|()| encoder.finish()).expect("memory is enough")
    };
    for (encoding, body) in [("gzip", gzip), ("zstd", zstd)] {
        for (client, header) in [(host.grpc(), "grpc-encoding"), (host.http(), "content-encoding")] {
            let answer = client.send_bytes(Signal::Traces, body.clone().into(), &[(header, encoding)]).await;
            assert!(answer.is_ok(), "{encoding}: {answer:?}");
            let arrived = backend.accepted(Signal::Traces).pop().expect("a request");
            assert_eq!(arrived.message, message, "{header}: {encoding}");
        }
    }
}

#[tokio::test]
async fn json_means_the_same_as_protobuf() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    let requests = [
        (Signal::Traces, serde_json::to_string(&telemetry::trace_request(Trace::new(11).error().build()))),
        (Signal::Metrics, serde_json::to_string(&telemetry::metric_request(3))),
        (Signal::Logs, serde_json::to_string(&telemetry::log_request(3))),
    ];
    for (signal, json) in requests {
        let json = json.expect("serialisable");
        let headers = [("content-type", "application/json; charset=utf-8")];
        let answer = host.http().post(&format!("/v1/{signal}"), json.clone().into(), &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.text(), r#"{"partialSuccess":{}}"#);
        let again = match signal {
            Signal::Traces => serde_json::to_string(&backend.trace_requests()[0]),
            Signal::Metrics => serde_json::to_string(&backend.metric_requests()[0]),
            Signal::Logs => serde_json::to_string(&backend.log_requests()[0]),
        };
        assert_eq!(again.expect("serialisable"), json, "{signal}");
    }
}

#[tokio::test]
async fn a_shared_receiver_feeds_every_pipeline() {
    let (one, other) = (Backend::start().await, Backend::start().await);
    let exporters = yaml::direct("otlp_grpc/one", one.address()) + &yaml::direct("otlp_grpc/other", other.address());
    let pipelines = [("traces/one", "", "otlp_grpc/one"), ("traces/other", "batch", "otlp_grpc/other")];
    let host = Setup::new(yaml::config("  batch: {timeout: 10ms}", &exporters, &pipelines)).start().await;
    let trace = Trace::new(12).spans(10);
    assert!(host.grpc().send(Signal::Traces, &trace.request()).await.is_ok());
    for backend in [&one, &other] {
        backend.wait_for_spans(10).await;
        assert_eq!(backend.traces().keys().collect::<Vec<_>>(), [&trace.id_bytes()]);
    }
}

/// Each code comes through to the sender as OTLP wants it, with the backend's words.
#[tokio::test]
async fn without_a_queue_the_sender_learns_what_the_backend_answered() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    let cases = [
        (Code::Unavailable, 503, true),
        (Code::InvalidArgument, 400, false),
        (Code::ResourceExhausted, 429, false),
        (Code::PermissionDenied, 403, false),
        (Code::Unauthenticated, 401, false),
        (Code::DataLoss, 503, true),
        (Code::Internal, 500, false),
    ];
    for (code, http_status, retryable) in cases {
        backend.answer(move |_| Reply::Refuse(Status::new(code, "because of the weather")));
        let request = Trace::new(13).request();
        let answer = host.grpc().send(Signal::Traces, &request).await;
        let status = answer.grpc.clone().expect("a gRPC call");
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains("because of the weather"), "{status}");
        assert_eq!(answer.is_retryable(), retryable, "{status}");
        let answer = host.http().send(Signal::Traces, &request).await;
        assert_eq!(answer.status, http_status, "{code:?}");
        assert_eq!(answer.rpc_status().code, code as i32);
    }
}

/// As in the Go collector: a path is there only if a pipeline takes its signal.
#[tokio::test]
async fn signals_without_a_pipeline_are_not_served() {
    let backend = Backend::start().await;
    let pipelines = [("traces", "", "otlp_grpc")];
    let host = Setup::new(yaml::config("", &yaml::direct("otlp_grpc", backend.address()), &pipelines)).start().await;
    let logs = telemetry::log_request(1);
    assert_eq!(host.grpc().send(Signal::Logs, &logs).await.code(), Code::Unimplemented);
    assert_eq!(host.http().send(Signal::Logs, &logs).await.status, 404);
}

/// A request without items is a success that goes nowhere.
#[tokio::test]
async fn empty_requests_succeed() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    let clients: [Client; 2] = [host.grpc(), host.http()];
    for client in clients {
        assert!(client.send_bytes(Signal::Traces, Bytes::new(), &[]).await.is_ok());
        assert!(client.send(Signal::Traces, &telemetry::trace_request(Vec::new())).await.is_ok());
    }
    assert!(backend.received().is_empty());
}
