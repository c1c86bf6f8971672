//! Policies from files: those that misbehave cost their own vote and nothing else; a new file takes over while the host runs.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::Client;
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup, binary};
use tailrace_tests::telemetry::Trace;

use crate::yaml;

/// Each kind, and why the host says that it gave no vote.
const HOSTILE: [(&str, &str); 10] = [
    ("panics", "panic"),
    ("traps", "trap"),
    ("loops", "timeout"),
    ("sleeps", "error"),
    ("hogs", "oom"),
    ("short", "bad_votes"),
    ("long", "bad_votes"),
    ("huge", "trap"),
    ("recurses", "trap"),
    ("errs", "error"),
];

/// A component that the host's build leaves beside the binary.
pub(crate) fn plugin(name: &str) -> PathBuf {
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).expect("target/<profile>/tailrace");
    let path = target.join(format!("plugins/wasm32-wasip2/release/tailrace_{name}.wasm"));
    assert!(path.exists(), "{} does not exist: the host's build makes it", path.display());
    path
}

/// A policy of a file, asked with little time.
fn policy(name: &str, module: &Path, kind: &str, more: &str) -> String {
    format!(
        "      - name: {name}
        type: wasm
        wasm: {{module: '{}', policy: {kind}, limits: {{evaluate: 300ms, memory_mib: 64}}, {more}}}
",
        module.display()
    )
}

fn config(backend: &str, policies: &str) -> String {
    let processors = format!("  tail_sampling:\n    decision_wait: 1s\n    policies:\n{policies}");
    yaml::config(&processors, &yaml::queued("otlp_grpc", backend), &[("traces", "tail_sampling", "otlp_grpc")])
}

async fn decided(host: &Host, traces: u32) {
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], f64::from(traces)).await;
}

async fn send(host: &Host, trace: &Trace) {
    let answer = host.grpc().send(Signal::Traces, &trace.request()).await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_hostile_policy_costs_its_own_vote_and_nothing_else() {
    let backend = Backend::start().await;
    let mut policies: String =
        HOSTILE.iter().map(|(kind, _)| policy(kind, &plugin("hostile"), kind, "config: {}")).collect();
    policies.push_str("      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}\n");
    let mut host = Setup::new(config(backend.address(), &policies)).start().await;
    // Two rounds: an instance that was lost is made anew.
    for round in 0..2 {
        send(&host, &Trace::new(round * 2 + 1).error()).await;
        send(&host, &Trace::new(round * 2 + 2)).await;
        backend.wait_for_spans((round as usize + 1) * 4).await;
        decided(&host, (round as u32 + 1) * 2).await;
    }
    let metrics = host.metrics().await;
    for (kind, reason) in HOSTILE {
        let labels = [("policy", kind), ("reason", reason)];
        let failures = metrics.sum("otelcol_tailrace_plugin_failures", &labels);
        assert!(failures >= 1.0, "{kind}: {}", metrics.with_prefix("otelcol_tailrace_plugin_failures"));
        assert!(host.log().contains(kind), "the log names {kind}");
    }
    assert!(metrics.sum("otelcol_processor_tail_sampling_sampling_policy_evaluation_error", &[]) >= 10.0);
    assert!(metrics.sum("otelcol_tailrace_plugin_votes", &[("policy", "errors"), ("verdict", "sample")]) >= 2.0);
    assert!(host.is_running());
    assert_eq!(Client::http(&host.address("health")).get("/").await.status, 200);
    assert!(host.peak_rss() >> 20 < 600, "{} MiB", host.peak_rss() >> 20);

    let arrived: Vec<_> = backend.traces().into_keys().collect();
    assert_eq!(arrived, [Trace::new(1).id_bytes(), Trace::new(3).id_bytes()], "only the errors were kept");
    assert!(host.stop().await.status.success());
}

#[tokio::test]
async fn on_error_says_what_a_missing_vote_counts_as() {
    let backend = Backend::start().await;
    let hostile = plugin("hostile");
    for (on_error, kept) in [("sample", 2), ("abstain", 1), ("drop", 0)] {
        let mut policies = policy("bad", &hostile, "traps", &format!("config: {{}}, on_error: {on_error}"));
        policies.push_str("      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}\n");
        let host = Setup::new(config(backend.address(), &policies)).start().await;
        let before = backend.traces().len();
        let base = before as u128 * 100 + u128::from(on_error.len() as u8) * 10_000;
        send(&host, &Trace::new(base + 1).error()).await;
        send(&host, &Trace::new(base + 2)).await;
        decided(&host, 2).await;
        assert!(host.stop().await.status.success());
        assert_eq!(backend.traces().len() - before, kept, "{on_error}");
    }
}

/// A component that imports this instance and has nothing else: a preamble, an empty instance type, one import of it.
fn component_importing(name: &str) -> Vec<u8> {
    let mut import = vec![1, 0, name.len() as u8];
    import.extend(name.as_bytes());
    import.extend([5, 0]);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    component.extend([7, 3, 1, 0x42, 0]);
    component.extend([10, import.len() as u8]);
    component.extend(import);
    component
}

#[tokio::test]
async fn an_import_that_no_plugin_gets_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for import in ["wasi:filesystem/types@0.2.6", "wasi:sockets/tcp@0.2.6", "wasi:http/outgoing-handler@0.2.0"] {
        let module = folder.path().join("reader.wasm");
        std::fs::write(&module, component_importing(import)).expect("written");
        let policies = policy("reader", &module, "reader", "config: {}");
        let ended = Setup::new(config("127.0.0.1:1", &policies)).spawn().ended().await;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        assert!(ended.log.contains(import), "{}", ended.log);
    }
}

#[tokio::test]
async fn files_that_are_no_plugins_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = plugin("hostile");
    let digest = hex::encode(Sha256::digest(std::fs::read(&hostile).expect("readable")));
    let wrong_digest = format!("config: {{}}, digest: '{}'", digest.replace(['1', '2', '3'], "4"));
    let text = folder.path().join("text.wasm");
    std::fs::write(&text, "hello").expect("written");
    let missing = folder.path().join("missing.wasm");
    for (what, policies) in [
        ("not WebAssembly", policy("p", &text, "x", "config: {}")),
        ("missing.wasm", policy("p", &missing, "x", "config: {}")),
        ("nonsense", policy("p", &hostile, "nonsense", "config: {}")),
        ("must be greater than 0", policy("p", &hostile, "counts", "config: {every: 0}")),
        ("digest", policy("p", &hostile, "panics", &wrong_digest)),
    ] {
        let ended = Setup::new(config("127.0.0.1:1", &policies)).spawn().ended().await;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        assert!(ended.log.contains(what), "no {what:?} in\n{}", ended.log);
    }
}

/// Two components offer `always_sample`; that of the hostile one votes against everything.
#[tokio::test]
async fn a_new_file_takes_over_between_two_ticks() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("policy.wasm");
    // A rename is what deployments do: the file is never half there.
    let install = |name: &str| {
        let fresh = folder.path().join("fresh");
        std::fs::copy(plugin(name), &fresh).expect("copied");
        std::fs::rename(&fresh, &module).expect("renamed");
    };
    let keeps = async |host: &Host, id: u128| {
        let before = backend.spans().len();
        send(host, &Trace::new(id)).await;
        decided(host, id as u32).await;
        eventually("the exporter's queue empty", async || {
            (host.metrics().await.sum("otelcol_exporter_queue_size", &[]) < 0.5).then_some(())
        })
        .await;
        backend.spans().len() > before
    };
    let swaps = async |host: &Host, outcome: &str, count: f64| {
        host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", outcome)], count).await;
    };
    install("policies");
    let policies = policy("mine", &module, "always_sample", "config: {}");
    let mut host = Setup::new(config(backend.address(), &policies)).start().await;
    assert!(keeps(&host, 1).await);

    // A trace that waits meanwhile is decided by the new one.
    install("hostile");
    swaps(&host, "success", 1.0).await;
    assert!(!keeps(&host, 2).await, "the new file votes against everything");

    std::fs::write(folder.path().join("fresh"), "broken").expect("written");
    std::fs::rename(folder.path().join("fresh"), &module).expect("renamed");
    swaps(&host, "failure", 1.0).await;
    assert!(!keeps(&host, 3).await, "the old one stays");

    install("policies");
    swaps(&host, "success", 2.0).await;
    assert!(keeps(&host, 4).await);
    assert!(host.is_running());
    assert!(host.stop().await.status.success());
}
