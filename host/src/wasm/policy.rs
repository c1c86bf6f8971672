//! Sampling policies in guests: what the evaluator thread of a `tail_sampling` processor owns and asks.
//!
//! ```text
//! Policies ── Guest (an instance of one plugin) ── Member (one configured policy) ── breaker, metrics, saved state
//!          └─ Guest …
//! ```
//!
//! Per tick: [`Policies::load`] once, then [`Policies::evaluate`] for each policy that the configuration's order and
//! short-circuits ask about. A guest that fails costs the one vote it was asked for: its instance is thrown away, and before the
//! next policy of it is asked there is a new one with the batch loaded and the state restored.

mod canary;
mod columns;
mod guest;
mod trial;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use canary::Share;
pub use columns::{Column, Columns, Dictionary, Needs};
pub use watch::Watch;

pub use super::bindings::exports::tailrace::plugin::sampling::{Attribute, Fields, Scope};
pub use super::call::Reason;
use super::engine::off_runtime;
use super::plugin::Plugin;
use super::ring::{Bounds, Ring};
use crate::pipeline::Cx;
use canary::Canary;
use guest::{Guest, Member};
use trial::Recorded;

/// One policy to be configured.
#[derive(Clone)]
pub struct PolicySpec {
    /// Its name in metrics and logs; unique within the processor.
    pub policy: String,
    /// The component that offers it.
    pub plugin: Arc<Plugin>,
    /// Which of the plugin's kinds it is.
    pub kind: String,
    /// Its configuration.
    pub config: serde_json::Value,
    /// What it may take. Policies of one plugin with equal limits share an instance.
    pub limits: Limits,
    /// What counts when it fails.
    pub on_error: OnError,
    /// Whether it, and with it those that share its instance, is shown [`Columns::whole_size`] as the traces' size.
    pub whole_size: bool,
    /// The spec before it, of which it is a new version that judges this share of the traces.
    pub canary_of: Option<(usize, Share)>,
}

impl PolicySpec {
    /// A policy with the usual limits.
    pub fn new(
        policy: impl Into<String>,
        plugin: Arc<Plugin>,
        kind: impl Into<String>,
        config: serde_json::Value,
    ) -> Self {
        let (limits, on_error) = (Limits::default(), OnError::default());
        Self {
            policy: policy.into(),
            plugin,
            kind: kind.into(),
            config,
            limits,
            on_error,
            whole_size: false,
            canary_of: None,
        }
    }
}

/// What a policy may take, and when it is given up on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of its instance.
    pub memory_bytes: usize,
    /// Time of one call to evaluate, whatever it is asked about.
    pub evaluate: Duration,
    /// Time beyond that for each trace it is asked about.
    pub evaluate_per_trace: Duration,
    /// Time to take a batch in, and to save and restore its state.
    pub load: Duration,
    /// Time to instantiate and configure.
    pub configure: Duration,
    /// Lines of its log.
    pub log_lines_per_second: u32,
    /// Failures in a row after which it is not asked for a while.
    pub max_failures: u32,
    /// How long that while is.
    pub retry_after: Duration,
    /// Traces that it is asked about first when it is tried again.
    pub retry_traces: u32,
    /// Bytes of its state. More is no hand-over but a leak.
    pub state_bytes: usize,
    /// Share of its memory from which on an instance that has grown is replaced: some languages never give memory back.
    pub recycle_percentage: u32,
    /// The last batches that are kept, while its file is watched, for the trial of a new version. There is one set of them for all
    /// policies of a processor, as large as the largest.
    pub trial: Bounds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            evaluate: Duration::from_millis(100),
            // Forty times what the slowest guest language took.
            evaluate_per_trace: Duration::from_micros(100),
            // A hundred times what a batch of whole spans took.
            load: Duration::from_secs(1),
            configure: Duration::from_secs(5),
            log_lines_per_second: 20,
            max_failures: 5,
            retry_after: Duration::from_secs(30),
            retry_traces: 16,
            state_bytes: 1 << 20,
            recycle_percentage: 75,
            // Enough to see every policy at work; a batch has at most 1,024 traces, and is large where a policy asks for whole spans.
            trial: Bounds { items: 8, bytes: 16 << 20 },
        }
    }
}

/// What counts when a policy fails to vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Nothing: the others decide, as the Go processor does when a policy errs.
    #[default]
    Abstain,
    /// It counts as a vote to sample.
    Sample,
    /// It counts as a vote to drop.
    Drop,
    /// Another policy's vote counts; here it is missing.
    Fallback,
}

impl OnError {
    /// The verdict that takes the place of the missing one.
    pub fn verdict(self) -> Option<u8> {
        match self {
            Self::Abstain | Self::Fallback => None,
            Self::Sample => Some(1),
            Self::Drop => Some(2),
        }
    }
}

/// The votes of one policy, one for each candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// 0 no, 1 sample, 2 drop.
    pub verdicts: Vec<u8>,
    /// 7 bytes big-endian for each candidate, or empty.
    pub thresholds: Vec<u8>,
    /// Places in [`Plugin::reasons`], or empty.
    pub reasons: Vec<u16>,
}

impl Votes {
    /// The votes on what was asked about afterwards. What only one of them has is not there.
    fn and(mut self, more: Self) -> Self {
        let both = |one: usize, other: usize| one > 0 && other > 0;
        if both(self.thresholds.len(), more.thresholds.len()) {
            self.thresholds.extend(more.thresholds);
        } else {
            self.thresholds.clear();
        }
        if both(self.reasons.len(), more.reasons.len()) {
            self.reasons.extend(more.reasons);
        } else {
            self.reasons.clear();
        }
        self.verdicts.extend(more.verdicts);
        self
    }
}

/// A vote that is missing. It is counted and logged already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Failure {
    /// What kind of failure.
    pub reason: Reason,
    /// What went wrong.
    pub message: String,
    /// The verdict on every candidate that `on_error` puts in the vote's place; `None`: abstain.
    pub verdict: Option<u8>,
}

/// What is wrong with one of the specs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// Its place among them.
    pub spec: usize,
    /// A JSON pointer into its configuration; empty for all of it.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Configured policies. Belongs to one thread at a time, which is none of the tokio runtime's.
pub struct Policies {
    guests: Vec<Guest>,
    slots: Vec<Slot>,
    needs: Arc<Needs>,
    batch: Batch,
    /// Where batches are kept for the trial of a new version, if there may be one.
    recent: Option<Arc<Ring<Recorded>>>,
}

/// Where a spec's policy is.
struct Slot {
    guest: usize,
    member: usize,
    /// The new version that judges a share of the traces.
    canary: Option<Canary>,
}

/// The batch that is looked at, and how many there were before it.
#[derive(Clone, Default)]
struct Batch {
    columns: Arc<Columns>,
    generation: u64,
}

impl Policies {
    /// Instantiates and configures all of `specs`, or says all that is wrong with them.
    pub fn new(specs: Vec<PolicySpec>, cx: &Cx) -> Result<Self, Vec<PolicyProblem>> {
        off_runtime(|| Self::configure(specs, cx))
    }

    fn configure(specs: Vec<PolicySpec>, cx: &Cx) -> Result<Self, Vec<PolicyProblem>> {
        let mut problems = Vec::new();
        let mut guests: Vec<Guest> = Vec::new();
        let mut slots = Vec::new();
        for (place, spec) in specs.into_iter().enumerate() {
            let shared = guests.iter().position(|guest| guest.serves(&spec));
            let guest = shared.unwrap_or_else(|| {
                guests.push(Guest::new(&spec, cx));
                guests.len() - 1
            });
            let canary = spec.canary_of.map(|(of, share)| (of, Canary::new(place, share, &spec, cx)));
            let problem = |(path, message)| PolicyProblem { spec: place, path, message };
            match guests[guest].add(Member::new(spec, cx)) {
                Ok(member) => {
                    slots.push(Slot { guest, member, canary: None });
                    if let Some((of, canary)) = canary
                        && let Some(active) = slots.get_mut(of)
                    {
                        active.canary = Some(canary);
                    }
                }
                Err(found) => problems.extend(found.into_iter().map(problem)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut needs = Needs::default();
        for guest in &mut guests {
            guest.settle(&mut needs);
        }
        Ok(Self { guests, slots, needs: Arc::new(needs), batch: Batch::default(), recent: None })
    }

    /// What the columns have to hold: `attributes[i]` of [`Columns`] what `attributes[i]` of this names.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The batch that [`Policies::evaluate`] looks at from now on. A guest gets it when it is first asked.
    pub fn load(&mut self, columns: Arc<Columns>) {
        if let Some(recent) = self.recent.as_ref().filter(|_| !columns.is_empty()) {
            recent.push(Recorded { needs: self.needs.clone(), columns: columns.clone() }, columns.bytes());
        }
        self.batch = Batch { columns, generation: self.batch.generation + 1 };
    }

    /// The votes of the policy of `spec` on the traces at the places `candidates` of the batch.
    pub fn evaluate(&mut self, spec: usize, candidates: &[u32]) -> Result<Votes, Failure> {
        let Some(canary) = self.slots[spec].canary.as_ref().filter(|canary| canary.is_on()) else {
            return self.ask(spec, candidates);
        };
        let (of_canary, split) = (canary.spec, canary.split(candidates, &self.batch.columns));
        if split.picked.is_empty() {
            return self.ask(spec, candidates);
        }
        match self.ask(of_canary, &split.picked) {
            Ok(votes) => {
                let rest = self.ask(spec, &split.rest)?;
                if let Some(canary) = &self.slots[spec].canary {
                    canary.judged(&split);
                }
                Ok(split.merge(votes, rest))
            }
            // What it fails on, the old one judges.
            Err(failure) => {
                let Slot { guest, member, .. } = self.slots[of_canary];
                let is_given_up = self.guests[guest].is_given_up(member);
                if let Some(canary) = self.slots[spec].canary.as_mut().filter(|_| is_given_up) {
                    canary.give_up(&failure);
                }
                self.ask(spec, candidates)
            }
        }
    }

    fn ask(&mut self, spec: usize, candidates: &[u32]) -> Result<Votes, Failure> {
        let Slot { guest, member, .. } = self.slots[spec];
        self.guests[guest].evaluate(member, candidates, &self.batch, Instant::now())
    }

    /// Instructions that the instances of now have executed; 0 unless the plugins come from [`super::Wasm::counting`].
    pub fn instructions(&self) -> u64 {
        self.guests.iter().map(Guest::instructions).sum()
    }

    /// The plugin that the policy of `spec` is of.
    pub fn plugin(&self, spec: usize) -> &Plugin {
        self.guests[self.slots[spec].guest].plugin()
    }

    /// The state of the policy of `spec` as its next evaluation begins with it, if it keeps one and was asked before.
    pub fn state(&self, spec: usize) -> Option<&[u8]> {
        let Slot { guest, member, .. } = self.slots[spec];
        self.guests[guest].state(member)
    }

    /// The next evaluation of the policy of `spec` begins with this state.
    pub fn restore(&mut self, spec: usize, state: Vec<u8>) {
        let Slot { guest, member, .. } = self.slots[spec];
        self.guests[guest].set_state(member, state);
    }

    /// Takes over the state of `old`'s policies of the same name, kind and form of state.
    pub fn adopt(&mut self, old: &mut Self) {
        for guest in &mut self.guests {
            guest.adopt(&old.guests);
        }
        for canary in self.slots.iter_mut().filter_map(|slot| slot.canary.as_mut()) {
            old.slots.iter_mut().filter_map(|slot| slot.canary.as_mut()).for_each(|old| canary.adopt(old));
        }
        if let (Some(own), Some(theirs)) = (&self.recent, &old.recent) {
            own.inherit(theirs);
        }
    }

    /// Keeps the last batches where the watch finds them for the trial of a new version.
    pub fn watched_by(&mut self, watch: &Watch) {
        self.recent = Some(watch.recent());
    }

    /// Failures of the policy of `spec` so far.
    fn failures(&self, spec: usize) -> u64 {
        let Slot { guest, member, .. } = self.slots[spec];
        self.guests[guest].failures(member)
    }
}

#[cfg(test)]
mod tests;
