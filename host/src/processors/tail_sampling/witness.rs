//! Who is told how traces are decided: a capture that is under way, and the memory for `tailrace explain`. While there is neither, a
//! slice costs two loads of a pointer.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::core::Names;
use super::digest::Digest;
use super::explain::Memory;
use super::hash::TraceId;
use super::judge::Occasion;
use super::output;
use super::rules::{Keep, Panel, Rule, Verdict};
use super::shard::Pieces;
use super::tap::{Admitted, Tap};
use crate::recording::{self, Leaf};
use crate::wasm::policy::{Failure, Votes};

/// The policies and the evaluators that they stand on.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    /// Names and rules, in the order in which they are asked.
    pub(super) policies: Vec<(String, Rule)>,
    pub(super) leaves: Vec<Leaf>,
}

/// A question to an evaluator, and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) leaf: usize,
    pub(crate) candidates: Vec<u32>,
    pub(crate) answer: Result<Votes, Failure>,
    /// Whether another one was asked in its place.
    pub(crate) defers: bool,
}

/// Whoever wants to know, at present.
pub(super) struct Witnesses {
    /// The processor's id.
    pub(super) id: String,
    pub(super) tap: Arc<ArcSwapOption<Tap>>,
    pub(super) memory: ArcSwapOption<Memory>,
    /// Held while a capture begins.
    pub(super) beginning: Mutex<()>,
}

impl Witnesses {
    pub(super) fn new(id: String, remembered: usize) -> Self {
        let memory = ArcSwapOption::empty();
        memory.store(Memory::of(remembered));
        Self { id, tap: Arc::default(), memory, beginning: Mutex::new(()) }
    }

    /// Remembers so many from now on; what is remembered stays as far as there is room.
    pub(super) fn remember(&self, traces: usize) {
        match &*self.memory.load() {
            Some(memory) if traces > 0 => memory.resize(traces),
            _ => self.memory.store(Memory::of(traces)),
        }
    }

    /// Before a slice is shown to policies: what is to be noted of it. `None`: nobody is interested.
    pub(super) fn attend(&self, panel: &mut dyn Panel, traces: usize, bytes: usize) -> Option<Witness> {
        let (tap, memory) = (self.tap.load_full(), self.memory.load_full());
        let capture = tap.and_then(|tap| Tap::admit(tap, panel, traces, bytes));
        let is_noting = capture.is_some() || memory.is_some();
        panel.note(is_noting);
        is_noting.then(|| Witness { capture, memory, now: 0, traces: Vec::with_capacity(traces) })
    }
}

/// What is noted of one slice.
pub(super) struct Witness {
    capture: Option<Admitted>,
    memory: Option<Arc<Memory>>,
    now: u64,
    traces: Vec<Noted>,
}

/// A trace of the slice.
pub(super) struct Noted {
    pub(super) id: TraceId,
    pub(super) digest: Digest,
    pub(super) bytes: u32,
    pub(super) otlp: Vec<u8>,
}

impl Witness {
    /// The slice is judged as of `now`.
    pub(super) fn begin(&mut self, now: u64) {
        self.now = now;
    }

    /// Notes a trace; how many bytes were copied.
    pub(super) fn note<'p>(
        &mut self,
        id: TraceId,
        digest: Digest,
        bytes: u32,
        pieces: impl FnOnce() -> Pieces<'p>,
    ) -> usize {
        let mut otlp = Vec::new();
        if self.capture.is_some() {
            otlp.reserve(bytes as usize + bytes as usize / 4);
            output::write_trace(&mut otlp, &pieces(), &[]);
        }
        let copied = otlp.len();
        self.traces.push(Noted { id, digest, bytes, otlp });
        copied
    }

    /// Passes on what was decided.
    pub(super) fn testify(self, panel: &mut dyn Panel, verdicts: &[Verdict], occasion: Occasion, names: &Names) {
        let Self { capture, memory, now, traces } = self;
        let asked = panel.noted();
        if let (Some(memory), Some(roster)) = (memory, panel.roster()) {
            memory.add(now, occasion, &roster, &traces, &asked, verdicts, names);
        }
        if let Some(capture) = capture {
            let traces =
                traces.into_iter().zip(verdicts).map(|(noted, verdict)| record(noted, *verdict, occasion, names));
            let traces = traces.collect();
            let asked = asked.into_iter().map(record_asked).collect();
            let occasion = recording::Occasion::from(occasion).into();
            capture.send(recording::Slice { now, occasion, traces, asked });
        }
    }
}

impl From<Occasion> for recording::Occasion {
    fn from(occasion: Occasion) -> Self {
        match occasion {
            Occasion::Due => Self::Due,
            Occasion::Early => Self::Early,
            Occasion::Ingest => Self::Ingest,
        }
    }
}

fn record(noted: Noted, verdict: Verdict, occasion: Occasion, names: &Names) -> recording::Trace {
    let Noted { id, digest: Digest { start, end, spans, seen }, bytes, otlp } = noted;
    let mut policy = String::new();
    let decision = match verdict {
        Verdict::Keep(Keep { policy: name, .. }) => {
            policy = names.get(name).to_string();
            recording::Decision::Kept
        }
        Verdict::Dropped => recording::Decision::Dropped,
        Verdict::NotSampled if occasion == Occasion::Ingest => recording::Decision::Undecided,
        Verdict::NotSampled => recording::Decision::NotSampled,
    };
    let (id, seen, decision) = (id.to_bytes().to_vec(), seen.into(), decision.into());
    recording::Trace { id, otlp, start, end, spans, seen, bytes, decision, policy }
}

pub(super) fn record_asked(asked: Asked) -> recording::Asked {
    let Asked { leaf, candidates, answer, .. } = asked;
    let none = recording::Asked { leaf: leaf as u32, candidates, ..recording::Asked::default() };
    match answer {
        Ok(Votes { verdicts, thresholds, reasons }) => {
            let reasons = reasons.into_iter().map(u32::from).collect();
            recording::Asked { verdicts, thresholds, reasons, ..none }
        }
        Err(failure) => recording::Asked { failure: failure.reason.to_string(), message: failure.message, ..none },
    }
}
