//! The append-only log of one shard: span bytes in the order they arrive, in segments that are recycled.
//!
//! A *run* is a stretch of adjacent spans of one trace under one resource and scope, as it stood in a request. Its record is a
//! header of 16 bytes {previous run of the trace in this segment + 1, length, place of the resource and scope headers, slot of
//! the trace} and the spans with their tags and lengths, so that output is concatenation. Dropping a trace never touches the
//! log: it is told which bytes of which segment died. A segment without live bytes is free; one that has lain more than half
//! dead for a while is compacted by the shard, which knows the traces. Where memory runs out, the oldest segments are packed.

use std::sync::Arc;

use super::headers::{Header, Headers};
use super::packed::Store;
use super::segment::{Pool, SEGMENT_BYTES};

/// Bytes of a record before its spans.
pub(super) const RECORD_BYTES: usize = 16;

/// Header bytes beyond which a segment is closed: clients with a resource per span must not fill memory beside the log.
const MAX_HEADER_BYTES: usize = SEGMENT_BYTES / 2;

/// Where a record is appended: what just arrived, or what a compaction saves. Survivors live long, so they lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Fresh = 0,
    Survivors = 1,
}

/// A run as it is read back.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// Offset of the trace's previous run in the same segment.
    pub(super) older: Option<u32>,
    /// Place of its headers in the segment.
    pub(super) header: u32,
    /// Slot of the trace, as of when the run was written.
    pub(super) slot: u32,
    /// The spans, framed.
    pub(super) spans: &'a [u8],
}

impl Run<'_> {
    fn record_bytes(&self) -> usize {
        RECORD_BYTES + self.spans.len()
    }
}

pub(super) struct Log {
    pool: Arc<Pool>,
    segments: Vec<Option<Segment>>,
    vacant: Vec<u32>,
    /// The segment that each lane appends to.
    open: [Option<u32>; 2],
    /// Changes whenever headers interned in the fresh lane's segment are void.
    epoch: u64,
    live_bytes: usize,
    /// The current tick, for [`Log::sparse`].
    now: u32,
    /// Segments begun so far.
    begun: u64,
}

struct Segment {
    bytes: Store,
    /// How many were begun before it.
    age: u64,
    used: usize,
    live: usize,
    headers: Headers,
    /// The tick since when less than half has been live, of a closed segment.
    sparse_since: Option<u32>,
    /// Whether packing it was tried and brought nothing.
    unpackable: bool,
}

impl Log {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            segments: Vec::new(),
            vacant: Vec::new(),
            open: [None; 2],
            epoch: 0,
            live_bytes: 0,
            now: 0,
            begun: 0,
        }
    }

    /// Told at every tick what time it is.
    pub(super) fn set_now(&mut self, tick: u32) {
        self.now = tick;
    }

    /// See [`Log::intern`].
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The segment to append a run of `len` span bytes to.
    pub(super) fn room(&mut self, lane: Lane, len: usize) -> u32 {
        let need = RECORD_BYTES + len;
        if let Some(id) = self.open[lane as usize] {
            let segment = self.segment(id);
            if segment.used + need <= SEGMENT_BYTES && segment.headers.bytes() <= MAX_HEADER_BYTES {
                return id;
            }
        }
        if need > SEGMENT_BYTES {
            // A segment of its own; the open one stays open for what fits.
            return self.add(need);
        }
        if let Some(full) = self.open[lane as usize].take() {
            self.note_if_sparse(full);
        }
        let id = self.add(need);
        self.open[lane as usize] = Some(id);
        if lane == Lane::Fresh {
            self.epoch += 1;
        }
        id
    }

    fn add(&mut self, need: usize) -> u32 {
        let segment = Segment {
            bytes: Store::Raw(self.pool.take(need)),
            age: self.begun,
            used: 0,
            live: 0,
            headers: Headers::default(),
            sparse_since: None,
            unpackable: false,
        };
        self.begun += 1;
        if let Some(id) = self.vacant.pop() {
            self.segments[id as usize] = Some(segment);
            return id;
        }
        self.segments.push(Some(segment));
        self.segments.len() as u32 - 1
    }

    /// Whether further runs go there.
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.open.contains(&Some(id))
    }

    /// The place of these headers in `segment`. For the fresh lane's open segment it may be remembered until the epoch changes.
    pub(super) fn intern(&mut self, segment: u32, resource: Header<'_>, scope: Header<'_>) -> u32 {
        self.segment_mut(segment).headers.intern(resource, scope)
    }

    /// Appends a record to a segment that [`Log::room`] gave for it; returns its offset.
    pub(super) fn append(&mut self, id: u32, older: Option<u32>, header: u32, slot: u32, spans: &[u8]) -> u32 {
        self.live_bytes += RECORD_BYTES + spans.len();
        self.segment_mut(id).append(older, header, slot, spans)
    }

    /// The run at an offset that [`Log::append`] gave.
    pub(super) fn run(&self, id: u32, offset: u32) -> Run<'_> {
        self.segment(id).run(offset as usize)
    }

    /// The resource and the scope header of a run.
    pub(super) fn headers(&self, id: u32, header: u32) -> (&[u8], &[u8]) {
        self.segment(id).headers.pair(header)
    }

    /// So many bytes of records have died in a segment.
    pub(super) fn release(&mut self, id: u32, bytes: usize) {
        self.live_bytes -= bytes;
        let segment = self.segment_mut(id);
        segment.live -= bytes;
        if segment.live > 0 {
            self.note_if_sparse(id);
            return;
        }
        // Open ones go back too: an empty buffer holds nothing.
        self.segments[id as usize] = None;
        self.vacant.push(id);
        for open in &mut self.open {
            *open = open.filter(|open| *open != id);
        }
        self.epoch += 1;
    }

    fn note_if_sparse(&mut self, id: u32) {
        let now = self.now;
        let closed = !self.is_open(id);
        let segment = self.segment_mut(id);
        if closed && segment.sparse_since.is_none() && segment.live * 2 < segment.used {
            segment.sparse_since = Some(now);
        }
    }

    /// A closed segment that has been less than half live since before tick `before`, the sparsest first. Traces that arrive
    /// together are decided together: most segments pass through half live on their way to free, and are better left alone.
    pub(super) fn sparse(&self, before: u32) -> Option<u32> {
        let is_old = |segment: &Segment| {
            // To save what lives in a packed segment is to unpack it: that has to bring something.
            let is_worthwhile = segment.bytes.packed_len().is_none_or(|packed| segment.live * 2 < packed);
            segment.sparse_since.is_some_and(|since| since < before) && is_worthwhile
        };
        let sparse = self.segments.iter().enumerate().filter_map(|(id, segment)| Some((id, segment.as_ref()?)));
        let sparsest = sparse.filter(|(_, segment)| is_old(segment)).min_by_key(|(_, segment)| segment.live)?;
        Some(sparsest.0 as u32)
    }

    /// Packs the oldest segment that is not; `false` if there is none that gets smaller.
    pub(super) fn pack_oldest(&mut self) -> bool {
        let open = self.open;
        let is_packable = |id: usize, segment: &Segment| {
            segment.bytes.is_raw() && !segment.unpackable && !open.contains(&Some(id as u32))
        };
        loop {
            let segments = self.segments.iter_mut().enumerate();
            let closed =
                segments.filter_map(|(id, segment)| segment.as_mut().filter(|segment| is_packable(id, segment)));
            let Some(oldest) = closed.min_by_key(|segment| segment.age) else { return false };
            if oldest.bytes.pack(oldest.used, &self.pool) {
                return true;
            }
            oldest.unpackable = true;
        }
    }

    /// Lets go of what was unpacked to be read.
    pub(super) fn repack(&mut self) {
        for segment in self.segments.iter_mut().flatten().filter(|segment| segment.bytes.packed_len().is_some()) {
            segment.bytes.pack(segment.used, &self.pool);
        }
    }

    /// The slots of all runs in a segment, dead ones included, in order, each once.
    pub(super) fn slots(&self, id: u32) -> Vec<u32> {
        let segment = self.segment(id);
        let mut slots = Vec::new();
        let mut offset = 0;
        while offset < segment.used {
            let run = segment.run(offset);
            slots.push(run.slot);
            offset += run.record_bytes();
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Copies a run to where survivors go; gives segment and offset. The bytes left behind stay counted as live until released.
    pub(super) fn rescue(&mut self, id: u32, offset: u32, older: Option<(u32, u32)>) -> (u32, u32) {
        let len = self.run(id, offset).spans.len();
        let to = self.room(Lane::Survivors, len);
        let [from, into] = self
            .segments
            .get_disjoint_mut([id as usize, to as usize])
            .expect("a closed segment is not the one that a lane appends to")
            .map(|segment| segment.as_mut().expect(EXISTS));
        let run = from.run(offset as usize);
        let (resource, scope) = from.headers.hashed(run.header);
        let header = into.headers.intern(resource, scope);
        let older = older.filter(|(segment, _)| *segment == to).map(|(_, offset)| offset);
        self.live_bytes += run.record_bytes();
        (to, into.append(older, header, run.slot, run.spans))
    }

    /// Span bytes and record headers that belong to undecided traces.
    pub(super) fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    #[cfg(test)]
    pub(super) fn live_by_segment(&self) -> std::collections::BTreeMap<u32, usize> {
        let segments = self.segments.iter().enumerate();
        segments.filter_map(|(id, segment)| Some((id as u32, segment.as_ref()?.live))).collect()
    }

    fn segment(&self, id: u32) -> &Segment {
        self.segments[id as usize].as_ref().expect(EXISTS)
    }

    fn segment_mut(&mut self, id: u32) -> &mut Segment {
        self.segments[id as usize].as_mut().expect(EXISTS)
    }
}

const EXISTS: &str = "a segment that a live trace refers to exists";

impl Segment {
    fn append(&mut self, older: Option<u32>, header: u32, slot: u32, spans: &[u8]) -> u32 {
        let offset = self.used;
        let record = &mut self.bytes.raw_mut()[offset..][..RECORD_BYTES + spans.len()];
        let (fields, body) = record.split_at_mut(RECORD_BYTES);
        let older = older.map_or(0, |offset| offset + 1);
        for (field, value) in fields.as_chunks_mut::<4>().0.iter_mut().zip([older, spans.len() as u32, header, slot]) {
            *field = value.to_le_bytes();
        }
        body.copy_from_slice(spans);
        self.used += RECORD_BYTES + spans.len();
        self.live += RECORD_BYTES + spans.len();
        offset as u32
    }

    fn run(&self, offset: usize) -> Run<'_> {
        let (fields, rest) = self.bytes[offset..].split_at(RECORD_BYTES);
        let field = |at: usize| u32::from_le_bytes(fields.as_chunks::<4>().0[at]);
        Run { older: field(0).checked_sub(1), header: field(2), slot: field(3), spans: &rest[..field(1) as usize] }
    }
}
