//! Telemetry to send, and what to ask of what arrives.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// A trace to be made.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Its id; never all zeros.
    pub id: u128,
    /// Spans, the root first.
    pub spans: usize,
    /// Whether its last span has the status Error.
    pub error: bool,
    /// How long the root takes.
    pub duration_ms: u64,
    /// Of every span.
    pub attributes: Vec<KeyValue>,
}

impl Trace {
    /// Four spans, no error, 5 ms.
    pub fn new(id: u128) -> Self {
        Self { id, spans: 4, error: false, duration_ms: 5, attributes: Vec::new() }
    }

    /// With so many spans.
    #[must_use]
    pub fn spans(mut self, spans: usize) -> Self {
        self.spans = spans;
        self
    }

    /// With an error.
    #[must_use]
    pub fn error(mut self) -> Self {
        self.error = true;
        self
    }

    /// With a root span that takes so long.
    #[must_use]
    pub fn lasting(mut self, duration_ms: u64) -> Self {
        self.duration_ms = duration_ms;
        self
    }

    /// With one more attribute on every span.
    #[must_use]
    pub fn with(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Its spans.
    pub fn build(&self) -> Vec<Span> {
        let end = now();
        let start = end - self.duration_ms * 1_000_000;
        (0..self.spans).map(|n| self.span(n, start, end)).collect()
    }

    fn span(&self, n: usize, start: u64, end: u64) -> Span {
        let id = |n: usize| (self.id as u64 ^ ((n as u64 + 1) << 40)).to_be_bytes().to_vec();
        let failed = self.error && n + 1 == self.spans;
        Span {
            trace_id: self.id.to_be_bytes().to_vec(),
            span_id: id(n),
            parent_span_id: if n == 0 { Vec::new() } else { id(0) },
            name: format!("operation-{n}"),
            kind: 2,
            start_time_unix_nano: start,
            end_time_unix_nano: if n == 0 { end } else { start + 1_000_000 },
            attributes: self.attributes.clone(),
            status: failed.then(|| Status { code: 2, message: "failed".to_owned() }),
            ..Span::default()
        }
    }

    /// A request that holds this trace alone.
    pub fn request(&self) -> ExportTraceServiceRequest {
        trace_request(self.build())
    }

    /// The id as on the wire.
    pub fn id_bytes(&self) -> Vec<u8> {
        self.id.to_be_bytes().to_vec()
    }
}

/// A request with these spans under one resource and one scope.
pub fn trace_request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource()),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope()),
                spans,
                schema_url: "https://opentelemetry.io/schemas/1.30.0".to_owned(),
            }],
            schema_url: "https://opentelemetry.io/schemas/1.31.0".to_owned(),
        }],
    }
}

/// A request with so many gauge points.
pub fn metric_request(points: usize) -> ExportMetricsServiceRequest {
    let point = |n: usize| NumberDataPoint {
        attributes: vec![text("point", &n.to_string())],
        time_unix_nano: now(),
        value: Some(number_data_point::Value::AsDouble(n as f64 / 3.0)),
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "temperature".to_owned(),
        unit: "Cel".to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points: (0..points).map(point).collect() })),
        ..Metric::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// The points of a gauge.
pub fn gauge_points(metric: &Metric) -> impl Iterator<Item = &NumberDataPoint> {
    match &metric.data {
        Some(metric::Data::Gauge(gauge)) => gauge.data_points.iter(),
        _ => [].iter(),
    }
}

/// A request with so many log records.
pub fn log_request(records: usize) -> ExportLogsServiceRequest {
    let record = |n: usize| LogRecord {
        time_unix_nano: now(),
        severity_number: 9,
        body: Some(AnyValue { value: Some(Value::StringValue(format!("line {n}"))) }),
        attributes: vec![number("n", n as i64)],
        ..LogRecord::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource()),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records: (0..records).map(record).collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// All spans of a request.
pub fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

/// The span ids, sorted, by trace id.
pub fn span_ids<'a>(spans: impl IntoIterator<Item = &'a Span>) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut traces: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id.clone()).or_default().push(span.span_id.clone());
    }
    for ids in traces.values_mut() {
        ids.sort();
    }
    traces
}

/// A string attribute.
pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// An integer attribute.
pub fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

/// An attribute of bytes.
pub fn bytes(key: &str, value: Vec<u8>) -> KeyValue {
    attribute(key, Value::BytesValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn resource() -> Resource {
    Resource { attributes: vec![text("service.name", "checkout"), text("host.name", "h-1")], ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "harness".to_owned(), version: "1.0".to_owned(), ..InstrumentationScope::default() }
}

/// Unix nanoseconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
