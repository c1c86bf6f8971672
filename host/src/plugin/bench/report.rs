//! What was measured, for people and for programs.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fit::Fit;
use crate::wasm::Plugin;

/// What a plugin costs beside its calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upkeep {
    /// Linear memory, the most that there was.
    pub(super) memory_bytes: u64,
    /// To instantiate and configure it, seconds.
    pub(super) start_s: f64,
}

/// What was measured beside what was allowed.
pub(super) struct Verdict {
    name: &'static str,
    measured: f64,
    allowed: f64,
}

impl Verdict {
    /// Of those that were both measured and bounded.
    pub(super) fn all<const N: usize>(bounds: [(&'static str, Option<f64>, Option<f64>); N]) -> Vec<Self> {
        let bounded = bounds.into_iter().filter_map(|(name, measured, allowed)| Some((name, measured?, allowed?)));
        bounded.map(|(name, measured, allowed)| Self { name, measured, allowed }).collect()
    }

    fn is_over(&self) -> bool {
        self.measured > self.allowed
    }

    fn json(&self) -> Value {
        let Self { name, measured, allowed } = self;
        json!({"name": name, "measured": measured, "allowed": allowed, "ok": !self.is_over()})
    }
}

/// A line through what one part of a call cost.
pub(super) struct Line {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) fit: Option<Fit>,
}

/// All of it.
pub(super) struct Report {
    pub(super) plugin: Arc<Plugin>,
    pub(super) kind: String,
    /// What a row is: a trace, an item.
    pub(super) row: &'static str,
    /// The sizes, for people.
    pub(super) table: String,
    /// The same for programs: what they are called, and a list of them.
    pub(super) samples: (&'static str, Value),
    pub(super) lines: Vec<Line>,
    pub(super) upkeep: Upkeep,
    pub(super) verdicts: Vec<Verdict>,
}

impl Report {
    pub(super) fn is_over(&self) -> bool {
        self.verdicts.iter().any(Verdict::is_over)
    }

    pub(super) fn text(&self) -> String {
        let Plugin { name, version, .. } = &*self.plugin;
        let digest = self.plugin.short_digest();
        let mut text = format!("{} of {name} {version} (sha256:{digest})\n\n{}\n", self.kind, self.table);
        for Line { what, unit, fit } in &self.lines {
            if let Some(Fit { row, call }) = fit {
                let _ = writeln!(text, "{what:<12} {row:.1} {unit} {} + {call:.0} {unit} a call", self.row);
            }
        }
        let Upkeep { memory_bytes, start_s } = self.upkeep;
        let _ = writeln!(text, "{:<12} {:.2} MiB at most", "memory", memory_bytes as f64 / f64::from(1 << 20));
        let _ = writeln!(text, "{:<12} {:.2} ms to instantiate and configure", "start", start_s * 1e3);
        let (took, cached) = self.plugin.compiled();
        let how = if cached { "to read compiled code from the cache" } else { "to compile" };
        let _ = writeln!(text, "{:<12} {:.0} ms {how}", "code", took.as_secs_f64() * 1e3);
        for verdict in &self.verdicts {
            let Verdict { name, measured, allowed } = verdict;
            let said = if verdict.is_over() { "OVER" } else { "ok" };
            let _ = writeln!(text, "{:<12} {name}: {measured:.0} of {allowed:.0}: {said}", "budget");
        }
        text.push_str("\nNanoseconds are those of this machine; instructions are the same on every one.\n");
        text
    }

    pub(super) fn json(&self) -> Value {
        let (took, cached) = self.plugin.compiled();
        let (samples, list) = &self.samples;
        let fits: Map<_, _> = self.lines.iter().map(|line| (line.what.to_owned(), json!(line.fit))).collect();
        json!({
            "plugin": self.plugin.name,
            "version": self.plugin.version,
            "digest": format!("sha256:{}", self.plugin.digest),
            "kind": self.kind,
            (*samples): list,
            "fit": fits,
            "memory_bytes": self.upkeep.memory_bytes,
            "start_seconds": self.upkeep.start_s,
            "code_seconds": took.as_secs_f64(),
            "code_cached": cached,
            "budget": self.verdicts.iter().map(Verdict::json).collect::<Vec<_>>(),
        })
    }
}
