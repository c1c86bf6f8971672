//! The undecided traces of one shard: found by id, queued by the tick at which they are due.

use hashbrown::HashTable;

use super::digest::Digest;
use super::hash::TraceId;

/// No slot, no node.
pub(super) const NONE: u32 = u32::MAX;

/// What is known of an undecided trace; a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Entry {
    pub(super) id: TraceId,
    start: u64,
    end: u64,
    /// Bytes of its framed spans, saturating.
    pub(super) bytes: u32,
    spans: u32,
    /// Its place in the order of arrival; wraps around, so only differences mean something.
    pub(super) arrival: u32,
    /// The tick during which it arrived.
    pub(super) arrived: u32,
    /// The newest node of its runs.
    pub(super) node: u32,
    previous: u32,
    next: u32,
    /// Ticks from arrival to decision.
    wait: u16,
    seen: u8,
    pub(super) state: State,
}

const _: () = assert!(size_of::<Entry>() == 64);

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The slot is free.
    Vacant,
    /// Queued with the ordinary wait.
    Waiting,
    /// Queued with the wait after a root span.
    Rooted,
    /// Taken for decision; spans may still be added until the verdict is there.
    Judging,
}

impl Entry {
    const VACANT: Self = Self {
        id: TraceId { high: 0, low: 0 },
        start: 0,
        end: 0,
        bytes: 0,
        spans: 0,
        arrival: 0,
        arrived: 0,
        node: NONE,
        previous: NONE,
        next: NONE,
        wait: 0,
        seen: 0,
        state: State::Vacant,
    };

    /// That of a trace which lies in no shard.
    pub(super) fn recorded(id: TraceId, digest: Digest, bytes: u32) -> Self {
        let Digest { start, end, spans, seen } = digest;
        Self { id, start, end, bytes, spans, seen, ..Self::VACANT }
    }

    pub(super) fn digest(&self) -> Digest {
        Digest { start: self.start, end: self.end, spans: self.spans, seen: self.seen }
    }

    #[inline]
    pub(super) fn add(&mut self, digest: Digest, bytes: usize) {
        let mut all = self.digest();
        all.merge(digest);
        (self.start, self.end, self.spans, self.seen) = (all.start, all.end, all.spans, all.seen);
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The tick at which it is to be decided.
    pub(super) fn due(&self) -> u32 {
        self.arrived.saturating_add(u32::from(self.wait)).saturating_add(1)
    }
}

/// First and last of a queue linked through the entries. All in it wait equally long, so it is in order of due ticks.
#[derive(Clone, Copy, Debug)]
struct Queue {
    first: u32,
    last: u32,
}

pub(super) struct Index {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    vacant: u32,
    waiting: Queue,
    rooted: Queue,
}

impl Index {
    pub(super) fn with_capacity(traces: usize) -> Self {
        let empty = Queue { first: NONE, last: NONE };
        Self {
            table: HashTable::with_capacity(traces),
            entries: Vec::with_capacity(traces),
            vacant: NONE,
            waiting: empty,
            rooted: empty,
        }
    }

    #[inline]
    pub(super) fn find(&self, id: TraceId) -> Option<u32> {
        self.table.find(id.hash(), |slot| self.entries[*slot as usize].id == id).copied()
    }

    pub(super) fn entry(&self, slot: u32) -> &Entry {
        &self.entries[slot as usize]
    }

    pub(super) fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        &mut self.entries[slot as usize]
    }

    /// The entry at `slot`, if there is one.
    pub(super) fn get(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize).filter(|entry| entry.state != State::Vacant)
    }

    /// Adds a trace that is not there; it is decided `wait` + 1 ticks after `now`.
    pub(super) fn insert(&mut self, id: TraceId, arrival: u32, now: u32, wait: u16) -> u32 {
        let entry = Entry { id, arrival, arrived: now, wait, ..Entry::VACANT };
        let slot = if self.vacant == NONE {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        } else {
            let slot = self.vacant;
            self.vacant = self.entries[slot as usize].next;
            self.entries[slot as usize] = entry;
            slot
        };
        let entries = &self.entries;
        self.table.insert_unique(id.hash(), slot, |slot| entries[*slot as usize].id.hash());
        self.enqueue(slot, State::Waiting);
        slot
    }

    /// Forgets a trace.
    pub(super) fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        let id = self.entries[slot as usize].id;
        if let Ok(found) = self.table.find_entry(id.hash(), |other| *other == slot) {
            found.remove();
        }
        self.entries[slot as usize] = Entry { next: self.vacant, ..Entry::VACANT };
        self.vacant = slot;
    }

    /// A root span has come: decides `wait` + 1 ticks after `now`, if that is earlier.
    pub(super) fn hasten(&mut self, slot: u32, now: u32, wait: u16) {
        let entry = &self.entries[slot as usize];
        if entry.state != State::Waiting || now + u32::from(wait) + 1 >= entry.due() {
            return;
        }
        let wait = (now - entry.arrived).saturating_add(u32::from(wait));
        self.unlink(slot);
        self.entries[slot as usize].wait = u16::try_from(wait).unwrap_or(u16::MAX);
        self.enqueue(slot, State::Rooted);
    }

    /// Another wait from now on, for the traces that are queued too.
    pub(super) fn set_wait(&mut self, wait: u16) {
        let mut slot = self.waiting.first;
        while slot != NONE {
            let entry = &mut self.entries[slot as usize];
            entry.wait = wait;
            slot = entry.next;
        }
    }

    /// Takes a trace that is due at `tick` out of its queue, for decision.
    pub(super) fn pop_due(&mut self, tick: u32) -> Option<u32> {
        let slot = self.soonest().next().filter(|slot| self.entries[*slot as usize].due() <= tick)?;
        self.take(slot);
        Some(slot)
    }

    /// The queued traces, those due next first.
    pub(super) fn soonest(&self) -> impl Iterator<Item = u32> {
        let follow = |first: u32| {
            let next = |slot: &u32| Some(self.entries.get(*slot as usize)?.next);
            std::iter::successors(Some(first), next).take_while(|slot| *slot != NONE).peekable()
        };
        let [mut waiting, mut rooted] = [follow(self.waiting.first), follow(self.rooted.first)];
        std::iter::from_fn(move || match (waiting.peek(), rooted.peek()) {
            (Some(a), Some(b)) if self.entries[*b as usize].due() < self.entries[*a as usize].due() => rooted.next(),
            (Some(_), _) => waiting.next(),
            (None, _) => rooted.next(),
        })
    }

    /// Takes a queued trace for decision.
    pub(super) fn take(&mut self, slot: u32) {
        self.unlink(slot);
        self.entries[slot as usize].state = State::Judging;
    }

    /// The traces that are queued, in no particular order.
    pub(super) fn queued(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| matches!(entry.state, State::Waiting | State::Rooted))
            .map(|(at, entry)| (at as u32, entry))
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.state != State::Vacant)
    }

    fn queue(&mut self, state: State) -> &mut Queue {
        if state == State::Rooted { &mut self.rooted } else { &mut self.waiting }
    }

    fn enqueue(&mut self, slot: u32, state: State) {
        let last = std::mem::replace(&mut self.queue(state).last, slot);
        if last == NONE {
            self.queue(state).first = slot;
        } else {
            self.entries[last as usize].next = slot;
        }
        let entry = &mut self.entries[slot as usize];
        (entry.previous, entry.next, entry.state) = (last, NONE, state);
    }

    fn unlink(&mut self, slot: u32) {
        let Entry { previous, next, state, .. } = self.entries[slot as usize];
        if !matches!(state, State::Waiting | State::Rooted) {
            return;
        }
        if previous == NONE {
            self.queue(state).first = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        if next == NONE {
            self.queue(state).last = previous;
        } else {
            self.entries[next as usize].previous = previous;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TraceId {
        TraceId { high: n, low: 7 }
    }

    fn due(index: &mut Index, tick: u32) -> Vec<u64> {
        std::iter::from_fn(|| index.pop_due(tick).map(|slot| index.entry(slot).id.high)).collect()
    }

    #[test]
    fn ids_with_one_low_half_are_told_apart() {
        let mut index = Index::with_capacity(0);
        let slots: Vec<_> = (0..1000).map(|n| index.insert(id(n), n as u32, 0, 1)).collect();
        for n in 0..1000 {
            assert_eq!(index.find(id(n)), Some(slots[n as usize]));
        }
        index.remove(slots[3]);
        assert_eq!((index.find(id(3)), index.table.len()), (None, 999));
        assert_eq!(index.insert(id(3000), 0, 0, 1), slots[3], "slots are used again");
    }

    #[test]
    fn traces_are_due_in_order_of_arrival_a_tick_after_their_wait() {
        let mut index = Index::with_capacity(0);
        index.insert(id(1), 1, 0, 2);
        index.insert(id(2), 2, 0, 2);
        index.insert(id(3), 3, 1, 2);
        assert_eq!(due(&mut index, 2), [0; 0]);
        assert_eq!(due(&mut index, 3), [1, 2]);
        assert_eq!(due(&mut index, 9), [3]);
        assert_eq!(index.table.len(), 3, "taken, not forgotten");
    }

    #[test]
    fn a_root_span_only_ever_hastens() {
        let mut index = Index::with_capacity(0);
        let [a, b] = [1, 2].map(|n| index.insert(id(n), n as u32, 0, 10));
        index.hasten(b, 3, 1);
        index.hasten(b, 4, 1);
        index.hasten(a, 9, 1);
        assert_eq!(due(&mut index, 4), [0; 0]);
        assert_eq!(due(&mut index, 5), [2]);
        assert_eq!(due(&mut index, 11), [1]);
        index.hasten(a, 9, 0);
        assert_eq!(index.entry(a).state, State::Judging);
    }

    #[test]
    fn any_trace_can_leave_its_queue() {
        for leaving in 0..4 {
            let mut index = Index::with_capacity(0);
            let slots = [0, 1, 2, 3].map(|n| index.insert(id(n), n as u32, 0, 1));
            index.remove(slots[leaving as usize]);
            let expected: Vec<u64> = (0..4).filter(|n| *n != leaving).collect();
            assert_eq!(index.queued().count(), 3);
            assert_eq!(due(&mut index, 2), expected);
            assert!(index.soonest().next().is_none());
        }
    }

    #[test]
    fn another_wait_holds_for_queued_traces() {
        let mut index = Index::with_capacity(0);
        index.insert(id(1), 1, 0, 10);
        index.set_wait(1);
        index.insert(id(2), 2, 1, 1);
        assert_eq!(due(&mut index, 2), [1]);
        assert_eq!(due(&mut index, 3), [2]);
    }
}
