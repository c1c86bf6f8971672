//! `tailrace plugin bench`, on real components.

use serde_json::Value;
use tailrace_tests::host::run;

use crate::plugin_tools::{TRACES, built, keep_vip, stdout_json, text, write};

#[test]
fn bench_splits_the_cost_and_counts_instructions() {
    let arguments = ["plugin", "bench", &built("policies"), "--kind", "status_code", "--format", "json"];
    let config = ["--config", r#"{"status_codes": ["ERROR"]}"#, "--batches", "1,64,512"];
    let measure = || {
        let output = run(&[&arguments[..], &config[..]].concat());
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        stdout_json(&output)
    };
    let (first, second) = (measure(), measure());
    let batches = first["batches"].as_array().expect("a list");
    assert_eq!(
        batches.iter().map(|batch| batch["traces"].as_u64()).collect::<Vec<_>>(),
        [Some(1), Some(64), Some(512)]
    );
    assert!(batches.iter().all(|batch| batch["evaluate_ns"].as_f64() > Some(0.0)));
    let executed = &first["fit"]["executed"];
    assert!(executed["row"].as_f64() > Some(1.0) && executed["call"].as_f64() > Some(1.0), "{executed}");
    assert!(first["memory_bytes"].as_u64() > Some(1 << 16));
    let instructions = |report: &Value| {
        let batches = report["batches"].as_array().expect("a list");
        batches.iter().map(|batch| batch["instructions"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(instructions(&first), instructions(&second), "they do not depend on the run");
}

#[test]
fn bench_fails_over_a_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = write(folder.path(), "traces.json", TRACES);
    let bench = |more: &[&str]| {
        let config = ["plugin", "bench", keep_vip(), "--config", r#"{"tier": "gold"}"#, "--input", &input];
        run(&[&config[..], more].concat())
    };
    let output = bench(&["--budget-instructions", "1", "--budget-memory", "64MiB"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("instructions_per_trace") && said.contains(": OVER"), "{said}");
    assert!(said.contains("memory: ") && said.contains("of 67108864: ok"), "{said}");
    // Two traces are all there are: no larger batch is measured.
    assert!(said.lines().any(|line| line.trim_start().starts_with("2 ")), "{said}");
    assert!(!said.lines().any(|line| line.trim_start().starts_with("16 ")), "{said}");

    let cases = write(folder.path(), "cases.yaml", "config: {tier: gold}\nbudget: {ns_per_trace: 0.001}\n");
    let output = run(&["plugin", "bench", keep_vip(), "--cases", &cases, "--batches", "4"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("ns_per_trace"), "{}", text(&output.stdout));
}

#[test]
fn bench_measures_transforms() {
    let redact = built("hostile").replace("tailrace_hostile", "redact");
    let bench =
        |more: &[&str]| run(&[&["plugin", "bench", &redact, "--config", r#"{"keys": ["http.route"]}"#], more].concat());
    let measure = |more: &[&str]| {
        let output = bench(&[&["--format", "json", "--batches", "1,64,512"], more].concat());
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        stdout_json(&output)
    };
    let (first, second) = (measure(&[]), measure(&[]));
    assert_eq!((first["kind"].as_str(), first["plugin"].as_str()), (Some("redact"), Some("redact")));
    let requests = first["requests"].as_array().expect("a list");
    let numbers = |key: &str| requests.iter().map(|request| request[key].as_f64().expect(key)).collect::<Vec<_>>();
    assert_eq!(numbers("items"), [1.0, 64.0, 512.0]);
    assert!(numbers("apply_ns").iter().all(|ns| *ns > 0.0));
    assert!(numbers("bytes").is_sorted() && numbers("instructions").is_sorted(), "{requests:?}");
    // Each trace has one span with a route, and larger requests have several traces.
    assert!(requests[0]["unchanged"].as_u64() > Some(0) && requests[0]["replaced"].as_u64() > Some(0), "{requests:?}");
    assert_eq!((requests[2]["unchanged"].as_u64(), requests[2]["discarded"].as_u64()), (Some(0), Some(0)));
    let executed = &first["fit"]["executed"];
    assert!(executed["row"].as_f64() > Some(1.0) && executed["call"].as_f64() > Some(1.0), "{executed}");
    assert!(first["memory_bytes"].as_u64() > Some(1 << 16));
    let instructions = |report: &Value| report["requests"][2]["instructions"].clone();
    assert_eq!(instructions(&first), instructions(&second), "they do not depend on the run");

    for signal in ["metrics", "logs"] {
        let report = measure(&["--signal", signal]);
        let last = &report["requests"][2];
        assert_eq!((&last["items"], &last["replaced"]), (&512.into(), &0.into()), "nothing to be masked in {signal}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let cases =
        "transform: redact\nconfig: {keys: [customer.tier]}\nbudget: {instructions_per_item: 1, memory: 64MiB}\n";
    let (cases, input) = (write(folder.path(), "cases.yaml", cases), write(folder.path(), "traces.json", TRACES));
    let output = run(&["plugin", "bench", &redact, "--cases", &cases, "--input", &input]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("instructions_per_item: ") && said.contains(" of 1: OVER"), "{said}");
    assert!(said.contains("memory: ") && said.contains("of 67108864: ok"), "{said}");
    assert!(said.contains("a call"), "{said}");
    // Two spans are all there are: no larger request is measured.
    assert!(said.lines().any(|line| line.trim_start().starts_with("2 ")), "{said}");
    assert!(!said.lines().any(|line| line.trim_start().starts_with("16 ")), "{said}");

    let hostile = built("hostile");
    for (arguments, expected) in [
        (&["--transform", "garbles"][..], "it gives no answer"),
        (&["--transform", "nonsense"], "has no kind nonsense, but passes"),
        (&["--transform", "passes", "--kind", "drops"], "cannot be used with"),
        (&["--transform", "passes", "--signal", "profiles"], "is no signal"),
    ] {
        let output = run(&[&["plugin", "bench", &hostile], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
}
