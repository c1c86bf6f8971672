//! What becomes of spans: on time, late, early, and at the bounds.

use super::*;
use crate::config::Duration;
use crate::processors::tail_sampling::settings::{DecisionCache, Strategy};

#[test]
fn a_trace_is_decided_on_the_tick_after_its_wait() {
    let mut bench = Bench::new(&settings(), &[odd]);
    bench.send(&[under(1, vec![span(1, "a"), span(2, "b")])]);
    bench.tick();
    assert_eq!(bench.names(), [""; 0]);
    bench.send(&[under(1, vec![span(1, "c")])]);
    bench.tick();
    assert_eq!(bench.names(), ["a", "c"], "with what came meanwhile");
    assert_eq!((bench.core.traces(), bench.core.pool.in_use()), (0, 0));
}

#[test]
fn a_root_span_hastens_the_decision() {
    let settings = Settings {
        decision_wait: Duration::from_secs(30),
        decision_wait_after_root_received: Duration::from_millis(500),
        ..settings()
    };
    let mut bench = Bench::new(&settings, &[odd]);
    let root = Span { parent_span_id: Vec::new(), ..span(1, "root") };
    bench.send(&[under(1, vec![span(1, "a"), span(3, "other"), root])]);
    bench.tick();
    assert_eq!(bench.names(), ["a", "root"]);
}

#[test]
fn late_spans_follow_the_decision() {
    let mut bench = Bench::new(&settings(), &[odd]);
    bench.send(&[under(1, vec![span(1, "a"), span(2, "b")])]);
    bench.ticks(2);
    bench.output();
    bench.send(&[under(1, vec![span(2, "d"), span(1, "c"), span(3, "new")])]);
    assert_eq!(bench.names(), ["c"]);
    assert_eq!(bench.core.traces(), 1);
    let Core { metrics, .. } = &*bench.core;
    assert_eq!((metrics.early_released.get(), metrics.late_dropped.get(), metrics.new_traces.get()), (1, 1, 3));
}

#[test]
fn without_memory_late_spans_begin_a_new_trace() {
    let off = DecisionCache { sampled_cache_size: 0, non_sampled_cache_size: 0 };
    let mut bench = Bench::new(&Settings { decision_cache: off, ..settings() }, &[odd]);
    bench.send(&[under(1, vec![span(1, "a"), span(2, "b")])]);
    bench.ticks(2);
    bench.send(&[under(1, vec![span(1, "c"), span(2, "d")])]);
    assert_eq!((bench.names(), bench.core.traces()), (vec!["a".to_owned()], 2));
    bench.ticks(2);
    assert_eq!(bench.names(), ["c"]);
}

#[test]
fn beyond_num_traces_the_oldest_are_decided_early() {
    for shards in [1, 3] {
        let settings = Settings { num_traces: 3, num_shards: Some(shards), ..settings() };
        let mut bench = Bench::new(&settings, &[odd]);
        bench.send(&[under(1, (1..=8).map(|trace| span(trace, &trace.to_string())).collect())]);
        bench.judge.attend();
        assert_eq!(bench.names(), ["1", "3", "5"], "{shards} shards");
        assert_eq!((bench.core.traces(), bench.core.metrics.decided_early.get()), (3, 5));
        bench.ticks(2);
        assert_eq!(bench.names(), ["7"]);
    }
}

#[tokio::test]
async fn with_block_on_overflow_senders_wait_for_decisions() {
    let settings = Settings { num_traces: 1, block_on_overflow: true, ..settings() };
    let mut bench = Bench::new(&settings, &[odd]);
    bench.core.room().await;
    bench.send(&[under(1, vec![span(1, "a")])]);
    let core = bench.core.clone();
    let mut waiting = tokio_test_task(async move { core.room().await });
    assert!(!waiting.is_done().await);
    bench.judge.attend();
    assert!(!waiting.is_done().await, "nothing is decided early");
    bench.ticks(2);
    assert!(waiting.is_done().await);
}

/// A task, and whether it has ended after all others had their turn.
struct Task(tokio::task::JoinHandle<()>);

fn tokio_test_task(future: impl Future<Output = ()> + Send + 'static) -> Task {
    Task(tokio::spawn(future))
}

impl Task {
    async fn is_done(&mut self) -> bool {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.0.is_finished()
    }
}

#[test]
fn a_trace_beyond_its_bound_is_dropped_at_once() {
    let mut bench = Bench::new(&Settings { maximum_trace_size_bytes: 300, ..settings() }, &[odd]);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        bench.send(&[under(1, vec![span(1, name), span(3, name)][..=usize::from(name == "a")].to_vec())]);
    }
    assert_eq!((bench.core.traces(), bench.core.metrics.too_large.get()), (1, 1));
    bench.ticks(2);
    assert_eq!(bench.names(), ["a"], "of the other trace; late spans are dropped too");
}

#[test]
fn the_buffer_refuses_at_its_bound_and_decides_the_heaviest_before() {
    let settings = Settings { maximum_buffer_size_bytes: 20 << 20, ..settings() };
    let mut bench = Bench::new(&settings, &[|_, _| Vote::No]);
    let mut sent = 0;
    while bench.core.admit().is_ok() {
        sent += 1;
        bench.send(&[under(1, vec![noisy(span(sent, "heavy"), 1_500_000), span(1_000 + sent, "light")])]);
    }
    assert_eq!(sent, 10, "a segment each");
    bench.judge.attend();
    assert!(bench.core.admit().is_ok());
    assert!(bench.core.traces() > 10, "the light ones are still there");
    assert_eq!(bench.core.metrics.decided_early.get() as usize, 20 - bench.core.traces());
}

#[test]
fn what_can_be_packed_is_not_decided_early() {
    let settings = Settings { maximum_buffer_size_bytes: 20 << 20, ..settings() };
    let mut bench = Bench::new(&settings, &[odd]);
    let heavy = "x".repeat(1_500_000);
    for trace in 0..100 {
        bench.send(&[under(1, vec![span(trace, &heavy)])]);
        bench.judge.attend();
        assert!(bench.core.admit().is_ok(), "{trace}");
    }
    let metrics = &bench.core.metrics;
    assert!(metrics.packed.get() > 80, "{} packed", metrics.packed.get());
    assert_eq!((metrics.decided_early.get(), bench.core.traces()), (0, 100));
    bench.ticks(2);
    assert_eq!(bench.names(), vec![heavy; 50]);
    assert_eq!((bench.core.pool.in_use(), bench.core.pool.packed_bytes()), (0, 0));
}

#[test]
fn what_nobody_takes_stops_deciding_and_taking_in() {
    let mut bench = Bench::new(&settings(), &[odd]);
    bench.core.outbox.set_max_bytes(10);
    bench.send(&[under(1, vec![span(1, "a")])]);
    bench.ticks(2);
    let refusal = bench.core.admit().unwrap_err();
    assert!(!refusal.is_permanent());
    assert_eq!(bench.names(), ["a"]);
    assert!(bench.core.admit().is_ok());
}

#[test]
fn on_ingest_the_first_match_is_final() {
    let settings = Settings { sampling_strategy: Strategy::SpanIngest, ..settings() };
    let mut bench = Bench::new(&settings, &[errors]);
    bench.send(&[under(1, vec![span(1, "a"), span(2, "b")])]);
    bench.judge.attend();
    assert_eq!(bench.names(), [""; 0]);
    bench.send(&[under(1, vec![failed(span(1, "c"))])]);
    bench.judge.attend();
    assert_eq!(bench.names(), ["a", "c"]);
    bench.send(&[under(1, vec![span(1, "d")])]);
    assert_eq!(bench.names(), ["d"]);
    bench.ticks(2);
    assert_eq!((bench.names(), bench.core.traces()), (Vec::new(), 0));
    bench.send(&[under(1, vec![failed(span(2, "late"))])]);
    assert_eq!(bench.core.traces(), 0, "it is remembered as not sampled");
}

#[test]
fn pending_traces_are_decided_at_shutdown() {
    let mut bench = Bench::new(&settings(), &[odd]);
    bench.send(&[under(1, (1..=4).map(|trace| span(trace, &trace.to_string())).collect())]);
    bench.judge.finish();
    assert_eq!((bench.names(), bench.core.traces()), (vec!["1".to_owned(), "3".to_owned()], 0));
}

#[test]
fn pending_traces_are_discarded_at_shutdown_on_request() {
    let mut bench = Bench::new(&Settings { drop_pending_traces_on_shutdown: true, ..settings() }, &[odd]);
    bench.send(&[under(1, vec![span(1, "a")])]);
    bench.judge.finish();
    assert_eq!((bench.names(), bench.core.traces()), (Vec::new(), 0));
}

#[test]
fn settings_change_in_place() {
    let mut bench = Bench::new(&Settings { decision_wait: Duration::from_secs(30), ..settings() }, &[odd]);
    bench.send(&[under(1, vec![span(1, "a")])]);
    bench.tick();
    bench.core.update(&settings());
    bench.tick();
    assert_eq!(bench.names(), ["a"]);
}

#[test]
fn the_policy_is_recorded_on_request() {
    let mut bench = Bench::new(&Settings { record_policy: true, ..settings() }, &[errors, odd]);
    bench.send(&[under(1, vec![span(1, "a")])]);
    bench.ticks(2);
    bench.send(&[under(1, vec![span(1, "late")])]);
    let scopes = bench.output().into_iter().map(|mut resource| resource.scope_spans.remove(0).scope.unwrap());
    let attributes: Vec<Vec<_>> =
        scopes.map(|scope| scope.attributes.into_iter().map(|attribute| attribute.key).collect()).collect();
    assert_eq!(attributes, [vec!["tailsampling.policy"], vec!["tailsampling.policy", "tailsampling.cached_decision"]]);
}

#[test]
fn memory_is_given_back_when_all_is_decided() {
    let mut bench = Bench::new(&settings(), &[|_, _| Vote::No]);
    let name = "x".repeat(100_000);
    for trace in 0..100 {
        bench.send(&[under(1, vec![span(trace, &name)])]);
    }
    let memory = &bench.core.cx.host.memory;
    assert!(memory.outside_bytes() >= 10_000_000);
    bench.ticks(2);
    assert_eq!(bench.core.cx.host.memory.outside_bytes(), 0);
    assert!(bench.core.pool.free() > 0);
}
