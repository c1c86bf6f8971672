//! When to try again, and how long not to.

use std::time::Duration;

use super::settings::RetrySettings;
use crate::pipeline::{Refusal, RefusalKind};

/// The waits of one batch. Time is passed in, so that tests need none.
pub(super) struct Backoff<'a> {
    settings: &'a RetrySettings,
    current: Duration,
}

/// What to do after a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again after this long.
    Wait(Duration),
    /// Give up, for this reason; the failure's own words follow it.
    GiveUp(&'static str),
}

impl<'a> Backoff<'a> {
    pub(super) fn new(settings: &'a RetrySettings) -> Self {
        Self { settings, current: settings.initial_interval.0 }
    }

    /// Judges a failure that came `elapsed` after the first attempt began. `random` is uniform in 0..1.
    pub(super) fn after(&mut self, failure: &Refusal, elapsed: Duration, random: f64) -> Verdict {
        let RefusalKind::Retry { after } = failure.kind else {
            return Verdict::GiveUp("not retryable error: ");
        };
        if !self.settings.enabled {
            return Verdict::GiveUp("");
        }
        let delay = self.next(random).max(after.unwrap_or_default());
        let limit = self.settings.max_elapsed_time.0;
        if !limit.is_zero() && elapsed + delay > limit {
            return Verdict::GiveUp("no more retries left: ");
        }
        Verdict::Wait(delay)
    }

    /// The cap applies before the variation, as in the Go collector.
    fn next(&mut self, random: f64) -> Duration {
        let factor = self.settings.randomization_factor;
        let delay = self.current.mul_f64(1.0 - factor + 2.0 * factor * random);
        let grown =
            (self.current.as_secs_f64() * self.settings.multiplier).min(self.settings.max_interval.0.as_secs_f64());
        self.current = Duration::from_secs_f64(grown);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn settings() -> RetrySettings {
        RetrySettings { max_elapsed_time: config::Duration::from_secs(60), ..RetrySettings::default() }
    }

    #[test]
    fn waits_grow_to_the_cap_and_end_at_the_limit() {
        let settings = settings();
        let mut backoff = Backoff::new(&settings);
        let failure = Refusal::retry("down");
        let waits = [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0];
        for wait in waits {
            assert_eq!(backoff.after(&failure, Duration::ZERO, 0.5), Verdict::Wait(Duration::from_secs_f64(wait)));
        }
        assert_eq!(backoff.after(&failure, Duration::from_secs(31), 0.5), Verdict::GiveUp("no more retries left: "));
    }

    #[test]
    fn jitter_spans_the_factor_on_both_sides() {
        let settings = settings();
        let failure = Refusal::retry("down");
        for (random, wait) in [(0.0, 2.5), (0.25, 3.75), (1.0, 7.5)] {
            let verdict = Backoff::new(&settings).after(&failure, Duration::ZERO, random);
            assert_eq!(verdict, Verdict::Wait(Duration::from_secs_f64(wait)));
        }
    }

    #[test]
    fn throttling_stretches_a_wait_and_never_shortens_it() {
        let settings = settings();
        for (asked, wait) in [(1, 5), (20, 20)] {
            let failure = Refusal {
                kind: RefusalKind::Retry { after: Some(Duration::from_secs(asked)) },
                ..Refusal::retry("slow down")
            };
            let verdict = Backoff::new(&settings).after(&failure, Duration::ZERO, 0.5);
            assert_eq!(verdict, Verdict::Wait(Duration::from_secs(wait)));
        }
    }

    #[test]
    fn gives_up_on_permanent_failures_and_when_retrying_is_off() {
        let on = settings();
        let off = RetrySettings { enabled: false, ..settings() };
        let forever = RetrySettings { max_elapsed_time: config::Duration::default(), ..settings() };
        let day = Duration::from_hours(24);
        let permanent = Refusal::permanent("bad");
        let verdict = Backoff::new(&on).after(&permanent, Duration::ZERO, 0.5);
        assert_eq!(verdict, Verdict::GiveUp("not retryable error: "));
        assert_eq!(Backoff::new(&off).after(&Refusal::retry("x"), Duration::ZERO, 0.5), Verdict::GiveUp(""));
        let verdict = Backoff::new(&forever).after(&Refusal::retry("x"), day, 0.5);
        assert_eq!(verdict, Verdict::Wait(Duration::from_secs(5)));
    }
}
