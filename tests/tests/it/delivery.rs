//! What was acknowledged arrives: queue, retry, throttling, shutdown.

use std::time::{Duration, Instant};

use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::{Backend, Reply};
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::telemetry::{Trace, log_request};
use tonic::{Code, Status};

use crate::yaml;

/// Sends traces of one span with the ids `1..=count`, and expects each to be acknowledged.
async fn send_spans(host: &Host, count: u128) {
    let client = host.grpc();
    for id in 1..=count {
        let answer = client.send(Signal::Traces, &Trace::new(id).spans(1).error().request()).await;
        assert!(answer.is_ok(), "{id}: {answer:?}");
    }
}

fn queue(backend: &str, more: &str) -> String {
    let exporter = yaml::queued("otlp_grpc", backend) + more;
    yaml::config("", &exporter, &[("traces", "", "otlp_grpc"), ("logs", "", "otlp_grpc")])
}

#[tokio::test]
async fn sigterm_hands_on_everything_that_was_acknowledged() {
    let backend = Backend::start().await;
    // Each answer takes a while and two consumers take turns, so that the queue is full of requests at the signal.
    backend.answer(|_| Reply::After(Duration::from_millis(20), Box::new(Reply::Ok)));
    let processors = "  batch: {timeout: 1h, send_batch_size: 7}";
    let exporter = yaml::queued("otlp_grpc", backend.address()) + "    sending_queue: {num_consumers: 2}\n";
    let host = Setup::new(yaml::config(processors, &exporter, &[("traces", "batch", "otlp_grpc")])).start().await;
    send_spans(&host, 500).await;
    let ended = host.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert_eq!(backend.traces().len(), 500);
}

#[tokio::test]
async fn sigterm_decides_pending_traces() {
    let backend = Backend::start().await;
    let yaml = yaml::sampling(backend.address()).replace("decision_wait: 1s", "decision_wait: 1h");
    let host = Setup::new(yaml).start().await;
    send_spans(&host, 50).await;
    assert!(host.grpc().send(Signal::Traces, &Trace::new(1000).request()).await.is_ok());
    let ended = host.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let arrived: Vec<_> = backend.traces().into_keys().collect();
    let expected: Vec<_> = (1..=50_u128).map(|id| id.to_be_bytes().to_vec()).collect();
    assert_eq!(arrived, expected, "the plain trace is dropped, all others are kept");
}

/// With `max_elapsed_time: 0s` a backend may be away for as long as it likes.
#[tokio::test]
async fn a_backend_that_comes_back_gets_everything() {
    let mut backend = Backend::start().await;
    let address = backend.address().to_owned();
    let host = Setup::new(queue(&address, "")).start().await;
    send_spans(&host, 5).await;
    backend.wait_for_spans(5).await;
    backend.stop().await;

    let client = host.grpc();
    for id in 6..=40_u128 {
        assert!(client.send(Signal::Traces, &Trace::new(id).spans(1).request()).await.is_ok());
    }
    host.wait_for_metric("otelcol_exporter_queue_size", &[("data_type", "traces")], 10.0).await;
    let back = Backend::start_at(&address).await;
    back.wait_for_spans(35).await;
    assert!(host.stop().await.status.success());
    assert_eq!(backend.traces().len() + back.traces().len(), 40);
}

#[tokio::test]
async fn failing_requests_are_sent_again() {
    let backend = Backend::start().await;
    backend.answer(|n| if n < 4 { Reply::Refuse(Status::unavailable("not yet")) } else { Reply::Ok });
    let host = Setup::new(queue(backend.address(), "")).start().await;
    send_spans(&host, 1).await;
    backend.wait_for_spans(1).await;
    assert_eq!(backend.received().len(), 5);
    assert!((host.wait_for_metric("otelcol_exporter_sent_spans", &[], 1.0).await - 1.0).abs() < f64::EPSILON);
    assert!(!host.metrics().await.has("otelcol_exporter_send_failed_spans", &[("exporter", "otlp_grpc")]));
}

#[tokio::test]
async fn requests_that_can_not_succeed_are_dropped_and_counted() {
    let backend = Backend::start().await;
    backend.answer(|n| if n == 0 { Reply::Refuse(Status::invalid_argument("bad")) } else { Reply::Ok });
    let mut host = Setup::new(queue(backend.address(), "")).start().await;
    let client = host.grpc();
    assert!(client.send(Signal::Traces, &Trace::new(1).spans(3).request()).await.is_ok());
    host.wait_for_metric("otelcol_exporter_send_failed_spans", &[("exporter", "otlp_grpc")], 3.0).await;
    host.wait_for_log("Exporting failed. Dropping data.").await;
    assert!(client.send(Signal::Traces, &Trace::new(2).request()).await.is_ok());
    backend.wait_for_spans(4).await;
    assert_eq!(backend.received().len(), 2, "the first is not sent again");
}

/// After `max_elapsed_time` a request is given up, the next one gets its own time.
#[tokio::test]
async fn retries_end_after_max_elapsed_time() {
    let backend = Backend::start().await;
    backend.answer(|_| Reply::Refuse(Status::unavailable("never")));
    let yaml = queue(backend.address(), "").replace("max_elapsed_time: 0s", "max_elapsed_time: 400ms");
    let mut host = Setup::new(yaml).start().await;
    send_spans(&host, 1).await;
    host.wait_for_metric("otelcol_exporter_send_failed_spans", &[], 1.0).await;
    host.wait_for_log("no more retries left").await;
    assert!(backend.received().len() > 1, "it was tried again before");
}

/// The details of a gRPC status that asks for a wait of so many seconds.
fn retry_info(seconds: u8) -> Vec<u8> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct RpcStatus {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    // RetryInfo { retry_delay: Duration { seconds } }
    let value = vec![0x0a, 2, 0x08, seconds];
    let any = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value };
    RpcStatus { code: Code::ResourceExhausted as i32, details: vec![any] }.encode_to_vec()
}

async fn throttled(exporter: &str, backend: &Backend, reply: impl Fn() -> Reply + Send + 'static) {
    backend.answer(move |n| if n == 0 { reply() } else { Reply::Ok });
    let host = Setup::new(yaml::config("", exporter, &[("traces", "", "otlp")])).start().await;
    send_spans(&host, 1).await;
    backend.wait_for_requests(1).await;
    let refused_at = Instant::now();
    backend.wait_for_spans(1).await;
    // Polling sees the refusal late, so a little may be missing from the two seconds.
    assert!(refused_at.elapsed() > Duration::from_millis(1500), "waited {:?}", refused_at.elapsed());
    assert_eq!(backend.received().len(), 2);
}

#[tokio::test]
async fn a_backend_that_says_when_is_asked_then_over_grpc() {
    let backend = Backend::start().await;
    let exporter = yaml::queued("otlp", backend.address());
    let reply = || {
        let details = retry_info(2).into();
        Reply::Refuse(Status::with_details(Code::ResourceExhausted, "slow down", details))
    };
    throttled(&exporter, &backend, reply).await;
}

#[tokio::test]
async fn a_backend_that_says_when_is_asked_then_over_http() {
    let backend = Backend::start().await;
    let exporter = format!(
        "  otlp: {{endpoint: '{}', tls: {{insecure: true}}}}\n  otlphttp: {{endpoint: 'http://{}', \
         retry_on_failure: {{initial_interval: 50ms}}}}\n",
        backend.address(),
        backend.address()
    );
    backend.answer(|n| if n == 0 { Reply::RefuseHttp(429, vec![("retry-after", "2".to_owned())]) } else { Reply::Ok });
    let host = Setup::new(yaml::config("", &exporter, &[("traces", "", "otlphttp")])).start().await;
    send_spans(&host, 1).await;
    backend.wait_for_requests(1).await;
    let refused_at = Instant::now();
    backend.wait_for_spans(1).await;
    assert!(refused_at.elapsed() > Duration::from_millis(1500), "waited {:?}", refused_at.elapsed());
}

#[tokio::test]
async fn partial_success_is_a_warning_and_no_retry() {
    let backend = Backend::start().await;
    backend.answer(|_| Reply::Partial { rejected: 2, message: "two were too old".to_owned() });
    let mut host = Setup::new(queue(backend.address(), "")).start().await;
    assert!(host.grpc().send(Signal::Traces, &Trace::new(1).request()).await.is_ok());
    host.wait_for_log("Partial success response").await;
    assert!(host.log().contains("two were too old"));
    host.wait_for_metric("otelcol_exporter_sent_spans", &[], 4.0).await;
    assert_eq!(backend.received().len(), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_for_now() {
    let backend = Backend::start().await;
    backend.answer(|_| Reply::After(Duration::from_hours(1), Box::new(Reply::Ok)));
    let host =
        Setup::new(queue(backend.address(), "    sending_queue: {queue_size: 3, num_consumers: 1}\n")).start().await;
    let (grpc, http) = (host.grpc(), host.http());
    let refused = eventually("a refusal", async || {
        let answer = grpc.send(Signal::Logs, &log_request(5)).await;
        (!answer.is_ok()).then_some(answer)
    })
    .await;
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.grpc.as_ref().is_some_and(|status| status.message().contains("sending queue is full")),
        "{refused:?}"
    );
    let answer = http.send(Signal::Logs, &log_request(5)).await;
    assert_eq!((answer.status, answer.rpc_status().code), (503, Code::Unavailable as i32));
    // Refused on their headers: what was in them is not known.
    for transport in ["grpc", "http"] {
        host.wait_for_metric("otelcol_receiver_turned_away_requests", &[("transport", transport)], 1.0).await;
    }
    let metrics = host.metrics().await;
    assert!((metrics.sum("otelcol_exporter_queue_capacity", &[("data_type", "logs")]) - 3.0).abs() < f64::EPSILON);
}
