//! SIGHUP under load: no request is refused, no buffered trace is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::Client;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::telemetry::{self, Trace};
use tokio::task::JoinSet;

use crate::yaml;

const IN_FORCE: &str = "The new configuration is in force";
const FAILED: &str = "the running configuration stays in force";

/// Clients that send one trace after another, each in two requests, until told to stop.
struct Senders {
    stop: Arc<AtomicBool>,
    clients: JoinSet<u128>,
}

impl Senders {
    /// Every trace has an error in its second half, so all are kept if they stay whole.
    fn start(host: &Host) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for (number, client) in [host.grpc(), host.grpc(), host.http(), host.http()].into_iter().enumerate() {
            clients.spawn(send_until(Arc::clone(&stop), client, (number as u128 + 1) << 64));
        }
        Self { stop, clients }
    }

    /// The number of traces sent. Panics if one was refused.
    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().sum::<u128>() as usize
    }
}

async fn send_until(stop: Arc<AtomicBool>, client: Client, base: u128) -> u128 {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        sent += 1;
        let mut first = Trace::new(base + sent).spans(6).error().build();
        let second = first.split_off(3);
        for half in [first, second] {
            let answer = client.send(Signal::Traces, &telemetry::trace_request(half)).await;
            assert!(answer.is_ok(), "trace {sent} of client {}: {answer:?}", base >> 64);
        }
    }
    sent
}

/// A few hundred more requests go through before the next step.
async fn let_pass(host: &Host, spans: f64) {
    let now = host.metrics().await.sum("otelcol_receiver_accepted_spans", &[]);
    host.wait_for_metric("otelcol_receiver_accepted_spans", &[], now + spans).await;
}

fn config(wait: &str, policies: &str, exporters: &str, pipelines: &[(&str, &str, &str)]) -> String {
    let processors = format!(
        "  batch: {{timeout: 50ms}}\n  tail_sampling:\n    decision_wait: {wait}\n    policies: [{policies}]\n"
    );
    yaml::config(&processors, exporters, pipelines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_refused_and_nothing_is_lost() {
    const ERRORS: &str = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}";
    const SLOW: &str = "{name: slow, type: latency, latency: {threshold_ms: 1000}}";
    let (one, other, logs) = (Backend::start().await, Backend::start().await, Backend::start().await);
    let to_one = yaml::queued("otlp_grpc", one.address());
    let to_other = yaml::queued("otlp_grpc", other.address());
    let traces = ("traces", "tail_sampling, batch", "otlp_grpc");
    let both = format!("{SLOW}, {ERRORS}");
    let with_logs = to_other.clone() + &yaml::queued("otlp_grpc/logs", logs.address());

    let mut host = Setup::new(config("2s", ERRORS, &to_one, &[traces])).start().await;
    let senders = Senders::start(&host);
    let_pass(&host, 1000.0).await;
    let steps = [
        ("a longer wait", config("3s", ERRORS, &to_one, &[traces])),
        ("another policy", config("3s", &both, &to_one, &[traces])),
        ("another backend", config("3s", &both, &to_other, &[traces])),
        ("one more pipeline", config("3s", &both, &with_logs, &[traces, ("logs", "batch", "otlp_grpc/logs")])),
        ("a shorter wait", config("1s", &both, &with_logs, &[traces, ("logs", "", "otlp_grpc/logs")])),
        ("no batch", config("1s", &both, &with_logs, &[("traces", "tail_sampling", "otlp_grpc")])),
        ("the beginning", config("2s", ERRORS, &to_one, &[traces])),
    ];
    for (step, (what, yaml)) in steps.iter().enumerate() {
        host.reload(yaml);
        host.wait_for_log_times(IN_FORCE, step + 1).await;
        let_pass(&host, 500.0).await;
        if *what == "another backend" {
            other.wait_for_spans(1).await;
        }
        if *what == "one more pipeline" {
            assert!(host.grpc().send(Signal::Logs, &telemetry::log_request(3)).await.is_ok(), "{what}");
        }
    }

    // A bad file, of every kind: the old graph stays, and says so.
    let good = &steps[steps.len() - 1].1;
    let bad = [
        "receivers: [".to_owned(),
        good.replace("tail_sampling:", "tail_samplin:"),
        good.replace("decision_wait: 2s", "decision_wait: soon"),
        good.replace("exporters: [otlp_grpc]", "exporters: [nowhere]"),
        good.replace("127.0.0.1:@http@", one.address()),
    ];
    for (number, yaml) in bad.iter().enumerate() {
        host.reload(yaml);
        host.wait_for_log_times(FAILED, number + 1).await;
        let_pass(&host, 200.0).await;
    }
    let metrics = host.metrics().await;
    for (outcome, count) in [("success", steps.len()), ("failure", bad.len())] {
        let counted = metrics.sum("otelcol_tailrace_reloads", &[("outcome", outcome)]);
        assert!(
            (counted - count as f64).abs() < f64::EPSILON,
            "{outcome}: {}",
            metrics.with_prefix("otelcol_tailrace")
        );
    }

    let sent = senders.stop().await;
    let ended = host.stop().await;
    assert!(ended.status.success(), "{}", ended.log);
    let mut arrived = telemetry::span_ids(&one.spans());
    let at_other = telemetry::span_ids(&other.spans());
    assert!(!arrived.is_empty() && !at_other.is_empty(), "both had their turn");
    for (id, spans) in at_other {
        arrived.entry(id).or_default().extend(spans);
    }
    assert_eq!(arrived.len(), sent, "traces sent and arrived");
    let torn: Vec<_> = arrived.values().map(Vec::len).filter(|spans| *spans != 6).collect();
    assert!(torn.is_empty(), "traces not whole, or delivered twice: {torn:?}");
    assert_eq!(logs.log_requests().len(), 1);
}

/// What a reload leaves alone goes on: traces that were buffered before are decided after it, by the new policies.
#[tokio::test]
async fn buffered_traces_are_decided_by_the_new_policies() {
    const NONE: &str = "{name: none, type: latency, latency: {threshold_ms: 86400000}}";
    const ALL: &str = "{name: all, type: always_sample}";
    let backend = Backend::start().await;
    let exporter = yaml::queued("otlp_grpc", backend.address());
    let traces = [("traces", "tail_sampling", "otlp_grpc")];
    let mut host = Setup::new(config("1h", NONE, &exporter, &traces)).start().await;
    for id in 1..=20_u128 {
        assert!(host.grpc().send(Signal::Traces, &Trace::new(id).request()).await.is_ok());
    }
    host.reload(&config("1h", ALL, &exporter, &traces));
    host.wait_for_log_times(IN_FORCE, 1).await;
    host.wait_for_metric("otelcol_processor_tail_sampling_sampling_traces_on_memory", &[], 20.0).await;
    assert!(host.stop().await.status.success());
    assert_eq!(backend.traces().len(), 20);
}

/// Connections survive: the socket stays with its address even when the receiver is rebuilt.
#[tokio::test]
async fn a_rebuilt_receiver_keeps_its_address() {
    let backend = Backend::start().await;
    let yaml = yaml::passing(backend.address());
    let mut host = Setup::new(yaml.clone()).start().await;
    let client = host.grpc();
    assert!(client.send(Signal::Traces, &Trace::new(1).request()).await.is_ok());
    for (step, size) in [(1, 7), (2, 9)] {
        let grpc = format!("grpc: {{max_recv_msg_size_mib: {size}, endpoint");
        host.reload(&yaml.replacen("grpc: {endpoint", &grpc, 1));
        for id in 0..50_u128 {
            let answer = client.send(Signal::Traces, &Trace::new(100 * size + id).request()).await;
            assert!(answer.is_ok(), "{answer:?}");
        }
        host.wait_for_log_times(IN_FORCE, step).await;
        assert!(host.http().send(Signal::Traces, &Trace::new(1000 * size).request()).await.is_ok());
    }
    assert_eq!(backend.traces().len(), 103);
}
