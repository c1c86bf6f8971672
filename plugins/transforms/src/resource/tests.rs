use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use serde_json::json;

use super::*;
use crate::testing::{apply, logs, metrics, problems, span, traces};

#[test]
fn resources_of_every_signal_are_changed() {
    let config = json!({"attributes": [
        {"key": "cloud.availability_zone", "value": "zone-1", "action": "upsert"},
        {"key": "k8s.cluster.name", "from_attribute": "k8s-cluster", "action": "insert"},
        {"key": "redundant-attribute", "action": "delete"},
    ]});
    let before = json!({"k8s-cluster": "c1", "redundant-attribute": 1});
    let after = json!({"cloud.availability_zone": "zone-1", "k8s-cluster": "c1", "k8s.cluster.name": "c1"});

    let spans = || vec![span("a", &json!({"k8s-cluster": "other"}))];
    let mut changed = apply::<Resource, _>(&config, &traces(&before, spans()));
    let attributes = &mut changed.resource_spans[0].resource.as_mut().expect("it has one").attributes;
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(changed, traces(&after, spans()));

    let records = || vec![LogRecord { time_unix_nano: 1, ..LogRecord::default() }];
    let mut changed = apply::<Resource, _>(&config, &logs(&before, records()));
    let attributes = &mut changed.resource_logs[0].resource.as_mut().expect("it has one").attributes;
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(changed, logs(&after, records()));

    let of = || vec![Metric { name: "m".to_owned(), ..Metric::default() }];
    let mut changed = apply::<Resource, _>(&config, &metrics(&before, of()));
    let attributes = &mut changed.resource_metrics[0].resource.as_mut().expect("it has one").attributes;
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(changed, metrics(&after, of()));
}

#[test]
fn a_resource_without_a_message_gets_one() {
    let config = json!({"attributes": [{"key": "a", "value": 1, "action": "insert"}]});
    let mut before = traces(&json!({}), vec![span("a", &json!({}))]);
    before.resource_spans[0].resource = None;
    assert_eq!(apply::<Resource, _>(&config, &before), traces(&json!({"a": 1}), vec![span("a", &json!({}))]));
    let delete = json!({"attributes": [{"key": "a", "action": "delete"}]});
    assert_eq!(apply::<Resource, _>(&delete, &before), before);
}

#[test]
fn what_is_wrong_is_told() {
    let paths = |config| problems::<Resource>(&config).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths(json!({})), [""]);
    assert_eq!(paths(json!({"attributes": [{"key": "a", "action": "b"}]})), ["/attributes/0/action"]);
    assert_eq!(paths(json!({"attributes": [], "include": {}})), ["/include"]);
}
