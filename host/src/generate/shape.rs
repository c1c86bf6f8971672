//! What the generated telemetry looks like.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};

use super::options::{Common, Generate, Logs, MetricType, Metrics, Traces};
use super::random::Random;
use super::template::{Envelope, Marks, Template, Values};

/// Bytes in a megabyte, as `--size` counts them.
const MEGABYTE: usize = 1_000_000;

/// Makes requests: an envelope, and copies of templates to put into it.
pub(super) struct Shape {
    pub(super) envelope: Envelope,
    unit: Unit,
}

/// What `--rate` and the number count.
enum Unit {
    Trace(Box<TraceShape>),
    Item(Template),
}

struct TraceShape {
    root: Spans,
    child: Spans,
    children: usize,
    error_share: f64,
    slow_share: f64,
    duration_ns: u64,
    slow_duration_ns: u64,
}

/// The same span with the usual status and with an error.
struct Spans {
    usual: Template,
    error: Template,
}

impl Shape {
    pub(super) fn new(generate: &Generate) -> Self {
        let common = generate.common();
        let mut attributes = vec![text("service.name", &common.service)];
        attributes.extend(common.otlp_attributes.iter().cloned());
        let resource = Resource { attributes, ..Resource::default() };
        let scope = InstrumentationScope { name: "tailrace-generate".to_owned(), ..InstrumentationScope::default() };
        let unit = match generate {
            Generate::Traces(traces) => Unit::Trace(Box::new(TraceShape::new(traces))),
            Generate::Metrics(metrics) => Unit::Item(metric(metrics)),
            Generate::Logs(logs) => Unit::Item(record(logs)),
        };
        Self { envelope: Envelope::new(&resource, &scope), unit }
    }

    /// Spans, data points or records that [`Shape::append`] adds.
    pub(super) fn items(&self) -> usize {
        match &self.unit {
            Unit::Trace(trace) => 1 + trace.children,
            Unit::Item(_) => 1,
        }
    }

    /// Adds a trace, a metric or a record that ends `now` (Unix nanoseconds).
    pub(super) fn append(&self, out: &mut Vec<u8>, random: &mut Random, now: u64) {
        match &self.unit {
            Unit::Trace(trace) => trace.append(out, random, now),
            Unit::Item(template) => template.copy_to(out, &Values { start: now, end: now, ..Values::default() }),
        }
    }
}

impl TraceShape {
    fn new(traces: &Traces) -> Self {
        let children = traces.spans.map_or(traces.child_spans, |spans| spans.saturating_sub(1));
        let pad = traces.common.size * MEGABYTE;
        Self {
            root: spans(traces, root_span(), pad),
            child: spans(traces, child_span(), 0),
            children,
            error_share: traces.error_share,
            slow_share: traces.slow_share,
            duration_ns: traces.span_duration.as_nanos() as u64,
            slow_duration_ns: traces.slow_duration.as_nanos() as u64,
        }
    }

    fn append(&self, out: &mut Vec<u8>, random: &mut Random, now: u64) {
        let trace_id = random.trace_id();
        let root_id = random.span_id();
        let slow = random.unit() < self.slow_share;
        let duration = if slow { self.slow_duration_ns } else { self.duration_ns };
        let start = now.saturating_sub(duration);
        let failing = (random.unit() < self.error_share).then(|| random.next() as usize % (self.children + 1));
        out.reserve(self.root.usual.len() + self.children * self.child.usual.len());
        let root = Values { trace_id, span_id: root_id, start, end: now, ..Values::default() };
        self.root.pick(failing == Some(0)).copy_to(out, &root);
        // Children follow each other within the root span.
        let step = duration / (self.children as u64 + 1);
        for child in 1..=self.children {
            let start = start + step * child as u64;
            let values = Values { trace_id, span_id: random.span_id(), parent_id: root_id, start, end: start + step };
            self.child.pick(failing == Some(child)).copy_to(out, &values);
        }
    }
}

impl Spans {
    fn pick(&self, error: bool) -> &Template {
        if error { &self.error } else { &self.usual }
    }
}

fn spans(traces: &Traces, mut span: Span, pad: usize) -> Spans {
    span.attributes.extend(traces.common.telemetry_attributes.iter().cloned());
    span.attributes.extend(load(pad));
    let mut with_status = |code: i32, message: &str| {
        span.status = (code != 0).then(|| Status { code, message: message.to_owned() });
        Template::new(&filled(&span, &traces.common, |span, more| span.attributes.extend(more)))
    };
    let usual = with_status(traces.status_code, "");
    Spans { usual, error: with_status(StatusCode::Error as i32, "generated error") }
}

fn root_span() -> Span {
    Span {
        trace_id: Marks::trace_id(),
        span_id: Marks::span_id(),
        name: "GET /orders/{id}".to_owned(),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: Marks::start(),
        end_time_unix_nano: Marks::end(),
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/orders/{id}"),
            text("server.address", "shop.example"),
            integer("http.response.status_code", 200),
        ],
        ..Span::default()
    }
}

fn child_span() -> Span {
    Span {
        trace_id: Marks::trace_id(),
        span_id: Marks::span_id(),
        parent_span_id: Marks::parent_id(),
        name: "SELECT orders".to_owned(),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: Marks::start(),
        end_time_unix_nano: Marks::end(),
        attributes: vec![
            text("db.system.name", "postgresql"),
            text("db.operation.name", "SELECT"),
            text("db.collection.name", "orders"),
            integer("server.port", 5432),
        ],
        ..Span::default()
    }
}

fn metric(metrics: &Metrics) -> Template {
    let mut attributes = metrics.common.telemetry_attributes.clone();
    attributes.extend(load(metrics.common.size * MEGABYTE));
    let metric = Metric {
        name: metrics.otlp_metric_name.clone(),
        unit: "1".to_owned(),
        data: Some(metric_data(metrics.metric_type, attributes)),
        ..Metric::default()
    };
    Template::new(&filled(&metric, &metrics.common, |metric, more| {
        let points = match &mut metric.data {
            Some(metric::Data::Gauge(gauge)) => &mut gauge.data_points[0].attributes,
            Some(metric::Data::Sum(sum)) => &mut sum.data_points[0].attributes,
            Some(metric::Data::Histogram(histogram)) => &mut histogram.data_points[0].attributes,
            _ => return,
        };
        points.extend(more);
    }))
}

fn metric_data(kind: MetricType, attributes: Vec<KeyValue>) -> metric::Data {
    let cumulative = AggregationTemporality::Cumulative as i32;
    let number = |attributes| NumberDataPoint {
        attributes,
        start_time_unix_nano: Marks::start(),
        time_unix_nano: Marks::end(),
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    match kind {
        MetricType::Gauge => metric::Data::Gauge(Gauge { data_points: vec![number(attributes)] }),
        MetricType::Sum => metric::Data::Sum(Sum {
            data_points: vec![number(attributes)],
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        MetricType::Histogram => metric::Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                attributes,
                start_time_unix_nano: Marks::start(),
                time_unix_nano: Marks::end(),
                count: 3,
                sum: Some(6.0),
                bucket_counts: vec![1, 1, 1],
                explicit_bounds: vec![1.0, 2.0],
                ..HistogramDataPoint::default()
            }],
            aggregation_temporality: cumulative,
        }),
    }
}

fn record(logs: &Logs) -> Template {
    let mut attributes = logs.common.telemetry_attributes.clone();
    attributes.extend(load(logs.common.size * MEGABYTE));
    let record = LogRecord {
        time_unix_nano: Marks::start(),
        observed_time_unix_nano: Marks::end(),
        severity_number: logs.severity_number,
        severity_text: logs.severity_text.clone(),
        body: Some(AnyValue { value: Some(Value::StringValue(logs.body.clone())) }),
        attributes,
        ..LogRecord::default()
    };
    Template::new(&filled(&record, &logs.common, |record, more| record.attributes.extend(more)))
}

/// A copy of `item` with attributes added until it has `--item-size` bytes.
fn filled<T: prost::Message + Clone>(item: &T, common: &Common, add: impl FnOnce(&mut T, Vec<KeyValue>)) -> T {
    let mut item = item.clone();
    let missing = common.item_size.saturating_sub(item.encoded_len());
    if missing > 0 {
        // The attribute itself takes about 16 bytes beside its text.
        add(&mut item, vec![text("load", &"x".repeat(missing.saturating_sub(16)))]);
    }
    item
}

/// Attributes of one megabyte of text each, as telemetrygen makes them, `bytes` in all.
fn load(bytes: usize) -> Vec<KeyValue> {
    (0..bytes / MEGABYTE).map(|n| text(&format!("load-{n}"), &"x".repeat(MEGABYTE))).collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests;
