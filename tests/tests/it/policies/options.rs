//! The processor's own options, with policies that keep state.

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::eventually;
use tailrace_tests::telemetry::{Trace, spans, trace_request};

use super::{decoded, host, numbers};

/// The processor's own options mean the same with policies that keep state: a limit of eight spans, and errors.
#[tokio::test]
async fn the_processors_options_hold_with_these_policies() {
    let backend = Backend::start().await;
    let policies = "    policies:
      - {name: limit, type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: 8}}
      - {name: failed, type: status_code, status_code: {status_codes: [ERROR]}}";
    let with = |options: &[&str]| {
        let lines: String = options.iter().map(|option| ["    ", option, "\n"].concat()).collect();
        lines + policies
    };
    let on_ingest = "    sampling_strategy: span-ingest
    policies: [{name: failed, type: status_code, status_code: {status_codes: [ERROR]}}]";
    // What is decided before its wait is over, and what at shutdown.
    let early: [(&str, String, &[u128]); 4] = [
        ("after-root", with(&["decision_wait: 300s", "decision_wait_after_root_received: 500ms"]), &[1, 2, 4]),
        ("few-traces", with(&["decision_wait: 300s", "num_traces: 1"]), &[1, 2, 4]),
        ("on-ingest", on_ingest.to_owned(), &[4]),
        ("soon", with(&["decision_wait: 200ms", "expected_new_traces_per_sec: 1000"]), &[1, 2, 4]),
    ];
    let at_shutdown: [(&str, String, &[u128]); 5] = [
        ("pending", with(&["decision_wait: 300s"]), &[1, 2, 4]),
        ("discarded", with(&["decision_wait: 300s", "drop_pending_traces_on_shutdown: true"]), &[]),
        // Each of four spans has less than 1.2 kB, the one of 21 more.
        ("no-giants", with(&["decision_wait: 300s", "maximum_trace_size_bytes: 1200"]), &[1, 2, 4]),
        ("one-shard", with(&["decision_wait: 300s", "num_shards: 1", "sample_on_first_match: true"]), &[1, 2, 4]),
        (
            "no-memory",
            with(&["decision_wait: 300s", "decision_cache: {sampled_cache_size: 0, non_sampled_cache_size: 0}"]),
            &[1, 2, 4],
        ),
    ];
    let all: Vec<_> = early.iter().chain(&at_shutdown).collect();
    let processors: Vec<_> = all.iter().map(|(name, options, _)| (*name, options.clone())).collect();
    let host = host(&backend, &processors).await;
    let traces = [Trace::new(1), Trace::new(2), Trace::new(3), Trace::new(4).error(), Trace::new(5).spans(21)]
        .map(|trace| trace.build());
    let answer = host.grpc().send(Signal::Traces, &trace_request(traces.concat())).await;
    assert!(answer.is_ok(), "{answer:?}");
    let kept = |name: &str| {
        let received = backend.received();
        let of_policy = received.iter().filter(|request| request.headers["x-policy"] == name);
        numbers(
            &of_policy.flat_map(|request| spans(&decoded(request)).cloned().collect::<Vec<_>>()).collect::<Vec<_>>(),
        )
    };
    for (name, _, expected) in &early {
        eventually(&format!("{name} decides"), async || (kept(name) == *expected).then_some(())).await;
    }
    let metrics = host.metrics().await;
    assert!((metrics.sum("otelcol_processor_tail_sampling_traces_dropped_too_large", &[]) - 1.0).abs() < 0.1);
    assert!(metrics.sum("otelcol_processor_tail_sampling_sampling_trace_dropped_too_early", &[]) >= 4.0);
    assert_eq!(kept("pending"), [0; 0]);
    assert!(host.stop().await.status.success());
    for (name, _, expected) in at_shutdown {
        assert_eq!(kept(name), expected, "{name}");
    }
}
