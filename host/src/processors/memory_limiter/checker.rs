//! Looks at the memory now and then, and decides whether data is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Settings;
use crate::host::memory::Limit;
use crate::host::{Host, allocator};

const MIB: u64 = 1 << 20;
/// Giving back less than this share of what is used means that trying again soon is no use; as in the Go collector.
const WORTHWHILE_PERCENT: u64 = 5;

/// Shared by the instances of one id.
pub(super) struct Checker {
    id: String,
    host: Arc<Host>,
    refusing: AtomicBool,
    state: Mutex<State>,
}

struct State {
    settings: Settings,
    limits: Limit,
    last_check: Option<Instant>,
    last_release: Option<Instant>,
    /// The time between two attempts that the last ones' success suggests.
    pause: Duration,
}

/// What a look at the memory leads to.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    /// Below the soft limit.
    Accept,
    /// Above a limit, and memory may be given back; then look again.
    Release { is_hard: bool },
    /// Above a limit, and it is too early to try again.
    Refuse,
}

impl Checker {
    pub(super) fn new(id: String, settings: Settings, limits: Limit, host: Arc<Host>) -> Self {
        let state = State { settings, limits, last_check: None, last_release: None, pause: Duration::ZERO };
        Self { id, host, refusing: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Takes `settings` over and makes their limits known.
    pub(super) fn configure(&self, settings: &Settings, limits: Limit) {
        let mut state = self.state.lock();
        state.settings = settings.clone();
        state.limits = limits;
        self.host.memory.set_limit(&self.id, Some(limits));
    }

    pub(super) fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::Relaxed)
    }

    pub(super) fn interval(&self) -> Duration {
        self.state.lock().settings.check_interval.0
    }

    /// Looks at the memory. Every instance calls this; once per interval is enough.
    pub(super) fn check(&self, now: Instant) {
        let mut state = self.state.lock();
        if !state.is_due(now) {
            return;
        }
        let mut used = self.host.memory.used_bytes();
        if let Action::Release { is_hard } = state.judge(used, now) {
            let limit = if is_hard { "hard" } else { "soft" };
            tracing::info!(cur_mem_mib = used / MIB, "Memory usage is above {limit} limit. Giving back unused memory.");
            self.host.memory.reclaim();
            allocator::purge();
            let before = std::mem::replace(&mut used, self.host.memory.used_bytes());
            state.released(before, used, is_hard, now);
        }
        self.set_refusing(used >= state.limits.soft_bytes, used);
    }

    fn set_refusing(&self, refuse: bool, used: u64) {
        let was = self.refusing.swap(refuse, Ordering::Relaxed);
        if refuse && !was {
            tracing::warn!(cur_mem_mib = used / MIB, "Memory usage is above soft limit. Refusing data.");
        } else if was && !refuse {
            tracing::info!(cur_mem_mib = used / MIB, "Memory usage back within limits. Resuming normal operation.");
        }
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.host.memory.set_limit(&self.id, None);
    }
}

impl State {
    fn is_due(&mut self, now: Instant) -> bool {
        // Half an interval: timers of two instances are not exact.
        let half = self.settings.check_interval.0 / 2;
        let is_due = self.last_check.is_none_or(|last| now.saturating_duration_since(last) >= half);
        if is_due {
            self.last_check = Some(now);
        }
        is_due
    }

    fn judge(&self, used: u64, now: Instant) -> Action {
        if used < self.limits.soft_bytes {
            return Action::Accept;
        }
        let is_hard = used >= self.limits.hard_bytes;
        let (least, _) = self.intervals(is_hard);
        let pause = least.max(self.pause);
        let may = self.last_release.is_none_or(|last| now.saturating_duration_since(last) > pause);
        if may { Action::Release { is_hard } } else { Action::Refuse }
    }

    /// Remembers how much an attempt helped: one that hardly did doubles the time to the next.
    fn released(&mut self, before: u64, after: u64, is_hard: bool, now: Instant) {
        self.last_release = Some(now);
        let (least, most) = self.intervals(is_hard);
        let helped = before.saturating_sub(after) * 100 >= before * WORTHWHILE_PERCENT;
        let base = self.pause.max(least).max(self.settings.check_interval.0);
        self.pause = if helped || most.is_zero() { Duration::ZERO } else { (base * 2).min(most) };
    }

    fn intervals(&self, is_hard: bool) -> (Duration, Duration) {
        let settings = &self.settings;
        if is_hard {
            (settings.min_gc_interval_when_hard_limited.0, settings.max_gc_interval_when_hard_limited.0)
        } else {
            (settings.min_gc_interval_when_soft_limited.0, settings.max_gc_interval_when_soft_limited.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let limits = Limit { soft_bytes: 800, hard_bytes: 1000 };
        State { settings: Settings::for_tests(), limits, last_check: None, last_release: None, pause: Duration::ZERO }
    }

    /// Readings against the limits, at times in seconds, each attempt giving back nothing: the pauses double up to 30 s.
    #[test]
    fn attempts_that_do_not_help_get_rarer() {
        let start = Instant::now();
        let mut state = state();
        let mut attempts = Vec::new();
        for second in 0..120 {
            let now = start + Duration::from_secs(second);
            if let Action::Release { is_hard } = state.judge(1000, now) {
                assert!(is_hard);
                state.released(1000, 990, is_hard, now);
                attempts.push(second);
            }
        }
        assert_eq!(attempts, [0, 3, 8, 17, 34, 65, 96]);
    }

    #[test]
    fn attempts_that_help_may_be_repeated() {
        let start = Instant::now();
        let mut state = state();
        let at = |second| start + Duration::from_secs(second);
        let cases = [
            (799, 0, Action::Accept),
            (800, 1, Action::Release { is_hard: false }),
            // Above the soft limit at most every ten seconds, above the hard limit always.
            (900, 2, Action::Refuse),
            (1000, 3, Action::Release { is_hard: true }),
            (1001, 4, Action::Release { is_hard: true }),
            (999, 14, Action::Refuse),
            (999, 15, Action::Release { is_hard: false }),
        ];
        for (used, second, want) in cases {
            let action = state.judge(used, at(second));
            assert_eq!(action, want, "{used} at {second}");
            if let Action::Release { is_hard } = action {
                state.released(used, used / 2, is_hard, at(second));
            }
        }
    }

    #[test]
    fn one_look_per_interval_is_enough() {
        let start = Instant::now();
        let mut state = state();
        let due = [0, 10, 499, 500, 1499, 1500].map(|millis| state.is_due(start + Duration::from_millis(millis)));
        assert_eq!(due, [true, false, false, true, true, false]);
    }
}
