//! Asking a running host: captures that replay exactly, explanations, plugins reloaded at once.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Host, Setup, binary};
use tailrace_tests::telemetry::{Trace, text, trace_request};
use tokio::task::JoinHandle;

use crate::yaml;

/// A component that the host's build leaves beside the binary.
fn plugin(name: &str) -> PathBuf {
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).expect("target/<profile>/tailrace");
    target.join(format!("plugins/wasm32-wasip2/release/tailrace_{name}.wasm"))
}

/// A host with an `admin` socket in `folder`.
fn config(backend: &str, folder: &Path, policies: &str, more: &str) -> String {
    let processors = format!("  tail_sampling:\n    decision_wait: 1s\n{more}    policies:\n{policies}");
    let pipelines = [("traces", "tail_sampling", "otlp_grpc")];
    let config = yaml::config(&processors, &yaml::queued("otlp_grpc", backend), &pipelines);
    yaml::with_admin(&config, &folder.join("admin.sock"))
}

/// A command on the host of that socket.
async fn tailrace(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).env("TAILRACE_ADMIN", folder.join("admin.sock"));
    let running = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
    running.await.expect("no panic")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).expect("JSON")
}

/// Sends twenty traces a request until it is told to stop; every third has an error, all have secrets.
fn load(host: &Host, stop: &Arc<AtomicBool>) -> JoinHandle<u128> {
    let (client, stop) = (host.grpc(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut sent = 0_u128;
        while !stop.load(Ordering::Relaxed) {
            let mut spans = Vec::new();
            for _ in 0..20 {
                sent += 1;
                let id = (sent << 72) | (sent.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xff_ffff_ffff_ffff);
                let trace = Trace::new(id).lasting(sent as u64 % 7).with(text("user.email", "s3cret@example.org"));
                let trace = if sent.is_multiple_of(3) { trace.error() } else { trace };
                spans.extend(trace.build());
            }
            let answer = client.send(Signal::Traces, &trace_request(spans)).await;
            assert!(answer.is_ok(), "{answer:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        sent
    })
}

fn policies(hostile: &Path) -> String {
    format!(
        "      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - {{name: share, type: probabilistic, probabilistic: {{sampling_percentage: 30}}}}
      - name: turn
        type: and
        and:
          and_sub_policy:
            - {{name: rest, type: not, not: {{not_sub_policy: {{name: any, type: status_code, status_code: {{status_codes: [ERROR]}}}}}}}}
            - {{name: counts, type: wasm, wasm: {{module: '{0}', policy: counts, config: {{every: 5}}}}}}
      - {{name: failing, type: wasm, wasm: {{module: '{0}', policy: errs}}}}
",
        hostile.display()
    )
}

/// Buckets, averages, windows and budgets are recorded with what they hold, and a replay goes on from there.
#[tokio::test]
async fn what_policies_count_replays_exactly() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let policies = "      - {name: limit, type: rate_limiting, rate_limiting: {spans_per_second: 200}}
      - {name: bytes, type: bytes_limiting, bytes_limiting: {bytes_per_second: 40000}}
      - {name: new, type: novelty, novelty: {keys: [name, status], window_seconds: 1}}
      - {name: shared-out, type: dynamic, dynamic: {keys: [user.email, status], traces_per_second: 20}}
      - name: budget
        type: composite
        composite:
          mode: documented
          max_total_spans_per_second: 400
          policy_order: [errors, rest]
          composite_sub_policy:
            - {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 50}}
            - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
          rate_allocation: [{policy: errors, percent: 50}]
";
    let yaml = config(backend.address(), folder.path(), policies, "    tracestate: true\n");
    let host = Setup::new(yaml).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&host, &stop);
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 500.0).await;
    let recording = folder.path().join("r.tlrec");
    let recording = recording.to_str().expect("UTF-8");
    let capture = ["capture", "--output", recording, "--duration", "1m", "--max-traces", "2000"];
    assert!(!stdout(&tailrace(folder.path(), &capture).await).contains("truncated"));
    let whole = host.folder().join("config.yaml");
    let replay = ["plugin", "replay", "--recording", recording, "--format", "json", "--processor-config"];
    let report = json(&tailrace(folder.path(), &[&replay[..], &[whole.to_str().expect("UTF-8")]].concat()).await);
    assert_eq!(report["disagreements"], 0, "{report:#}");
    for sums in ["kept", "dropped"] {
        assert!(report["sides"][0][sums]["traces"].as_u64() > Some(10), "{report:#}");
    }
    stop.store(true, Ordering::Relaxed);
    load.await.expect("no panic");
    assert!(host.stop().await.status.success());
}

#[tokio::test]
async fn a_capture_under_load_replays_exactly() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = plugin("hostile");
    let yaml = config(backend.address(), folder.path(), &policies(&hostile), "    sample_on_first_match: true\n");
    let host = Setup::new(yaml).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&host, &stop);
    // The counting policy has a state by the time the capture begins.
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 50.0).await;

    let recording = folder.path().join("r.tlrec");
    let recording = recording.to_str().expect("UTF-8");
    let captured =
        tailrace(folder.path(), &["capture", "--output", recording, "--duration", "1m", "--max-traces", "300"]).await;
    assert!(!stdout(&captured).contains("truncated"), "{}", said(&captured.stdout));

    let replay = async |arguments: &[&str]| {
        let base = ["plugin", "replay", "--recording", recording, "--format", "json"];
        tailrace(folder.path(), &[&base[..], arguments].concat()).await
    };
    // All policies of the configuration: the recorded decisions.
    let whole = host.folder().join("config.yaml");
    let report = json(&replay(&["--processor-config", whole.to_str().expect("UTF-8"), "--fail-on-disagreement"]).await);
    assert_eq!((&report["disagreements"], &report["truncated"]), (&0.into(), &false.into()), "{report:#}");
    let traces = report["compared"].as_u64().expect("a number");
    assert!(traces > 100, "{report:#}");
    for sums in ["kept", "dropped"] {
        assert!(report["sides"][0][sums]["traces"].as_u64() > Some(10), "{report:#}");
        assert_eq!(report["sides"][0][sums], report["sides"][1][sums], "{report:#}");
    }

    // One policy alone, stateful or drawing lots: its recorded votes, on the traces that it was asked about.
    let (hostile, standard) = (hostile.to_str().expect("UTF-8"), plugin("policies"));
    let standard = standard.to_str().expect("UTF-8");
    let counts = ["--policy", hostile, "--kind", "counts", "--config", "{\"every\": 5}", "--fail-on-disagreement"];
    let report = json(&replay(&counts).await);
    assert_eq!(report["disagreements"], 0, "{report:#}");
    assert!(report["sides"][0]["kept"]["traces"].as_u64() >= Some(5), "{report:#}");
    assert!(report["sides"][0]["not_asked"]["traces"].as_u64() >= Some(5), "{report:#}");
    let share = ["--policy", standard, "--kind", "probabilistic", "--as", "share"];
    let same = [&share[..], &["--config", "{\"hash_salt\": \"\", \"sampling_percentage\": 30}"]].concat();
    assert_eq!(json(&replay(&same).await)["disagreements"], 0);
    // What failed is missing again.
    let report = json(&replay(&["--policy", hostile, "--kind", "errs"]).await);
    assert!(report["sides"][0]["missing"]["traces"].as_u64() > Some(5), "{report:#}");
    assert_eq!(report["disagreements"], 0, "{report:#}");

    // Another share disagrees, and says on what.
    let other = [&share[..], &["--config", "{\"sampling_percentage\": 60}", "--fail-on-disagreement"]].concat();
    let output = replay(&other).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let example = &report["examples"][0];
    assert_eq!((&example["votes"][0], &example["votes"][1]), (&"sample".into(), &"no".into()), "{report:#}");
    assert_eq!(example["root"], "operation-0");
    let against = [&other[..6], &["--config", "{\"sampling_percentage\": 60}"], &["--against", standard]].concat();
    assert_eq!(json(&replay(&against).await)["disagreements"], 0, "the same on both sides");

    stop.store(true, Ordering::Relaxed);
    load.await.expect("no request was refused");
    assert!(host.stop().await.status.success());
}

#[tokio::test]
async fn a_redacted_capture_holds_no_secret() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = plugin("hostile");
    let policies = format!(
        "      - {{name: mail, type: string_attribute, string_attribute: {{key: user.email, values: [x]}}}}
      - {{name: third, type: wasm, wasm: {{module: '{}', policy: counts, config: {{every: 3}}}}}}\n",
        hostile.display()
    );
    let host = Setup::new(config(backend.address(), folder.path(), &policies, "")).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&host, &stop);
    for (with, sign) in [("text", "[REDACTED]"), ("hash", "hash:")] {
        let file = folder.path().join(with);
        let path = file.to_str().expect("UTF-8");
        let redact = ["--redact", "host.name,USER.*", "--redact-with", with, "--max-traces", "20"];
        let captured = tailrace(folder.path(), &[&["capture", "-o", path], &redact[..]].concat()).await;
        assert!(stdout(&captured).contains("ended by max_traces"), "{}", said(&captured.stdout));
        let unpacked = unpacked(&std::fs::read(&file).expect("written"));
        assert!(!unpacked.contains("s3cret"), "the secret is in the recording");
        assert!(unpacked.contains(sign) && unpacked.contains("operation-0") && unpacked.contains("checkout"));
        assert_eq!(std::fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600);
        // What policies keep may hold a secret, so it is not in there either; a replay says whose is missing.
        let hostile = hostile.to_str().expect("UTF-8");
        let replay =
            ["plugin", "replay", "--recording", path, "--policy", hostile, "--as", "third", "--kind", "counts"];
        let replay = [&replay[..], &["--config", "{\"every\": 3}"]].concat();
        let told = stdout(&tailrace(folder.path(), &replay).await);
        assert!(
            told.contains("redacted: host.name, USER.*; policies that look at these may decide otherwise"),
            "{told}"
        );
        assert!(told.contains("without state: third; redacted recordings leave it out"), "{told}");
        let as_json = json(&tailrace(folder.path(), &[&replay[..], &["--format", "json"]].concat()).await);
        assert_eq!(as_json["without_state"], serde_json::json!(["third"]));
    }
    stop.store(true, Ordering::Relaxed);
    load.await.expect("no request was refused");
    let nowhere = tailrace(folder.path(), &["capture", "-o", "/nowhere/r"]).await;
    assert!(said(&nowhere.stderr).contains("can not write /nowhere/r"), "{}", said(&nowhere.stderr));
}

/// All blocks of a recording, as text.
fn unpacked(recording: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = &recording[12..];
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("four bytes")) as usize;
        let (packed, raw) = (&rest[12..12 + word(0)], word(4));
        text.push_str(&String::from_utf8_lossy(&zstd::bulk::decompress(packed, raw).expect("a block")));
        rest = &rest[12 + packed.len()..];
    }
    text
}

#[tokio::test]
async fn a_decision_is_explained() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let yaml = |more: &str| config(backend.address(), folder.path(), &policies(&plugin("hostile")), more);
    let mut host = Setup::new(yaml("")).start().await;
    let explain = async |id: &str| tailrace(folder.path(), &["explain", id]).await;
    let off = explain("ab").await;
    assert!(said(&off.stderr).contains("explain: {traces: 10000}"), "{}", said(&off.stderr));
    host.reload(&yaml("    explain: {traces: 100}\n"));
    host.wait_for_log("The new configuration is in force").await;

    let id = 0xabcd_0000_0000_0000_00ff_ffff_ffff_ffff_u128;
    let answer = host.grpc().send(Signal::Traces, &Trace::new(id).error().request()).await;
    assert!(answer.is_ok(), "{answer:?}");
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 1.0).await;
    let told = stdout(&explain("ABCD").await);
    for part in [
        "trace     abcd000000000000",
        "decision  kept by errors",
        "due: its wait was over",
        "trace was 4 spans",
        "with an error",
        "policy    errors: sample",
        "policy    turn: no",
        "turn/rest/any (status_code of",
        "policy    failing: missing",
        "error: no opinion today",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    assert!(!told.contains("counts ("), "a member that was not asked is not listed:\n{told}");
    let unknown = explain("1234").await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown.stderr).contains("no decision on a trace 1234"), "{}", said(&unknown.stderr));
    let wrong = explain("xyz").await;
    assert!(said(&wrong.stderr).contains("is no trace id"), "{}", said(&wrong.stderr));
    assert!(host.stop().await.status.success());
    assert!(!folder.path().join("admin.sock").exists(), "the socket goes with its host");
    let gone = explain("1234").await;
    assert!(said(&gone.stderr).contains("no host answers"), "{}", said(&gone.stderr));
}

#[tokio::test]
async fn plugins_are_looked_at_on_request_and_on_sighup() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("policy.wasm");
    let read = |name: &str| std::fs::read(plugin(name)).expect("readable");
    let install = |bytes: &[u8]| {
        let fresh = folder.path().join("fresh");
        std::fs::write(&fresh, bytes).expect("written");
        std::fs::rename(&fresh, &module).expect("renamed");
    };
    let (one, two) = (read("policies"), read("hostile"));
    install(&one);
    let policies = format!(
        "      - {{name: mine, type: wasm, wasm: {{module: '{}', policy: always_sample}}}}\n",
        module.display()
    );
    let yaml = config(backend.address(), folder.path(), &policies, "");
    let mut host = Setup::new(yaml.clone()).start().await;
    let reload = async || tailrace(folder.path(), &["plugin", "reload"]).await;
    assert!(stdout(&reload().await).contains("unchanged"), "nothing has changed");
    install(&two);
    // The watch may have been quicker by a hair: it looks once a second.
    let told = stdout(&reload().await);
    assert!(told.contains("swapped from") || told.contains("unchanged"), "{told}");
    host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", "success")], 1.0).await;

    install(b"broken");
    let refused = reload().await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused.stdout).contains("goes on: "), "{}", said(&refused.stdout));
    let none = tailrace(folder.path(), &["plugin", "reload", "no_such"]).await;
    assert_eq!(stdout(&none), "no plugins from files\n");

    install(&one);
    host.reload(&yaml);
    host.wait_for_log("The new configuration is in force").await;
    host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", "success")], 2.0).await;
    assert!(host.stop().await.status.success());
}
