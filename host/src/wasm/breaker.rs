//! Stops asking a policy that fails and fails.

use std::time::{Duration, Instant};

/// A policy's circuit breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    max_failures: u32,
    retry_after: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

impl Breaker {
    pub(super) fn new(max_failures: u32, retry_after: Duration) -> Self {
        Self { max_failures: max_failures.max(1), retry_after, state: State::Closed { failures: 0 } }
    }

    /// Whether the policy is to be asked.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } | State::HalfOpen => true,
            State::Open { until } if now < until => false,
            // Open to half-open: the wait is over, one call decides.
            State::Open { .. } => {
                self.state = State::HalfOpen;
                true
            }
        }
    }

    /// Whether one call decides if it is asked again.
    pub(super) fn is_half_open(&self) -> bool {
        self.state == State::HalfOpen
    }

    /// Whether it is not asked.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Any to closed: it works.
    pub(super) fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// Closed to open at the last of `max_failures` in a row; half-open to open at the first. Whether it just opened.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let open = State::Open { until: now + self.retry_after };
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < self.max_failures => State::Closed { failures: failures + 1 },
            State::Closed { .. } | State::HalfOpen => open,
            State::Open { .. } => return false,
        };
        matches!(self.state, State::Open { .. })
    }

    /// For the gauge: 0 closed, 1 open, 2 half-open.
    pub(super) fn gauge(&self) -> i64 {
        match self.state {
            State::Closed { .. } => 0,
            State::Open { .. } => 1,
            State::HalfOpen => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_tries_again() {
        let start = Instant::now();
        let mut breaker = Breaker::new(2, Duration::from_secs(30));
        assert!(!breaker.failed(start));
        breaker.succeeded();
        assert!(!breaker.failed(start));
        assert!(breaker.admits(start));
        assert!(breaker.failed(start), "the second in a row");
        assert!(!breaker.admits(start + Duration::from_secs(29)));

        let later = start + Duration::from_secs(30);
        assert!(breaker.admits(later));
        assert_eq!(breaker.gauge(), 2);
        assert!(breaker.failed(later), "half-open: one is enough");
        assert!(!breaker.admits(later + Duration::from_secs(29)));
        assert!(breaker.admits(later + Duration::from_secs(30)));
        breaker.succeeded();
        assert_eq!(breaker.gauge(), 0);
    }
}
