//! The memory of decisions, for spans that come late.
//!
//! Both memories forget by generations: a young table fills up to the configured size, then takes the place of the old one. What
//! is looked up moves to the young one. So at least as many ids as configured are remembered, those in use longest, and at most
//! twice as many; tables grow as they fill. Kept traces are remembered by their whole id. Dropped ones, of which there are many
//! more, by 48 bits of a hash beside 16 bits of time: with a million of them, one new trace in 280 million is taken for dropped.

use hashbrown::HashTable;

use tailrace_otlp::tracestate::Threshold;

use super::hash::TraceId;

/// What is remembered of a kept trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// The tick of the decision.
    pub(super) tick: u32,
    /// The policy that won, for the attribute on late spans.
    pub(super) policy: u16,
    /// What late spans are to say.
    pub(super) threshold: Threshold,
}

/// How a trace was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    Kept(Kept),
    /// Dropped so many ticks ago (modulo 2^16).
    Dropped {
        age: u32,
    },
}

/// What became of the traces of one shard.
pub(super) struct Decisions {
    kept: Generations<(TraceId, Kept)>,
    dropped: Generations<u64>,
}

impl Decisions {
    /// Remembers so many of each; 0 remembers none.
    pub(super) fn new(kept: usize, dropped: usize) -> Self {
        Self { kept: Generations::new(kept), dropped: Generations::new(dropped) }
    }

    /// Other sizes from now on.
    pub(super) fn resize(&mut self, kept: usize, dropped: usize) {
        self.kept.resize(kept);
        self.dropped.resize(dropped);
    }

    pub(super) fn keep(&mut self, id: TraceId, kept: Kept) {
        self.kept.insert((id, kept));
    }

    pub(super) fn drop(&mut self, id: TraceId, tick: u32) {
        self.dropped.insert(fingerprint(id) | u64::from(tick & 0xffff));
    }

    /// How the trace was decided, if that is remembered.
    #[inline]
    pub(super) fn recall(&mut self, id: TraceId, now: u32) -> Option<Decided> {
        if let Some((_, kept)) = self.kept.recall(&(id, Kept::default())) {
            return Some(Decided::Kept(kept));
        }
        let found = self.dropped.recall(&fingerprint(id))?;
        Some(Decided::Dropped { age: now.wrapping_sub(found as u32) & 0xffff })
    }
}

/// The upper 48 bits of the id's hash.
fn fingerprint(id: TraceId) -> u64 {
    id.hash() & !0xffff
}

trait Remembered: Copy {
    fn hash(&self) -> u64;
    fn same(&self, other: &Self) -> bool;
}

impl Remembered for (TraceId, Kept) {
    fn hash(&self) -> u64 {
        self.0.hash()
    }
    fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Remembered for u64 {
    fn hash(&self) -> u64 {
        // The table takes its tag from the upper bits and the bucket from the lower ones, where the time is.
        (self >> 16).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
    fn same(&self, other: &Self) -> bool {
        self >> 16 == other >> 16
    }
}

struct Generations<T> {
    young: HashTable<T>,
    old: HashTable<T>,
    size: usize,
}

impl<T: Remembered> Generations<T> {
    fn new(size: usize) -> Self {
        Self { young: HashTable::new(), old: HashTable::new(), size }
    }

    fn resize(&mut self, size: usize) {
        self.size = size;
        if self.young.len() > size {
            *self = Self::new(size);
        }
    }

    fn insert(&mut self, value: T) {
        if self.size == 0 {
            return;
        }
        if self.young.len() >= self.size {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        let hash = value.hash();
        match self.young.find_mut(hash, |other| other.same(&value)) {
            Some(known) => *known = value,
            None => _ = self.young.insert_unique(hash, value, T::hash),
        }
    }

    #[inline]
    fn recall(&mut self, value: &T) -> Option<T> {
        if self.size == 0 {
            return None;
        }
        let hash = value.hash();
        if let Some(found) = self.young.find(hash, |other| other.same(value)) {
            return Some(*found);
        }
        let found = *self.old.find(hash, |other| other.same(value))?;
        self.insert(found);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TraceId {
        TraceId { high: 1, low: n }
    }

    #[test]
    fn decisions_are_recalled_with_their_age() {
        let mut decisions = Decisions::new(10, 10);
        let kept = Kept { tick: 70_000, policy: 2, threshold: Threshold::new(5) };
        decisions.keep(id(1), kept);
        decisions.drop(id(2), 70_000);
        assert_eq!(decisions.recall(id(1), 70_003), Some(Decided::Kept(kept)));
        assert_eq!(decisions.recall(id(2), 70_003), Some(Decided::Dropped { age: 3 }));
        assert_eq!(decisions.recall(id(3), 70_003), None);
    }

    #[test]
    fn as_many_as_configured_are_remembered_and_those_in_use_longest() {
        let mut decisions = Decisions::new(0, 1000);
        for n in 0..10_000 {
            decisions.drop(id(n), 0);
            assert!(decisions.recall(id(0), 0).is_some(), "in use all the time");
        }
        assert!((9_002..10_000).all(|n| decisions.recall(id(n), 0).is_some()));
        assert!(decisions.dropped.young.len() + decisions.dropped.old.len() <= 2000);
    }

    #[test]
    fn a_size_of_zero_turns_a_memory_off() {
        let mut decisions = Decisions::new(0, 0);
        decisions.keep(id(1), Kept::default());
        decisions.drop(id(2), 0);
        assert_eq!((decisions.recall(id(1), 0), decisions.recall(id(2), 0)), (None, None));
    }
}
