//! What taking in and deciding share: the shards, the outbox, and the numbers between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard, RwLock};
use tailrace_otlp::tracestate::Threshold;
use tokio::sync::Notify;

use super::bell::Bell;
use super::decisions::{Decisions, Kept};
use super::intake::Intake;
use super::judge::SLICE;
use super::metrics::{Metrics, Reason};
use super::outbox::{MAX_WAITING_BYTES, Outbox};
use super::output::threshold::Restated;
use super::output::{Mark, Output};
use super::pressure::Level;
use super::segment::Pool;
use super::settings::{Settings, Strategy};
use super::shard::{Piece, Shard, Taken, Terms};
use super::witness::Witnesses;
use crate::pipeline::{Cx, Refusal};

/// Undecided traces beyond `num_traces` that are taken in while the evaluator decides the oldest: a share of it, or so many.
const OVERFLOW_SHARE: usize = 4;
const MIN_OVERFLOW: usize = 4096;

/// Where policies weigh the traces of a tick against each other, those that are decided in one call: 16,384 due in a second are a lot, and
/// their columns, tens of milliseconds of work.
const WHOLE_TICK: usize = 16 * SLICE;

/// A processor's state.
pub(super) struct Core {
    shards: Vec<Mutex<Shard>>,
    pub(super) pool: Arc<Pool>,
    pub(super) outbox: Outbox,
    pub(super) metrics: Metrics,
    pub(super) names: Names,
    pub(super) bell: Bell,
    pub(super) witnesses: Arc<Witnesses>,
    pub(super) cx: Cx,
    live: ArcSwap<Live>,
    /// Seconds since the evaluator began.
    tick: AtomicU32,
    /// Runs taken in, for the order of arrival.
    arrivals: AtomicU32,
    /// Undecided traces.
    traces: AtomicUsize,
    level: AtomicU8,
    stopped: AtomicBool,
    /// Told whenever traces were decided, for `block_on_overflow`.
    decided: Notify,
}

/// The settings that hold at present, ready for use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) num_traces: usize,
    pub(super) block_on_overflow: bool,
    pub(super) judge_on_ingest: bool,
    pub(super) max_buffer_bytes: usize,
    pub(super) record_policy: bool,
    /// Whether kept spans carry the threshold under which they were.
    pub(super) tracestate: bool,
    /// Traces that are decided in one call of the policies, at most.
    pub(super) slice: usize,
    pub(super) drop_pending: bool,
    wait: u16,
    wait_after_root: Option<u16>,
    max_trace_bytes: usize,
}

impl Live {
    fn new(settings: &Settings) -> Self {
        Self {
            num_traces: settings.num_traces as usize,
            block_on_overflow: settings.block_on_overflow,
            judge_on_ingest: settings.sampling_strategy == Strategy::SpanIngest,
            max_buffer_bytes: settings.maximum_buffer_size_bytes as usize,
            record_policy: settings.record_policy,
            tracestate: settings.tracestate,
            slice: if settings.weighs_traces() { WHOLE_TICK } else { SLICE },
            drop_pending: settings.drop_pending_traces_on_shutdown,
            wait: settings.wait_s(),
            wait_after_root: settings.wait_after_root_s(),
            max_trace_bytes: settings.maximum_trace_size_bytes as usize,
        }
    }

    /// Bytes that may wait in the outbox: a quarter of the buffer's bound, if it has one.
    fn max_waiting_bytes(&self) -> usize {
        if self.max_buffer_bytes == 0 { MAX_WAITING_BYTES } else { MAX_WAITING_BYTES.min(self.max_buffer_bytes / 4) }
    }
}

impl Core {
    pub(super) fn new(settings: &Settings, cx: &Cx) -> Self {
        let shards = settings.shards();
        let pool = Pool::new(cx.host.clone());
        let live = Live::new(settings);
        let expected = settings.expected_new_traces_per_sec.saturating_mul(u64::from(settings.wait_s()));
        let expected = expected.min(settings.num_traces) as usize / shards;
        let (kept, dropped) = remembered(settings, shards);
        let shard = || Mutex::new(Shard::new(pool.clone(), expected, Decisions::new(kept, dropped)));
        Self {
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            pool: pool.clone(),
            outbox: Outbox::new(live.max_waiting_bytes()),
            metrics: Metrics::new(cx),
            names: Names::default(),
            bell: Bell::default(),
            witnesses: Arc::new(Witnesses::new(cx.id.to_string(), settings.explain.traces as usize)),
            cx: cx.clone(),
            live: ArcSwap::from_pointee(live),
            tick: AtomicU32::new(0),
            arrivals: AtomicU32::new(0),
            traces: AtomicUsize::new(0),
            level: AtomicU8::new(Level::Calm as u8),
            stopped: AtomicBool::new(false),
            decided: Notify::new(),
        }
    }

    /// Takes other settings over; all but the number of shards, which stays.
    pub(super) fn update(&self, settings: &Settings) {
        let live = Live::new(settings);
        let rewait = self.live().wait != live.wait;
        let rejudge = live.judge_on_ingest && !self.live().judge_on_ingest;
        let (kept, dropped) = remembered(settings, self.shards.len());
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.resize_decisions(kept, dropped);
            if rewait {
                shard.set_wait(live.wait);
            }
            if rejudge {
                shard.touch_all();
            }
        }
        self.outbox.set_max_bytes(live.max_waiting_bytes());
        self.witnesses.remember(settings.explain.traces as usize);
        self.live.store(Arc::new(live));
        self.decided.notify_waiters();
    }

    pub(super) fn live(&self) -> Live {
        **self.live.load()
    }

    /// Sorts by the order of arrival, oldest first; `arrival` is that of [`Terms::arrival`], which wraps around.
    pub(super) fn sort_by_arrival<T>(&self, items: &mut [T], arrival: impl Fn(&T) -> u32) {
        let now = self.arrivals.load(Ordering::Relaxed);
        items.sort_by_key(|item| std::cmp::Reverse(now.wrapping_sub(arrival(item))));
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    pub(super) fn shard(&self, at: usize) -> MutexGuard<'_, Shard> {
        self.shards[at].lock()
    }

    pub(super) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    pub(super) fn set_tick(&self, tick: u32) {
        self.tick.store(tick, Ordering::Relaxed);
    }

    pub(super) fn set_level(&self, level: Level) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// Undecided traces.
    pub(super) fn traces(&self) -> usize {
        self.traces.load(Ordering::Relaxed)
    }

    /// So many traces have been decided.
    pub(super) fn traces_decided(&self, count: usize) {
        self.traces.fetch_sub(count, Ordering::Relaxed);
        self.decided.notify_waiters();
    }

    /// Bytes of memory that buffered and kept traces take.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.pool.in_use_bytes() + self.pool.packed_bytes() + self.outbox.bytes()
    }

    /// Refuses from now on.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.decided.notify_waiters();
    }

    /// Whether a request would be taken in now.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        let live = self.live.load();
        let refuse = |why: &str| Err(Refusal::retry(format!("{}: {why}", self.cx.id)));
        if self.stopped.load(Ordering::Relaxed) {
            return refuse("shutting down");
        }
        if self.outbox.is_full() {
            return refuse("kept traces wait for the next component, which does not take them");
        }
        if live.max_buffer_bytes > 0 && self.buffer_bytes() >= live.max_buffer_bytes {
            return refuse("the trace buffer is full (maximum_buffer_size_bytes)");
        }
        if self.level.load(Ordering::Relaxed) >= Level::Full as u8 {
            return refuse("memory is at its limit");
        }
        let overflow = live.num_traces / OVERFLOW_SHARE;
        if !live.block_on_overflow && self.traces() > live.num_traces + overflow.max(MIN_OVERFLOW) {
            return refuse("traces arrive faster than they can be decided (num_traces)");
        }
        Ok(())
    }

    /// With `block_on_overflow`, waits until there is room for a trace.
    pub(super) async fn room(&self) {
        loop {
            let decided = self.decided.notified();
            let live = self.live();
            let is_full = live.block_on_overflow && self.traces() >= live.num_traces;
            if !is_full || self.stopped.load(Ordering::Relaxed) {
                return;
            }
            decided.await;
        }
    }

    /// Takes a request in.
    pub(super) fn take_in(&self, chunks: &[Bytes]) {
        let live = self.live();
        let intake = Intake::cut(chunks, self.shards.len());
        let terms = Terms {
            now: self.tick(),
            arrival: self.arrivals.fetch_add(intake.runs().len() as u32, Ordering::Relaxed),
            wait: live.wait,
            wait_after_root: live.wait_after_root,
            max_trace_bytes: live.max_trace_bytes,
            judge_on_ingest: live.judge_on_ingest,
        };
        let mut late = Vec::new();
        for (at, shard) in self.shards.iter().enumerate() {
            if intake.has_runs(at) {
                let mut taken = shard.lock().take_in(at, &intake, chunks, terms);
                late.append(&mut taken.late_kept);
                self.count(&taken);
            }
        }
        if !late.is_empty() {
            self.forward(late, &intake, chunks, terms.now, &live);
        }
        intake.recycle();
        if live.judge_on_ingest || (!live.block_on_overflow && self.traces() > live.num_traces) {
            self.bell.ring();
        }
    }

    fn count(&self, taken: &Taken) {
        let Metrics { new_traces, too_large, late_dropped, late_span_age_s, .. } = &self.metrics;
        if taken.new_traces > 0 {
            new_traces.add(taken.new_traces as u64);
            self.traces.fetch_add(taken.new_traces, Ordering::Relaxed);
        }
        if taken.too_large_traces > 0 {
            too_large.add(taken.too_large_traces);
            self.metrics.count_dropped(Reason::TooLarge, taken.too_large_spans);
            self.traces_decided(taken.too_large_traces as usize);
        }
        for (spans, age) in &taken.late_dropped {
            late_dropped.add(u64::from(*spans));
            late_span_age_s.record(f64::from(*age));
        }
    }

    /// Adds kept spans to what goes on; with a threshold, they carry it.
    pub(super) fn send_on(
        &self,
        output: &mut Output,
        pieces: &[Piece<'_>],
        spans: usize,
        mark: Option<Mark<'_>>,
        threshold: Option<Threshold>,
    ) {
        let Some(threshold) = threshold else { return output.add(pieces, spans, mark) };
        let restated = Restated::new(pieces, threshold);
        if restated.unparseable > 0 {
            self.metrics.unparseable_spans.add(restated.unparseable);
        }
        output.add(&restated.pieces(pieces), spans, mark);
    }

    /// Hands on runs of traces that were kept before, in the order of the request.
    fn forward(&self, mut late: Vec<(u32, Kept)>, intake: &Intake, chunks: &[Bytes], now: u32, live: &Live) {
        late.sort_unstable_by_key(|(place, _)| *place);
        let mut output = Output::default();
        for (place, kept) in late {
            let run = &intake.runs()[place as usize];
            let (resource, scope) = intake.header(run.header);
            let piece = Piece { resource: resource.bytes, scope: scope.bytes, spans: run.spans(chunks) };
            let name = live.record_policy.then(|| self.names.get(kept.policy));
            let mark = name.as_deref().map(|policy| Mark { policy, member: None, cached: true });
            self.send_on(
                &mut output,
                &[piece],
                run.digest.spans as usize,
                mark,
                live.tracestate.then_some(kept.threshold),
            );
            self.metrics.early_released.add(u64::from(run.digest.spans));
            self.metrics.late_span_age_s.record(f64::from(now.wrapping_sub(kept.tick)));
        }
        self.outbox.push(output.finish());
    }
}

/// Decisions that each shard remembers: kept, dropped.
fn remembered(settings: &Settings, shards: usize) -> (usize, usize) {
    let share = |size: u64| size.div_ceil(shards as u64) as usize;
    let (kept, dropped) = settings.remembered();
    (share(kept), share(dropped))
}

/// The names of all policies there have been, so that a remembered decision can be told by a number.
#[derive(Default)]
pub(super) struct Names(RwLock<Vec<Arc<str>>>);

impl Names {
    /// The number of a name.
    pub(super) fn number(&self, name: &str) -> u16 {
        let mut names = self.0.write();
        let known = names.iter().position(|known| **known == *name);
        // 65,536 different names in the life of a process: the last ones share a number, which only shows on late spans.
        let place = known.unwrap_or_else(|| {
            names.push(name.into());
            names.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    pub(super) fn get(&self, number: u16) -> Arc<str> {
        self.0.read().get(usize::from(number)).cloned().unwrap_or_default()
    }
}
