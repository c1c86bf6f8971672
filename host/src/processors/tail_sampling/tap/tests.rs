use super::super::tests::{Bench, id, names, odd, settings, span, under};
use super::*;
use crate::recording::{Decision, Reader, Rule, With};

fn order(max_bytes: u64, max_traces: u64) -> Order {
    Order { duration_ms: 60_000, max_bytes, max_traces, redact: Vec::new(), redact_with: With::Text }
}

/// All that comes until the end.
fn read(mut blocks: mpsc::Receiver<Bytes>) -> Vec<Content> {
    let mut bytes = Vec::new();
    while let Some(block) = blocks.blocking_recv() {
        bytes.extend_from_slice(&block);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = Reader::open(&path, Rule { decision_wait: Duration::from_secs(1) }).unwrap();
    std::iter::from_fn(|| reader.read().unwrap()).collect()
}

fn trailer(contents: &[Content]) -> &Trailer {
    let Some(Content::Trailer(trailer)) = contents.last() else { panic!("{contents:?}") };
    trailer
}

#[test]
fn what_is_decided_is_recorded() {
    let mut bench = Bench::new(&settings(), &[odd]);
    let blocks = bench.core.witnesses.capture(order(1 << 20, 3)).unwrap();
    assert!(bench.core.witnesses.capture(order(1 << 20, 3)).unwrap_err().contains("only one"));
    bench.send(&[under(1, vec![span(1, "a"), span(2, "b"), span(1, "c"), span(3, "d")])]);
    bench.ticks(2);
    let contents = read(blocks);
    let Content::Slice(slice) = &contents[1] else { panic!("{contents:?}") };
    let traces: Vec<_> = slice.traces.iter().map(|trace| (trace.id.clone(), trace.spans, trace.decision())).collect();
    let expected = [(id(1), 2, Decision::Kept), (id(2), 1, Decision::NotSampled), (id(3), 1, Decision::Kept)];
    assert_eq!((traces.as_slice(), slice.occasion()), (&expected[..], recording::Occasion::Due));
    assert_eq!(slice.traces[0].policy, "policy-0");
    let otlp: opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest =
        prost::Message::decode(slice.traces[0].otlp.as_slice()).unwrap();
    assert_eq!(names(&otlp.resource_spans), ["a", "c"]);
    let trailer = trailer(&contents);
    assert_eq!((trailer.traces, trailer.truncated, trailer.ended_by.as_str()), (3, false, "max_traces"));
    // The next one can begin.
    while bench.core.witnesses.tap.load().is_some() {
        thread::yield_now();
    }
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let mut bench = Bench::new(&settings(), &[odd]);
    let blocks = bench.core.witnesses.capture(order(600, 0)).unwrap();
    for round in 0..8 {
        let spans = (0..2000).map(|n| super::super::tests::noisy(span(round * 2000 + n + 1, "x"), 200)).collect();
        bench.send(&[under(1, spans)]);
        bench.ticks(2);
    }
    let contents = read(blocks);
    let trailer = trailer(&contents);
    assert!(trailer.truncated && trailer.ended_by == "max_bytes", "{trailer:?}");
    assert!(trailer.missed_traces >= 1024 && trailer.missed_slices >= 1, "{trailer:?}");
}

#[test]
fn a_client_that_goes_ends_it() {
    let bench = Bench::new(&settings(), &[odd]);
    drop(bench.core.witnesses.capture(order(1 << 20, 0)).unwrap());
    while bench.core.witnesses.tap.load().is_some() {
        thread::sleep(LOOK_EVERY);
    }
}
