//! The section in the YAML.

use serde::{Deserialize, Serialize};

use crate::config::{Check, Duration};
use crate::host::cgroup;
use crate::host::memory::Limit;
use crate::pipeline::BuildError;

const MIB: u64 = 1 << 20;

/// `memory_limiter:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Time between two looks at the memory; must be given.
    pub check_interval: Duration,
    /// The least time between two attempts to give memory back, above the soft limit.
    pub min_gc_interval_when_soft_limited: Duration,
    /// The same above the hard limit.
    pub min_gc_interval_when_hard_limited: Duration,
    /// The most time between two attempts that hardly help, above the soft limit; 0 = `min_*` always.
    pub max_gc_interval_when_soft_limited: Duration,
    /// The same above the hard limit.
    pub max_gc_interval_when_hard_limited: Duration,
    /// The hard limit.
    pub limit_mib: u32,
    /// How far below it the soft limit lies; 0 = a fifth of it.
    pub spike_limit_mib: u32,
    /// The hard limit in percent of what the process may use, unless `limit_mib` is given.
    pub limit_percentage: u32,
    /// How far below it the soft limit lies, in percent of the same; 0 = a fifth of the limit.
    pub spike_limit_percentage: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            check_interval: Duration::default(),
            min_gc_interval_when_soft_limited: Duration::from_secs(10),
            min_gc_interval_when_hard_limited: Duration::default(),
            max_gc_interval_when_soft_limited: Duration::from_secs(30),
            max_gc_interval_when_hard_limited: Duration::from_secs(30),
            limit_mib: 0,
            spike_limit_mib: 0,
            limit_percentage: 0,
            spike_limit_percentage: 0,
        }
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.check_interval.is_zero() {
            check.problem("", "'check_interval' must be greater than zero");
        }
        if self.min_gc_interval_when_soft_limited < self.min_gc_interval_when_hard_limited {
            check.problem(
                "",
                "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
            );
        }
        if self.limit_mib == 0 && self.limit_percentage == 0 {
            check.problem("", "'limit_mib' or 'limit_percentage' must be greater than zero");
        }
        if self.limit_percentage > 100 || self.spike_limit_percentage > 100 {
            check.problem(
                "",
                "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred",
            );
        }
        if self.limit_mib > 0 && self.limit_mib <= self.spike_limit_mib {
            check.problem("", "'spike_limit_mib' must be smaller than 'limit_mib'");
        }
        if self.limit_percentage > 0 && self.limit_percentage <= self.spike_limit_percentage {
            check.problem("", "'spike_limit_percentage' must be smaller than 'limit_percentage'");
        }
    }
}

impl Settings {
    /// What the settings mean on this machine.
    pub(super) fn limits(&self) -> Result<Limit, BuildError> {
        if self.limit_mib > 0 {
            return Ok(self.limits_of(0));
        }
        let total = cgroup::total_memory_bytes()
            .ok_or_else(|| BuildError::new("failed to get total memory, use fixed memory settings (limit_mib)"))?;
        Ok(self.limits_of(total))
    }

    /// What they mean where `total` bytes may be used.
    pub(super) fn limits_of(&self, total: u64) -> Limit {
        let (hard, spike) = if self.limit_mib > 0 {
            (u64::from(self.limit_mib) * MIB, u64::from(self.spike_limit_mib) * MIB)
        } else {
            let percent = |part: u32| total / 100 * u64::from(part);
            (percent(self.limit_percentage), percent(self.spike_limit_percentage))
        };
        let spike = if spike == 0 { hard / 5 } else { spike };
        Limit { soft_bytes: hard - spike.min(hard), hard_bytes: hard }
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self { check_interval: Duration::from_secs(1), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;

    #[test]
    fn limits() {
        let cases = [
            ("{limit_mib: 100}", 80, 100),
            ("{limit_mib: 512, spike_limit_mib: 128}", 384, 512),
            ("{limit_percentage: 50}", 400, 500),
            ("{limit_percentage: 80, spike_limit_percentage: 30}", 500, 800),
            ("{limit_mib: 100, limit_percentage: 50, spike_limit_percentage: 10}", 80, 100),
        ];
        for (yaml, soft, hard) in cases {
            let settings = testing::settings::<Settings>(yaml).0.unwrap();
            let want = Limit { soft_bytes: soft * MIB, hard_bytes: hard * MIB };
            assert_eq!(settings.limits_of(1000 * MIB), want, "{yaml}");
        }
    }

    #[test]
    fn problems() {
        let cases = [
            ("{check_interval: 1s, limit_mib: 512, spike_limit_mib: 128}", ""),
            ("{limit_mib: 1}", "'check_interval' must be greater than zero"),
            ("{check_interval: 1s}", "'limit_mib' or 'limit_percentage' must be greater than zero"),
            (
                "{check_interval: 1s, limit_mib: 10, spike_limit_mib: 10}",
                "'spike_limit_mib' must be smaller than 'limit_mib'",
            ),
            (
                "{check_interval: 1s, limit_percentage: 10, spike_limit_percentage: 20}",
                "'spike_limit_percentage' must be smaller than 'limit_percentage'",
            ),
        ];
        for (yaml, want) in cases {
            let problems = testing::settings::<Settings>(yaml).1;
            let got: Vec<_> = problems.all().iter().map(|problem| problem.message.as_str()).collect();
            assert!(got.join("; ").contains(want) && got.is_empty() == want.is_empty(), "{yaml}: {got:?}");
        }
    }
}
