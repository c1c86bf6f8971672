//! A plugin is replaced while traffic flows: by a version that breaks on it, by one that is refused, by one that is fixed. No request
//! is refused and no trace is lost meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::Client;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::telemetry::{Trace, trace_request};
use tailrace_tests::{data, eventually};

use crate::yaml;

/// The policy of `tests/data/hostile/sampler.wat`, which samples everything, after running `evaluate` first.
fn version(evaluate: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(data("hostile/sampler.wat")).expect("readable");
    wat::parse_str(text.replace("(;evaluate;)", evaluate)).expect("good text")
}

/// A rename is what deployments do: the file is never half there. Its digest as it stands in metrics.
fn install(folder: &Path, bytes: &[u8]) -> String {
    let fresh = folder.join("fresh");
    std::fs::write(&fresh, bytes).expect("written");
    std::fs::rename(fresh, folder.join("policy.wasm")).expect("renamed");
    hex::encode(Sha256::digest(bytes))[..12].to_owned()
}

/// What the generator has done so far.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    refused: AtomicU64,
    /// A hundred times as much from now on.
    more: AtomicBool,
    over: AtomicBool,
}

async fn generate(client: Client, counts: Arc<Counts>) {
    while !counts.over.load(Relaxed) {
        let traces = if counts.more.load(Relaxed) { 100 } else { 1 };
        let first = counts.sent.fetch_add(traces, Relaxed) + 1;
        let spans = (first..first + traces).flat_map(|id| Trace::new(id.into()).build());
        let answer = client.send(Signal::Traces, &trace_request(spans.collect())).await;
        counts.refused.fetch_add(u64::from(!answer.is_ok()), Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn health(host: &Host) -> String {
    let answer = Client::http(&host.address("health")).get("/").await;
    assert_eq!(answer.status, 200, "it is available all the time");
    answer.text()
}

#[tokio::test]
async fn a_broken_version_is_replaced_under_load() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let first = install(folder.path(), &version(""));
    let processors = format!(
        "  tail_sampling:
    decision_wait: 1s
    policies:
      - name: mine
        type: wasm
        wasm:
          module: '{}'
          on_error: fallback
          fallback: all
          limits: {{max_failures: 2, retry_after: 1h}}
      - {{name: all, type: always_sample}}
",
        folder.path().display()
    );
    let config = yaml::config(
        &processors,
        &yaml::queued("otlp_grpc", backend.address()),
        &[("traces", "tail_sampling", "otlp_grpc")],
    );
    let mut host = Setup::new(config).start().await;
    let counts = Arc::new(Counts::default());
    let generator = tokio::spawn(generate(host.grpc(), counts.clone()));
    let votes = |digest: &str| [("policy", "mine".to_owned()), ("digest", digest.to_owned())];
    let voted = async |host: &Host, digest: &str| {
        let labels = votes(digest);
        let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
        host.wait_for_metric("otelcol_tailrace_plugin_votes", &labels, 1.0).await;
    };
    let swaps = async |host: &Host, labels: &[(&str, &str)], count: f64| {
        host.wait_for_metric("otelcol_tailrace_plugin_swaps", labels, count).await;
    };
    voted(&host, &first).await;

    // It stands what is recorded, and breaks when there is more.
    let breaks = "(if (i32.gt_u (local.get $count) (i32.const 60)) (then unreachable))";
    let second = install(folder.path(), &version(breaks));
    swaps(&host, &[("outcome", "success")], 1.0).await;
    voted(&host, &second).await;
    counts.more.store(true, Relaxed);
    host.wait_for_metric("otelcol_tailrace_plugin_breaker_state", &[("policy", "mine")], 1.0).await;
    host.wait_for_metric("otelcol_tailrace_plugin_failures", &[("reason", "breaker_open")], 1.0).await;
    host.wait_for_log("it is not asked for a while").await;
    assert!(host.metrics().await.sum("otelcol_tailrace_plugin_failures", &[("reason", "trap")]) > 1.0);

    // What breaks on recorded traffic never gets to vote.
    install(folder.path(), &version("unreachable"));
    swaps(&host, &[("outcome", "failure"), ("reason", "trial")], 1.0).await;
    assert!(health(&host).await.contains("holds a plugin that is not used"), "{}", health(&host).await);

    let fixed = install(folder.path(), &version("(drop (i32.const 3))"));
    swaps(&host, &[("outcome", "success")], 2.0).await;
    voted(&host, &fixed).await;
    eventually("health without complaints", async || (!health(&host).await.contains("degraded")).then_some(())).await;
    let metrics = host.metrics().await;
    assert!(metrics.sum("otelcol_tailrace_plugin_breaker_state", &[("policy", "mine")]) < 0.5);
    assert!(!metrics.has("otelcol_tailrace_plugin_votes", &[("digest", &second)]), "series of what is gone are gone");

    counts.over.store(true, Relaxed);
    generator.await.expect("it does not panic");
    let sent = counts.sent.load(Relaxed) as usize;
    eventually("all traces at the backend", async || (backend.traces().len() >= sent).then_some(())).await;
    assert_eq!((backend.traces().len(), counts.refused.load(Relaxed)), (sent, 0));
    assert!(host.is_running());
    assert!(host.stop().await.status.success());
}
