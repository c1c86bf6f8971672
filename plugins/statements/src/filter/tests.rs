use tailrace_sdk::otlp::{Signal, check};
use tailrace_sdk::{Outcome, testing};

use super::*;
use crate::testing::{attributes, logs, points, spans};

/// What is left: names and attributes of items.
fn left(config: &str, signal: Signal, request: &[u8]) -> Vec<String> {
    match testing::apply::<Filter>(config, signal, request).expect("it runs") {
        Outcome::Unchanged => attributes(signal, request),
        Outcome::Discarded => Vec::new(),
        Outcome::Replaced(left) => {
            check(signal, &left).expect("well-formed");
            attributes(signal, &left)
        }
    }
}

fn problems(config: &str) -> Vec<(String, String)> {
    let found = testing::apply::<Filter>(config, Signal::Traces, &[]).expect_err("it is refused");
    found.iter().map(|(path, message)| (path.to_owned(), message.to_owned())).collect()
}

fn some_spans() -> Vec<u8> {
    spans(&[("a", &[("k", "1")]), ("b", &[("k", "2")]), ("c", &[])])
}

#[test]
fn every_style_drops_what_a_condition_is_true_of() {
    let cases = [
        (r#"{"trace_conditions": ["span.name == \"a\"", "span.attributes[\"k\"] == \"2\""]}"#, &["c:"][..]),
        (r#"{"trace_conditions": [{"context": "span", "conditions": ["name == \"a\""]}]}"#, &["b: k=2", "c:"]),
        (r#"{"trace_conditions": [{"conditions": ["span.name == \"a\" or span.name == \"c\""]}]}"#, &["b: k=2"]),
        (r#"{"trace_conditions": ["resource.attributes[\"service.name\"] == \"shop\""]}"#, &[]),
        (r#"{"traces": {"span": ["name == \"b\"", "attributes[\"k\"] == \"1\""]}}"#, &["c:"]),
        (r#"{"traces": {"resource": ["attributes[\"service.name\"] != \"shop\""]}}"#, &["a: k=1", "b: k=2", "c:"]),
        (r#"{"spans": {"include": {"match_type": "strict", "span_names": ["a", "c"]}}}"#, &["a: k=1", "c:"]),
        (
            r#"{"spans": {"include": {"match_type": "regexp", "span_names": ["a|b"]},
                "exclude": {"match_type": "strict", "attributes": [{"key": "k", "value": "2"}]}}}"#,
            &["a: k=1"],
        ),
        ("{}", &["a: k=1", "b: k=2", "c:"]),
    ];
    for (config, expected) in cases {
        assert_eq!(left(config, Signal::Traces, &some_spans()), expected, "{config}");
    }
}

#[test]
fn events_go_alone() {
    let config = r#"{"traces": {"spanevent": ["name == \"debug\""]}}"#;
    let request = some_spans();
    let Outcome::Replaced(left) = testing::apply::<Filter>(config, Signal::Traces, &request).expect("it runs") else {
        panic!("the events go")
    };
    assert!(left.len() < request.len());
    assert_eq!(attributes(Signal::Traces, &left), attributes(Signal::Traces, &request), "their spans stay");
}

#[test]
fn metrics_lose_points_or_go() {
    let request = points(&[("m", &[&[("host", "a")], &[("host", "b")]]), ("n", &[&[]])]);
    let cases = [
        (r#"{"metric_conditions": ["datapoint.attributes[\"host\"] == \"a\""]}"#, &["m: host=b", "n:"][..]),
        (r#"{"metric_conditions": ["metric.name == \"m\""]}"#, &["n:"]),
        (r#"{"metrics": {"metric": ["HasAttrOnDatapoint(\"host\", \"b\")"]}}"#, &["n:"]),
        (r#"{"metrics": {"metric": ["HasAttrKeyOnDatapoint(\"none\")"]}}"#, &["m: host=a", "m: host=b", "n:"]),
        (r#"{"metrics": {"datapoint": ["metric.name == \"n\""]}}"#, &["m: host=a", "m: host=b"]),
        (r#"{"metrics": {"include": {"match_type": "regexp", "metric_names": ["^n$"]}}}"#, &["n:"]),
        (
            r#"{"metrics": {"exclude": {"match_type": "strict",
                "resource_attributes": [{"key": "service.name", "value": "shop"}]}}}"#,
            &[],
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(left(config, Signal::Metrics, &request), expected, "{config}");
    }
}

#[test]
fn log_records_go() {
    let cases = [
        (r#"{"log_conditions": ["IsMatch(log.body, \"^x\")"]}"#, &["y:"][..]),
        (r#"{"logs": {"log_record": ["body == \"y\""]}}"#, &["x:"]),
        (r#"{"logs": {"include": {"match_type": "strict", "bodies": ["x"]}}}"#, &["x:"]),
        (r#"{"logs": {"include": {"match_type": "strict", "severity_number": {"min": "WARN"}}}}"#, &[]),
        (
            r#"{"logs": {"include": {"match_type": "strict", "severity_number": {"min": "info", "match_undefined": true}}}}"#,
            &["x:", "y:"],
        ),
        (r#"{"logs": {"exclude": {}}}"#, &["x:", "y:"]),
    ];
    for (config, expected) in cases {
        assert_eq!(left(config, Signal::Logs, &logs(&["x", "y"])), expected, "{config}");
    }
}

#[test]
fn a_failing_condition_counts_as_false_or_refuses_the_request() {
    let config = |mode: &str| {
        format!(
            r#"{{"error_mode": "{mode}", "trace_conditions": ["span.name == ToUpperCase(span.kind)", "span.name == \"a\""]}}"#
        )
    };
    for mode in ["ignore", "silent"] {
        assert_eq!(left(&config(mode), Signal::Traces, &some_spans()), ["b: k=2", "c:"], "{mode}");
    }
    let error = testing::apply::<Filter>(&config("propagate"), Signal::Traces, &some_spans()).expect_err("refused");
    let error = error.iter().map(|(_, message)| message).collect::<String>();
    assert!(error.contains("failed to eval condition"), "{error}");
}

#[test]
fn mistakes_are_pointed_at() {
    let cases = [
        (r#"{"trace_conditions": ["span.name = \"a\""]}"#, "/trace_conditions/0#char="),
        (r#"{"traces": {"span": ["nam == \"a\""]}}"#, "/traces/span/0#char=0,3"),
        (r#"{"trace_conditions": ["span.name == \"a\""], "traces": {"span": ["name == \"b\""]}}"#, "/trace_conditions"),
        (
            r#"{"trace_conditions": ["span.name == \"a\""], "spans": {"include": {"match_type": "strict", "services": ["a"]}}}"#,
            "/trace_conditions",
        ),
        (r#"{"metrics": {"include": {"match_type": "expr", "expressions": ["true"]}}}"#, "/metrics/include"),
        (
            r#"{"logs": {"include": {"match_type": "strict", "severity_number": {"min": "LOUD"}}}}"#,
            "/logs/include/severity_number/min",
        ),
        (r#"{"logs": {"include": {"match_type": "regexp", "bodies": ["("]}}}"#, "/logs/include/bodies/0"),
        (r#"{"profile_conditions": ["true"]}"#, "/profile_conditions"),
        (r#"{"log_conditions": [{"context": "span", "conditions": []}]}"#, "/log_conditions/0/context"),
        (r#"{"trace_conditions": ["span.name == \"a\"", {"conditions": []}]}"#, "/trace_conditions/1"),
        (r#"{"nonsense": 1}"#, ""),
    ];
    for (config, path) in cases {
        let found = problems(config);
        assert!(found[0].0.starts_with(path), "{config}: {found:?}");
    }
}
