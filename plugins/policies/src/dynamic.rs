//! Samples so many traces a second, shared out over the kinds of traces: rare kinds are kept, frequent ones thinned.
//!
//! ```yaml
//! policies:
//!   - name: shared-out
//!     type: dynamic
//!     dynamic: {keys: [service.name, http.route, status], traces_per_second: 50}
//! ```
//!
//! A trace's kind is the combination of `keys` (see [`crate::keys`]) on the span it was entered by: the earliest of those whose parent
//! is not there. `status` is that of the whole trace.
//!
//! Of each kind it is known how many traces a second there are: a moving average, in which what is `window_seconds` old counts half; for
//! a kind that is new, or comes in a burst, what the running second has. The traces to keep are shared out in proportion to the
//! logarithm of these rates, and what a kind does not need goes to the others. So with 20 traces to keep, of kinds with 1, 10 and
//! 1,000 a second, all of the first, 4.9 of the second and 14.1 of the third are. A kind of which one trace was seen is forgotten
//! after five windows.
//!
//! Each kind's share is a threshold that its traces' randomness is held against, and the votes carry it: what was kept can be
//! extrapolated. The target is met on average, not as a limit; a `rate_limiting` behind it in an `and` is one. Beyond `max_keys`
//! kinds, all further ones count as one together.

mod shares;

use std::collections::BTreeMap;

use serde::Deserialize;
use tailrace_sdk::otlp::tracestate::Threshold;
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Votes};

use crate::keys::{Keys, Reader};
use crate::randomness;

/// `dynamic`
pub struct Dynamic {
    config: Config,
    reader: Reader,
    /// Present if trace states count.
    randomness: Option<randomness::Reader>,
    kinds: BTreeMap<u64, Rate>,
    /// When the running period began, Unix nanoseconds; 0: never.
    began: u64,
    /// What averages have seen, of all that there was: at first, little.
    seen: f64,
}

/// As in the YAML, and what the processor knows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is combined.
    pub keys: Keys,
    /// To be sampled.
    pub traces_per_second: f64,
    /// The half-life of what is known of rates.
    pub window_seconds: u32,
    /// Kinds that are told apart.
    pub max_keys: u32,
    /// Whether trace states count.
    pub tracestate: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { keys: Keys::default(), traces_per_second: 0.0, window_seconds: 15, max_keys: 1_000, tracestate: false }
    }
}

/// How frequent a kind is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    /// Traces a second, of the periods before, as if there had been none before the first.
    average: f64,
    /// Traces in the running period.
    running: u32,
}

/// Rates are brought up to date about once a tick.
const PERIOD_NS: u64 = 900_000_000;
/// What is left of a trace in an average after five half-lives.
const FORGOTTEN: f64 = 1.0 / 32.0;
/// More traces in a period than this many times the average, and these on top, are a burst.
const BURST_FACTOR: f64 = 2.0;
const BURST_TRACES: f64 = 4.0;
/// Their state has to fit into the 1 MiB that the host takes.
const MAX_KEYS: u32 = 20_000;
const ENTRY_BYTES: usize = 20;
/// The kind of traces for whose own there is no room; no hash by chance.
const OTHERS: u64 = 0;

const RARE: u16 = 0;
const DRAWN: u16 = 1;
const THINNED: u16 = 2;

impl Policy for Dynamic {
    const KIND: &'static str = "dynamic";
    const SUMMARY: &'static str =
        "Samples so many traces a second, shared out so that rare kinds are kept and frequent ones thinned.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"keys":{"type":"array","minItems":1,"maxItems":16,"items":{"type":"string"}},"traces_per_second":{"type":"number","exclusiveMinimum":0},"window_seconds":{"type":"integer","minimum":1,"default":15},"max_keys":{"type":"integer","minimum":1,"maximum":20000,"default":1000},"tracestate":{"type":"boolean","default":false}},"required":["keys","traces_per_second"],"additionalProperties":false}"#;
    const STATE_SCHEMA: &'static str = "dynamic:began:u64le,seen:f64le,(kind:u64le,average:f64le,running:u32le)*";
    const REASONS: &'static [&'static str] = &["its kind is rare", "drawn from its kind", "its kind is frequent"];
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        if !(config.traces_per_second.is_finite() && config.traces_per_second > 0.0) {
            problems.push("/traces_per_second", "traces_per_second must be greater than 0");
        }
        if config.window_seconds == 0 {
            problems.push("/window_seconds", "window_seconds must be at least 1");
        }
        if !(1..=MAX_KEYS).contains(&config.max_keys) {
            problems.push("/max_keys", format!("max_keys must be from 1 to {MAX_KEYS}"));
        }
        problems.or(())?;
        let needs = Needs::nothing().parent().start();
        let reader = config.keys.reader(if config.tracestate { needs.trace_state() } else { needs })?;
        let randomness = config.tracestate.then(randomness::Reader::default);
        Ok(Self { config, reader, randomness, kinds: BTreeMap::new(), began: 0, seen: 0.0 })
    }

    fn needs(&self) -> Needs {
        self.reader.needs()
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        self.catch_up(batch.now());
        self.reader.start();
        let kinds: Vec<u64> = candidates.iter().map(|trace| self.count(batch, *trace)).collect();
        let thresholds = self.thresholds();
        if let Some(randomness) = &mut self.randomness {
            randomness.start();
        }
        for (&trace, kind) in candidates.iter().zip(&kinds) {
            let threshold = thresholds.get(kind).copied().unwrap_or_default();
            let randomness = match &mut self.randomness {
                Some(randomness) => randomness.of(batch, trace),
                None => drawn(batch.trace(trace).id()),
            };
            let reason = match threshold.samples(randomness) {
                true if threshold == Threshold::ALWAYS => RARE,
                true => DRAWN,
                false => THINNED,
            };
            votes.push_because(reason != THINNED, reason);
            votes.threshold(randomness::bits(threshold));
        }
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        let mut state = Vec::with_capacity(16 + self.kinds.len() * ENTRY_BYTES);
        state.extend_from_slice(&self.began.to_le_bytes());
        state.extend_from_slice(&self.seen.to_le_bytes());
        for (kind, Rate { average, running }) in &self.kinds {
            state.extend_from_slice(&kind.to_le_bytes());
            state.extend_from_slice(&average.to_le_bytes());
            state.extend_from_slice(&running.to_le_bytes());
        }
        Some(state)
    }

    fn restore(&mut self, state: &[u8]) {
        let Some((head, kinds)) = state.split_first_chunk::<16>() else { return };
        let (began, seen) = head.split_at(8);
        self.began = began.try_into().map_or(0, u64::from_le_bytes);
        self.seen = seen.try_into().map_or(0.0, f64::from_le_bytes).clamp(0.0, 1.0);
        let kinds = kinds.as_chunks().0.iter().map(restored);
        self.kinds = kinds.take(self.config.max_keys as usize + 1).collect();
    }
}

fn restored(entry: &[u8; ENTRY_BYTES]) -> (u64, Rate) {
    let (kind, rest) = entry.split_at(8);
    let (average, running) = rest.split_at(8);
    let average = average.try_into().map_or(0.0, f64::from_le_bytes);
    let running = running.try_into().map_or(0, u32::from_le_bytes);
    let average = if average.is_finite() { average.max(0.0) } else { 0.0 };
    (kind.try_into().map_or(0, u64::from_le_bytes), Rate { average, running })
}

impl Dynamic {
    /// Ends the running period if it is over: its counts go into the averages.
    fn catch_up(&mut self, now: u64) {
        let lasted_ns = now.saturating_sub(self.began);
        if self.began == 0 || now < self.began {
            self.began = now;
            return;
        }
        if lasted_ns < PERIOD_NS {
            return;
        }
        let lasted_s = lasted_ns as f64 / 1e9;
        let half_lives = |seconds: f64| seconds / f64::from(self.config.window_seconds);
        let kept = (-half_lives(lasted_s)).exp2();
        let of_one_trace = 1.0 - (-half_lives(1.0)).exp2();
        self.seen = self.seen * kept + 1.0 - kept;
        self.kinds.retain(|_, rate| {
            let period = f64::from(rate.running) / lasted_s;
            *rate = Rate { average: rate.average * kept + period * (1.0 - kept), running: 0 };
            rate.average >= of_one_trace * FORGOTTEN
        });
        self.began = now;
    }

    /// Counts a trace, and gives its kind.
    fn count(&mut self, batch: &Batch<'_>, trace: u32) -> u64 {
        let kind = self.kind(batch, trace);
        let is_full = self.kinds.len() >= self.config.max_keys as usize;
        let kind = if is_full && !self.kinds.contains_key(&kind) { OTHERS } else { kind };
        let rate = self.kinds.entry(kind).or_default();
        rate.running = rate.running.saturating_add(1);
        kind
    }

    fn kind(&mut self, batch: &Batch<'_>, trace: u32) -> u64 {
        let columns = batch.columns();
        let entries = batch.span_range(trace).filter(|span| columns.span_parent[*span] == 0);
        // A trace whose spans are each other's parents has no entry; its first span will do.
        let entry = entries.min_by_key(|span| columns.span_start[*span]).or(batch.span_range(trace).next());
        let failed = batch.trace(trace).seen_error();
        let combination = entry.and_then(|span| self.reader.combination(batch, span, Some(failed)));
        combination.map_or(NONE, |kind| kind.max(NONE + 1))
    }

    /// Of each kind, the threshold that leaves its share.
    fn thresholds(&self) -> BTreeMap<u64, Threshold> {
        let per_second = |rate: &Rate| {
            let usual = if self.seen > 0.0 { rate.average / self.seen } else { 0.0 };
            let running = f64::from(rate.running);
            let is_burst = usual <= 0.0 || running > usual * BURST_FACTOR + BURST_TRACES;
            if is_burst { running } else { usual }
        };
        let rates: Vec<f64> = self.kinds.values().map(per_second).collect();
        let shares = shares::of(&rates, self.config.traces_per_second);
        self.kinds.keys().copied().zip(shares.into_iter().map(Threshold::of_share)).collect()
    }
}

/// The kind of traces that have none of the attributes.
const NONE: u64 = 1;

/// A randomness out of the whole id, for ids that are not random at their end.
fn drawn(id: [u8; 16]) -> u64 {
    let (high, low) = id.split_at(8);
    let half = |half: &[u8]| half.try_into().map_or(0, u64::from_be_bytes);
    let mut hash = half(low) ^ half(high).rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (hash ^ hash >> 31) >> 8
}

#[cfg(test)]
mod tests;
