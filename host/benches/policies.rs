//! What the standard three policies cost per 20-span trace, sandbox and copying the columns in included.
//!
//! `cargo bench -p tailrace --bench policies`; criterion's `time` is per batch, `thrpt` counts traces.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use tailrace::config::ComponentId;
use tailrace::host::Host;
use tailrace::pipeline::Cx;
use tailrace::telemetry::Metrics;
use tailrace::wasm::Embedded;
use tailrace::wasm::policy::{Column, Columns, Policies, PolicySpec};

const SPANS: u32 = 20;
const NOW: u64 = 1_700_000_000_000_000_000;

fn cx() -> Cx {
    Cx {
        id: ComponentId { kind: "tail_sampling".to_owned(), name: None },
        pipeline: None,
        signal: None,
        metrics: Metrics::default(),
        host: Host::new(),
    }
}

fn policies(cx: &Cx, kinds: &[(&str, Value)]) -> Policies {
    let plugin = cx.host.wasm.embedded(Embedded::Policies).expect("the embedded plugin works");
    let spec = |(kind, config): &(&str, Value)| PolicySpec::new(*kind, plugin.clone(), *kind, config.clone());
    match Policies::new(kinds.iter().map(spec).collect(), cx) {
        Ok(policies) => policies,
        Err(problems) => panic!("{problems:?}"),
    }
}

fn columns(traces: u32) -> Arc<Columns> {
    let id = |n: u32| u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    let routes: Vec<String> = (0..50).map(|n| format!("/api/v1/route-{n:02}")).collect();
    let mut columns = Columns {
        now: NOW,
        trace_ids: (0..traces).flat_map(id).collect(),
        start: (0..traces).map(|_| -10_000_000_000).collect(),
        duration: (0..traces).map(|n| u64::from(n % 100) * 1_000_000).collect(),
        size: (0..traces).map(|_| 6000).collect(),
        seen: (0..traces).map(|n| if n % 50 == 0 { 5 } else { 1 }).collect(),
        span_count: (0..traces).map(|_| SPANS).collect(),
        span_offsets: (0..=traces).map(|n| n * SPANS).collect(),
        attributes: vec![Column::default(), Column::default()],
        ..Columns::default()
    };
    columns.attributes[0].codes = (0..traces * SPANS).map(|n| 1 << 28 | (n * 7 % 50)).collect();
    columns.attributes[1].codes = vec![0; (traces * SPANS) as usize];
    columns.dictionary.string_pool = routes.concat().into_bytes();
    columns.dictionary.string_offsets = (0..=50).map(|n| n * routes[0].len() as u32).collect();
    Arc::new(columns)
}

fn bench(c: &mut Criterion) {
    let cx = cx();
    let three = [
        ("status_code", json!({"status_codes": ["ERROR"]})),
        ("latency", json!({"threshold_ms": 5000})),
        ("probabilistic", json!({"sampling_percentage": 10})),
    ];
    let attribute = [("string_attribute", json!({"key": "http.route", "values": ["/none"]}))];
    for (name, kinds) in [("three policies", &three[..]), ("string_attribute", &attribute[..])] {
        let mut policies = policies(&cx, kinds);
        let mut group = c.benchmark_group(name);
        for traces in [16, 256, 1024] {
            let columns = columns(traces);
            let all: Vec<u32> = (0..traces).collect();
            group.throughput(Throughput::Elements(u64::from(traces)));
            group.bench_function(BenchmarkId::from_parameter(traces), |b| {
                b.iter(|| {
                    policies.load(columns.clone());
                    for spec in 0..kinds.len() {
                        black_box(policies.evaluate(spec, &all).expect("votes"));
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
