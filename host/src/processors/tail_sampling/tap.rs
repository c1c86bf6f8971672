//! A capture under way. The judge hands slices to a thread, which redacts, packs and passes them on to whoever asked. What it has no
//! room for is counted and left out: deciding never waits for a capture.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self as channel, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::rules::Panel;
use super::witness::{Roster, Witnesses};
use crate::host::admin::Capture;
use crate::recording::{self, Content, Head, Order, Redaction, Slice, Trailer, Writer};

/// Bytes of traces on their way to the thread.
const MAX_IN_FLIGHT_BYTES: usize = 64 << 20;
/// Slices on their way; in `span-ingest`, slices may be small and many.
const MAX_IN_FLIGHT: usize = 256;
/// Blocks on their way to the client.
const MAX_BLOCKS: usize = 4;
/// What a trailer and the block around it take at most.
const TRAILER_BYTES: u64 = 256;
/// How long the client may take over the last blocks.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a client that takes nothing is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Where the judge leaves slices.
pub(super) struct Tap {
    sender: channel::Sender<Piece>,
    shared: Arc<Shared>,
    /// The roster that was sent last; `None` once slices were missed, as state has moved on since.
    sent: Mutex<Option<Arc<Roster>>>,
    keeps_state: bool,
}

#[derive(Default)]
struct Shared {
    bytes: AtomicUsize,
    slices: AtomicUsize,
    missed_slices: AtomicU64,
    missed_traces: AtomicU64,
}

struct Piece {
    roster: Option<recording::Roster>,
    slice: Slice,
    /// Gives its room back.
    _room: Room,
}

/// Room in the channel.
struct Room {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.shared.slices.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A slice that there is room for.
pub(super) struct Admitted {
    tap: Arc<Tap>,
    room: Room,
    roster: Option<recording::Roster>,
}

impl Tap {
    /// Asks for room for a slice; without any, it is counted as missed. To be called before policies are asked: their state is noted
    /// as it was before the slice.
    pub(super) fn admit(tap: Arc<Self>, panel: &mut dyn Panel, traces: usize, bytes: usize) -> Option<Admitted> {
        let shared = tap.shared.clone();
        // Only the judge takes room, so it can not have grown between looking and taking.
        let is_full = shared.slices.load(Ordering::Relaxed) >= MAX_IN_FLIGHT
            || shared.bytes.load(Ordering::Relaxed).saturating_add(bytes) > MAX_IN_FLIGHT_BYTES;
        if is_full {
            shared.missed_slices.fetch_add(1, Ordering::Relaxed);
            shared.missed_traces.fetch_add(traces as u64, Ordering::Relaxed);
            *tap.sent.lock() = None;
            return None;
        }
        shared.slices.fetch_add(1, Ordering::Relaxed);
        shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        let roster = tap.roster(panel);
        Some(Admitted { tap, room: Room { shared, bytes }, roster })
    }

    /// The roster with the policies' state, if it is not what the slices before imply.
    fn roster(&self, panel: &mut dyn Panel) -> Option<recording::Roster> {
        let roster = panel.roster()?;
        let mut sent = self.sent.lock();
        if sent.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, &roster)) {
            return None;
        }
        let mut leaves = roster.leaves.clone();
        if self.keeps_state {
            for (leaf, state) in leaves.iter_mut().zip(panel.states()) {
                leaf.state = state;
            }
        }
        *sent = Some(roster);
        Some(recording::Roster { leaves })
    }
}

impl Admitted {
    pub(super) fn send(self, slice: Slice) {
        let Self { tap, room, roster } = self;
        // It has just ended if nobody receives.
        let _ = tap.sender.send(Piece { roster, slice, _room: room });
    }
}

impl Capture for Witnesses {
    fn capture(&self, order: Order) -> Result<mpsc::Receiver<Bytes>, String> {
        let redaction = Redaction::new(&order.redact, order.redact_with)
            .map_err(|error| format!("no key for hashes of redacted values: {error}"))?;
        let _beginning = self.beginning.lock();
        if self.tap.load().is_some() {
            return Err(format!("{} is being captured already; only one capture at a time", self.id));
        }
        let (sender, pieces) = channel::channel();
        let (blocks, to_client) = mpsc::channel(MAX_BLOCKS);
        let shared = Arc::new(Shared::default());
        let tap = Tap { sender, shared: shared.clone(), sent: Mutex::new(None), keeps_state: redaction.is_empty() };
        let pump = Pump {
            blocks,
            deadline: Instant::now() + Duration::from_millis(order.duration_ms),
            written: 0,
            trailer: Trailer::default(),
            writer: Writer::new(),
            unwritten: (0, 0),
            redaction,
            order,
        };
        let (id, place) = (self.id.clone(), self.tap.clone());
        let named = thread::Builder::new().name("capture".to_owned());
        place.store(Some(Arc::new(tap)));
        let spawned = named.spawn(move || pump.run(&pieces, &id, &place, &shared));
        if let Err(error) = spawned {
            self.tap.store(None);
            return Err(format!("there is no thread for it: {error}"));
        }
        Ok(to_client)
    }
}

/// What takes slices out of the channel.
struct Pump {
    order: Order,
    redaction: Redaction,
    blocks: mpsc::Sender<Bytes>,
    deadline: Instant,
    written: u64,
    trailer: Trailer,
    writer: Writer,
    /// Slices and traces in the writer, whose block is not out yet.
    unwritten: (u64, u64),
}

/// Why no more is taken.
enum End {
    By(&'static str),
    /// Nobody listens any more.
    Gone,
}

impl Pump {
    fn run(mut self, pieces: &channel::Receiver<Piece>, id: &str, place: &ArcSwapOption<Tap>, shared: &Shared) {
        let end = self.record(pieces, id);
        place.store(None);
        if let End::By(ended_by) = end {
            self.finish(pieces, shared, ended_by);
        }
    }

    fn record(&mut self, pieces: &channel::Receiver<Piece>, id: &str) -> End {
        let head = Head {
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            processor: id.to_owned(),
            started: super::judge::unix_ns(),
            redacted: self.order.redact.clone(),
        };
        self.writer.add(Content::Head(head));
        if !self.send(Writer::preamble()) {
            return End::Gone;
        }
        loop {
            // Short enough to notice soon that the client has gone.
            let wait = self.deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(200));
            match pieces.recv_timeout(wait) {
                Ok(piece) => {
                    let is_full = self.add(piece);
                    if is_full && let Err(end) = self.flush() {
                        return end;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return End::By("stopped"),
            }
            if self.blocks.is_closed() {
                return End::Gone;
            }
            let traces = self.trailer.traces + self.unwritten.1;
            if self.order.max_traces > 0 && traces >= self.order.max_traces {
                return End::By("max_traces");
            }
            if Instant::now() >= self.deadline {
                return End::By("duration");
            }
        }
    }

    /// Whether a block is full.
    fn add(&mut self, piece: Piece) -> bool {
        let Piece { roster, mut slice, _room } = piece;
        if !self.redaction.is_empty() {
            for trace in &mut slice.traces {
                trace.otlp = self.redaction.apply(&trace.otlp);
            }
            // What a guest says of its failure may quote a value.
            slice.asked.iter_mut().for_each(|asked| asked.message.clear());
        }
        if let Some(roster) = roster {
            self.writer.add(Content::Roster(roster));
        }
        self.unwritten = (self.unwritten.0 + 1, self.unwritten.1 + slice.traces.len() as u64);
        self.writer.add(Content::Slice(slice))
    }

    /// Sends what was added since the last time, or counts it as missed if it is too much.
    fn flush(&mut self) -> Result<(), End> {
        let block = match self.writer.block() {
            Ok(Some(block)) => block,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::error!(%error, "a capture ends: it can not be packed");
                return Err(End::Gone);
            }
        };
        let (slices, traces) = std::mem::take(&mut self.unwritten);
        if self.written + block.len() as u64 + TRAILER_BYTES > self.order.max_bytes {
            self.trailer.missed_slices += slices;
            self.trailer.missed_traces += traces;
            return Err(End::By("max_bytes"));
        }
        self.trailer.slices += slices;
        self.trailer.traces += traces;
        if self.send(block) { Ok(()) } else { Err(End::Gone) }
    }

    /// What is still in the channel, and the trailer.
    fn finish(mut self, pieces: &channel::Receiver<Piece>, shared: &Shared, mut ended_by: &'static str) {
        while ended_by == "duration"
            && let Ok(piece) = pieces.try_recv()
        {
            self.add(piece);
        }
        match self.flush() {
            Ok(()) => {}
            Err(End::By(other)) => ended_by = other,
            Err(End::Gone) => return,
        }
        while ended_by == "max_bytes"
            && let Ok(piece) = pieces.try_recv()
        {
            self.trailer.missed_slices += 1;
            self.trailer.missed_traces += piece.slice.traces.len() as u64;
        }
        let trailer = &mut self.trailer;
        trailer.missed_slices += shared.missed_slices.load(Ordering::Relaxed);
        trailer.missed_traces += shared.missed_traces.load(Ordering::Relaxed);
        trailer.truncated = trailer.missed_slices > 0 || ended_by == "max_bytes";
        ended_by.clone_into(&mut trailer.ended_by);
        self.writer = Writer::new();
        self.writer.add(Content::Trailer(self.trailer.clone()));
        if let Ok(Some(block)) = self.writer.block() {
            self.send(block);
        }
    }

    /// Whether the client took it in time.
    fn send(&mut self, block: Vec<u8>) -> bool {
        self.written += block.len() as u64;
        let until = self.deadline.max(Instant::now()) + PATIENCE;
        let mut block = Bytes::from(block);
        loop {
            block = match self.blocks.try_send(block) {
                Ok(()) => return true,
                Err(TrySendError::Full(block)) if Instant::now() < until => block,
                Err(_) => return false,
            };
            thread::sleep(LOOK_EVERY);
        }
    }
}

#[cfg(test)]
mod tests;
