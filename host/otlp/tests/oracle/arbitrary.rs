//! Random requests with every field of the protocol, and random damage to their bytes.

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric, number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tailrace_otlp::Signal;

use crate::model::Model;

pub(crate) fn signal() -> impl Strategy<Value = Signal> {
    prop::sample::select(&Signal::ALL[..])
}

pub(crate) fn request() -> impl Strategy<Value = Model> {
    prop_oneof![traces().prop_map(Model::Traces), metrics().prop_map(Model::Metrics), logs().prop_map(Model::Logs)]
}

/// Changes to apply to the bytes of a valid request.
#[derive(Debug, Clone)]
pub(crate) struct Damage(Vec<(Index, u8, u8)>);

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    vec((any::<Index>(), any::<u8>(), 0..5_u8), 1..4).prop_map(Damage)
}

impl Damage {
    pub(crate) fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (at, byte, how) in &self.0 {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes.truncate(at),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *byte),
                3 => bytes[at] ^= 1 << (byte % 8),
                _ => bytes[at] = *byte,
            }
        }
        bytes
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", "\\PC{0,6}", Just("x".repeat(200))]
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), len), Just(Vec::new()), Just(vec![0; len])]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|value| Some(any_value::Value::StringValue(value))),
        any::<bool>().prop_map(|value| Some(any_value::Value::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(any_value::Value::IntValue(value))),
        double().prop_map(|value| Some(any_value::Value::DoubleValue(value))),
        vec(any::<u8>(), 0..9).prop_map(|value| Some(any_value::Value::BytesValue(value))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| any_value::Value::ArrayValue(ArrayValue { values })),
            vec((text(), inner), 0..3).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| pair(key, Some(value))).collect();
                any_value::Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

/// Any number but NaN, which equals nothing.
fn double() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{INFINITE, NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE
}

fn pair(key: String, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key, value, ..KeyValue::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), prop::option::weighted(0.9, any_value())).prop_map(|(key, value)| pair(key, value)), 0..4)
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    let entity = (text(), text(), vec(text(), 0..2), vec(text(), 0..2)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef { schema_url, r#type, id_keys, description_keys },
    );
    prop::option::of((attributes(), any::<u32>(), vec(entity, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    ))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    prop::option::of((text(), text(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    ))
}

fn event() -> impl Strategy<Value = span::Event> {
    (any::<u64>(), text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| span::Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = span::Link> {
    (id(16), id(8), text(), attributes(), any::<u32>(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| span::Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn one_span() -> impl Strategy<Value = Span> {
    let status = prop::option::of((text(), 0..3).prop_map(|(message, code)| Status { message, code }));
    let ids = (id(16), id(8), id(8), text(), any::<u32>());
    let facts = (text(), 0..6, any::<u64>(), any::<u64>(), status);
    let parts = (attributes(), vec(event(), 0..3), vec(link(), 0..3), any::<[u32; 3]>());
    (ids, facts, parts).prop_map(|(ids, facts, parts)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: ids.3,
        flags: ids.4,
        name: facts.0,
        kind: facts.1,
        start_time_unix_nano: facts.2,
        end_time_unix_nano: facts.3,
        status: facts.4,
        attributes: parts.0,
        events: parts.1,
        links: parts.2,
        dropped_attributes_count: parts.3[0],
        dropped_events_count: parts.3[1],
        dropped_links_count: parts.3[2],
    })
}

pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (scope(), vec(one_span(), 0..5), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let resource_spans = (resource(), vec(scope_spans, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn log_record() -> impl Strategy<Value = LogRecord> {
    let facts = (any::<u64>(), any::<u64>(), 0..25, text(), text());
    (facts, prop::option::of(any_value()), attributes(), any::<[u32; 2]>(), id(16), id(8)).prop_map(
        |(facts, body, attributes, counts, trace_id, span_id)| LogRecord {
            time_unix_nano: facts.0,
            observed_time_unix_nano: facts.1,
            severity_number: facts.2,
            severity_text: facts.3,
            event_name: facts.4,
            body,
            attributes,
            dropped_attributes_count: counts[0],
            flags: counts[1],
            trace_id,
            span_id,
        },
    )
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (scope(), vec(log_record(), 0..5), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (resource(), vec(scope_logs, 0..3), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(resource_logs, 0..4).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let value = prop::option::of(prop_oneof![
        double().prop_map(exemplar::Value::AsDouble),
        any::<i64>().prop_map(exemplar::Value::AsInt)
    ]);
    let exemplar = (attributes(), any::<u64>(), id(8), id(16), value).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    );
    vec(exemplar, 0..2)
}

/// Start, time, count, flags.
fn point() -> impl Strategy<Value = (u64, u64, u64, u32)> {
    any::<(u64, u64, u64, u32)>()
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop::option::of(prop_oneof![
        double().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt)
    ]);
    (attributes(), point(), exemplars(), value).prop_map(|(attributes, facts, exemplars, value)| NumberDataPoint {
        attributes,
        start_time_unix_nano: facts.0,
        time_unix_nano: facts.1,
        flags: facts.3,
        exemplars,
        value,
    })
}

fn histogram_point() -> impl Strategy<Value = HistogramDataPoint> {
    let range = [prop::option::of(double()), prop::option::of(double()), prop::option::of(double())];
    (attributes(), point(), vec(any::<u64>(), 0..4), vec(double(), 0..4), exemplars(), range).prop_map(
        |(attributes, facts, bucket_counts, explicit_bounds, exemplars, range)| HistogramDataPoint {
            attributes,
            start_time_unix_nano: facts.0,
            time_unix_nano: facts.1,
            count: facts.2,
            flags: facts.3,
            bucket_counts,
            explicit_bounds,
            exemplars,
            sum: range[0],
            min: range[1],
            max: range[2],
        },
    )
}

fn buckets() -> impl Strategy<Value = Option<Buckets>> {
    prop::option::of(
        (any::<i32>(), vec(any::<u64>(), 0..4)).prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
    )
}

fn exponential_point() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let range = [prop::option::of(double()), prop::option::of(double()), prop::option::of(double())];
    let shape = (any::<i32>(), any::<u64>(), double());
    (attributes(), point(), shape, [buckets(), buckets()], exemplars(), range).prop_map(
        |(attributes, facts, shape, [positive, negative], exemplars, range)| ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: facts.0,
            time_unix_nano: facts.1,
            count: facts.2,
            flags: facts.3,
            scale: shape.0,
            zero_count: shape.1,
            zero_threshold: shape.2,
            positive,
            negative,
            exemplars,
            sum: range[0],
            min: range[1],
            max: range[2],
        },
    )
}

fn summary_point() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile = (double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), point(), double(), vec(quantile, 0..3)).prop_map(|(attributes, facts, sum, quantile_values)| {
        SummaryDataPoint {
            attributes,
            start_time_unix_nano: facts.0,
            time_unix_nano: facts.1,
            count: facts.2,
            flags: facts.3,
            sum,
            quantile_values,
        }
    })
}

fn data() -> impl Strategy<Value = metric::Data> {
    prop_oneof![
        vec(number_point(), 0..4).prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..4), 0..3, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                metric::Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram_point(), 0..4), 0..3).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential_point(), 0..4), 0..3).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary_point(), 0..4).prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ]
}

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let metric = ([text(), text(), text()], attributes(), prop::option::weighted(0.9, data()))
        .prop_map(|([name, description, unit], metadata, data)| Metric { name, description, unit, metadata, data });
    let scope_metrics = (scope(), vec(metric, 0..3), text()).prop_map(|(scope, metrics, schema_url)| ScopeMetrics {
        scope,
        metrics,
        schema_url,
    });
    let resource_metrics = (resource(), vec(scope_metrics, 0..3), text())
        .prop_map(|(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
