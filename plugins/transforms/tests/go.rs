//! Cases that the Go collector's processors were asked about (contrib v0.164.1): what it answered has to come out here. Where
//! tailrace differs on purpose, the data says what it does; the processors' documentation says why.

#[path = "properties/lists.rs"]
#[expect(dead_code, reason = "shared with the properties")]
mod lists;
#[path = "../../../host/otlp/tests/oracle/model.rs"]
#[expect(dead_code, reason = "shared with the readers' own tests")]
mod model;

use lists::each_list;
use model::Model;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use serde_json::{Value as Json, json};
use tailrace_otlp::{Signal, json as otlp_json};
use tailrace_sdk::{Outcome, Transform, testing};
use tailrace_transforms::{Attributes, ProbabilisticSampler, Redaction, Resource};

/// The lines of a file in `data`.
fn cases(text: &str) -> impl Iterator<Item = Json> {
    text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON"))
}

fn encode(signal: Signal, request: &Json) -> Vec<u8> {
    otlp_json::decode(signal, request.to_string().as_bytes()).expect("OTLP in JSON")
}

/// What goes on.
fn apply<T: Transform>(config: &Json, signal: Signal, request: &[u8]) -> Vec<u8> {
    match testing::apply::<T>(&config.to_string(), signal, request).expect("an answer") {
        Outcome::Unchanged => request.to_vec(),
        Outcome::Replaced(request) => request,
        Outcome::Discarded => Vec::new(),
    }
}

/// A request as text in which what is empty and what is missing look the same, as do attributes in another order: the Go
/// collector puts the last one in the place of one that it removes.
fn show(signal: Signal, request: &[u8]) -> String {
    let mut request = Model::decode(signal, request).expect("a request");
    each_list(&mut request, &mut |_, list| {
        list.sort_by(|a, b| a.key.cmp(&b.key));
        list.iter_mut().filter_map(|pair| pair.value.as_mut()).for_each(sort);
    });
    let request = &*request.encode();
    match signal {
        Signal::Traces => {
            let mut request = ExportTraceServiceRequest::decode(request).expect("a request");
            for resource in &mut request.resource_spans {
                resource.resource.get_or_insert_default();
                for scope in &mut resource.scope_spans {
                    scope.scope.get_or_insert_default();
                    scope.spans.iter_mut().for_each(|span| _ = span.status.get_or_insert_default());
                }
            }
            format!("{request:?}")
        }
        Signal::Logs => {
            let mut request = ExportLogsServiceRequest::decode(request).expect("a request");
            for resource in &mut request.resource_logs {
                resource.resource.get_or_insert_default();
                for scope in &mut resource.scope_logs {
                    scope.scope.get_or_insert_default();
                    scope.log_records.iter_mut().for_each(|record| sort(record.body.get_or_insert_default()));
                }
            }
            format!("{request:?}")
        }
        Signal::Metrics => {
            let mut request = ExportMetricsServiceRequest::decode(request).expect("a request");
            for resource in &mut request.resource_metrics {
                resource.resource.get_or_insert_default();
                resource.scope_metrics.iter_mut().for_each(|scope| _ = scope.scope.get_or_insert_default());
            }
            format!("{request:?}")
        }
    }
}

/// Maps, whose order does not matter.
fn sort(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::KvlistValue(map)) => {
            map.values.sort_by(|a, b| a.key.cmp(&b.key));
            map.values.iter_mut().filter_map(|pair| pair.value.as_mut()).for_each(sort);
        }
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(sort),
        _ => {}
    }
}

fn spans(span: &Json) -> Json {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

fn records(record: &Json) -> Json {
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
}

#[test]
fn samples_as_the_go_collector() {
    for case in cases(include_str!("data/probabilistic_sampler.jsonl")) {
        let (signal, before, mark): (_, _, fn(&Json) -> Json) = match (case.get("span"), case.get("record")) {
            (Some(span), _) => (Signal::Traces, span, spans),
            (_, record) => (Signal::Logs, record.expect("a span or record"), records),
        };
        let after = match &case["kept"] {
            Json::Null => Vec::new(),
            kept => {
                let mut item = before.clone();
                item[if signal == Signal::Traces { "traceState" } else { "attributes" }] = kept.clone();
                encode(signal, &mark(&item))
            }
        };
        let found = apply::<ProbabilisticSampler>(&case["config"], signal, &encode(signal, &mark(before)));
        assert_eq!(show(signal, &found), show(signal, &after), "{case}");
    }
}

#[test]
fn redacts_as_the_go_collector() {
    for case in cases(include_str!("data/redaction.jsonl")) {
        let signal = case["signal"].as_str().and_then(Signal::parse).expect("a signal");
        let found = apply::<Redaction>(&case["config"], signal, &encode(signal, &case["before"]));
        assert_eq!(show(signal, &found), show(signal, &encode(signal, &case["after"])), "{case}");
    }
}

#[test]
fn acts_as_the_go_collector() {
    for case in cases(include_str!("data/actions.jsonl")) {
        let (actions, before, after) = (&case["actions"], &case["before"], &case["after"]);
        let of_span = |attributes: &Json| encode(Signal::Traces, &spans(&json!({"attributes": attributes})));
        let found = apply::<Attributes>(&json!({"actions": actions}), Signal::Traces, &of_span(before));
        assert_eq!(show(Signal::Traces, &found), show(Signal::Traces, &of_span(after)), "{case}");
        let of_resource = |attributes: &Json| {
            let resource = json!({"resourceLogs": [{"resource": {"attributes": attributes}}]});
            encode(Signal::Logs, &resource)
        };
        let found = apply::<Resource>(&json!({"attributes": actions}), Signal::Logs, &of_resource(before));
        assert_eq!(show(Signal::Logs, &found), show(Signal::Logs, &of_resource(after)), "{case}");
    }
}
