//! Requests for tests, in prost's structs, and what becomes of them.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::Value as Json;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::{Outcome, Transform, testing};

/// A request of one signal.
pub(crate) trait Request: Message + Default + Clone + PartialEq + std::fmt::Debug {
    const SIGNAL: Signal;
}

impl Request for ExportTraceServiceRequest {
    const SIGNAL: Signal = Signal::Traces;
}

impl Request for ExportMetricsServiceRequest {
    const SIGNAL: Signal = Signal::Metrics;
}

impl Request for ExportLogsServiceRequest {
    const SIGNAL: Signal = Signal::Logs;
}

/// What goes on: the same if nothing changed, an empty request if nothing is left.
pub(crate) fn apply<T: Transform, R: Request>(config: &Json, request: &R) -> R {
    let outcome = testing::apply::<T>(&config.to_string(), R::SIGNAL, &request.encode_to_vec()).expect("an answer");
    match outcome {
        Outcome::Unchanged => request.clone(),
        Outcome::Discarded => R::default(),
        Outcome::Replaced(bytes) => {
            let changed = R::decode(&*bytes).expect("a request");
            assert_ne!(&changed, request, "it says that it changed something");
            changed
        }
    }
}

/// All that is said about a configuration.
pub(crate) fn problems<T: Transform>(config: &Json) -> Vec<(String, String)> {
    match testing::apply::<T>(&config.to_string(), Signal::Traces, &[]) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|(path, message)| (path.to_owned(), message.to_owned())).collect(),
    }
}

/// Attributes from a map in JSON, which sorts them by key.
pub(crate) fn attributes(json: &Json) -> Vec<KeyValue> {
    let entries = json.as_object().expect("a map").iter();
    entries.map(|(key, value)| KeyValue { key: key.clone(), value: Some(any(value)), ..KeyValue::default() }).collect()
}

/// The value that a configuration would mean.
pub(crate) fn any(json: &Json) -> AnyValue {
    AnyValue::decode(&*tailrace_shared::any_value::from_json(json)).expect("a value")
}

/// A text.
pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

pub(crate) fn resource(json: &Json) -> Resource {
    Resource { attributes: attributes(json), ..Resource::default() }
}

pub(crate) fn scope(name: &str) -> InstrumentationScope {
    InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() }
}

/// Spans of a resource with these attributes.
pub(crate) fn traces(of: &Json, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: Some(scope("lib")), spans, ..ScopeSpans::default() }];
    let resource_spans = ResourceSpans { resource: Some(resource(of)), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

/// Records of a resource with these attributes.
pub(crate) fn logs(of: &Json, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { scope: Some(scope("lib")), log_records, ..ScopeLogs::default() }];
    let resource_logs = ResourceLogs { resource: Some(resource(of)), scope_logs, ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource_logs] }
}

/// Metrics of a resource with these attributes.
pub(crate) fn metrics(of: &Json, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope("lib")), metrics, ..ScopeMetrics::default() }];
    let resource_metrics =
        ResourceMetrics { resource: Some(resource(of)), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
}

/// A span.
pub(crate) fn span(name: &str, of: &Json) -> Span {
    Span { name: name.to_owned(), kind: 2, attributes: attributes(of), ..Span::default() }
}
