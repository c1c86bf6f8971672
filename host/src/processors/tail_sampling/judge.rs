//! Deciding: the due traces of all shards as batches for the policies, and what follows from the verdicts. One judge per
//! processor, on a thread of its own: buffering is sharded, judging is not, so decisions do not depend on the number of shards.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::MutexGuard;

use super::columns::Builder;
use super::core::{Core, Live};
use super::decisions::Kept;
use super::hash::TraceId;
use super::index::Entry;
use super::metrics::Reason;
use super::output::{Mark, Output};
use super::pressure::{Level, Pressure};
use super::rules::{Keep, Panel, Rules, Verdict};
use super::shard::Shard;
use super::witness::{Noted, Witness};

/// Traces that are decided in one call of the policies. A slice is read and released while a shard is locked, so ingest waits
/// for a slice at most: a few milliseconds.
pub(super) const SLICE: usize = 1024;
/// Bytes of traces that are read or copied out before the lock is let go.
const MAX_LOCKED_BYTES: usize = 1 << 20;
/// How long a full outbox is waited for before looking whether the processor is to end.
const ROOM_PATIENCE: Duration = Duration::from_millis(100);
/// Ticks between two looks for segments that nobody needs.
const TRIM_TICKS: u32 = 30;

/// The policies, and how their votes are combined.
pub(super) struct Court {
    pub(super) panel: Box<dyn Panel>,
    pub(super) rules: Rules,
}

/// A trace that is to be decided.
#[derive(Clone, Copy, Debug)]
struct Case {
    shard: u16,
    slot: u32,
    id: TraceId,
    arrival: u32,
    bytes: u32,
}

/// Why traces are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Their wait is over.
    Due,
    /// There is no room for them to wait.
    Early,
    /// Spans have arrived; what is not sampled stays undecided.
    Ingest,
}

pub(super) struct Judge {
    core: Arc<Core>,
    court: Court,
    /// Undecided traces that the shared gauge knows of; processors of one name add up.
    gauged_traces: i64,
    /// Whether memory was short at the last look.
    is_short: bool,
}

impl Judge {
    pub(super) fn new(core: Arc<Core>, court: Court) -> Self {
        Self { core, court, gauged_traces: 0, is_short: false }
    }

    /// Goes on with other policies; those that are of one kind with the old ones take their state over.
    pub(super) fn convene(&mut self, mut court: Court) {
        court.panel.succeed(&mut *self.court.panel);
        self.court = court;
    }

    /// Decides what is due at `tick`.
    pub(super) fn tick(&mut self, tick: u32) {
        let started = Instant::now();
        self.court.panel.refresh();
        self.core.set_tick(tick);
        let due = self.collect(|shard, each| while shard.take_due(tick, SLICE, &mut *each) == SLICE {});
        if !due.is_empty() {
            let live = self.core.live();
            if live.judge_on_ingest {
                self.release_undecided(&due, tick);
            } else {
                self.decide(due, Occasion::Due, live);
            }
        }
        self.compact(tick.saturating_sub(1));
        if tick.is_multiple_of(TRIM_TICKS) {
            self.core.pool.trim();
        }
        self.gauge();
        self.core.metrics.decision_latency_ms.record(started.elapsed().as_secs_f64() * 1e3);
    }

    /// What can not wait for a tick: traces beyond the bounds, and traces to judge on ingest.
    pub(super) fn attend(&mut self) {
        let live = self.core.live();
        if live.judge_on_ingest {
            let touched = self.collect(|shard, each| shard.take_touched(each));
            self.decide(touched, Occasion::Ingest, live);
        }
        if !live.block_on_overflow {
            self.decide_overflow(live);
        }
        self.relieve(live);
    }

    /// Decides everything, or discards it if the settings say so.
    pub(super) fn finish(&mut self) {
        let live = self.core.live();
        self.core.outbox.lift_bound();
        loop {
            let pending = self.collect(|shard, each| _ = shard.take_due(u32::MAX, SLICE, each));
            if pending.is_empty() {
                break;
            }
            match (live.drop_pending, live.judge_on_ingest) {
                (true, _) => self.discard(&pending),
                (false, true) => self.release_undecided(&pending, self.core.tick()),
                (false, false) => self.decide(pending, Occasion::Due, live),
            }
        }
        self.gauge();
    }

    /// Cases from all shards, in the order of their arrival.
    fn collect(&self, mut of_shard: impl FnMut(&mut Shard, &mut dyn FnMut(u32, &Entry))) -> Vec<Case> {
        let mut cases = Vec::new();
        for at in 0..self.core.shards() {
            let case = |slot, entry: &Entry| Case {
                shard: at as u16,
                slot,
                id: entry.id,
                arrival: entry.arrival,
                bytes: entry.bytes,
            };
            of_shard(&mut self.core.shard(at), &mut |slot, entry| cases.push(case(slot, entry)));
        }
        self.core.sort_by_arrival(&mut cases, |case| case.arrival);
        cases
    }

    /// Decides the traces due soonest, down to `num_traces`.
    fn decide_overflow(&mut self, live: Live) {
        let excess = self.core.traces().saturating_sub(live.num_traces);
        if excess == 0 {
            return;
        }
        let mut soonest = Vec::new();
        for at in 0..self.core.shards() {
            self.core.shard(at).soonest(excess, |slot, entry| {
                let Entry { id, arrival, bytes, .. } = *entry;
                soonest.push((entry.due(), Case { shard: at as u16, slot, id, arrival, bytes }));
            });
        }
        self.core.sort_by_arrival(&mut soonest, |(_, case)| case.arrival);
        soonest.sort_by_key(|(due, _)| *due);
        soonest.truncate(excess);
        self.take_and_decide(soonest.into_iter().map(|(_, case)| case).collect(), live);
    }

    /// Does something about memory that runs out.
    fn relieve(&mut self, live: Live) {
        let pressure = Pressure::read(&self.core);
        self.core.set_level(pressure.level);
        self.is_short = pressure.level >= Level::Compact;
        if pressure.level >= Level::Compact {
            self.core.pool.release_free();
            self.compact(u32::MAX);
            self.pack(pressure.loose_bytes);
        }
        // Early decisions are for what packing could not help.
        let pressure = if pressure.level >= Level::Early { Pressure::read(&self.core) } else { pressure };
        self.core.set_level(pressure.level);
        if pressure.excess_bytes > 0 && pressure.level >= Level::Early {
            let mut heaviest = self.collect(|shard, each| shard.queued().for_each(|(slot, entry)| each(slot, entry)));
            heaviest.sort_by_key(|case| std::cmp::Reverse(case.bytes));
            let mut bytes = 0;
            let enough = heaviest.iter().position(|case| {
                bytes += case.bytes as usize;
                bytes >= pressure.excess_bytes
            });
            heaviest.truncate(enough.map_or(heaviest.len(), |last| last + 1));
            self.take_and_decide(heaviest, live);
            self.compact(u32::MAX);
            self.core.set_level(Pressure::read(&self.core).level);
        }
    }

    fn take_and_decide(&mut self, mut cases: Vec<Case>, live: Live) {
        cases.retain(|case| self.core.shard(case.shard.into()).take(case.slot, case.id));
        self.core.metrics.decided_early.add(cases.len() as u64);
        self.core.sort_by_arrival(&mut cases, |case| case.arrival);
        if live.judge_on_ingest {
            self.release_undecided(&cases, self.core.tick());
        } else {
            self.decide(cases, Occasion::Early, live);
        }
    }

    fn decide(&mut self, cases: Vec<Case>, occasion: Occasion, live: Live) {
        for slice in cases.chunks(live.slice) {
            while !self.core.outbox.wait_for_room(ROOM_PATIENCE) {
                if self.core.bell.is_closing() {
                    self.core.outbox.lift_bound();
                }
            }
            let bytes = slice.iter().map(|case| case.bytes as usize).sum();
            let mut witness = self.core.witnesses.attend(&mut *self.court.panel, slice.len(), bytes);
            let slice = self.present(slice, witness.as_mut());
            if slice.is_empty() {
                continue;
            }
            let Court { panel, rules } = &mut self.court;
            let verdicts = rules.decide(&mut **panel, slice.len());
            if let Some(witness) = witness {
                witness.testify(&mut **panel, &verdicts, occasion, &self.core.names);
            }
            self.execute(&slice, &verdicts, occasion, live);
            if self.is_short {
                self.repack();
            }
        }
    }

    /// Shows the policies a slice; gives the cases that are still there.
    fn present(&mut self, slice: &[Case], mut witness: Option<&mut Witness>) -> Vec<Case> {
        let Court { panel, .. } = &mut self.court;
        let now = unix_ns();
        let mut builder = Builder::new(panel.needs(), now, slice.len());
        if let Some(witness) = &mut witness {
            witness.begin(now);
        }
        let mut present = Vec::with_capacity(slice.len());
        let mut shards = Locked::new(&self.core);
        for case in slice {
            let shard = shards.of(*case);
            if let Some(entry) = shard.trace(case.slot, case.id) {
                let mut worked = if builder.reads_spans() { entry.bytes as usize } else { 0 };
                builder.add(entry, || shard.pieces(entry));
                present.push(*case);
                if let Some(witness) = &mut witness {
                    worked += witness.note(entry.id, entry.digest(), entry.bytes, || shard.pieces(entry));
                }
                shards.worked(worked);
            }
        }
        drop(shards);
        let columns = builder.finish();
        panel.load(columns);
        present
    }

    /// Sends on what is kept and frees what is decided.
    fn execute(&self, slice: &[Case], verdicts: &[Verdict], occasion: Occasion, live: Live) {
        let metrics = &self.core.metrics;
        let now = self.core.tick();
        let mut output = Output::default();
        let mut decided = 0;
        let mut shards = Locked::new(&self.core);
        for (case, verdict) in slice.iter().zip(verdicts) {
            if occasion == Occasion::Ingest && *verdict == Verdict::NotSampled {
                continue;
            }
            let shard = shards.of(*case);
            let Some(entry) = shard.trace(case.slot, case.id).copied() else { continue };
            metrics.count(*verdict);
            metrics.removal_age_s.record(f64::from(now.saturating_sub(entry.arrived)));
            decided += 1;
            if let Verdict::Keep(Keep { policy, grounds }) = *verdict {
                let name = |number| self.core.names.get(number);
                let (policy_name, member) =
                    (live.record_policy.then(|| name(policy)), grounds.member.filter(|_| live.record_policy).map(name));
                let mark =
                    policy_name.as_deref().map(|policy| Mark { policy, member: member.as_deref(), cached: false });
                let bytes = entry.bytes as usize;
                let threshold = live.tracestate.then_some(grounds.threshold);
                self.core.send_on(&mut output, &shard.pieces(&entry), entry.digest().spans as usize, mark, threshold);
                shard.release_kept(case.slot, Kept { tick: now, policy, threshold: grounds.threshold });
                shards.worked(bytes);
            } else {
                shard.release_dropped(case.slot, now);
            }
            // As soon as they are full, so that the next component can work meanwhile.
            self.core.outbox.push(output.take_full());
        }
        drop(shards);
        self.core.outbox.push(output.finish());
        self.core.traces_decided(decided);
    }

    /// Traces that no policy wanted while their spans came.
    fn release_undecided(&self, cases: &[Case], now: u32) {
        let memory = self.core.witnesses.memory.load_full().zip(self.court.panel.roster());
        let mut unwanted = Vec::new();
        self.release(cases, |shard, case, entry| {
            if memory.is_some() {
                unwanted.push(Noted { id: entry.id, digest: entry.digest(), bytes: entry.bytes, otlp: Vec::new() });
            }
            self.core.metrics.count(Verdict::NotSampled);
            self.core.metrics.removal_age_s.record(f64::from(now.saturating_sub(entry.arrived)));
            shard.release_dropped(case.slot, now);
        });
        if let Some((memory, roster)) = memory {
            memory.add_unwanted(unix_ns(), &roster, &unwanted, &self.core.names);
        }
    }

    fn discard(&self, cases: &[Case]) {
        self.release(cases, |shard, case, entry| {
            self.core.metrics.count_dropped(Reason::PendingAtShutdown, entry.digest().spans.into());
            shard.release_dropped(case.slot, self.core.tick());
        });
    }

    fn release(&self, cases: &[Case], mut each: impl FnMut(&mut Shard, Case, Entry)) {
        let mut released = 0;
        let mut shards = Locked::new(&self.core);
        for case in cases {
            let shard = shards.of(*case);
            if let Some(entry) = shard.trace(case.slot, case.id).copied() {
                each(shard, *case, entry);
                released += 1;
            }
        }
        drop(shards);
        self.core.traces_decided(released);
    }

    /// Compacts all segments that have been sparse since before a tick, letting ingest in between two.
    pub(super) fn compact(&self, sparse_before: u32) {
        for at in 0..self.core.shards() {
            while self.core.shard(at).compact_one(sparse_before) {
                self.core.metrics.compacted.add(1);
            }
        }
    }

    /// Packs the oldest segments of all shards in turn until so many bytes are free, letting ingest in between two.
    fn pack(&self, bytes: usize) {
        let shards = self.core.shards();
        let before = self.core.buffer_bytes();
        let mut idle = 0;
        for at in (0..shards).cycle() {
            if idle == shards || before.saturating_sub(self.core.buffer_bytes()) >= bytes {
                break;
            }
            if self.core.shard(at).pack_oldest() {
                self.core.metrics.packed.add(1);
                self.core.pool.release_free();
                idle = 0;
            } else {
                idle += 1;
            }
        }
    }

    /// Lets go of what decisions had to unpack.
    fn repack(&self) {
        for at in 0..self.core.shards() {
            self.core.shard(at).repack();
        }
        self.core.pool.release_free();
    }

    fn gauge(&mut self) {
        let metrics = &self.core.metrics;
        let traces = self.core.traces() as i64;
        metrics.traces.add(traces - self.gauged_traces);
        self.gauged_traces = traces;
        let live: usize = (0..self.core.shards()).map(|at| self.core.shard(at).live_bytes()).sum();
        metrics.live_bytes.set(live as i64);
        metrics.buffer_bytes.set(self.core.buffer_bytes() as i64);
        metrics.packed_bytes.set(self.core.pool.packed_bytes() as i64);
        metrics.segments.set(self.core.pool.in_use() as i64);
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.core.metrics.traces.add(-self.gauged_traces);
    }
}

/// The shard that was looked at last, locked: neighbours in a slice often share it, and with one shard all do.
struct Locked<'a> {
    core: &'a Core,
    held: Option<(u16, MutexGuard<'a, Shard>)>,
    worked_bytes: usize,
}

impl<'a> Locked<'a> {
    fn new(core: &'a Core) -> Self {
        Self { core, held: None, worked_bytes: 0 }
    }

    fn of(&mut self, case: Case) -> &mut Shard {
        if self.worked_bytes > MAX_LOCKED_BYTES || self.held.as_ref().is_some_and(|(at, _)| *at != case.shard) {
            if let Some((_, shard)) = self.held.take() {
                MutexGuard::unlock_fair(shard);
            }
            self.worked_bytes = 0;
        }
        &mut self.held.get_or_insert_with(|| (case.shard, self.core.shard(case.shard.into()))).1
    }

    /// So many bytes were read or copied under the lock.
    fn worked(&mut self, bytes: usize) {
        self.worked_bytes += bytes;
    }
}

pub(super) fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
