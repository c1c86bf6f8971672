//! Thins out repeats: of equal messages on one level the first few of every tick are written, then one in so many. Works as
//! zap's sampler does: a fixed table of counters by hash, so that two messages may now and then share one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::telemetry::settings::SamplingSettings;

/// Levels that are counted apart.
const LEVELS: usize = 4;
/// Counters per level; zap has 4096, for programs with more different messages than we have.
const COUNTERS: usize = 512;

pub(super) struct Sampler {
    settings: ArcSwap<SamplingSettings>,
    started: Instant,
    counters: Box<[Counter]>,
}

#[derive(Default)]
struct Counter {
    /// When the tick ends, nanoseconds after `started`.
    ends: AtomicU64,
    seen: AtomicU64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            settings: ArcSwap::from_pointee(SamplingSettings::default()),
            started: Instant::now(),
            counters: (0..LEVELS * COUNTERS).map(|_| Counter::default()).collect(),
        }
    }
}

impl Sampler {
    pub(super) fn configure(&self, settings: &SamplingSettings) {
        self.settings.store(settings.clone().into());
    }

    /// Whether a line of this level and message is to be written.
    pub(super) fn admits(&self, level: usize, message: &str) -> bool {
        let settings = self.settings.load();
        if !settings.enabled {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        let counter = &self.counters[level * COUNTERS + hasher.finish() as usize % COUNTERS];
        let now = self.started.elapsed().as_nanos() as u64;
        let seen = counter.count(now, settings.tick.0.as_nanos() as u64);
        seen <= settings.initial
            || (settings.thereafter > 0 && (seen - settings.initial).is_multiple_of(settings.thereafter))
    }
}

impl Counter {
    /// How many there were in this tick, this one included.
    fn count(&self, now: u64, tick: u64) -> u64 {
        let ends = self.ends.load(Ordering::Relaxed);
        if now < ends {
            return self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        }
        self.seen.store(1, Ordering::Relaxed);
        // Whoever loses the race counts in the tick that the winner began.
        match self.ends.compare_exchange(ends, now + tick, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => 1,
            Err(_) => self.seen.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_counts_from_its_first_message() {
        let counter = Counter::default();
        let seen: Vec<_> = [0, 5, 9, 10, 11, 30].into_iter().map(|now| counter.count(now + 1, 10)).collect();
        assert_eq!(seen, [1, 2, 3, 1, 2, 1]);
    }
}
