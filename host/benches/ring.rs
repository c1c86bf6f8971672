//! What it costs to find the backend of a trace, and to make the ring of a changed list.
//!
//! `cargo bench -p tailrace --bench ring`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tailrace::exporters::load_balancing::ring::{Generation, Ring};

fn endpoints(count: usize) -> Vec<String> {
    let mut endpoints: Vec<_> = (0..count).map(|i| format!("10.0.{}.{}:4317", i / 256, i % 256)).collect();
    endpoints.sort_unstable();
    endpoints
}

/// Trace ids as they come: at random, so that neither branches nor caches can learn them.
fn ids() -> Vec<[u8; 16]> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..1 << 16).map(|_| random.u128(..).to_be_bytes()).collect()
}

fn lookups(criterion: &mut Criterion) {
    let ids = ids();
    let mut group = criterion.benchmark_group("lookup");
    for backends in [3, 100, 300] {
        let ring = Ring::new(Generation::Gen3, &endpoints(backends));
        let mut next = ids.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(backends), |bencher| {
            bencher.iter(|| ring.owner(black_box(next.next().expect("endless"))));
        });
    }
}

fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("new ring");
    for backends in [3, 100, 300] {
        let endpoints = endpoints(backends);
        group.bench_function(BenchmarkId::from_parameter(backends), |bencher| {
            bencher.iter(|| Ring::new(Generation::Gen3, black_box(&endpoints)));
        });
    }
}

criterion_group!(benches, lookups, changes);
criterion_main!(benches);
