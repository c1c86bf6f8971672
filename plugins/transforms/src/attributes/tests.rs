use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    Sum, Summary, SummaryDataPoint, metric::Data,
};
use serde_json::{Value as Json, json};
use tailrace_sdk::testing;

use super::*;
use crate::testing::{apply, attributes, logs, metrics, problems, span, text, traces};

const INSERT: &str = r#"{"actions": [{"key": "env", "action": "insert", "value": "prod"}]}"#;

fn insert() -> Json {
    serde_json::from_str(INSERT).expect("JSON")
}

#[test]
fn spans_are_changed() {
    let before = traces(&json!({"r": 1}), vec![span("a", &json!({"k": 1})), span("b", &json!({"env": "dev"}))]);
    let after =
        traces(&json!({"r": 1}), vec![span("a", &json!({"env": "prod", "k": 1})), span("b", &json!({"env": "dev"}))]);
    let mut changed = apply::<Attributes, _>(&insert(), &before);
    // What is new stands last.
    changed.resource_spans[0].scope_spans[0].spans[0].attributes.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(changed, after);
}

#[test]
fn log_records_are_changed() {
    let record = |of: &Json| LogRecord { body: Some(text("line")), attributes: attributes(of), ..LogRecord::default() };
    let before = logs(&json!({}), vec![record(&json!({})), record(&json!({"env": "dev"}))]);
    let after = logs(&json!({}), vec![record(&json!({"env": "prod"})), record(&json!({"env": "dev"}))]);
    assert_eq!(apply::<Attributes, _>(&insert(), &before), after);
}

/// A metric of every kind, with a point of these attributes each.
fn all_kinds(of: &Json) -> Vec<Metric> {
    let attributes = attributes(of);
    let number =
        || vec![NumberDataPoint { attributes: attributes.clone(), time_unix_nano: 5, ..NumberDataPoint::default() }];
    let histogram = HistogramDataPoint {
        attributes: attributes.clone(),
        count: 2,
        bucket_counts: vec![1, 1],
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes: attributes.clone(),
        scale: 3,
        ..ExponentialHistogramDataPoint::default()
    };
    let summary = SummaryDataPoint { attributes: attributes.clone(), sum: 1.5, ..SummaryDataPoint::default() };
    let metric = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    vec![
        metric("gauge", Data::Gauge(Gauge { data_points: number() })),
        metric("sum", Data::Sum(Sum { data_points: number(), is_monotonic: true, ..Sum::default() })),
        metric("histogram", Data::Histogram(Histogram { data_points: vec![histogram], ..Histogram::default() })),
        metric(
            "exponential",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: 1,
            }),
        ),
        metric("summary", Data::Summary(Summary { data_points: vec![summary] })),
        Metric { name: "nothing".to_owned(), ..Metric::default() },
    ]
}

#[test]
fn points_of_every_kind_of_metric_are_changed() {
    let before = metrics(&json!({}), all_kinds(&json!({})));
    let after = metrics(&json!({}), all_kinds(&json!({"env": "prod"})));
    assert_eq!(apply::<Attributes, _>(&insert(), &before), after);
}

#[test]
fn only_what_is_selected_is_changed() {
    let mut config = insert();
    config["include"] = json!({"match_type": "strict", "services": ["svcA", "svcB"]});
    config["exclude"] = json!({"match_type": "strict", "attributes": [{"key": "redact_trace", "value": false}]});
    let svc_a = json!({"service.name": "svcA"});
    let changed = |of: &Json, attributes: &Json| {
        let before = traces(of, vec![span("a", attributes)]);
        apply::<Attributes, _>(&config, &before) != before
    };
    assert!(changed(&svc_a, &json!({"redact_trace": true})));
    assert!(changed(&svc_a, &json!({"redact_trace": "false"})), "another type");
    assert!(!changed(&svc_a, &json!({"redact_trace": false})));
    assert!(!changed(&json!({"service.name": "svcC"}), &json!({})));
}

#[test]
fn metrics_are_selected_by_name() {
    let mut config = insert();
    config["include"] = json!({"match_type": "regexp", "metric_names": ["^s"]});
    let before = metrics(&json!({}), all_kinds(&json!({})));
    let mut after = before.clone();
    let changed = all_kinds(&json!({"env": "prod"}));
    for place in [1, 4] {
        after.resource_metrics[0].scope_metrics[0].metrics[place] = changed[place].clone();
    }
    assert_eq!(apply::<Attributes, _>(&config, &before), after);
}

#[test]
fn what_means_nothing_for_a_signal_is_an_error() {
    let mut config = insert();
    config["include"] = json!({"match_type": "strict", "services": ["a"]});
    let ask = |signal| testing::apply::<Attributes>(&config.to_string(), signal, &[]);
    assert_eq!(ask(Signal::Traces), Ok(Outcome::Unchanged));
    for signal in [Signal::Logs, Signal::Metrics] {
        let error = ask(signal).expect_err("services are of spans");
        assert!(error.iter().any(|(_, message)| message.contains("include: services means nothing")), "{error:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let config =
        json!({"include": {"services": ["a"]}, "actions": [{"key": "a", "action": "insert"}, {"action": "x"}]});
    let places: Vec<_> = problems::<Attributes>(&config).into_iter().map(|(path, _)| path).collect();
    assert_eq!(places, ["/include", "/actions/0", "/actions/1/action"]);
    assert_eq!(problems::<Attributes>(&json!({"action": []}))[0].0, "/action", "an unknown field");
}
