use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::ScopeLogs;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Status};

use super::metrics::metrics;
use super::*;

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any(value)), ..KeyValue::default() }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

/// One span with some of everything.
pub(in crate::exporters::debug) fn a_trace() -> ResourceSpans {
    let list = ArrayValue { values: vec![any(Value::BoolValue(true))] };
    let map = KeyValueList { values: vec![attribute("x", Value::ArrayValue(list))] };
    let span = Span {
        trace_id: vec![1, 2],
        span_id: vec![3, 4],
        name: "a".into(),
        kind: 2,
        start_time_unix_nano: 1_544_712_660_000_000_000,
        end_time_unix_nano: 1_544_712_661_500_000_000,
        attributes: vec![attribute("k", Value::IntValue(7)), attribute("m", Value::KvlistValue(map))],
        events: vec![Event { name: "e".into(), attributes: vec![attribute("k", text("v"))], ..Event::default() }],
        links: vec![Link { trace_id: vec![5], ..Link::default() }],
        status: Some(Status { code: 2, message: "oh".into() }),
        ..Span::default()
    };
    let scope = InstrumentationScope { name: "lib".into(), version: "1.0".into(), ..InstrumentationScope::default() };
    ResourceSpans {
        resource: Some(Resource { attributes: vec![attribute("service.name", text("s"))], ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() }],
        schema_url: "https://x/1".into(),
    }
}

pub(in crate::exporters::debug) fn a_log() -> ResourceLogs {
    let record = LogRecord {
        severity_number: 10,
        body: Some(any(text("hello"))),
        attributes: vec![attribute("k", text("v"))],
        ..LogRecord::default()
    };
    let scope = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
    ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() }
}

/// A sum and a histogram.
pub(in crate::exporters::debug) fn a_metric() -> ResourceMetrics {
    let point = NumberDataPoint {
        attributes: vec![attribute("k", text("v"))],
        value: Some(number_data_point::Value::AsInt(3)),
        ..NumberDataPoint::default()
    };
    let sum = Sum { data_points: vec![point], aggregation_temporality: 2, is_monotonic: true };
    let point = HistogramDataPoint {
        count: 3,
        sum: Some(6.5),
        explicit_bounds: vec![1.0],
        bucket_counts: vec![1, 2],
        ..HistogramDataPoint::default()
    };
    let histogram = Histogram { data_points: vec![point], aggregation_temporality: 1 };
    let metrics = vec![
        Metric { name: "requests".into(), unit: "1".into(), data: Some(Data::Sum(sum)), ..Metric::default() },
        Metric { name: "size".into(), data: Some(Data::Histogram(histogram)), ..Metric::default() },
    ];
    let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
    ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() }
}

/// The block of core.md 4.3, to the letter.
#[test]
fn detailed_traces() {
    insta::assert_snapshot!(traces(&[a_trace()]));
}

#[test]
fn detailed_logs() {
    insta::assert_snapshot!(logs(&[a_log()]));
}

#[test]
fn detailed_metrics() {
    insta::assert_snapshot!(metrics(&[a_metric()]));
}
