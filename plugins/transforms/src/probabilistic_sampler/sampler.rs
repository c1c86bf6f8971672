//! The decision, the same for spans and log records.

use std::borrow::Cow;

use super::config::{Config, Mode, Source};
use super::threshold::{self, Randomness, Threshold};

/// Decides about items.
pub(super) struct Sampler {
    how: How,
    /// Whether what can not be decided is dropped.
    fail_closed: bool,
    /// Whether trace ids are looked at where they are hashed.
    hashes_trace_ids: bool,
    /// Whether an item without randomness is marked as if it had any, should it be kept: spans are, in the Go collector.
    marks_missing: bool,
}

enum How {
    Never,
    Hashing { threshold: Threshold, seed: u32 },
    Equalizing(Threshold),
    Proportional { ratio: f64, precision: usize },
}

/// What the sampling of an item is about.
pub(super) struct Item<'a> {
    /// All zeros if there is none.
    pub(super) trace_id: [u8; 16],
    /// Hashed where the trace id is not.
    pub(super) attribute: Option<Cow<'a, [u8]>>,
    /// What samplers before this one left; `None` if it can not be read.
    pub(super) marks: Option<Marks>,
}

/// What a sampler leaves on what it keeps, or is to write there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) randomness: Option<Randomness>,
    pub(super) threshold: Option<Threshold>,
}

/// Where the randomness comes from: what the metrics tell apart, in the order of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    TraceIdHash,
    TraceIdW3c,
    SamplingRandomness,
    SamplingPriority,
    MissingRandomness,
    Attribute,
}

/// An item's randomness, what it has to reach, and what is to be written should it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) policy: Policy,
    randomness: Randomness,
    threshold: Threshold,
    /// What stands on the item, as far as it is true; `None` if nothing is to be written.
    before: Option<Marks>,
    /// Whether the item is to be marked with its randomness.
    is_new: bool,
}

/// The share of buckets of the collector's hash; computed as it does, in 32 bits.
fn buckets(percentage: f32) -> u64 {
    (percentage * 163.84) as u64
}

impl Sampler {
    pub(super) fn of_spans(config: &Config) -> Self {
        Self::new(config, true, true)
    }

    pub(super) fn of_records(config: &Config) -> Self {
        Self::new(config, config.attribute_source == Source::TraceId, false)
    }

    fn new(config: &Config, hashes_trace_ids: bool, marks_missing: bool) -> Self {
        let percentage = config.sampling_percentage.min(100.0);
        let ratio = f64::from(percentage) / 100.0;
        let precision = config.sampling_precision;
        let how = match config.mode {
            _ if percentage == 0.0 => How::Never,
            Mode::Equalizing => {
                How::Equalizing(Threshold::of_probability(ratio, precision).unwrap_or(Threshold::NEVER))
            }
            Mode::Proportional => How::Proportional { ratio, precision },
            Mode::HashSeed => match buckets(percentage) {
                0 => How::Never,
                share => How::Hashing { threshold: Threshold::of_buckets(share), seed: config.hash_seed },
            },
        };
        Self { how, fail_closed: config.fail_closed, hashes_trace_ids, marks_missing }
    }

    pub(super) fn judge(&self, item: &Item<'_>) -> Judged {
        let (policy, randomness) = self.randomness(item);
        let is_missing = policy == Policy::MissingRandomness;
        let unusable = if self.fail_closed { Threshold::NEVER } else { Threshold::ALWAYS };
        let judged = |threshold, before| Judged { policy, randomness, threshold, before, is_new: false };
        let Some(marks) = item.marks else { return judged(unusable, None) };
        match &self.how {
            How::Never => judged(Threshold::NEVER, Some(marks)),
            // Who samples consistently should not use this mode: what is there already is left alone.
            How::Hashing { .. } if marks != Marks::default() => judged(unusable, None),
            How::Hashing { threshold, .. } => Judged {
                is_new: !is_missing || self.marks_missing,
                ..judged(if is_missing { unusable } else { *threshold }, Some(marks))
            },
            How::Equalizing(_) | How::Proportional { .. } if is_missing => judged(unusable, Some(marks)),
            // Such an item should not be here: its threshold is a lie.
            How::Equalizing(_) | How::Proportional { .. }
                if marks.threshold.is_some_and(|threshold| !threshold.keeps(randomness)) =>
            {
                judged(unusable, Some(Marks { threshold: None, ..marks }))
            }
            How::Equalizing(threshold) => {
                judged(marks.threshold.map_or(*threshold, |before| before.max(*threshold)), Some(marks))
            }
            How::Proportional { ratio, precision } => {
                let before = marks.threshold.map_or(1.0, Threshold::probability);
                let threshold = Threshold::of_probability(before * ratio, *precision);
                judged(threshold.unwrap_or(Threshold::NEVER), Some(marks))
            }
        }
    }

    fn randomness(&self, item: &Item<'_>) -> (Policy, Randomness) {
        let has_trace_id = item.trace_id != [0; 16];
        match (&self.how, item.marks) {
            // Not used: nothing is kept but by its priority.
            (How::Never, _) => (Policy::SamplingPriority, Randomness::MAX),
            (How::Hashing { seed, .. }, _) => {
                let hash = |bytes: &[u8]| Randomness::of_hash(threshold::fnv1a(*seed, bytes));
                match &item.attribute {
                    _ if has_trace_id && self.hashes_trace_ids => (Policy::TraceIdHash, hash(&item.trace_id)),
                    Some(bytes) if !bytes.is_empty() => (Policy::Attribute, hash(bytes)),
                    _ => (Policy::MissingRandomness, Randomness::MAX),
                }
            }
            (_, Some(Marks { randomness: Some(randomness), .. })) => (Policy::SamplingRandomness, randomness),
            (_, Some(_)) if has_trace_id => (Policy::TraceIdW3c, Randomness::of_trace_id(&item.trace_id)),
            _ => (Policy::MissingRandomness, Randomness::MAX),
        }
    }
}

impl Judged {
    /// With another threshold, on behalf of the item's priority.
    pub(super) fn with_priority(self, threshold: Threshold) -> Self {
        Self { policy: Policy::SamplingPriority, threshold, ..self }
    }

    /// Whether the item is kept.
    pub(super) fn is_kept(&self) -> bool {
        self.threshold.keeps(self.randomness)
    }

    /// What is to be written on the item if it is kept; `None` if it stays as it is. A threshold that is there already is never
    /// lowered: the share that was dropped before does not come back.
    pub(super) fn marks(&self) -> Option<Marks> {
        let before = self.before?.threshold;
        let threshold = before.is_none_or(|before| self.threshold >= before).then_some(self.threshold);
        Some(Marks { randomness: self.is_new.then_some(self.randomness), threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_go_collector() {
        for (percentage, expected) in [(15.0, 2457), (100.0, 0x4000), (0.01, 1), (0.006, 0), (50.0, 8192), (33.3, 5455)]
        {
            assert_eq!(buckets(percentage), expected, "{percentage}");
        }
    }
}
