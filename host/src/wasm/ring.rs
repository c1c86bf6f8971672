//! The last that went by, for the trial of a plugin that is to take over.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::host::Host;

/// What is kept at most. Where that is nothing, a new version takes over untried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Batches or requests.
    pub items: usize,
    /// All of them together.
    pub bytes: usize,
}

impl Bounds {
    /// What both together ask for.
    pub(super) fn max(self, other: Self) -> Self {
        Self { items: self.items.max(other.items), bytes: self.bytes.max(other.bytes) }
    }
}

/// A bounded number of items, the newest last. Part of what the process counts as memory.
pub(super) struct Ring<T> {
    inner: Mutex<Inner<T>>,
    bounds: Bounds,
    host: Arc<Host>,
}

struct Inner<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
}

impl<T: Clone> Ring<T> {
    pub(super) fn new(bounds: Bounds, host: Arc<Host>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new(Inner { items: VecDeque::new(), bytes: 0 }), bounds, host })
    }

    /// Keeps an item of so many bytes; older ones make room for it.
    pub(super) fn push(&self, item: T, bytes: usize) {
        // One that alone is too large says nothing that smaller ones do not.
        if bytes > self.bounds.bytes || self.bounds.items == 0 {
            return;
        }
        let mut inner = self.inner.lock();
        inner.items.push_back((item, bytes));
        inner.bytes += bytes;
        self.host.memory.add_outside(bytes as u64);
        while inner.items.len() > self.bounds.items || inner.bytes > self.bounds.bytes {
            let Some((_, freed)) = inner.items.pop_front() else { return };
            inner.bytes -= freed;
            self.host.memory.sub_outside(freed as u64);
        }
    }

    /// Takes over what another one has.
    pub(super) fn inherit(self: &Arc<Self>, old: &Arc<Self>) {
        if Arc::ptr_eq(self, old) {
            return;
        }
        let inherited = old.inner.lock().items.clone();
        for (item, bytes) in inherited {
            self.push(item, bytes);
        }
    }

    /// What is kept, the oldest first.
    pub(super) fn items(&self) -> Vec<T> {
        self.inner.lock().items.iter().map(|(item, _)| item.clone()).collect()
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        self.host.memory.sub_outside(self.inner.get_mut().bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_items_and_bytes() {
        let host = Host::new();
        let ring = Ring::new(Bounds { items: 8, bytes: 100 }, host.clone());
        (0..20).for_each(|n| ring.push(n, 1));
        assert_eq!((ring.items(), host.memory.outside_bytes()), ((12..20).collect(), 8));
        ring.push(20, 95);
        assert_eq!((ring.items(), host.memory.outside_bytes()), (vec![15, 16, 17, 18, 19, 20], 100));
        ring.push(21, 60);
        ring.push(22, 101);
        assert_eq!((ring.items(), host.memory.outside_bytes()), (vec![21], 60), "what is too large changes nothing");

        let next = Ring::new(Bounds { items: 1, bytes: 1000 }, host.clone());
        next.inherit(&ring);
        next.inherit(&next.clone());
        assert_eq!((next.items(), host.memory.outside_bytes()), (vec![21], 120));
        drop((ring, next));
        assert_eq!(host.memory.outside_bytes(), 0);

        let none = Ring::new(Bounds { items: 0, bytes: 1000 }, host);
        none.push(1, 1);
        assert_eq!(none.items(), [0; 0]);
    }
}
