#![expect(clippy::unnecessary_wraps, reason = "what prost's messages hold")]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span};
use prost::Message as _;

use super::*;
use crate::check;

fn any(value: any_value::Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: any(any_value::Value::StringValue(value.to_owned())), ..KeyValue::default() }
}

fn map(key: &str, values: Vec<KeyValue>) -> KeyValue {
    let value = any(any_value::Value::KvlistValue(KeyValueList { values }));
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn secrets() -> Vec<KeyValue> {
    vec![text("a", "1"), text("secret", "s3cr3t"), map("m", vec![text("secret", "s3cr3t"), text("b", "2")])]
}

fn resource() -> Option<Resource> {
    Some(Resource { attributes: secrets(), ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "s".to_owned(), attributes: secrets(), ..InstrumentationScope::default() })
}

fn a_span(name: &str) -> Span {
    Span {
        name: name.to_owned(),
        attributes: secrets(),
        events: vec![span::Event { attributes: secrets(), ..span::Event::default() }],
        links: vec![span::Link { attributes: secrets(), ..span::Link::default() }],
        ..Span::default()
    }
}

fn traces(names: &[&[&str]]) -> Vec<u8> {
    let scope_spans = |names: &&[&str]| ScopeSpans {
        scope: scope(),
        spans: names.iter().map(|name| a_span(name)).collect(),
        schema_url: "u".to_owned(),
    };
    let resource_spans = ResourceSpans {
        resource: resource(),
        scope_spans: names.iter().map(scope_spans).collect(),
        schema_url: "v".to_owned(),
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

fn metrics() -> Vec<u8> {
    let point = NumberDataPoint { attributes: secrets(), ..NumberDataPoint::default() };
    let gauge = Gauge { data_points: vec![point.clone(), NumberDataPoint { flags: 1, ..point }] };
    let metric = Metric { name: "m".to_owned(), data: Some(metric::Data::Gauge(gauge)), ..Metric::default() };
    let scope_metrics = ScopeMetrics { scope: scope(), metrics: vec![metric], ..ScopeMetrics::default() };
    let all =
        ResourceMetrics { resource: resource(), scope_metrics: vec![scope_metrics], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }.encode_to_vec()
}

fn logs() -> Vec<u8> {
    let body = any(any_value::Value::KvlistValue(KeyValueList { values: secrets() }));
    let record = LogRecord { body, attributes: secrets(), ..LogRecord::default() };
    let scope_logs = ScopeLogs { scope: scope(), log_records: vec![record], ..ScopeLogs::default() };
    let all = ResourceLogs { resource: resource(), scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![all] }.encode_to_vec()
}

fn all() -> [(Signal, Vec<u8>, usize); 3] {
    // Resource, scope and item; a span has an event and a link besides, a log record a body; there are two data points.
    [(Signal::Traces, traces(&[&["x"]]), 5), (Signal::Metrics, metrics(), 4), (Signal::Logs, logs(), 4)]
}

fn occurrences(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).filter(|window| *window == of).count()
}

#[test]
fn every_attribute_is_asked_about_and_changed_wherever_it_stands() {
    for (signal, request, places) in all() {
        let counts = check(signal, &request).expect("good");
        assert_eq!(occurrences(&request, b"s3cr3t"), places * 2, "{signal}");
        let set = |value: NewValue| {
            attributes(
                signal,
                &request,
                |key, _| {
                    if key == b"secret" { Change::Set(value.clone()) } else { Change::Keep }
                },
            )
            .expect("it changes")
        };
        for value in [
            NewValue::Str("a longer text than the one before, so that lengths take another byte each".repeat(2)),
            NewValue::Str(String::new()),
            NewValue::Bool(true),
            NewValue::Int(-1),
            NewValue::Double(0.5),
            NewValue::Bytes(vec![1, 2]),
        ] {
            let changed = set(value.clone());
            assert_eq!(check(signal, &changed), Ok(counts), "{signal} {value:?}");
            assert_eq!(occurrences(&changed, b"s3cr3t"), 0);
            assert_eq!(occurrences(&changed, b"secret"), places * 2, "the keys stay");
        }
        // Setting what was there gives the same bytes.
        let back = attributes(signal, &set(NewValue::Int(7)), |key, value| {
            if key == b"secret" {
                assert_eq!(value, Value::Int(7));
                Change::Set(NewValue::Str("s3cr3t".to_owned()))
            } else {
                Change::Keep
            }
        });
        assert_eq!(back.as_deref(), Some(&request[..]), "{signal}");
        let removed =
            attributes(signal, &request, |key, _| if key == b"secret" { Change::Remove } else { Change::Keep });
        let removed = removed.expect("it changes");
        assert_eq!((check(signal, &removed), occurrences(&removed, b"secret")), (Ok(counts), 0));
        assert_eq!(attributes(signal, &removed, |_, _| Change::Keep), None);
    }
}

#[test]
fn items_that_are_not_kept_go_with_what_held_them() {
    let name = |span: &[u8]| String::from_utf8(view::Span(span).name().to_vec()).expect("a name");
    let keep = |wanted: &'static [&'static str]| {
        retain(Signal::Traces, &traces(&[&["a", "b"], &["c"]]), |span| wanted.contains(&name(span).as_str()))
    };
    assert_eq!(keep(&["a", "b", "c"]), None);
    assert_eq!(keep(&["a", "c"]).as_deref(), Some(&traces(&[&["a"], &["c"]])[..]));
    assert_eq!(keep(&["a", "b"]).as_deref(), Some(&traces(&[&["a", "b"]])[..]), "the empty scope is gone");
    assert_eq!(keep(&[]).as_deref(), Some(&[][..]));
    for (signal, request, _) in all() {
        assert_eq!(retain(signal, &request, |_| true), None);
        assert_eq!(retain(signal, &request, |_| false).as_deref(), Some(&[][..]), "{signal}");
    }
    let flagged = retain(Signal::Metrics, &metrics(), |point| point.contains(&0x40)).expect("one of two points goes");
    assert_eq!(check(Signal::Metrics, &flagged).map(|counts| (counts.items, counts.metrics)), Ok((1, 1)));
}

#[test]
fn no_bytes_make_it_panic() {
    let (_, request, _) = all().into_iter().next().expect("three");
    for cut in 0..request.len() {
        let mut bytes = request[..cut].to_vec();
        attributes(Signal::Traces, &bytes, |_, _| Change::Remove);
        retain(Signal::Traces, &bytes, |_| false);
        if let Some(byte) = bytes.get_mut(cut / 2) {
            *byte ^= 0x55;
        }
        attributes(Signal::Traces, &bytes, |_, _| Change::Set(NewValue::Int(1)));
    }
    let mut deep = Vec::new();
    for _ in 0..1000 {
        let mut outer = Vec::new();
        wire::put_bytes(&mut outer, 1, &deep);
        deep = outer;
    }
    attributes(Signal::Logs, &deep, |_, _| Change::Remove);
}
