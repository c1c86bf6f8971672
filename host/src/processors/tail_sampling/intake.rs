//! Cutting a request into runs: stretches of adjacent spans of one trace, sorted by shard. Spans are looked at once, for their
//! digest; nothing is copied but the headers.

use std::cell::Cell;

use bytes::Bytes;
use tailrace_otlp::view;
use tailrace_otlp::walk::{self, Visit};

use super::digest::Digest;
use super::hash::{self, TraceId};
use super::headers::Header;

/// The most shards there can be.
pub(super) const MAX_SHARDS: usize = 256;

/// A stretch of adjacent spans of one trace under one resource and scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) id: TraceId,
    pub(super) digest: Digest,
    /// Place of its headers in [`Intake::headers`].
    pub(super) header: u32,
    /// The chunk of the request that it lies in, and where.
    chunk: u32,
    start: u32,
    end: u32,
    /// The next run of the same shard.
    next: u32,
}

const NONE: u32 = u32::MAX;

/// A request cut into runs. Reused from request to request.
#[derive(Default)]
pub(super) struct Intake {
    runs: Vec<Run>,
    /// First and last run of each shard.
    shards: Vec<(u32, u32)>,
    headers: Vec<Stage>,
    header_bytes: Vec<u8>,
}

/// Where a resource and a scope header lie in `header_bytes`.
#[derive(Clone, Copy, Default)]
struct Stage {
    resource: Staged,
    scope: Staged,
}

#[derive(Clone, Copy, Default)]
struct Staged {
    start: u32,
    end: u32,
    hash: u64,
}

thread_local! {
    static SPARE: Cell<Option<Intake>> = const { Cell::new(None) };
}

/// Scratch memory beyond which it is not kept for the next request.
const MAX_SPARE_RUNS: usize = 1 << 16;

impl Intake {
    /// Cuts the chunks of a request, for `shards` shards.
    pub(super) fn cut(chunks: &[Bytes], shards: usize) -> Self {
        let mut intake = SPARE.take().unwrap_or_default();
        intake.clear(shards);
        for (chunk, bytes) in chunks.iter().enumerate() {
            let mut cutter = Cutter {
                intake: &mut intake,
                base: bytes.as_ptr() as usize,
                chunk: chunk as u32,
                resource: Staged::default(),
                open: None,
            };
            walk::spans(bytes, &mut cutter);
            cutter.close();
        }
        intake
    }

    /// Lets the next request on this thread use the memory.
    pub(super) fn recycle(self) {
        if self.runs.capacity() <= MAX_SPARE_RUNS {
            SPARE.set(Some(self));
        }
    }

    fn clear(&mut self, shards: usize) {
        self.runs.clear();
        self.headers.clear();
        self.header_bytes.clear();
        self.shards.clear();
        self.shards.resize(shards, (NONE, NONE));
    }

    /// All runs, in the order of the request.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The places of a shard's runs, in the order of the request.
    pub(super) fn of_shard(&self, shard: usize) -> impl Iterator<Item = u32> {
        let first = self.shards[shard].0;
        std::iter::successors((first != NONE).then_some(first), |at| {
            let next = self.runs[*at as usize].next;
            (next != NONE).then_some(next)
        })
    }

    /// Whether a shard has any.
    pub(super) fn has_runs(&self, shard: usize) -> bool {
        self.shards[shard].0 != NONE
    }

    /// How many pairs of headers there are.
    pub(super) fn headers(&self) -> usize {
        self.headers.len()
    }

    /// The resource and scope header at a place.
    pub(super) fn header(&self, place: u32) -> (Header<'_>, Header<'_>) {
        let Stage { resource, scope } = self.headers[place as usize];
        let header = |staged: Staged| Header {
            bytes: &self.header_bytes[staged.start as usize..staged.end as usize],
            hash: staged.hash,
        };
        (header(resource), header(scope))
    }

    fn stage(&mut self, header: &walk::Header<'_>) -> Staged {
        let start = self.header_bytes.len();
        header.write_to(&mut self.header_bytes);
        let hash = hash::bytes(&self.header_bytes[start..]);
        Staged { start: start as u32, end: self.header_bytes.len() as u32, hash }
    }
}

impl Run {
    /// Its spans, framed, out of the request that it was cut from.
    pub(super) fn spans<'a>(&self, chunks: &'a [Bytes]) -> &'a [u8] {
        &chunks[self.chunk as usize][self.start as usize..self.end as usize]
    }
}

struct Cutter<'a> {
    intake: &'a mut Intake,
    /// Address of the chunk's first byte: the spans seen are slices of it.
    base: usize,
    chunk: u32,
    resource: Staged,
    open: Option<Run>,
}

impl Cutter<'_> {
    fn close(&mut self) {
        let Some(run) = self.open.take() else { return };
        let Intake { runs, shards, .. } = &mut *self.intake;
        let place = runs.len() as u32;
        let shard = run.id.shard(shards.len());
        let (first, last) = &mut shards[shard];
        if *first == NONE {
            *first = place;
        } else {
            runs[*last as usize].next = place;
        }
        *last = place;
        runs.push(run);
    }
}

impl Visit for Cutter<'_> {
    fn resource(&mut self, header: &walk::Header<'_>) {
        self.resource = self.intake.stage(header);
    }

    fn scope(&mut self, header: &walk::Header<'_>) {
        self.close();
        let scope = self.intake.stage(header);
        self.intake.headers.push(Stage { resource: self.resource, scope });
    }

    #[inline]
    fn span(&mut self, framed: &[u8], body: &[u8]) {
        let head = view::span_head(body);
        let id = TraceId::from_bytes(head.trace_id);
        let digest = Digest::of(&head);
        let start = (framed.as_ptr() as usize - self.base) as u32;
        let end = start + framed.len() as u32;
        match &mut self.open {
            Some(run) if run.id == id && run.end == start => {
                run.end = end;
                run.digest.merge(digest);
            }
            _ => {
                self.close();
                let header = self.intake.headers.len() as u32 - 1;
                self.open = Some(Run { id, digest, header, chunk: self.chunk, start, end, next: NONE });
            }
        }
    }
}
