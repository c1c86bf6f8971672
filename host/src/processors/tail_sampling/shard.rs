//! One shard of the buffer: the undecided traces whose ids fall to it, their spans in the log, and what was decided before.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::decisions::{Decided, Decisions, Kept};
use super::hash::TraceId;
use super::index::{Entry, Index, NONE, State};
use super::intake::{Intake, Run};
use super::log::{Lane, Log, RECORD_BYTES};
use super::segment::Pool;

/// A stretch of spans of one trace, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) resource: &'a [u8],
    pub(super) scope: &'a [u8],
    /// Framed, one after the other.
    pub(super) spans: &'a [u8],
}

/// All of a trace that is buffered, in order of arrival.
pub(super) type Pieces<'a> = SmallVec<[Piece<'a>; 16]>;

/// What a request is taken in under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The current tick.
    pub(super) now: u32,
    /// The place in the order of arrival of the request's first run.
    pub(super) arrival: u32,
    pub(super) wait: u16,
    pub(super) wait_after_root: Option<u16>,
    /// 0: no bound.
    pub(super) max_trace_bytes: usize,
    /// Whether traces are judged as their spans come.
    pub(super) judge_on_ingest: bool,
}

/// What became of a request's runs in one shard.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Traces not seen before.
    pub(super) new_traces: usize,
    /// Undecided traces more than before (fewer, where a trace became too large).
    pub(super) more_traces: isize,
    /// Spans of traces that were dropped before, with the ticks since then.
    pub(super) late_dropped: Vec<(u32, u32)>,
    /// Runs of traces that were kept before: place in the intake, and the decision.
    pub(super) late_kept: Vec<(u32, Kept)>,
    pub(super) too_large_traces: u64,
    pub(super) too_large_spans: u64,
}

pub(super) struct Shard {
    index: Index,
    nodes: Nodes,
    log: Log,
    decisions: Decisions,
    /// Where the headers of the request at hand lie in the fresh segment.
    header_places: Vec<u32>,
    header_epoch: u64,
    /// Traces with spans that have not been judged yet, for judging on ingest.
    touched: Vec<u32>,
}

impl Shard {
    pub(super) fn new(pool: Arc<Pool>, expected_traces: usize, decisions: Decisions) -> Self {
        Self {
            index: Index::with_capacity(expected_traces),
            nodes: Nodes::default(),
            log: Log::new(pool),
            decisions,
            header_places: Vec::new(),
            header_epoch: 0,
            touched: Vec::new(),
        }
    }

    /// Takes in this shard's runs of a request.
    pub(super) fn take_in(&mut self, shard: usize, intake: &Intake, chunks: &[Bytes], terms: Terms) -> Taken {
        let mut taken = Taken::default();
        self.header_places.clear();
        self.header_places.resize(intake.headers(), NONE);
        for place in intake.of_shard(shard) {
            let run = &intake.runs()[place as usize];
            let slot = match self.index.find(run.id) {
                Some(slot) => slot,
                None => match self.decisions.recall(run.id, terms.now) {
                    Some(Decided::Kept(kept)) => {
                        taken.late_kept.push((place, kept));
                        continue;
                    }
                    Some(Decided::Dropped { age }) => {
                        taken.late_dropped.push((run.digest.spans, age));
                        continue;
                    }
                    None => {
                        taken.new_traces += 1;
                        taken.more_traces += 1;
                        self.index.insert(run.id, terms.arrival.wrapping_add(place), terms.now, terms.wait)
                    }
                },
            };
            self.append(slot, run, intake, run.spans(chunks));
            self.follow_up(slot, run, terms, &mut taken);
        }
        taken
    }

    fn append(&mut self, slot: u32, run: &Run, intake: &Intake, spans: &[u8]) {
        let segment = self.log.room(Lane::Fresh, spans.len());
        let header = self.header_place(segment, run.header, intake);
        let entry = self.index.entry_mut(slot);
        entry.add(run.digest, spans.len());
        let bytes = (RECORD_BYTES + spans.len()) as u32;
        match self.nodes.get_mut(entry.node) {
            Some(node) if node.segment == segment => {
                node.newest = self.log.append(segment, Some(node.newest), header, slot, spans);
                node.bytes += bytes;
            }
            _ => {
                let newest = self.log.append(segment, None, header, slot, spans);
                entry.node = self.nodes.add(Node { segment, newest, bytes, older: entry.node });
            }
        }
    }

    fn header_place(&mut self, segment: u32, staged: u32, intake: &Intake) -> u32 {
        if self.header_epoch != self.log.epoch() {
            self.header_epoch = self.log.epoch();
            self.header_places.fill(NONE);
        }
        let (resource, scope) = intake.header(staged);
        if !self.log.is_open(segment) {
            // A segment of this run's own.
            return self.log.intern(segment, resource, scope);
        }
        let place = &mut self.header_places[staged as usize];
        if *place == NONE {
            *place = self.log.intern(segment, resource, scope);
        }
        *place
    }

    fn follow_up(&mut self, slot: u32, run: &Run, terms: Terms, taken: &mut Taken) {
        let entry = self.index.entry(slot);
        if terms.max_trace_bytes > 0 && entry.bytes as usize > terms.max_trace_bytes {
            taken.too_large_traces += 1;
            taken.too_large_spans += u64::from(entry.digest().spans);
            taken.more_traces -= 1;
            let id = entry.id;
            self.remove(slot);
            self.decisions.drop(id, terms.now);
            return;
        }
        if let Some(wait) = terms.wait_after_root.filter(|_| run.digest.seen & super::digest::seen::ROOT != 0) {
            self.index.hasten(slot, terms.now, wait);
        }
        if terms.judge_on_ingest {
            self.touched.push(slot);
        }
    }

    /// Takes up to `max` traces that are due at `tick` for decision.
    pub(super) fn take_due(&mut self, tick: u32, max: usize, mut each: impl FnMut(u32, &Entry)) -> usize {
        self.log.set_now(tick);
        let mut count = 0;
        while count < max
            && let Some(slot) = self.index.pop_due(tick)
        {
            each(slot, self.index.entry(slot));
            count += 1;
        }
        count
    }

    /// Takes the traces that got spans since the last call for decision on what is there.
    pub(super) fn take_touched(&mut self, mut each: impl FnMut(u32, &Entry)) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for slot in touched.drain(..) {
            if let Some(entry) = self.index.get(slot) {
                each(slot, entry);
            }
        }
        self.touched = touched;
    }

    /// Lets [`Shard::take_touched`] give all traces once.
    pub(super) fn touch_all(&mut self) {
        self.touched = self.index.queued().map(|(slot, _)| slot).collect();
    }

    /// Takes this trace for decision, if it is queued.
    pub(super) fn take(&mut self, slot: u32, id: TraceId) -> bool {
        let queued = |entry: &Entry| entry.id == id && entry.state != State::Judging;
        let is_queued = self.index.get(slot).is_some_and(queued);
        if is_queued {
            self.index.take(slot);
        }
        is_queued
    }

    /// Undecided traces that are queued, in no particular order.
    pub(super) fn queued(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.index.queued()
    }

    /// The next `max` to be due, soonest first.
    pub(super) fn soonest(&self, max: usize, mut each: impl FnMut(u32, &Entry)) {
        for slot in self.index.soonest().take(max) {
            each(slot, self.index.entry(slot));
        }
    }

    /// The trace that a decision is for; `None` if it has gone in the meantime (too large).
    pub(super) fn trace(&self, slot: u32, id: TraceId) -> Option<&Entry> {
        self.index.get(slot).filter(|entry| entry.id == id)
    }

    /// A trace's spans, in order of arrival.
    pub(super) fn pieces(&self, entry: &Entry) -> Pieces<'_> {
        let mut pieces = Pieces::new();
        for node in self.nodes.chain(entry.node) {
            let mut offset = Some(node.newest);
            while let Some(at) = offset {
                let run = self.log.run(node.segment, at);
                let (resource, scope) = self.log.headers(node.segment, run.header);
                pieces.push(Piece { resource, scope, spans: run.spans });
                offset = run.older;
            }
        }
        pieces.reverse();
        pieces
    }

    /// Frees a trace that was kept, and remembers it.
    pub(super) fn release_kept(&mut self, slot: u32, kept: Kept) {
        let id = self.index.entry(slot).id;
        self.remove(slot);
        self.decisions.keep(id, kept);
    }

    /// Frees a trace that was dropped, and remembers it.
    pub(super) fn release_dropped(&mut self, slot: u32, now: u32) {
        let id = self.index.entry(slot).id;
        self.remove(slot);
        self.decisions.drop(id, now);
    }

    fn remove(&mut self, slot: u32) {
        let mut at = self.index.entry(slot).node;
        while let Some(node) = self.nodes.take(at) {
            self.log.release(node.segment, node.bytes as usize);
            at = node.older;
        }
        self.index.remove(slot);
    }

    /// Compacts one segment that has been sparse since before a tick; `false` if there is none.
    pub(super) fn compact_one(&mut self, sparse_before: u32) -> bool {
        let Some(segment) = self.log.sparse(sparse_before) else { return false };
        for slot in self.log.slots(segment) {
            // The slot may be vacant or another trace's by now: what counts is which runs its nodes name.
            let mut at = self.index.get(slot).map_or(NONE, |entry| entry.node);
            while let Some(node) = self.nodes.get_mut(at) {
                if node.segment == segment {
                    at = self.move_node(at);
                } else {
                    at = node.older;
                }
            }
        }
        true
    }

    /// Packs the oldest segment that is not; `false` if there is none that gets smaller.
    pub(super) fn pack_oldest(&mut self) -> bool {
        self.log.pack_oldest()
    }

    /// Lets go of what was unpacked to be read.
    pub(super) fn repack(&mut self) {
        self.log.repack();
    }

    /// Copies a node's runs out of its segment; returns the next older node that was there before.
    fn move_node(&mut self, at: u32) -> u32 {
        let Some(node) = self.nodes.get_mut(at).copied() else { return NONE };
        let mut runs = SmallVec::<[u32; 16]>::new();
        let mut offset = Some(node.newest);
        while let Some(run) = offset {
            runs.push(run);
            offset = self.log.run(node.segment, run).older;
        }
        // Oldest first, so that they lie in order and each can point at the one before. Where the open segment fills up
        // in between, a further node stands for the part in the next one.
        let mut last: Option<(u32, u32)> = None;
        let mut older = node.older;
        let mut bytes = 0;
        for run in runs.into_iter().rev() {
            let len = (RECORD_BYTES + self.log.run(node.segment, run).spans.len()) as u32;
            let placed = self.log.rescue(node.segment, run, last);
            if let Some((segment, newest)) = last.filter(|(segment, _)| *segment != placed.0) {
                older = self.nodes.add(Node { segment, newest, bytes, older });
                bytes = 0;
            }
            bytes += len;
            last = Some(placed);
        }
        if let (Some((segment, newest)), Some(moved)) = (last, self.nodes.get_mut(at)) {
            *moved = Node { segment, newest, bytes, older };
        }
        self.log.release(node.segment, node.bytes as usize);
        node.older
    }

    /// Span bytes and record headers of undecided traces.
    pub(super) fn live_bytes(&self) -> usize {
        self.log.live_bytes()
    }

    /// Live bytes are those that the traces' nodes add up to, in all and in each segment.
    #[cfg(test)]
    pub(super) fn check_books(&self) {
        let mut segments = std::collections::BTreeMap::<u32, usize>::new();
        for entry in self.index.all() {
            let nodes = || self.nodes.chain(entry.node);
            for node in nodes() {
                *segments.entry(node.segment).or_default() += node.bytes as usize;
            }
            let pieces = self.pieces(entry);
            let bytes: usize = nodes().map(|node| node.bytes as usize).sum();
            assert_eq!(bytes, pieces.iter().map(|piece| RECORD_BYTES + piece.spans.len()).sum::<usize>());
            assert_eq!(entry.bytes as usize, pieces.iter().map(|piece| piece.spans.len()).sum::<usize>());
        }
        assert_eq!(self.log.live_bytes(), segments.values().sum::<usize>());
        assert_eq!(self.log.live_by_segment(), segments);
    }

    pub(super) fn set_wait(&mut self, wait: u16) {
        self.index.set_wait(wait);
    }

    pub(super) fn resize_decisions(&mut self, kept: usize, dropped: usize) {
        self.decisions.resize(kept, dropped);
    }
}

/// The runs of one trace in one segment.
#[derive(Clone, Copy)]
struct Node {
    segment: u32,
    /// Offset of the newest run; runs are chained to older ones in the log.
    newest: u32,
    /// Bytes of the runs, record headers included.
    bytes: u32,
    /// The node of the next older runs, or the next vacant one.
    older: u32,
}

const VACANT: u32 = u32::MAX;

struct Nodes {
    nodes: Vec<Node>,
    vacant: u32,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { nodes: Vec::new(), vacant: NONE }
    }
}

impl Nodes {
    fn add(&mut self, node: Node) -> u32 {
        if self.vacant == NONE {
            self.nodes.push(node);
            return self.nodes.len() as u32 - 1;
        }
        let at = self.vacant;
        let place = &mut self.nodes[at as usize];
        self.vacant = place.older;
        *place = node;
        at
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }

    /// Gives a node and frees its place.
    fn take(&mut self, at: u32) -> Option<Node> {
        let place = self.nodes.get_mut(at as usize)?;
        let node = *place;
        *place = Node { segment: VACANT, newest: 0, bytes: 0, older: self.vacant };
        self.vacant = at;
        Some(node)
    }

    /// A node and all older ones of its trace.
    fn chain(&self, at: u32) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.nodes.get(at as usize), |node| self.nodes.get(node.older as usize))
    }
}
