//! A new version of a policy that judges a share of the traces, until it fails too often.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Columns, Failure, PolicySpec, Votes};
use crate::host::Host;
use crate::host::health::Degraded;
use crate::pipeline::Cx;
use crate::wasm::metrics::CanaryMetrics;

/// A share of all trace ids, written as `10%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share {
    /// Of ten thousand.
    basis_points: u32,
}

impl Share {
    /// Whether it has this trace in it. The same for ever and on every host, and whatever the sampling policies take from an id:
    /// the two halves of the id, big-endian, are combined by exclusive or and mixed as splitmix64 does; the remainder by 10,000 has to be less
    /// than the share's hundredths of a percent. So a larger share has in it all that a smaller one has.
    pub fn has(self, trace_id: [u8; 16]) -> bool {
        let id = u128::from_be_bytes(trace_id);
        let mut z = ((id >> 64) as u64 ^ id as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 10_000 < u64::from(self.basis_points)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.trim().strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
        match percent.map(|percent| (percent * 100.0).round()) {
            Some(points) if (1.0..=10_000.0).contains(&points) => Ok(Self { basis_points: points as u32 }),
            _ => Err(format!("{text:?} is no share; write it as 10%, from 0.01% to 100%")),
        }
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.basis_points) / 100.0)
    }
}

/// The new version beside the old one.
pub(super) struct Canary {
    /// Its place among the specs.
    pub(super) spec: usize,
    share: Share,
    policy: String,
    digest: String,
    /// There once the old one judges everything again.
    given_up: Option<Degraded>,
    metrics: CanaryMetrics,
    host: Arc<Host>,
    component: String,
}

impl Canary {
    pub(super) fn new(place: usize, share: Share, spec: &PolicySpec, cx: &Cx) -> Self {
        let metrics = CanaryMetrics::new(&spec.plugin, &spec.policy, cx);
        metrics.is_on.set(1);
        Self {
            spec: place,
            share,
            policy: spec.policy.clone(),
            digest: spec.plugin.digest.clone(),
            given_up: None,
            metrics,
            host: cx.host.clone(),
            component: cx.id.to_string(),
        }
    }

    /// Whether it judges its share.
    pub(super) fn is_on(&self) -> bool {
        self.given_up.is_none()
    }

    /// From now on the old one judges everything.
    pub(super) fn give_up(&mut self, failure: &Failure) {
        tracing::error!(
            policy = self.policy,
            digest = self.digest.get(..12),
            "the canary failed too often, the old version judges all traces again: {failure}"
        );
        let why = format!("the canary {} failed too often and is not asked any more: {failure}", self.policy);
        self.given_up = Some(Degraded::new(&self.host, &self.component, why));
        self.metrics.is_on.set(0);
    }

    /// What was given up stays so when something else changed.
    pub(super) fn adopt(&mut self, old: &mut Self) {
        if old.policy == self.policy && old.digest == self.digest && old.given_up.is_some() {
            self.given_up = old.given_up.take();
            self.metrics.is_on.set(0);
        }
    }

    pub(super) fn judged(&self, split: &Split) {
        self.metrics.judged(split.picked.len(), split.rest.len());
    }

    /// Who is to judge which candidate.
    pub(super) fn split(&self, candidates: &[u32], columns: &Columns) -> Split {
        let id = |candidate: u32| columns.trace_ids.as_chunks().0.get(candidate as usize).copied();
        let mut split = Split::default();
        for candidate in candidates {
            let is_picked = id(*candidate).is_some_and(|id| self.share.has(id));
            if is_picked { &mut split.picked } else { &mut split.rest }.push(*candidate);
            split.is_picked.push(is_picked);
        }
        split
    }
}

/// Candidates of the canary and of the old version.
#[derive(Default)]
pub(super) struct Split {
    pub(super) picked: Vec<u32>,
    pub(super) rest: Vec<u32>,
    is_picked: Vec<bool>,
}

impl Split {
    /// Votes in the order of the candidates. The two versions need not give the same reasons, so there are none unless one of
    /// them judged all.
    pub(super) fn merge(&self, picked: Votes, rest: Votes) -> Votes {
        if self.rest.is_empty() {
            return picked;
        }
        let thresholds = !picked.thresholds.is_empty() && !rest.thresholds.is_empty();
        let mut merged = Votes::default();
        let (mut at, votes) = ([0, 0], [rest, picked]);
        for is_picked in &self.is_picked {
            let side = usize::from(*is_picked);
            let place = at[side];
            at[side] += 1;
            merged.verdicts.extend(votes[side].verdicts.get(place));
            if thresholds {
                merged.thresholds.extend(votes[side].thresholds.iter().skip(7 * place).take(7));
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests;
