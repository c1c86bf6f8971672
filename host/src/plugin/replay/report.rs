//! What came of a replay.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use tailrace_otlp::view::Span;
use tailrace_otlp::walk::{self, Header, Visit};

use super::Size;
use super::side::Answer;
use crate::config::types::Duration;
use crate::recording::{Roster, Trace, Trailer};

/// All of it.
#[derive(Default, Serialize)]
pub(super) struct Report {
    recording: String,
    /// Whether batches were made up, as for plain OTLP.
    is_made_up: bool,
    pub(super) redacted: Vec<String>,
    /// Recorded policies whose state a redacted recording leaves out.
    pub(super) without_state: BTreeSet<String>,
    /// Whether traces are missing in the recording.
    truncated: Option<bool>,
    #[serde(skip)]
    pub(super) trailer: Option<Trailer>,
    pub(super) batches: u64,
    traces: u64,
    spans: u64,
    bytes: u64,
    /// What was asked, and what that is compared with.
    pub(super) sides: [Tally; 2],
    /// Traces on which both gave an answer.
    pub(super) compared: u64,
    pub(super) disagreements: u64,
    examples: Vec<Disagreement>,
    #[serde(skip)]
    max_examples: usize,
}

/// What one side made of the traces.
#[derive(Default, Serialize)]
pub(super) struct Tally {
    pub(super) label: String,
    kept: Sum,
    /// By a vote to drop, or because there was none to sample.
    dropped: Sum,
    /// No vote: it failed.
    missing: Sum,
    not_asked: Sum,
    /// Share of the bytes that are not kept, of those that it was asked about.
    saved_percent: f64,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Sum {
    traces: u64,
    spans: u64,
    bytes: u64,
}

/// A trace that the two sides see differently.
#[derive(Serialize)]
pub(super) struct Disagreement {
    trace_id: String,
    root: Option<String>,
    spans: u32,
    duration_ns: u64,
    error: bool,
    decided_at_unix_ns: u64,
    votes: [&'static str; 2],
    why: [Option<String>; 2],
}

impl Sum {
    fn add(&mut self, size: Size) {
        self.traces += 1;
        self.spans += size.spans;
        self.bytes += size.bytes;
    }
}

impl Tally {
    pub(super) fn count(&mut self, answer: &Answer, size: Size) {
        let sum = match answer.vote {
            "sample" => &mut self.kept,
            "missing" => &mut self.missing,
            "not asked" => &mut self.not_asked,
            _ => &mut self.dropped,
        };
        sum.add(size);
        let asked = self.kept.bytes + self.dropped.bytes + self.missing.bytes;
        if asked > 0 {
            self.saved_percent = 100.0 * (asked - self.kept.bytes) as f64 / asked as f64;
        }
    }
}

impl Disagreement {
    pub(super) fn new(trace: &Trace, now: u64, a: &Answer, b: &Answer) -> Self {
        const ERROR: u32 = 4;
        Self {
            trace_id: hex::encode(&trace.id),
            root: root(&trace.otlp),
            spans: trace.spans,
            duration_ns: trace.end.saturating_sub(trace.start),
            error: trace.seen & ERROR != 0,
            decided_at_unix_ns: now,
            votes: [a.vote, b.vote],
            why: [a.why.clone(), b.why.clone()],
        }
    }

    fn told(&self) -> String {
        let side = |at: usize| match &self.why[at] {
            Some(why) => format!("{} ({why})", self.votes[at]),
            None => self.votes[at].to_owned(),
        };
        let duration = Duration(std::time::Duration::from_nanos(self.duration_ns));
        let root = self.root.as_ref().map_or("no root".to_owned(), |root| format!("{root:?}"));
        let error = if self.error { ", error" } else { "" };
        format!("  {}  {root}, {} spans, {duration}{error}: a {}, b {}", self.trace_id, self.spans, side(0), side(1))
    }
}

/// The name of the first span without a parent.
fn root(otlp: &[u8]) -> Option<String> {
    struct Find(Option<String>);
    impl Visit for Find {
        fn resource(&mut self, _: &Header<'_>) {}
        fn scope(&mut self, _: &Header<'_>) {}
        fn span(&mut self, _: &[u8], body: &[u8]) {
            let span = Span(body);
            if self.0.is_none() && span.parent_span_id().iter().all(|byte| *byte == 0) {
                self.0 = Some(String::from_utf8_lossy(span.name()).into_owned());
            }
        }
    }
    let mut find = Find(None);
    walk::spans(otlp, &mut find);
    find.0
}

impl Report {
    pub(super) fn new(recording: &Path, is_made_up: bool, examples: usize) -> Self {
        let max_examples = if examples == 0 { usize::MAX } else { examples };
        Self { recording: recording.display().to_string(), is_made_up, max_examples, ..Self::default() }
    }

    /// One more trace.
    pub(super) fn see(&mut self, size: Size) {
        self.traces += 1;
        self.spans += size.spans;
        self.bytes += size.bytes;
    }

    pub(super) fn disagree(&mut self, example: impl FnOnce() -> Disagreement) {
        self.disagreements += 1;
        if self.examples.len() < self.max_examples {
            self.examples.push(example());
        }
    }

    /// Notes whose state is missing because of what was redacted.
    pub(super) fn note_stateless(&mut self, roster: &Roster) {
        if !self.redacted.is_empty() {
            let keeps = roster.leaves.iter().filter(|leaf| !leaf.state_schema.is_empty() && leaf.state.is_none());
            self.without_state.extend(keeps.map(|leaf| leaf.name.clone()));
        }
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        let Self { recording, batches, traces, spans, bytes, .. } = self;
        let mut out = format!("{recording}: {batches} batches, {traces} traces, {spans} spans, {}\n", size(*bytes));
        if self.is_made_up {
            out.push_str("  plain OTLP: the batches are made up\n");
        }
        if !self.redacted.is_empty() {
            let keys = self.redacted.join(", ");
            // Writing to a string does not fail.
            let _ = writeln!(out, "  redacted: {keys}; policies that look at these may decide otherwise than then");
        }
        if !self.without_state.is_empty() {
            let names: Vec<_> = self.without_state.iter().map(String::as_str).collect();
            let _ = writeln!(
                out,
                "  without state: {}; redacted recordings leave it out, so these begin with none and may decide otherwise than then",
                names.join(", ")
            );
        }
        if self.truncated == Some(true) {
            let missed = self.trailer.as_ref().map_or(0, |trailer| trailer.missed_traces);
            let _ = match &self.trailer {
                Some(_) => writeln!(out, "  truncated: {missed} traces were decided meanwhile and are not in it"),
                None => writeln!(out, "  truncated: it was cut off"),
            };
        }
        for (name, side) in ["a", "b"].iter().zip(&self.sides) {
            side.tell(name, &mut out);
        }
        let _ = writeln!(out, "{} disagreements on {} traces", self.disagreements, self.compared);
        for example in &self.examples {
            let _ = writeln!(out, "{}", example.told());
        }
        let more = self.disagreements - self.examples.len() as u64;
        if more > 0 {
            let _ = writeln!(out, "  and {more} more (--examples 0 shows all)");
        }
        out
    }

    /// Knows from here on whether something is missing.
    pub(super) fn close(&mut self) {
        let cut_off = !self.is_made_up && self.trailer.is_none();
        self.truncated = Some(cut_off || self.trailer.as_ref().is_some_and(|trailer| trailer.truncated));
    }
}

impl Tally {
    fn tell(&self, name: &str, out: &mut String) {
        let _ = writeln!(out, "{name}: {}", self.label);
        for (what, sum) in
            [("kept", self.kept), ("not kept", self.dropped), ("missing", self.missing), ("not asked", self.not_asked)]
        {
            if sum.traces > 0 || what == "kept" || what == "not kept" {
                let _ = writeln!(out, "  {what:<10} {} traces, {} spans, {}", sum.traces, sum.spans, size(sum.bytes));
            }
        }
        let _ = writeln!(out, "  saved      {:.1} % of the bytes", self.saved_percent);
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
