use tailrace_sdk::otlp::{Signal, check};
use tailrace_sdk::{Outcome, testing};

use super::*;
use crate::testing::{attributes, logs, points, spans};

fn run(config: &str, signal: Signal, request: &[u8]) -> Vec<u8> {
    match testing::apply::<Statements>(config, signal, request).expect("it runs") {
        Outcome::Replaced(changed) => {
            check(signal, &changed).expect("well-formed");
            changed
        }
        other => panic!("{other:?}"),
    }
}

fn problems(config: &str) -> Vec<(String, String)> {
    let found = testing::apply::<Statements>(config, Signal::Traces, &[]).expect_err("it is refused");
    found.iter().map(|(path, message)| (path.to_owned(), message.to_owned())).collect()
}

#[test]
fn flat_statements_are_one_group() {
    let config = r#"{"trace_statements": [
        "set(span.attributes[\"env\"], resource.attributes[\"service.name\"])",
        "delete_key(span.attributes, \"drop\") where span.name == \"b\""
    ]}"#;
    let request = spans(&[("a", &[("drop", "1")]), ("b", &[("drop", "2")])]);
    let changed = run(config, Signal::Traces, &request);
    assert_eq!(attributes(Signal::Traces, &changed), ["a: drop=1 env=shop", "b: env=shop"]);
    let outcome = testing::apply::<Statements>(config, Signal::Logs, &logs(&["x"])).expect("it runs");
    assert_eq!(outcome, Outcome::Unchanged, "no statements on logs");
}

#[test]
fn groups_run_in_order_under_their_conditions() {
    let config = r#"{"trace_statements": [
        {"context": "resource", "statements": ["set(attributes[\"service.name\"], \"renamed\")"]},
        {"context": "span", "conditions": ["name == \"x\"", "name == \"b\""],
         "statements": ["set(attributes[\"service\"], resource.attributes[\"service.name\"])"]}
    ]}"#;
    let changed = run(config, Signal::Traces, &spans(&[("a", &[]), ("b", &[])]));
    assert_eq!(attributes(Signal::Traces, &changed), ["a:", "b: service=renamed"]);
}

#[test]
fn the_cache_is_an_items_own_unless_it_is_shared() {
    let config = |shared: bool| {
        format!(
            r#"{{"trace_statements": [{{"context": "span", "shared_cache": {shared}, "statements": [
                "set(cache[\"first\"], name) where cache[\"first\"] == nil",
                "set(attributes[\"first\"], cache[\"first\"])"
            ]}}]}}"#
        )
    };
    let request = spans(&[("a", &[]), ("b", &[])]);
    let of = |shared| attributes(Signal::Traces, &run(&config(shared), Signal::Traces, &request));
    assert_eq!(of(false), ["a: first=a", "b: first=b"]);
    assert_eq!(of(true), ["a: first=a", "b: first=a"]);
}

#[test]
fn a_failing_statement_is_passed_over_or_refuses_the_request() {
    let config = |mode: &str| {
        format!(
            r#"{{"error_mode": "{mode}", "trace_statements": [{{"context": "span", "statements": [
                "set(attributes[\"n\"], 1 / (Len(name) - 1))", "set(attributes[\"ok\"], \"yes\")"
            ]}}]}}"#
        )
    };
    let request = spans(&[("a", &[]), ("b", &[])]);
    for mode in ["ignore", "SILENT"] {
        assert_eq!(
            attributes(Signal::Traces, &run(&config(mode), Signal::Traces, &request)),
            ["a: ok=yes", "b: ok=yes"]
        );
    }
    let error = testing::apply::<Statements>(&config("propagate"), Signal::Traces, &request).expect_err("refused");
    let error = error.iter().map(|(_, message)| message).collect::<String>();
    assert!(error.contains("failed to execute statement"), "{error}");
}

#[test]
fn metrics_and_logs_have_statements_too() {
    let config = r#"{
        "metric_statements": ["set(datapoint.attributes[\"m\"], metric.name)"],
        "log_statements": [{"statements": ["set(log.attributes[\"b\"], log.body)"]}]
    }"#;
    let changed = run(config, Signal::Metrics, &points(&[("m", &[&[("a", "1")], &[]])]));
    assert_eq!(attributes(Signal::Metrics, &changed), ["m: a=1 m=m", "m: m=m"]);
    assert_eq!(attributes(Signal::Logs, &run(config, Signal::Logs, &logs(&["x"]))), ["x: b=x"]);
}

#[test]
fn statements_that_add_metrics_run_on_these_too() {
    let config = r#"{"metric_statements": [{"context": "metric", "statements": [
        "copy_metric(name=\"copy\") where name == \"m\"", "set(description, \"seen\")"
    ]}]}"#;
    let changed = run(config, Signal::Metrics, &points(&[("m", &[&[("a", "1")]])]));
    let mut lines = attributes(Signal::Metrics, &changed);
    lines.sort_unstable();
    assert_eq!(lines, ["copy: a=1", "m: a=1"]);
    assert_eq!(changed.windows(4).filter(|bytes| bytes == b"seen").count(), 2);
}

#[test]
fn mistakes_are_pointed_at() {
    let config = r#"{"flatten_data": true, "profile_statements": ["x"],
        "trace_statements": ["set(span.nam, 1)", {"statements": []}],
        "metric_statements": [{"context": "span", "statements": []}],
        "log_statements": [{"context": "log", "conditions": ["body =="], "statements": ["st(body, 1)"]}]}"#;
    let paths: Vec<_> = problems(config).into_iter().map(|(path, _)| path).collect();
    for expected in [
        "/trace_statements/1",
        "/metric_statements/0/context",
        "/log_statements/0/conditions/0#",
        "/profile_statements",
        "/flatten_data",
    ] {
        assert!(paths.iter().any(|path| path.starts_with(expected)), "{expected}: {paths:?}");
    }
    let found = problems(r#"{"trace_statements": ["set(span.nam, 1)"]}"#);
    assert_eq!(found[0].0, "/trace_statements/0#char=9,12");
    assert_eq!(
        problems(r#"{"error_mode": "loud"}"#)[0],
        ("/error_mode".to_owned(), "unknown error mode loud".to_owned())
    );
}
