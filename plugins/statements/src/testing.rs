//! Requests for tests, and what is in them.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span};
use prost::Message as _;
use tailrace_sdk::otlp::Signal;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }
}

fn pairs(pairs: Pairs<'_>) -> Vec<KeyValue> {
    let pair = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    pairs.iter().map(pair).collect()
}

fn resource() -> Resource {
    Resource { attributes: pairs(&[("service.name", "shop")]), ..Resource::default() }
}

/// Spans of the service `shop`, each with an event `debug`.
pub(crate) fn spans(spans: &[(&str, Pairs<'_>)]) -> Vec<u8> {
    let span = |(name, attributes): &(&str, Pairs<'_>)| Span {
        name: (*name).to_owned(),
        attributes: pairs(attributes),
        events: vec![span::Event { name: "debug".to_owned(), ..span::Event::default() }],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: spans.iter().map(span).collect(), ..ScopeSpans::default() }];
    let all = ResourceSpans { resource: Some(resource()), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![all] }.encode_to_vec()
}

/// Gauges of the service `shop`, with the attributes of each of their points.
pub(crate) fn points(metrics: &[(&str, &[Pairs<'_>])]) -> Vec<u8> {
    let point =
        |attributes: &Pairs<'_>| NumberDataPoint { attributes: pairs(attributes), ..NumberDataPoint::default() };
    let metric = |(name, points): &(&str, &[Pairs<'_>])| Metric {
        name: (*name).to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points: points.iter().map(point).collect() })),
        ..Metric::default()
    };
    let metrics = metrics.iter().map(metric).collect();
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let all = ResourceMetrics { resource: Some(resource()), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }.encode_to_vec()
}

/// Records of the service `shop`.
pub(crate) fn logs(bodies: &[&str]) -> Vec<u8> {
    let record = |body: &&str| LogRecord { body: Some(text(body)), ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: bodies.iter().map(record).collect(), ..ScopeLogs::default() }];
    let all = ResourceLogs { resource: Some(resource()), scope_logs, ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![all] }.encode_to_vec()
}

/// Of each item its name (or its metric's, or its body) and its attributes.
pub(crate) fn attributes(signal: Signal, request: &[u8]) -> Vec<String> {
    match signal {
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(request).expect("a request");
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            scopes.flat_map(|scope| scope.spans).map(|span| line(&span.name, &span.attributes)).collect()
        }
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(request).expect("a request");
            let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
            let of = |metric: Metric| match metric.data {
                Some(metric::Data::Gauge(gauge)) => {
                    gauge.data_points.iter().map(|point| line(&metric.name, &point.attributes)).collect()
                }
                _ => Vec::new(),
            };
            scopes.flat_map(|scope| scope.metrics).flat_map(of).collect()
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(request).expect("a request");
            let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
            let records = scopes.flat_map(|scope| scope.log_records);
            records.map(|record| line(&shown(record.body.as_ref()), &record.attributes)).collect()
        }
    }
}

fn line(name: &str, attributes: &[KeyValue]) -> String {
    let pairs = attributes.iter().map(|pair| format!(" {}={}", pair.key, shown(pair.value.as_ref())));
    format!("{name}:{}", pairs.collect::<String>())
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}
