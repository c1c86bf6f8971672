//! Requests for tests, and what statements and conditions make of them.

mod robust;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message;
use tailrace_otlp::edit::{Keep, pass};
use tailrace_otlp::{Signal, check};

use crate::{Condition, Context, Env, Failure, Item, Memory, Path, Problem, Source, Statement, Value};

pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

pub(crate) fn int(number: i64) -> AnyValue {
    AnyValue { value: Some(any_value::Value::IntValue(number)) }
}

pub(crate) fn list(values: Vec<AnyValue>) -> AnyValue {
    AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) }
}

pub(crate) fn map(entries: &[(&str, AnyValue)]) -> AnyValue {
    AnyValue { value: Some(any_value::Value::KvlistValue(KeyValueList { values: attributes(entries) })) }
}

pub(crate) fn attributes(entries: &[(&str, AnyValue)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(&str, AnyValue)| KeyValue {
        key: (*key).to_owned(),
        value: Some(value.clone()),
        ..KeyValue::default()
    };
    entries.iter().map(pair).collect()
}

/// Attributes of every kind of value.
pub(crate) fn some_attributes() -> Vec<KeyValue> {
    let of = |value| AnyValue { value: Some(value) };
    attributes(&[
        ("text", text("gold")),
        ("int", int(7)),
        ("double", of(any_value::Value::DoubleValue(1.5))),
        ("bool", of(any_value::Value::BoolValue(true))),
        ("bytes", of(any_value::Value::BytesValue(vec![1, 255]))),
        ("list", list(vec![text("a"), int(2), map(&[("x", text("in list"))])])),
        ("map", map(&[("x", text("in map")), ("deep", map(&[("y", int(9))]))])),
        ("empty", AnyValue { value: None }),
    ])
}

fn resource() -> Resource {
    Resource { attributes: some_attributes(), dropped_attributes_count: 3, ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "lib".to_owned(),
        version: "1.2".to_owned(),
        attributes: some_attributes(),
        dropped_attributes_count: 4,
    }
}

pub(crate) fn full_span() -> Span {
    let event = |name: &str| span::Event {
        name: name.to_owned(),
        time_unix_nano: 30,
        attributes: some_attributes(),
        dropped_attributes_count: 8,
    };
    Span {
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        parent_span_id: (11..=18).collect(),
        trace_state: "a=1,b=2".to_owned(),
        name: "GET /".to_owned(),
        kind: 2,
        start_time_unix_nano: 10,
        end_time_unix_nano: 25,
        attributes: some_attributes(),
        status: Some(Status { code: 2, message: "broken".to_owned() }),
        events: vec![event("first"), event("second")],
        links: vec![span::Link::default()],
        flags: 257,
        dropped_attributes_count: 5,
        dropped_events_count: 6,
        dropped_links_count: 7,
    }
}

pub(crate) fn traces(span: Span) -> Vec<u8> {
    let scope = ScopeSpans { scope: Some(scope()), spans: vec![span], schema_url: "scope-url".to_owned() };
    let resource =
        ResourceSpans { resource: Some(resource()), scope_spans: vec![scope], schema_url: "resource-url".to_owned() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

pub(crate) fn full_log() -> LogRecord {
    LogRecord {
        time_unix_nano: 10,
        observed_time_unix_nano: 20,
        severity_number: 13,
        severity_text: "warn".to_owned(),
        body: Some(map(&[("msg", text("hello")), ("list", list(vec![int(1), int(2)]))])),
        attributes: some_attributes(),
        dropped_attributes_count: 5,
        flags: 1,
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        event_name: "event".to_owned(),
    }
}

pub(crate) fn logs(record: LogRecord) -> Vec<u8> {
    let scope = ScopeLogs { scope: Some(scope()), log_records: vec![record], schema_url: "scope-url".to_owned() };
    let resource =
        ResourceLogs { resource: Some(resource()), scope_logs: vec![scope], schema_url: "resource-url".to_owned() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
}

fn exemplars() -> Vec<Exemplar> {
    vec![Exemplar {
        filtered_attributes: some_attributes(),
        time_unix_nano: 40,
        span_id: (1..=8).collect(),
        trace_id: (1..=16).collect(),
        value: Some(exemplar::Value::AsInt(-3)),
    }]
}

/// A metric of each type, its data point set in all fields: gauge, sum, histogram, exponential histogram, summary.
pub(crate) fn full_metric(kind: usize) -> Metric {
    let number = |value| NumberDataPoint {
        attributes: some_attributes(),
        start_time_unix_nano: 10,
        time_unix_nano: 20,
        exemplars: exemplars(),
        flags: 1,
        value: Some(value),
    };
    let buckets = |offset| Some(Buckets { offset, bucket_counts: vec![1, 0, 300] });
    let data = match kind {
        0 => metric::Data::Gauge(Gauge { data_points: vec![number(number_data_point::Value::AsDouble(2.5))] }),
        1 => metric::Data::Sum(Sum {
            data_points: vec![number(number_data_point::Value::AsInt(-4))],
            aggregation_temporality: 2,
            is_monotonic: true,
        }),
        2 => metric::Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                attributes: some_attributes(),
                start_time_unix_nano: 10,
                time_unix_nano: 20,
                count: 6,
                sum: Some(8.5),
                bucket_counts: vec![1, 2, 3],
                explicit_bounds: vec![0.5, 1.5],
                exemplars: exemplars(),
                flags: 1,
                min: Some(0.1),
                max: Some(2.0),
            }],
            aggregation_temporality: 1,
        }),
        3 => metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                attributes: some_attributes(),
                start_time_unix_nano: 10,
                time_unix_nano: 20,
                count: 6,
                sum: Some(8.5),
                scale: -2,
                zero_count: 1,
                positive: buckets(-5),
                negative: buckets(6),
                flags: 1,
                exemplars: exemplars(),
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: 1,
        }),
        _ => metric::Data::Summary(Summary {
            data_points: vec![SummaryDataPoint {
                attributes: some_attributes(),
                start_time_unix_nano: 10,
                time_unix_nano: 20,
                count: 6,
                sum: 8.5,
                quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 3.0 }],
                flags: 1,
            }],
        }),
    };
    Metric {
        name: "requests".to_owned(),
        description: "how many".to_owned(),
        unit: "1".to_owned(),
        metadata: some_attributes(),
        data: Some(data),
    }
}

pub(crate) fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope = ScopeMetrics { scope: Some(scope()), metrics, schema_url: "scope-url".to_owned() };
    let resource = ResourceMetrics {
        resource: Some(resource()),
        scope_metrics: vec![scope],
        schema_url: "resource-url".to_owned(),
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

/// The signal that a context is of, in tests.
fn signal(context: Context) -> Signal {
    match context {
        Context::Log => Signal::Logs,
        Context::Metric | Context::DataPoint | Context::Exemplar => Signal::Metrics,
        _ => Signal::Traces,
    }
}

/// Runs statements on every item of a request, with one cache for each; gives the request that comes of it.
pub(crate) fn run(context: Context, request: &[u8], statements: &[&str]) -> Result<Vec<u8>, Failure> {
    let statements: Vec<_> = statements
        .iter()
        .map(|text| Statement::parse(text, context).unwrap_or_else(|problems| panic!("{text}: {problems:?}")))
        .collect();
    let mut failure = None;
    let mut memory = Memory::default();
    let changed = pass(signal(context), context.level(), request, |place| {
        memory.forget();
        let mut item = Item::new(context, place, &mut memory);
        for statement in &statements {
            if let Err(failed) = statement.run(&mut item, &Env::default()) {
                failure.get_or_insert(failed);
            }
        }
        Keep::Yes
    });
    let changed = changed.unwrap_or_else(|| request.to_vec());
    check(signal(context), &changed).expect("still OTLP");
    failure.map_or(Ok(changed), Err)
}

/// Whether a condition holds for the first item of a request.
pub(crate) fn holds(context: Context, request: &[u8], condition: &str) -> Result<bool, Failure> {
    let condition = Condition::parse(condition, context).unwrap_or_else(|problems| panic!("{condition}: {problems:?}"));
    let mut result = None;
    let mut memory = Memory::default();
    pass(signal(context), context.level(), request, |place| {
        let item = Item::new(context, place, &mut memory);
        let holds = condition.holds(&item, &Env::default());
        assert_eq!(condition.holds(&WithoutGlance(&item), &Env::default()), holds, "a glance tells what a look does");
        result.get_or_insert(holds);
        Keep::Yes
    });
    result.unwrap_or_else(|| panic!("an item for {context:?}"))
}

/// An item that is never glanced at.
struct WithoutGlance<'i>(&'i dyn Source);

impl Source for WithoutGlance<'_> {
    fn get<'s>(&'s self, path: &Path) -> Result<Value<'s>, String> {
        self.0.get(path)
    }

    fn any_data_point(&self, key: &str, value: Option<&str>) -> Result<bool, String> {
        self.0.any_data_point(key, value)
    }
}

/// What is wrong with a statement.
pub(crate) fn problems(text: &str, context: Context) -> Vec<Problem> {
    Statement::parse(text, context).err().unwrap_or_default()
}
