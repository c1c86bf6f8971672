//! Each kind of key, for each signal that has it, against the text that the Go exporter hashes.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as V;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::*;

const WAYS: usize = 50;

fn ring() -> Ring {
    let names: Vec<_> = (10..10 + WAYS).map(|at| format!("endpoint-{at}")).collect();
    Ring::new(Generation::Gen3, &names)
}

fn kv(key: &str, value: V) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    kv(key, V::StringValue(value.to_owned()))
}

fn resource(attributes: Vec<KeyValue>) -> Resource {
    Resource { attributes, ..Resource::default() }
}

fn scope(attributes: Vec<KeyValue>) -> InstrumentationScope {
    InstrumentationScope { attributes, ..InstrumentationScope::default() }
}

/// Where a request of one item, or of several that belong together, goes.
fn way(
    signal: Signal,
    key: RoutingKey,
    names: &[&str],
    generation: Generation,
    request: &impl prost::Message,
) -> usize {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let routing = Routing::new(signal, Some(key), names, generation).expect("a key of this signal");
    let bytes = request.encode_to_vec();
    let items = tailrace_otlp::count_items(signal, &bytes);
    let batch = Batch::new(signal, bytes.into(), items);
    let shares = routing.deal(&batch, &ring(), WAYS);
    assert_eq!(shares.iter().map(|share| share.items).sum::<usize>(), items);
    assert_eq!(shares.len(), 1, "one way for what has one key");
    shares[0].way
}

fn goes_by(key: impl AsRef<[u8]>) -> usize {
    ring().owner(key.as_ref()).expect("an owner")
}

fn spans(attributes: Vec<KeyValue>, of_scope: Vec<KeyValue>, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: Some(scope(of_scope)), spans, ..ScopeSpans::default() }];
    let resource = ResourceSpans { resource: Some(resource(attributes)), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

fn span(id: u8, attributes: Vec<KeyValue>) -> Span {
    Span { trace_id: vec![id; 16], name: "pay".to_owned(), kind: 2, attributes, ..Span::default() }
}

fn logs(attributes: Vec<KeyValue>, of_scope: Vec<KeyValue>, record: LogRecord) -> ExportLogsServiceRequest {
    let scope_logs =
        vec![ScopeLogs { scope: Some(scope(of_scope)), log_records: vec![record], ..ScopeLogs::default() }];
    let resource = ResourceLogs { resource: Some(resource(attributes)), scope_logs, ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }
}

fn metrics(attributes: Vec<KeyValue>, of_scope: InstrumentationScope, data: Data) -> ExportMetricsServiceRequest {
    let metric = Metric { name: "requests".to_owned(), unit: "1".to_owned(), data: Some(data), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { scope: Some(of_scope), metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource =
        ResourceMetrics { resource: Some(resource(attributes)), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

/// Every type of metric with one point, in the order of the Go collector's numbers.
fn all_data(attributes: &[KeyValue]) -> [Data; 5] {
    let attributes = || attributes.to_vec();
    let point = || vec![NumberDataPoint { attributes: attributes(), ..NumberDataPoint::default() }];
    [
        Data::Gauge(Gauge { data_points: point() }),
        Data::Sum(Sum { data_points: point(), aggregation_temporality: 2, is_monotonic: true }),
        Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint { attributes: attributes(), ..HistogramDataPoint::default() }],
            aggregation_temporality: 1,
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                attributes: attributes(),
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: 2,
        }),
        Data::Summary(Summary {
            data_points: vec![SummaryDataPoint { attributes: attributes(), ..SummaryDataPoint::default() }],
        }),
    ]
}

#[test]
fn trace_ids_are_bytes_for_traces_and_text_for_logs() {
    let key = RoutingKey::TraceId;
    let request = spans(vec![], vec![], vec![span(7, vec![]), span(7, vec![])]);
    assert_eq!(way(Signal::Traces, key, &[], Generation::Gen3, &request), goes_by([7; 16]));
    let without = spans(vec![], vec![], vec![Span::default()]);
    assert_eq!(way(Signal::Traces, key, &[], Generation::Gen3, &without), goes_by([0; 16]));
    let record = LogRecord { trace_id: vec![7; 16], ..LogRecord::default() };
    assert_eq!(way(Signal::Logs, key, &[], Generation::Gen3, &logs(vec![], vec![], record)), goes_by("07".repeat(16)));
    let without = logs(vec![], vec![], LogRecord::default());
    let ways: std::collections::BTreeSet<_> =
        (0..100).map(|_| way(Signal::Logs, key, &[], Generation::Gen3, &without)).collect();
    assert!(ways.len() > 10, "records without a trace spread: {ways:?}");
}

#[test]
fn services_by_generation() {
    let key = RoutingKey::Service;
    let named = || vec![text("x", "y"), text("service.name", "checkout")];
    let request = spans(named(), vec![], vec![span(1, vec![]), span(2, vec![])]);
    for (generation, text) in
        [(Generation::Gen1, "checkout"), (Generation::Gen2, "checkout"), (Generation::Gen3, "service.name=checkout|")]
    {
        assert_eq!(way(Signal::Traces, key, &[], generation, &request), goes_by(text), "{generation:?}");
    }
    let nameless = spans(vec![], vec![], vec![span(1, vec![])]);
    assert_eq!(way(Signal::Traces, key, &[], Generation::Gen3, &nameless), goes_by("service.name=|"));
    for (attributes, text) in [(named(), "checkout"), (vec![], "")] {
        let request = logs(attributes.clone(), vec![], LogRecord::default());
        assert_eq!(way(Signal::Logs, key, &[], Generation::Gen3, &request), goes_by(text));
        let request = metrics(attributes, InstrumentationScope::default(), all_data(&[])[0].clone());
        assert_eq!(way(Signal::Metrics, key, &[], Generation::Gen3, &request), goes_by(text));
    }
}

#[test]
fn attributes_of_traces_keep_the_configured_order() {
    let names = ["span.kind", "tenant", "region", "span.name", "zone", "missing"];
    let way = |request| way(Signal::Traces, RoutingKey::Attributes, &names, Generation::Gen3, &request);
    let request = spans(
        vec![text("region", "eu")],
        vec![text("zone", "a"), text("region", "scope's")],
        vec![span(1, vec![kv("tenant", V::IntValue(7))]), span(1, vec![text("tenant", "follows the first")])],
    );
    assert_eq!(way(request), goes_by("span.kind=Server|tenant=7|region=eu|span.name=pay|zone=a|missing=|"));
}

#[test]
fn attributes_of_logs_and_metrics_come_from_the_outside_in() {
    let names = ["own", "scope", "log.severity", "resource", "log.body", "missing"];
    let record = LogRecord {
        severity_text: "WARN".to_owned(),
        body: Some(AnyValue { value: Some(V::DoubleValue(1.5)) }),
        attributes: vec![kv("own", V::BoolValue(true)), text("resource", "hidden")],
        ..LogRecord::default()
    };
    let request = logs(vec![text("resource", "r")], vec![text("scope", "s")], record);
    let got = way(Signal::Logs, RoutingKey::Attributes, &names, Generation::Gen3, &request);
    assert_eq!(got, goes_by("resource=r|scope=s|own=true|log.severity=WARN|log.body=1.5|missing=|"));
    for data in all_data(&[text("own", "o")]) {
        let of_scope = InstrumentationScope { attributes: vec![text("scope", "s")], ..InstrumentationScope::default() };
        let request = metrics(vec![text("resource", "r")], of_scope, data);
        let got =
            way(Signal::Metrics, RoutingKey::Attributes, &["own", "resource", "scope"], Generation::Gen3, &request);
        assert_eq!(got, goes_by("resource=r|scope=s|own=o|"));
    }
}

/// Made by the Go collector's package `identity`, v0.164.0.
#[test]
fn resources_and_streams_have_go_s_identities() {
    let list = V::ArrayValue(ArrayValue {
        values: [V::StringValue("x".to_owned()), V::IntValue(300)].map(|v| AnyValue { value: Some(v) }).into(),
    });
    let attributes = || {
        vec![
            text("service.name", "checkout"),
            kv("n", V::IntValue(-7)),
            kv("d", V::DoubleValue(1.5)),
            kv("t", V::BoolValue(true)),
            kv("f", V::BoolValue(false)),
            kv("b", V::BytesValue(vec![1, 2, 255])),
            KeyValue { key: "e".to_owned(), ..KeyValue::default() },
            kv("m", V::KvlistValue(KeyValueList { values: vec![text("z", "1"), text("a", "2")] })),
            kv("s", list.clone()),
        ]
    };
    for (attributes, key) in [(vec![], "resource/88201fb960ff6465"), (attributes(), "resource/61a20aef191fd66c")] {
        let request = logs(attributes, vec![], LogRecord::default());
        assert_eq!(way(Signal::Logs, RoutingKey::Resource, &[], Generation::Gen3, &request), goes_by(key));
    }
    let of_scope = InstrumentationScope {
        name: "lib".to_owned(),
        version: "1.0".to_owned(),
        attributes: vec![text("k", "v")],
        ..InstrumentationScope::default()
    };
    let keys = ["6d461ee4cc977a84", "8988a3c8dcc0062e", "3f1082aea69ac6e4", "1780faffd7469fa8", "5b8190dff047cb0"];
    for (data, key) in all_data(&[text("host", "a")]).into_iter().zip(keys) {
        let request = metrics(attributes(), of_scope.clone(), data);
        let got = way(Signal::Metrics, RoutingKey::StreamId, &[], Generation::Gen3, &request);
        assert_eq!(got, goes_by(format!("stream/{key}")));
        assert_eq!(way(Signal::Metrics, RoutingKey::Metric, &[], Generation::Gen3, &request), goes_by("requests"));
    }
}

#[test]
fn keys_that_a_signal_does_not_have_are_refused() {
    use RoutingKey::{Attributes, Metric, Resource, Service, StreamId, TraceId};
    let cases = [
        (Signal::Traces, vec![TraceId, Service, Attributes]),
        (Signal::Logs, vec![TraceId, Service, Attributes, Resource]),
        (Signal::Metrics, vec![Service, Attributes, Resource, Metric, StreamId]),
    ];
    for (signal, good) in cases {
        for key in [TraceId, Service, Attributes, Resource, Metric, StreamId] {
            let made = Routing::new(signal, Some(key), Vec::new(), Generation::Gen3);
            assert_eq!(made.is_ok(), good.contains(&key), "{signal} {key:?}");
        }
    }
}
