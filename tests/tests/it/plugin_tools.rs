//! The commands of plugins' authors, on real components: `tailrace plugin inspect` and `test`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tailrace_tests::host::{binary, run};
use tailrace_tests::{data, workspace};

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn stdout_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
}

/// Where the host's build leaves plugins.
fn plugins() -> PathBuf {
    binary().ancestors().nth(2).expect("target/<profile>/tailrace").join("plugins")
}

/// A component that the host's build leaves beside the binary.
pub(crate) fn built(name: &str) -> String {
    let path = plugins().join(format!("wasm32-wasip2/release/tailrace_{name}.wasm"));
    assert!(path.exists(), "{} does not exist: the host's build makes it", path.display());
    path.display().to_string()
}

/// The example of the README, built as it says.
pub(crate) fn keep_vip() -> &'static str {
    static BUILT: LazyLock<String> = LazyLock::new(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--release", "--target-dir"]).arg(plugins());
        cargo.current_dir(workspace().join("examples/plugins/keep-vip"));
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(name);
        }
        assert!(cargo.status().expect("cargo runs, it is running this").success());
        plugins().join("wasm32-wasip2/release/keep_vip.wasm").display().to_string()
    });
    &BUILT
}

/// Writes a file that lives as long as the folder.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    path.display().to_string()
}

#[test]
fn inspect_reads_the_manifest_without_running_the_guest() {
    let output = run(&["plugin", "inspect", &built("hostile"), "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = stdout_json(&output);
    assert_eq!(report["name"], "tailrace-hostile");
    assert_eq!(report["source"], "the manifest; the guest did not run");
    let counts = report["kinds"].as_array().expect("a list").iter().find(|kind| kind["name"] == "counts");
    assert_eq!(counts.expect("there")["state_schema"], "asked:u64le");
    assert_eq!(report["counters"], json!(["asked"]));
    assert_eq!(report["reasons"], json!(["not its turn", "its turn"]));
    assert_eq!(report["refused"], Value::Null);

    // The guest itself says the same.
    let asked = stdout_json(&run(&["plugin", "inspect", &built("hostile"), "--format", "json", "--run"]));
    for key in ["name", "version", "kinds", "counters", "reasons", "digest"] {
        assert_eq!(asked[key], report[key], "{key}");
    }
}

/// What cargo leaves has no schema where that is derived: the guest makes it.
#[test]
fn inspect_asks_for_a_derived_schema_and_says_how_to_have_it_written() {
    let redact = plugins().join("wasm32-wasip2/release/redact.wasm").display().to_string();
    let report = stdout_json(&run(&["plugin", "inspect", &redact, "--format", "json"]));
    assert_eq!(report["transforms"][0]["schema"]["properties"]["keys"]["type"], "array");
    let source = report["source"].as_str().expect("text");
    assert!(source.starts_with("the guest, which was asked") && source.contains("`tailrace plugin build`"), "{source}");
}

#[test]
fn inspect_says_what_a_configured_policy_needs() {
    let arguments = ["plugin", "inspect", keep_vip(), "--config", r#"{"tier": "gold"}"#, "--format", "json"];
    let report = stdout_json(&run(&arguments));
    let needs = json!({"fields": [], "attributes": [{"scope": "span", "key": "customer.tier"}]});
    assert_eq!(report["kinds"][0]["needs"], needs);
    let output = run(&["plugin", "inspect", keep_vip(), "--config", "{}"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("missing field `tier`"), "{}", text(&output.stderr));
}

#[test]
fn inspect_names_what_a_host_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    // A preamble, an empty instance type, one import of it.
    let name = "wasi:filesystem/types@0.2.6";
    let mut component = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0\x0a".to_vec();
    component.extend([name.len() as u8 + 5, 1, 0, name.len() as u8]);
    component.extend(name.as_bytes());
    component.extend([5, 0]);
    let path = folder.path().join("files.wasm");
    std::fs::write(&path, component).expect("written");
    let output = run(&["plugin", "inspect", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains(&format!("import    {name}  (refused)")), "{said}");
    assert!(said.contains("refused   this host would not load it: imports wasi:filesystem/types@0.2.6"), "{said}");

    let output = run(&["plugin", "inspect", &write(folder.path(), "x.wasm", "#!/bin/sh")]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("is not WebAssembly"), "{}", text(&output.stderr));
}

const CASES: &str = "
policy: keep_vip
config: {tier: gold}
cases:
  - name: keeps gold
    trace:
      - {name: checkout, duration: 120ms, status: error, kind: server, resource: {service.name: shop}}
      - {name: pay, start: 20ms, parent: checkout, attributes: {customer.tier: gold}}
    expect: sample
  - {name: another tier, config: {tier: silver}, trace: [{attributes: {customer.tier: gold}}], expect: no}
  - {name: two at once, traces: [[{attributes: {customer.tier: gold}}], [{name: plain}]], expect: [sample, no]}
  - {name: tier is needed, config: {}, trace: [{}], expect: {error: missing field `tier`}}
  - {name: a file, otlp: traces.json, expect: {sample: 1, no: 1}}
  - name: the same by id
    otlp: traces.json
    expect: {0102030405060708090a0b0c0d0e0f10: sample, ff02030405060708090a0b0c0d0e0f10: no}
";

pub(crate) const TRACES: &str = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [
  {"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "a",
   "attributes": [{"key": "customer.tier", "value": {"stringValue": "gold"}}]},
  {"traceId": "ff02030405060708090a0b0c0d0e0f10", "spanId": "0102030405060709", "name": "b"}]}]}]}"#;

#[test]
fn test_passes_where_verdicts_are_as_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "cases.yaml", CASES);
    write(folder.path(), "traces.json", TRACES);
    std::fs::copy(keep_vip(), folder.path().join("keep_vip.wasm")).expect("copied");
    let output = run(&["plugin", "test", &folder.path().display().to_string()]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).ends_with("keep-vip 0.1.0: 6 passed, 0 failed\n"), "{}", text(&output.stdout));
}

#[test]
fn test_tells_what_differs_and_what_the_guest_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = "cases:
  - {name: its turn, policy: counts, config: {every: 2}, traces: [[{}], [{}]], expect: [sample, sample]}
  - {name: chatty, policy: chatters, trace: [{}], expect: drop}
  - {name: panics, policy: panics, trace: [{}], expect: no}
  - {name: a loop ends, policy: loops, trace: [{}], expect: {error: timeout}}
  - {name: no such kind, policy: missing, trace: [{}], expect: no}
";
    let file = write(folder.path(), "mine.yaml", cases);
    let junit = folder.path().join("junit.xml").display().to_string();
    let output = run(&["plugin", "test", &built("hostile"), "--cases", &file, "--junit", &junit]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for expected in [
        "FAIL  its turn (",
        "mine.yaml:2)",
        "trace 1 (9e3779b97f4a7c15f39cc0605cedc835): expected sample, got no (not its turn)",
        "trace 1 (9e3779b97f4a7c15f39cc0605cedc835): expected drop, got sample",
        "log: INFO line 99",
        "lines more",
        "expected verdicts, got an error: panic: panicked at",
        "ok    a loop ends",
        "has no kind missing, but panics, traps",
        "1 passed, 4 failed",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
    let xml = std::fs::read_to_string(&junit).expect("written");
    assert!(xml.contains("tests=\"5\" failures=\"4\""), "{xml}");

    let output = run(&["plugin", "test", &built("hostile"), "--cases", &file, "--format", "json"]);
    let report = stdout_json(&output);
    assert_eq!((&report["passed"], &report["failed"]), (&json!(1), &json!(4)));
    assert_eq!(report["cases"][0]["line"], json!(2));
}

#[test]
fn test_tells_where_the_cases_are_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "cases.yaml", "cases:\n  - {name: a, trace: [{sttus: ok}], expect: maybe}\n");
    let output = run(&["plugin", "test", keep_vip(), "--cases", &file]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("cases.yaml:2:") && said.contains("did you mean \"status\""), "{said}");
    assert!(said.contains("\"maybe\" is no verdict"), "{said}");
    let output = run(&["plugin", "test", &folder.path().display().to_string()]);
    assert!(!output.status.success());
}

/// A configuration with one policy of a file.
fn gateway(policy: &str) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:0}}}}}}}}
exporters: {{nop: }}
processors:
  tail_sampling:
    policies:
      - {policy}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [nop]}}}}
"
    )
}

#[test]
fn validate_tries_plugins_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hostile, vip) = (built("hostile"), keep_vip());
    let of = |module: &str, rest: &str| format!("{{name: p, type: wasm, wasm: {{module: '{module}', {rest}}}}}");
    for (policy, expected) in [
        (of(&hostile, "policy: counts,\n          config: {every: 0}"), &[":7:27", "config::every: must be greater than 0"][..]),
        (
            of(&hostile, "policy: counts, config: {every: x}"),
            &[":6:", "config::every: expected integer, got the string \"x\""],
        ),
        (of(&hostile, "policy: counts, config: {every: 1, hagn: true}"), &[":6:", "did you mean \"hang\"?"]),
        (of(&hostile, "policy: counts"), &[":6:", "config: missing field \"every\""]),
        (of(&hostile, "policy: count, config: {}"), &[":6:", "no kind \"count\" here"]),
        (of(&hostile, "config: {}"), &[":6:", "has several policies: name one as policy:"]),
        (of(vip, "config: {tier: [1]}"), &[":6:", "config::tier: "]),
        (of("/does/not/exist.wasm", "config: {}"), &[":6:", "can not read /does/not/exist.wasm"]),
        (
            "{name: n, type: and, and: {and_sub_policy: [{name: m, type: string_attribute,\n          string_attribute: {key: a, values: ['('], enabled_regex_matching: true}}]}}".to_owned(),
            &[":7:", "and::and_sub_policy::0::string_attribute::values"],
        ),
    ] {
        let file = write(folder.path(), "config.yaml", &gateway(&policy));
        let output = run(&["validate", "--config", &file]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{policy}: {said}");
        for part in expected {
            assert!(said.contains(part), "{policy}: {part:?} is not in\n{said}");
        }
        // The start says the same, with the place.
        let started = text(&run(&["--config", &file]).stderr);
        assert!(started.contains(expected[1]) && started.contains(expected[0]), "{started}");
    }
    let silent_or = |policy: &str| {
        let file = write(folder.path(), "config.yaml", &gateway(policy));
        let output = run(&["validate", "--config", &file]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert_eq!(silent_or(&of(&hostile, "policy: counts, config: {every: 2}")), "");
    // The first that was ever built has no schema.
    let first = data("plugins/keep_vip-0.1.0.wasm").display().to_string();
    let said = silent_or(&of(&first, "config: {tier: gold}"));
    assert!(said.contains("Warning: ") && said.contains("has no schema of keep_vip's configuration"), "{said}");
}

#[test]
fn test_compares_what_transforms_make() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "traces.json", TRACES);
    let logs = "{resourceLogs: [{scopeLogs: [{logRecords: [{severityNumber: 9, body: {stringValue: hello}}]}]}]}";
    let cases = format!(
        "cases:
  - {{name: stays, transform: passes, input: {logs}, output: unchanged}}
  - name: written otherwise
    transform: copies
    input: {logs}
    output: {{resourceLogs: [{{scopeLogs: [{{logRecords: [{{body: {{stringValue: hello}}, severityNumber: SEVERITY_NUMBER_INFO}}]}}]}}]}}
  - {{name: gone, transform: discards, signal: traces, input: traces.json, output: discarded}}
  - {{name: errs, transform: errs, input: {logs}, expect: {{error: no opinion on logs}}}}
  - {{name: twice, transform: doubles, input: {logs}, output: {logs}}}
  - {{name: other text, transform: copies, input: {logs}, output: {}}}
",
        logs.replace("hello", "bye")
    );
    let file = write(folder.path(), "cases.yaml", &cases);
    let output = run(&["plugin", "test", &built("hostile"), "--cases", &file]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    for expected in [
        "resourceLogs: expected 1 elements, got 2",
        "resourceLogs[0].scopeLogs[0].logRecords[0].body.stringValue: expected \"bye\", got \"hello\"",
        "4 passed, 2 failed",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
    let file = write(folder.path(), "cases.yaml", "cases:\n  - {name: a, input: x.json, output: gone}\n");
    let said = text(&run(&["plugin", "test", &built("hostile"), "--cases", &file]).stderr);
    assert!(said.contains("say of what the input is a request") && said.contains("unchanged or discarded"), "{said}");
}
