//! A policy's answer on one trace.

use tailrace_otlp::tracestate::Threshold;

/// A policy's answer on one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vote {
    No,
    Sample(Grounds),
    Drop,
    /// The policy failed.
    Missing,
    /// The policy failed, and another one is to be asked in its place.
    Deferred,
}

/// What a vote to sample stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Grounds {
    /// What it amounts to as a sampling threshold.
    pub(super) threshold: Threshold,
    /// The member of a composite that sampled, as the number of a name.
    pub(super) member: Option<u16>,
}

impl Vote {
    /// A vote of a policy that looks at a trace alone: whatever is like it is sampled too.
    pub(super) const SAMPLE: Self = Self::Sample(Grounds { threshold: Threshold::ALWAYS, member: None });

    /// As the plugin contract numbers verdicts.
    pub(super) fn of(verdict: u8) -> Self {
        Self::with(verdict, None)
    }

    /// The same with the seven bytes of a threshold.
    pub(super) fn with(verdict: u8, threshold: Option<&[u8; 7]>) -> Self {
        match verdict {
            0 => Self::No,
            1 => {
                let threshold =
                    threshold.map_or(0, |bytes| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
                Self::Sample(Grounds { threshold: Threshold::new(threshold), member: None })
            }
            _ => Self::Drop,
        }
    }
}
