//! Whatever arrives in whatever order, kept traces come out whole, and nothing else does.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::config::Duration;

/// Something that happens to the processor.
#[derive(Clone, Debug)]
enum Step {
    /// A request of runs: (trace, resource, spans, bytes of filler in each).
    Send(Vec<(u64, u32, usize, usize)>),
    Tick,
    /// A look at overflow and memory.
    Attend,
    /// Compaction of everything that is sparse.
    Compact,
    /// Packing of a segment of each shard.
    Pack,
}

fn filler() -> impl Strategy<Value = usize> {
    // Mostly small; some that fill a segment in a few spans, some larger than one.
    prop_oneof![12 => 0_usize..2_000, 9 => 100_000_usize..500_000, 1 => 2_000_000_usize..2_500_000]
}

fn step() -> impl Strategy<Value = Step> {
    let run = (0_u64..40, 0_u32..3, 1_usize..3, filler());
    prop_oneof![
        6 => prop::collection::vec(run, 1..5).prop_map(Step::Send),
        1 => Just(Step::Tick),
        3 => Just(Step::Attend),
        2 => Just(Step::Compact),
        2 => Just(Step::Pack),
    ]
}

/// Spans of each trace in the order sent or received, with the resource they stand under.
type Traces = BTreeMap<Vec<u8>, Vec<(u32, String, usize)>>;

fn note(traces: &mut Traces, resources: &[ResourceSpans]) {
    for resource in resources {
        let number = resource.resource.as_ref().map_or(0, |resource| resource.dropped_attributes_count);
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let known = (number, span.name.clone(), span.trace_state.len());
            traces.entry(span.trace_id.clone()).or_default().push(known);
        }
    }
}

/// Plays the steps; returns what went in and all bytes that came out.
fn play(steps: &[Step], settings: &Settings) -> (Traces, Vec<u8>) {
    let mut bench = Bench::new(settings, &[errors, odd]);
    let mut sent = Traces::new();
    let mut output = Vec::new();
    let mut spans = 0;
    for step in steps {
        match step {
            Step::Send(runs) => {
                let runs = runs.iter().map(|(trace, resource, count, filler)| {
                    let run = (0..*count).map(|_| {
                        spans += 1;
                        Span { trace_state: "x".repeat(*filler), ..span(*trace, &spans.to_string()) }
                    });
                    under(*resource, run.collect())
                });
                let resources: Vec<_> = runs.collect();
                note(&mut sent, &resources);
                bench.send(&resources);
            }
            Step::Tick => bench.tick(),
            Step::Attend => bench.judge.attend(),
            Step::Compact => bench.judge.compact(u32::MAX),
            Step::Pack => (0..bench.core.shards()).for_each(|at| _ = bench.core.shard(at).pack_oldest()),
        }
        output.extend_from_slice(&bench.core.outbox.take_all().into_bytes());
        check_books(&bench);
    }
    bench.judge.finish();
    output.extend_from_slice(&bench.core.outbox.take_all().into_bytes());
    check_books(&bench);
    assert_eq!((bench.core.traces(), bench.core.pool.in_use(), bench.core.pool.packed_bytes()), (0, 0, 0));
    (sent, output)
}

/// Live bytes are those of the undecided traces, exactly.
fn check_books(bench: &Bench) {
    for at in 0..bench.core.shards() {
        bench.core.shard(at).check_books();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn kept_traces_come_out_whole_and_in_order(steps in prop::collection::vec(step(), 1..30), num_traces in 2_u64..12) {
        let settings = Settings { num_traces, decision_wait: Duration::from_secs(3), ..settings() };
        let (sent, output) = play(&steps, &settings);
        let mut received = Traces::new();
        note(&mut received, &ExportTraceServiceRequest::decode(&*output).unwrap().resource_spans);
        let kept: BTreeSet<_> = sent.keys().filter(|id| id[7] % 2 == 1).cloned().collect();
        prop_assert_eq!(received.keys().cloned().collect::<BTreeSet<_>>(), kept);
        for (id, spans) in received {
            prop_assert_eq!(&spans, &sent[&id]);
        }
    }

    #[test]
    fn the_number_of_shards_changes_nothing(steps in prop::collection::vec(step(), 1..30), num_traces in 2_u64..12) {
        let with = |shards| Settings { num_traces, num_shards: Some(shards), ..settings() };
        let (_, one) = play(&steps, &with(1));
        let (_, many) = play(&steps, &with(5));
        prop_assert_eq!(one, many);
    }
}
