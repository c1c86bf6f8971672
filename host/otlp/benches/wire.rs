//! What admission and the walk of tail sampling cost per span.
//!
//! Batches of 100 spans in 5 runs of 20 under one resource and scope, as an SDK sends them, with about 300 B and 1 KB a span.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tailrace_otlp::view::{self, SpanHead};
use tailrace_otlp::walk::{self, Header};
use tailrace_otlp::{Rope, Signal, check, count, split, wire};

const SPANS: usize = 100;

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn request(attributes: usize) -> Vec<u8> {
    let text = |at: usize| any_value::Value::StringValue(format!("value-{at:032}"));
    let span = |at: usize| Span {
        trace_id: vec![(at / 20) as u8 + 1; 16],
        span_id: vec![at as u8; 8],
        parent_span_id: vec![7; 8],
        name: "GET /api/v1/orders".into(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_100_000_000,
        attributes: (0..attributes)
            .map(|key| {
                attribute(
                    &format!("attribute.{key:02}"),
                    if key % 4 == 1 { any_value::Value::IntValue(200) } else { text(at + key) },
                )
            })
            .collect(),
        status: Some(Status { message: String::new(), code: 0 }),
        flags: 257,
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: (0..6).map(|key| attribute(&format!("resource.{key}"), text(key))).collect(),
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope { name: "bench".into(), ..InstrumentationScope::default() }),
                spans: (0..SPANS).map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

#[derive(Default)]
struct Heads {
    sum: u64,
    head: SpanHead,
}

impl walk::Visit for Heads {
    fn resource(&mut self, header: &Header<'_>) {
        self.sum += header.len() as u64;
    }

    fn scope(&mut self, header: &Header<'_>) {
        self.sum += header.len() as u64;
    }

    fn span(&mut self, framed: &[u8], body: &[u8]) {
        self.head = black_box(view::span_head(body));
        self.sum += self.head.end - self.head.start + framed.len() as u64;
    }
}

fn per_span(c: &mut Criterion) {
    for (name, attributes) in [("300B", 4), ("1KB", 18)] {
        let request = request(attributes);
        let rope = Rope::from(request.clone());
        let mut group = c.benchmark_group(format!("{name} ({} B)", request.len() / SPANS));
        group.throughput(Throughput::Elements(SPANS as u64));
        group.bench_function("check", |b| b.iter(|| check(Signal::Traces, black_box(&request))));
        group.bench_function("count", |b| b.iter(|| count(Signal::Traces, black_box(&rope))));
        group.bench_function("walk with heads", |b| {
            b.iter(|| {
                let mut heads = Heads::default();
                walk::spans(black_box(&request), &mut heads);
                heads.sum
            });
        });
        group.bench_function("attribute by key", |b| {
            let spans: Vec<&[u8]> = wire::fields(&request)
                .flat_map(|resource| walk::children(resource.payload.bytes().unwrap_or_default(), 2))
                .flat_map(|(_, scope)| walk::children(scope, 2))
                .map(|(_, span)| span)
                .collect();
            b.iter(|| {
                spans
                    .iter()
                    .filter(|span| view::Span(span).attributes().any(|(key, _)| key == black_box(b"attribute.99")))
                    .count()
            });
        });
        group.bench_function("split into tens", |b| b.iter(|| split(Signal::Traces, rope.clone(), SPANS, 10).len()));
        group.finish();
    }
}

criterion_group!(benches, per_span);
criterion_main!(benches);
