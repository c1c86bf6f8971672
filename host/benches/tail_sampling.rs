//! What the trace buffer costs per span: taking in and deciding, without receiving, plugins and sending. 100 spans a request, 20
//! traces x 5 adjacent spans, 20 spans a trace in 4 parts spread over a second, 10 seconds of wait, a tenth kept.
//!
//! `cargo bench --bench tail_sampling`, or with `-- --rss` the memory of 50,000 traces, with `-- --explain` what remembering votes costs.

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tailrace::host::Host;
use tailrace::pipeline::{Cx, Signal};
use tailrace::processors::tail_sampling::bench::Bench;
use tailrace::processors::tail_sampling::{Explain, Settings};

const TRACES_PER_REQUEST: usize = 20;
const SPANS_PER_RUN: usize = 5;
const PARTS: usize = 4;
/// Requests in a second of the model's time: 5,000 traces of 20 spans.
const REQUESTS_PER_TICK: usize = 1000;
const WAIT_S: u64 = 10;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn attribute(key: String, value: String) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(Value::StringValue(value)) }), ..KeyValue::default() }
}

/// A number that looks random and is not.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn span(trace: u64, n: u64, attributes: usize) -> Span {
    let text = |at: u64| format!("{:016x}", mix(n * 31 + at));
    Span {
        trace_id: [mix(trace).to_be_bytes(), mix(trace + 1).to_be_bytes()].concat(),
        span_id: mix(n).to_be_bytes().to_vec(),
        parent_span_id: mix(n + 1).to_be_bytes().to_vec(),
        name: format!("GET /api/v1/resource/{}", n % 50),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000 + n,
        end_time_unix_nano: 1_700_000_000_100_000_000 + n,
        attributes: (0..attributes as u64).map(|at| attribute(format!("http.request.{at}"), text(at))).collect(),
        ..Span::default()
    }
}

/// The requests of one second: each trace's four parts lie a quarter of it apart.
fn second(attributes: usize) -> Vec<Bytes> {
    let resources: Vec<Resource> = (0..10)
        .map(|n| Resource {
            attributes: (0..6).map(|at| attribute(format!("k8s.label.{at}"), format!("value-{n}-{at}"))).collect(),
            ..Resource::default()
        })
        .collect();
    let per_part = REQUESTS_PER_TICK / PARTS;
    let request = |number: usize| {
        let resource_spans = (0..TRACES_PER_REQUEST).map(|place| {
            let trace = (number % per_part * TRACES_PER_REQUEST + place) as u64;
            let first = (number * TRACES_PER_REQUEST + place) as u64 * SPANS_PER_RUN as u64;
            let spans = (first..first + SPANS_PER_RUN as u64).map(|n| span(trace, n, attributes)).collect();
            let scope = InstrumentationScope { name: "bench".into(), ..InstrumentationScope::default() };
            let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
            ResourceSpans { resource: Some(resources[place % 10].clone()), scope_spans, ..ResourceSpans::default() }
        });
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec().into()
    };
    (0..REQUESTS_PER_TICK).map(request).collect()
}

/// Gives the traces of a request new ids, in place: what a generator would do, at little cost.
fn renumber(request: &Bytes, round: u64) -> Bytes {
    let mut bytes = request.to_vec();
    let mut at = 0;
    // Trace ids are field 1 of a span, of 16 bytes: 0x0a 0x10; nothing else in these requests looks like that before a span id.
    while let Some(found) = bytes[at..].windows(2).position(|pair| pair == [0x0a, 0x10]) {
        let id = at + found + 2;
        if bytes.get(id + 16) == Some(&0x12) {
            for (byte, mask) in bytes[id..id + 8].iter_mut().zip(mix(round).to_le_bytes()) {
                *byte ^= mask;
            }
            at = id + 16;
        } else {
            at = id;
        }
    }
    bytes.into()
}

/// How many policies are asked, and how many traces' votes are remembered for `tailrace explain`.
#[derive(Clone, Copy)]
struct Court {
    policies: usize,
    explained: u64,
}

const PLAIN: Court = Court { policies: 1, explained: 0 };

fn bench(num_traces: u64, Court { policies, explained }: Court) -> Bench {
    let cx = Cx {
        id: "tail_sampling".parse().expect("an id"),
        pipeline: None,
        signal: Some(Signal::Traces),
        metrics: tailrace::telemetry::Metrics::default(),
        host: Host::new(),
    };
    let settings = Settings {
        num_traces,
        decision_wait: tailrace::config::Duration::from_secs(WAIT_S),
        num_shards: Some(1),
        explain: Explain { traces: explained },
        ..Settings::default()
    };
    Bench::new(&settings, policies, &cx)
}

/// CPU time of this thread: on a machine that others share, wall-clock time says little.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// CPU times of taking in and of deciding, for `ticks` seconds of traffic after the buffer has filled.
fn run(requests: &[Bytes], court: Court, ticks: u64) -> (Duration, Duration) {
    let mut bench = bench(1_000_000, court);
    let (mut taking_in, mut deciding) = (Duration::ZERO, Duration::ZERO);
    for tick in 0..WAIT_S + 2 + ticks {
        let fresh: Vec<_> = requests.iter().map(|request| renumber(request, tick)).collect();
        let started = cpu_time();
        for request in &fresh {
            bench.take_in(request);
        }
        let taken_in = cpu_time();
        bench.tick();
        let decided = cpu_time();
        if tick >= WAIT_S + 2 {
            taking_in += taken_in.saturating_sub(started);
            deciding += decided.saturating_sub(taken_in);
        }
    }
    (taking_in, deciding)
}

fn costs(criterion: &mut Criterion) {
    for (name, attributes) in [("300 B", 4), ("1 KB", 20)] {
        let requests = second(attributes);
        let spans = (REQUESTS_PER_TICK * TRACES_PER_REQUEST * SPANS_PER_RUN) as u64;
        let bytes: usize = requests.iter().map(Bytes::len).sum();
        println!("{name}: {} bytes a span on the wire", bytes as u64 / spans);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(spans)).sample_size(10);
        group.bench_function("take in", |bencher| bencher.iter_custom(|ticks| run(&requests, PLAIN, ticks).0));
        group.bench_function("decide", |bencher| bencher.iter_custom(|ticks| run(&requests, PLAIN, ticks).1));
        group.finish();
    }
}

/// What it costs to remember the votes for `tailrace explain`: the fastest of many decisions, with and without in turn. Too little for
/// the means of a machine that others share.
fn explain() {
    const TICKS: u64 = 60;
    let requests = second(4);
    let traces = (REQUESTS_PER_TICK / PARTS * TRACES_PER_REQUEST) as u128;
    for policies in [1, 5, 20] {
        let of = |explained| bench(1_000_000, Court { policies, explained });
        let mut benches = [(of(0), u128::MAX), (of(10_000), u128::MAX)];
        for tick in 0..WAIT_S + 2 + TICKS {
            let fresh: Vec<_> = requests.iter().map(|request| renumber(request, tick)).collect();
            for (bench, fastest) in &mut benches {
                for request in &fresh {
                    bench.take_in(request);
                }
                let started = Instant::now();
                bench.tick();
                // Before that, there is nothing to decide.
                if tick >= WAIT_S + 2 {
                    *fastest = started.elapsed().as_nanos().min(*fastest);
                }
            }
        }
        let [without, with] = benches.map(|(_, fastest)| fastest / traces);
        println!("{policies} policies: {without} ns a trace to decide, {with} with the votes on 10,000 remembered");
    }
}

/// Resident bytes over wire bytes with 50,000 traces of 1 KB spans.
fn memory() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
    };
    let requests = second(20);
    let before = resident();
    let bench = bench(1_000_000, PLAIN);
    let mut wire = 0;
    for round in 0..10 {
        for request in &requests {
            wire += request.len();
            bench.take_in(&renumber(request, round));
        }
    }
    let (segments, grown) = (bench.segment_bytes(), resident() - before);
    println!(
        "wire {wire} B, segments {:.3}, resident {:.3}",
        segments as f64 / wire as f64,
        grown as f64 / wire as f64
    );
}

fn main() {
    if std::env::args().any(|argument| argument == "--rss") {
        return memory();
    }
    if std::env::args().any(|argument| argument == "--explain") {
        return explain();
    }
    let mut criterion = Criterion::default().configure_from_args();
    costs(&mut criterion);
    criterion.final_summary();
}
