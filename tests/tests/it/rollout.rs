//! Ways to bring a policy in with care: as a shadow that does not vote, for a share of the traces, with another one to fall back on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::Client;
use tailrace_tests::host::{Host, Setup, binary};
use tailrace_tests::telemetry::{Trace, trace_request};
use tailrace_tests::{data, eventually};

use crate::yaml;

/// A component that the host's build leaves beside the binary.
fn built(name: &str) -> String {
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).expect("target/<profile>/tailrace");
    let path = target.join(format!("plugins/wasm32-wasip2/release/tailrace_{name}.wasm"));
    assert!(path.exists(), "{} does not exist: the host's build makes it", path.display());
    path.display().to_string()
}

/// Writes the policy `p` of `tests/data/hostile/sampler.wat`, which samples everything, after running `evaluate` first.
fn install(folder: &Path, name: &str, evaluate: &str) -> PathBuf {
    let text = std::fs::read_to_string(data("hostile/sampler.wat")).expect("readable");
    let component = wat::parse_str(text.replace("(;evaluate;)", evaluate)).expect("good text");
    let (fresh, path) = (folder.join("fresh"), folder.join(name));
    std::fs::write(&fresh, component).expect("written");
    // A rename is what deployments do: the file is never half there.
    std::fs::rename(&fresh, &path).expect("renamed");
    path
}

async fn start(backend: &Backend, policies: &str) -> Host {
    let processors = format!("  tail_sampling:\n    decision_wait: 1s\n    policies:\n{policies}");
    let exporter = yaml::queued("otlp_grpc", backend.address());
    Setup::new(yaml::config(&processors, &exporter, &[("traces", "tail_sampling", "otlp_grpc")])).start().await
}

/// Sends all of them in one request, so that one tick decides them.
async fn send(host: &Host, traces: impl IntoIterator<Item = Trace>) {
    let spans = traces.into_iter().flat_map(|trace| trace.build()).collect();
    let answer = host.grpc().send(Signal::Traces, &trace_request(spans)).await;
    assert!(answer.is_ok(), "{answer:?}");
}

/// Waits until so many traces are decided and what was kept has gone out.
async fn decided(host: &Host, traces: usize) {
    let counted = "otelcol_processor_tail_sampling_global_count_traces_sampled";
    host.wait_for_metric(counted, &[], traces as f64).await;
    eventually("the exporter's queue empty", async || {
        (host.metrics().await.sum("otelcol_exporter_queue_size", &[]) < 0.5).then_some(())
    })
    .await;
}

fn ids(ids: impl IntoIterator<Item = u128>) -> BTreeSet<Vec<u8>> {
    ids.into_iter().map(|id| Trace::new(id).id_bytes()).collect()
}

fn arrived(backend: &Backend) -> BTreeSet<Vec<u8>> {
    backend.traces().into_keys().collect()
}

#[tokio::test]
async fn a_shadow_is_compared_and_does_not_vote() {
    let backend = Backend::start().await;
    let (hostile, standard) = (built("hostile"), built("policies"));
    let policies = format!(
        "      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - {{name: drops, type: wasm, wasm: {{module: '{hostile}', policy: drops, mode: shadow}}}}
      - {{name: keeps, type: wasm, wasm: {{module: '{standard}', policy: always_sample, mode: shadow, against: errors}}}}
      - {{name: breaks, type: wasm, wasm: {{module: '{hostile}', policy: panics, mode: shadow}}}}
"
    );
    let host = start(&backend, &policies).await;
    let (errors, plain) = (1..=7, 8..=30);
    send(&host, errors.clone().map(|id| Trace::new(id).error()).chain(plain.map(Trace::new))).await;
    decided(&host, 30).await;
    backend.wait_for_spans(errors.clone().count() * Trace::new(1).build().len()).await;
    assert_eq!(arrived(&backend), ids(errors), "a vote to drop and one to keep changed nothing");

    let metrics = host.metrics().await;
    let count =
        |name: &str, labels: &[(&str, &str)]| metrics.sum(&format!("otelcol_tailrace_plugin_{name}"), labels) as u64;
    let disagreements = |policy: &str, against: &str| {
        let all = [("policy", policy), ("against", against)];
        let of = |shadow: &str, active: &str| {
            count("shadow_disagreements", &[all[0], all[1], ("shadow", shadow), ("active", active)])
        };
        (count("shadow_traces", &all), count("shadow_disagreements", &all), of("drop", "sample"), of("sample", "no"))
    };
    // To vote against a trace is another thing than to have no opinion on it, though both leave it out.
    assert_eq!(disagreements("drops", "decision"), (30, 30, 7, 0));
    assert_eq!(disagreements("keeps", "errors"), (30, 23, 0, 23));
    assert_eq!(disagreements("breaks", "decision"), (0, 0, 0, 0), "a vote that is missing is no disagreement");
    assert!(count("failures", &[("policy", "breaks"), ("reason", "panic")]) >= 1);
    for policy in ["drops", "keeps", "breaks"] {
        assert_eq!(count("traces", &[("policy", policy)]), 30, "{policy}");
        let calls = count("calls", &[("policy", policy)]);
        assert!(calls >= 1, "{policy}");
        assert_eq!(count("call_duration_count", &[("policy", policy)]), calls, "{policy}: what it costs is known");
    }
}

/// The documented choice of a canary's traces: splitmix64's mix of the two halves of the id, in ten thousandths.
fn is_in_share(id: u128, basis_points: u64) -> bool {
    let id = u128::from_be_bytes(Trace::new(id).id_bytes().try_into().expect("16 bytes"));
    let mut z = ((id >> 64) as u64 ^ id as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % 10_000 < basis_points
}

#[tokio::test]
async fn a_canary_judges_its_share_of_the_trace_ids() {
    let backend = Backend::start().await;
    let (hostile, standard) = (built("hostile"), built("policies"));
    // Both have a policy of this name; that of the new version keeps nothing.
    let policies = format!(
        "      - name: mine
        type: wasm
        wasm: {{module: '{standard}', policy: always_sample, mode: canary, canary: {{module: '{hostile}', share: 25%}}}}
"
    );
    let host = start(&backend, &policies).await;
    send(&host, (1..=400).map(Trace::new)).await;
    let by = async |by: &str, count: usize| {
        host.wait_for_metric("otelcol_tailrace_plugin_canary_traces", &[("by", by)], count as f64).await as usize
    };
    let (canarys, rest): (Vec<u128>, Vec<u128>) = (1..=400).partition(|id| is_in_share(*id, 2500));
    assert!((60..140).contains(&canarys.len()), "{} of 400 are about a quarter", canarys.len());
    assert_eq!(by("canary", canarys.len()).await, canarys.len());
    assert_eq!(by("active", rest.len()).await, rest.len());
    decided(&host, 400).await;
    backend.wait_for_spans(rest.len() * Trace::new(1).build().len()).await;
    assert_eq!(arrived(&backend), ids(rest));
    assert!(host.stop().await.status.success());
}

#[tokio::test]
async fn a_canary_that_fails_gives_all_traces_back() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let active = install(folder.path(), "active.wasm", "");
    let canary = install(folder.path(), "canary.wasm", "unreachable");
    let policies = format!(
        "      - name: mine
        type: wasm
        wasm:
          module: '{}'
          mode: canary
          canary: {{module: '{}', share: 50%}}
          limits: {{max_failures: 2, retry_after: 100ms}}
",
        active.display(),
        canary.display()
    );
    let mut host = start(&backend, &policies).await;
    let health = async |host: &Host| Client::http(&host.address("health")).get("/").await.text();
    let state = async |host: &Host| host.metrics().await.sum("otelcol_tailrace_plugin_canary_state", &[]) as u64;
    let mut sent = 0;
    let mut more = async |host: &Host, traces: u128| {
        let first = sent + 1;
        sent += traces;
        send(host, (first..=sent).map(Trace::new)).await;
        decided(host, sent as usize).await;
        backend.wait_for_spans(sent as usize * Trace::new(1).build().len()).await;
        assert_eq!(arrived(&backend), ids(1..=sent), "what the canary failed on, the old version judged");
    };
    more(&host, 20).await;
    assert_eq!(state(&host).await, 1, "one failure is not too many");
    more(&host, 20).await;
    host.wait_for_log("the canary failed too often, the old version judges all traces again").await;
    assert_eq!(state(&host).await, 0);
    assert!(health(&host).await.contains("the canary mine/canary failed too often"), "{}", health(&host).await);

    // It is not asked again, however long one waits.
    let failures = [("policy", "mine/canary"), ("reason", "trap")];
    let failed = host.metrics().await.sum("otelcol_tailrace_plugin_failures", &failures);
    more(&host, 20).await;
    let still = host.metrics().await;
    assert_eq!(still.sum("otelcol_tailrace_plugin_failures", &failures) as u64, failed as u64);
    assert_eq!(still.sum("otelcol_tailrace_plugin_canary_traces", &[("by", "canary")]) as u64, 0);

    // A new version of it gets its share.
    install(folder.path(), "canary.wasm", "(drop (i32.const 3))");
    host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", "success")], 1.0).await;
    more(&host, 20).await;
    assert!(host.metrics().await.sum("otelcol_tailrace_plugin_canary_traces", &[("by", "canary")]) >= 1.0);
    assert_eq!(state(&host).await, 1);
    eventually("health without complaints", async || (!health(&host).await.contains("canary")).then_some(())).await;
    assert!(host.is_running());
    assert!(host.stop().await.status.success());
}

#[tokio::test]
async fn a_fallback_votes_until_the_policy_is_tried_again_and_works() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    // Breaks on more than 60 traces at once.
    let breaks = "(if (i32.gt_u (local.get $count) (i32.const 60)) (then unreachable))";
    let module = install(folder.path(), "policy.wasm", breaks);
    let policies = format!(
        "      - name: mine
        type: wasm
        wasm:
          module: '{}'
          on_error: fallback
          fallback: errors
          limits: {{max_failures: 2, retry_after: 4s, retry_traces: 5}}
      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
",
        module.display()
    );
    let mut host = start(&backend, &policies).await;
    let failures = async |host: &Host, reason: &str| {
        host.metrics().await.sum("otelcol_tailrace_plugin_failures", &[("policy", "mine"), ("reason", reason)]) as u64
    };
    let breaker = async |host: &Host| {
        host.metrics().await.sum("otelcol_tailrace_plugin_breaker_state", &[("policy", "mine")]) as u64
    };
    let mut sent = 0;
    // One with an error among each hundred.
    let mut hundred = async |host: &Host| {
        let first = sent + 1;
        sent += 100;
        send(host, (first..=sent).map(|id| if id == first { Trace::new(id).error() } else { Trace::new(id) })).await;
        decided(host, sent as usize).await;
        first
    };
    let mut errors = vec![hundred(&host).await];
    assert_eq!((failures(&host, "trap").await, breaker(&host).await), (1, 0));
    errors.push(hundred(&host).await);
    assert_eq!((failures(&host, "trap").await, breaker(&host).await), (2, 1), "two in a row open it");
    host.wait_for_log("it is not asked for a while").await;

    // While it is open nobody asks it; when it is tried again, it stands five traces, and one failure on the rest is enough.
    while failures(&host, "trap").await < 3 {
        errors.push(hundred(&host).await);
        assert!(errors.len() < 30, "it is never tried again");
    }
    assert_eq!((failures(&host, "trap").await, breaker(&host).await), (3, 1));
    assert!(failures(&host, "breaker_open").await >= 1);
    backend.wait_for_spans(errors.len() * Trace::new(1).build().len()).await;
    assert_eq!(arrived(&backend), ids(errors.iter().copied()), "the fallback alone has decided so far");

    // A few at a time it stands: then its votes count again.
    let mut plain = 1 << 64;
    eventually("the breaker closed", async || {
        plain += 1;
        send(&host, [Trace::new(plain)]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        (breaker(&host).await == 0).then_some(())
    })
    .await;
    send(&host, [Trace::new(1 << 65)]).await;
    eventually("a trace without an error", async || {
        arrived(&backend).contains(&Trace::new(1 << 65).id_bytes()).then_some(())
    })
    .await;
    assert_eq!(failures(&host, "trap").await, 3);
    assert!(host.is_running());
    assert!(host.stop().await.status.success());
}
