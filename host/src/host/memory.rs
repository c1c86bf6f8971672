//! What counts as memory: allocator-allocated bytes, plus what lies outside the allocator (log segments, guest memories),
//! each once. Not RSS: pooled segments would make a limiter refuse for ever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};

/// The share of all memory that buffers may fill where no `memory_limiter` sets a limit.
const UNLIMITED_SHARE: f64 = 0.75;

/// The accounts of the process.
#[derive(Default)]
pub struct Memory {
    /// Live bytes outside the allocator: segments in use, guest memories.
    outside: AtomicU64,
    /// By who enforces it.
    limits: Mutex<BTreeMap<String, Limit>>,
    /// The tightest of them: asked per batch.
    limit: ArcSwapOption<Limit>,
    reclaimers: RwLock<Vec<Arc<dyn Fn() + Send + Sync>>>,
}

/// The limit that a `memory_limiter` enforces, for components that react before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Above this, data is refused.
    pub soft_bytes: u64,
    /// Above this, memory is given back at any price.
    pub hard_bytes: u64,
}

impl Memory {
    /// Adds to the bytes held outside the allocator.
    pub fn add_outside(&self, bytes: u64) {
        self.outside.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes from the bytes held outside the allocator.
    pub fn sub_outside(&self, bytes: u64) {
        self.outside.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes held outside the allocator.
    pub fn outside_bytes(&self) -> u64 {
        self.outside.load(Ordering::Relaxed)
    }

    /// All live bytes now. Reads the allocator's statistics (a few microseconds): call it on timers, not per batch.
    pub fn used_bytes(&self) -> u64 {
        super::allocator::allocated_bytes() + self.outside_bytes()
    }

    /// The limit in force, the tightest of several; `None` without a `memory_limiter`.
    pub fn limit(&self) -> Option<Limit> {
        self.limit.load().as_deref().copied()
    }

    /// What buffers keep within: the limit in force or, without a `memory_limiter`, [`UNLIMITED_SHARE`] of what the cgroup, else
    /// the machine, has. `None` where the system tells neither.
    pub fn soft_bound_bytes(&self) -> Option<u64> {
        static TOTAL: LazyLock<Option<u64>> = LazyLock::new(super::cgroup::total_memory_bytes);
        let unlimited = || TOTAL.map(|total| (total as f64 * UNLIMITED_SHARE) as u64);
        self.limit().map(|limit| limit.soft_bytes).or_else(unlimited)
    }

    /// Sets the limit that `who` enforces, or takes it back.
    pub fn set_limit(&self, who: &str, limit: Option<Limit>) {
        let mut limits = self.limits.lock();
        match limit {
            Some(limit) => limits.insert(who.to_owned(), limit),
            None => limits.remove(who),
        };
        self.limit.store(limits.values().copied().min_by_key(|limit| limit.soft_bytes).map(Arc::new));
    }

    /// Registers something that can give unused memory back to the system (free segments).
    pub fn on_pressure(&self, give_back: Arc<dyn Fn() + Send + Sync>) {
        self.reclaimers.write().push(give_back);
    }

    /// Asks everyone to give back what they do not use.
    pub fn reclaim(&self) {
        let reclaimers = self.reclaimers.read().clone();
        for give_back in reclaimers {
            give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_bound_with_and_without_a_limiter() {
        let memory = Memory::default();
        let total = super::super::cgroup::total_memory_bytes().expect("the memory of this machine");
        let unlimited = memory.soft_bound_bytes().expect("a bound");
        assert!(unlimited > total / 2 && unlimited < total, "{unlimited} of {total}");
        memory.set_limit("memory_limiter", Some(Limit { soft_bytes: 80, hard_bytes: 100 }));
        assert_eq!(memory.soft_bound_bytes(), Some(80));
        memory.set_limit("memory_limiter", None);
        assert_eq!(memory.soft_bound_bytes(), Some(unlimited));
    }
}
