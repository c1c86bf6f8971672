//! What conditions and statements cost per span: 100 spans of about 300 B, as in the benchmark of `tailrace-otlp`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tailrace_otlp::Signal;
use tailrace_otlp::edit::{Keep, pass};
use tailrace_ottl::{Condition, Context, Env, Item, Memory, Statement};

const SPANS: usize = 100;

fn attribute(key: String, value: any_value::Value) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn request() -> Vec<u8> {
    let text = |at: usize| any_value::Value::StringValue(format!("value-{at:032}"));
    let span = |at: usize| Span {
        trace_id: vec![(at / 20) as u8 + 1; 16],
        span_id: vec![at as u8; 8],
        parent_span_id: vec![7; 8],
        name: "GET /api/v1/orders".into(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_100_000_000,
        attributes: (0..4).map(|key| attribute(format!("attribute.{key:02}"), text(key))).collect(),
        flags: 257,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        scope: Some(InstrumentationScope { name: "bench".into(), ..InstrumentationScope::default() }),
        spans: (0..SPANS).map(span).collect(),
        ..ScopeSpans::default()
    }];
    let attributes = (0..6).map(|key| attribute(format!("resource.{key}"), text(key))).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
    .encode_to_vec()
}

fn per_span(c: &mut Criterion) {
    let request = request();
    let env = Env::default();
    let mut group = c.benchmark_group(format!("span of {} B", request.len() / SPANS));
    group.throughput(Throughput::Elements(SPANS as u64));
    group.bench_function("a pass that does nothing", |b| {
        b.iter(|| pass(Signal::Traces, Context::Span.level(), black_box(&request), |_| Keep::Yes));
    });
    let conditions = [
        ("condition on an attribute that is there", r#"attributes["attribute.03"] == "value""#),
        ("condition on an attribute that is not", r#"attributes["attribute.99"] == "value""#),
        ("condition on the name", r#"name == "GET /api/v1/order""#),
        (
            "condition of three",
            r#"kind == SPAN_KIND_SERVER and status.code != STATUS_CODE_ERROR and resource.attributes["none"] == "x""#,
        ),
    ];
    for (name, text) in conditions {
        let condition = Condition::parse(text, Context::Span).expect("valid");
        group.bench_function(name, |b| {
            let mut memory = Memory::default();
            b.iter(|| {
                pass(Signal::Traces, Context::Span.level(), black_box(&request), |place| {
                    let item = Item::new(Context::Span, place, &mut memory);
                    if condition.holds(&item, &env) == Ok(true) { Keep::No } else { Keep::Yes }
                })
            });
        });
    }
    let statements = [
        (
            "set of a new attribute, with where",
            r#"set(attributes["tier"], "gold") where attributes["attribute.01"] != nil"#,
        ),
        (
            "set of an attribute, with where",
            r#"set(attributes["attribute.02"], "gold") where name == "GET /api/v1/orders""#,
        ),
        ("set from an attribute", r#"set(attributes["tier"], attributes["attribute.02"])"#),
        ("delete_key", r#"delete_key(attributes, "attribute.02")"#),
        ("replace_pattern", r#"replace_pattern(name, "^GET", "get")"#),
    ];
    for (name, text) in statements {
        let statement = Statement::parse(text, Context::Span).expect("valid");
        group.bench_function(name, |b| {
            let mut memory = Memory::default();
            b.iter(|| {
                pass(Signal::Traces, Context::Span.level(), black_box(&request), |place| {
                    memory.forget();
                    let mut item = Item::new(Context::Span, place, &mut memory);
                    _ = black_box(statement.run(&mut item, &env));
                    Keep::Yes
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, per_span);
criterion_main!(benches);
