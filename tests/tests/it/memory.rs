//! Under a sink that is too slow: bounded memory, and refusals that tell clients to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tailrace_otlp::Signal;
use tailrace_tests::backend::{Backend, Reply};
use tailrace_tests::eventually;
use tailrace_tests::host::Setup;
use tailrace_tests::telemetry::{Trace, bytes, trace_request};

use crate::yaml;

const LIMIT_MIB: u64 = 120;
/// What the process may hold beside the data: code, stacks, the allocator's slack.
const SLACK_MIB: u64 = 150;

fn config(backend: &str, more: &str, names: &str) -> String {
    let processors = format!(
        "  memory_limiter: {{check_interval: 50ms, limit_mib: {LIMIT_MIB}, spike_limit_mib: 30}}\n  batch: {{timeout: 10ms}}\n{more}"
    );
    let exporter = yaml::queued("otlp_grpc", backend) + "    sending_queue: {queue_size: 1000000}\n";
    yaml::config(&processors, &exporter, &[("traces", names, "otlp_grpc")])
}

/// A trace of 200 spans of about a kilobyte, most of it noise: the trace buffer packs what can be packed.
fn request(id: u64) -> ExportTraceServiceRequest {
    let mut spans = Trace::new(id.into()).spans(200).error().build();
    let mut state = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for span in &mut spans {
        span.attributes.push(bytes("payload", (0..900).map(|_| noise()).collect()));
    }
    trace_request(spans)
}

async fn refuses_and_recovers(more: &str, names: &str) {
    let backend = Backend::start().await;
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    backend.answer(move |_| {
        if gate.load(Ordering::Relaxed) {
            return Reply::Ok;
        }
        Reply::After(Duration::from_millis(500), Box::new(Reply::Refuse(tonic::Status::unavailable("busy"))))
    });
    let host = Setup::new(config(backend.address(), more, names)).start().await;
    let client = host.grpc();
    let mut accepted = 0;
    // Far more than the limit, however much is refused in between.
    for id in 1..=4000 {
        let answer = client.send(Signal::Traces, &request(id)).await;
        if answer.is_ok() {
            accepted += 1;
        } else {
            assert!(answer.is_retryable(), "{answer:?}");
        }
    }
    assert!(accepted > 0 && accepted < 3000, "{accepted} of 4000 accepted: a limit was in the way");
    let rss = host.peak_rss() >> 20;
    assert!(rss < LIMIT_MIB + SLACK_MIB, "{rss} MiB with a limit of {LIMIT_MIB}");
    host.wait_for_metric("otelcol_receiver_turned_away_requests", &[("transport", "grpc")], 1.0).await;

    open.store(true, Ordering::Relaxed);
    eventually("room", async || {
        let answer = client.send(Signal::Traces, &request(1_000_000)).await;
        answer.is_ok().then_some(())
    })
    .await;
    let ended = host.stop().await;
    assert!(ended.status.success(), "{}", ended.log);
    let arrived = backend.traces();
    assert_eq!(arrived.len(), accepted + 1, "what was acknowledged arrived");
    assert!(arrived.values().all(|spans| spans.len() == 200));
}

#[tokio::test]
async fn a_full_queue_is_felt_by_the_clients() {
    refuses_and_recovers("", "memory_limiter, batch").await;
}

#[tokio::test]
async fn a_full_trace_buffer_is_felt_by_the_clients() {
    refuses_and_recovers(yaml::TAIL_SAMPLING, "memory_limiter, tail_sampling, batch").await;
}
