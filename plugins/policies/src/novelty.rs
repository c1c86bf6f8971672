//! Samples the first traces of each new combination of chosen values: what has not been seen for a while is kept, whatever else
//! is thinned.
//!
//! ```yaml
//! policies:
//!   - name: new
//!     type: novelty
//!     novelty: {keys: [service.name, http.route, exception.type], traces: 3, window_seconds: 3600}
//! ```
//!
//! Each span has a combination (see [`crate::keys`]; one that has none of the attributes has none). A trace is sampled if one of its
//! combinations has occurred in fewer than `traces` traces since it was first seen; `window_seconds` after that, it is new again. At
//! most `max_keys` combinations are remembered: while there are so many that are not over, a further one does not count as new, since
//! a value that is different each time (an id in a route) would have everything kept. A warning and the counter
//! `novelty_over_max_keys` say so.

use std::collections::BTreeMap;

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Level, Needs, Policy, Votes, count, log};

use crate::keys::{Keys, Reader};

/// `novelty`
pub struct Novelty {
    config: Config,
    reader: Reader,
    /// By combination.
    seen: BTreeMap<u64, Seen>,
    /// The last second in which `seen` was searched for what is over.
    swept_s: u32,
    has_warned: bool,
}

/// As in the YAML.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is combined.
    pub keys: Keys,
    /// Of each combination, so many traces are sampled.
    pub traces: u16,
    /// After so long, a combination is new again.
    pub window_seconds: u32,
    /// Combinations that are remembered.
    pub max_keys: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { keys: Keys::default(), traces: 1, window_seconds: 3600, max_keys: 10_000 }
    }
}

/// What is remembered of a combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// When it was first seen, Unix seconds.
    first_s: u32,
    /// Traces since then, up to `traces`.
    traces: u16,
}

/// Their state has to fit into the 1 MiB that the host takes.
const MAX_KEYS: u32 = 50_000;
const ENTRY_BYTES: usize = 14;

const NEW: u16 = 0;
const KNOWN: u16 = 1;
const NOTHING: u16 = 2;
const CROWDED: u16 = 3;

impl Policy for Novelty {
    const KIND: &'static str = "novelty";
    const SUMMARY: &'static str = "Samples the first traces of each new combination of attributes.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"keys":{"type":"array","minItems":1,"maxItems":16,"items":{"type":"string"}},"traces":{"type":"integer","minimum":1,"maximum":65535,"default":1},"window_seconds":{"type":"integer","minimum":1,"default":3600},"max_keys":{"type":"integer","minimum":1,"maximum":50000,"default":10000}},"required":["keys"],"additionalProperties":false}"#;
    const STATE_SCHEMA: &'static str = "novelty:(combination:u64le,first_s:u32le,traces:u16le)*";
    const COUNTERS: &'static [&'static str] = &["novelty_over_max_keys"];
    const REASONS: &'static [&'static str] =
        &["a new combination", "known combinations", "none of the attributes", "more combinations than max_keys"];
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        for (key, is_zero) in [("traces", config.traces == 0), ("window_seconds", config.window_seconds == 0)] {
            if is_zero {
                problems.push(format!("/{key}"), format!("{key} must be at least 1"));
            }
        }
        if !(1..=MAX_KEYS).contains(&config.max_keys) {
            problems.push("/max_keys", format!("max_keys must be from 1 to {MAX_KEYS}"));
        }
        problems.or(())?;
        let reader = config.keys.reader(Needs::nothing())?;
        Ok(Self { config, reader, seen: BTreeMap::new(), swept_s: 0, has_warned: false })
    }

    fn needs(&self) -> Needs {
        self.reader.needs()
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let now_s = (batch.now() / 1_000_000_000) as u32;
        self.reader.start();
        let mut combinations = Vec::new();
        let mut crowded = 0;
        for &trace in candidates {
            combinations.clear();
            combinations.extend(batch.span_range(trace).filter_map(|span| self.reader.combination(batch, span, None)));
            combinations.sort_unstable();
            combinations.dedup();
            let mut reason = if combinations.is_empty() { NOTHING } else { KNOWN };
            for combination in &combinations {
                match self.note(*combination, now_s) {
                    Some(true) => reason = NEW,
                    Some(false) => {}
                    None if reason == NEW => crowded += 1,
                    None => (reason, crowded) = (CROWDED, crowded + 1),
                }
            }
            votes.push_because(reason == NEW, reason);
        }
        if crowded > 0 {
            self.warn(crowded);
        }
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        let mut state = Vec::with_capacity(self.seen.len() * ENTRY_BYTES);
        for (combination, Seen { first_s, traces }) in &self.seen {
            state.extend_from_slice(&combination.to_le_bytes());
            state.extend_from_slice(&first_s.to_le_bytes());
            state.extend_from_slice(&traces.to_le_bytes());
        }
        Some(state)
    }

    fn restore(&mut self, state: &[u8]) {
        let entries = state.as_chunks().0.iter().map(restored);
        self.seen = entries.take(self.config.max_keys as usize).collect();
    }
}

fn restored(entry: &[u8; ENTRY_BYTES]) -> (u64, Seen) {
    let (combination, rest) = entry.split_at(8);
    let (first_s, traces) = rest.split_at(4);
    let first_s = first_s.try_into().map_or(0, u32::from_le_bytes);
    let traces = traces.try_into().map_or(0, u16::from_le_bytes);
    (combination.try_into().map_or(0, u64::from_le_bytes), Seen { first_s, traces })
}

impl Novelty {
    /// Whether the combination is new at this time; `None` if there is no room to remember it.
    fn note(&mut self, combination: u64, now_s: u32) -> Option<bool> {
        let Config { traces, window_seconds, max_keys, .. } = self.config;
        if let Some(seen) = self.seen.get_mut(&combination) {
            if is_over(*seen, now_s, window_seconds) {
                *seen = Seen { first_s: now_s, traces: 0 };
            }
            let is_new = seen.traces < traces;
            seen.traces += u16::from(is_new);
            return Some(is_new);
        }
        if self.seen.len() >= max_keys as usize && self.swept_s != now_s {
            self.swept_s = now_s;
            self.seen.retain(|_, seen| !is_over(*seen, now_s, window_seconds));
        }
        if self.seen.len() >= max_keys as usize {
            return None;
        }
        self.seen.insert(combination, Seen { first_s: now_s, traces: 1 });
        Some(true)
    }

    fn warn(&mut self, crowded: u32) {
        count(Self::COUNTERS[0], crowded);
        if !std::mem::replace(&mut self.has_warned, true) {
            let max_keys = self.config.max_keys;
            log(
                Level::Warn,
                &format!("there are more than max_keys ({max_keys}) combinations: further ones are not taken for new"),
            );
        }
    }
}

/// Whether its window is. One that was first seen later than now is not: the clock was set back.
fn is_over(seen: Seen, now_s: u32, window_s: u32) -> bool {
    now_s.saturating_sub(seen.first_s) >= window_s
}

#[cfg(test)]
mod tests;
