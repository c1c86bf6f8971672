//! The last batches, for the trial of a plugin that is to take over.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Columns, Needs};
use crate::host::Host;

/// Enough to see every policy at work; a batch has at most 1,024 traces.
const MAX_BATCHES: usize = 8;
/// All of them; policies that ask for whole spans have large ones.
const MAX_BYTES: usize = 16 << 20;

/// A batch and what its columns hold.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) needs: Arc<Needs>,
    pub(super) columns: Arc<Columns>,
}

/// A bounded number of batches, the newest last. Part of what the process counts as memory.
pub(super) struct Recent {
    inner: Mutex<Inner>,
    host: Arc<Host>,
}

#[derive(Default)]
struct Inner {
    batches: VecDeque<Recorded>,
    bytes: usize,
}

impl Recent {
    pub(super) fn new(host: Arc<Host>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), host })
    }

    pub(super) fn push(&self, needs: &Arc<Needs>, columns: &Arc<Columns>) {
        let bytes = columns.bytes();
        // One that alone is too large says nothing that smaller ones do not.
        if columns.is_empty() || bytes > MAX_BYTES {
            return;
        }
        let mut inner = self.inner.lock();
        inner.batches.push_back(Recorded { needs: needs.clone(), columns: columns.clone() });
        inner.bytes += bytes;
        self.host.memory.add_outside(bytes as u64);
        while inner.batches.len() > MAX_BATCHES || inner.bytes > MAX_BYTES {
            let Some(oldest) = inner.batches.pop_front() else { return };
            let freed = oldest.columns.bytes();
            inner.bytes -= freed;
            self.host.memory.sub_outside(freed as u64);
        }
    }

    /// Takes over what another one has.
    pub(super) fn inherit(self: &Arc<Self>, old: &Arc<Self>) {
        if Arc::ptr_eq(self, old) {
            return;
        }
        for Recorded { needs, columns } in old.batches() {
            self.push(&needs, &columns);
        }
    }

    /// What is kept, the oldest first.
    pub(super) fn batches(&self) -> Vec<Recorded> {
        self.inner.lock().batches.iter().cloned().collect()
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        self.host.memory.sub_outside(self.inner.lock().bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::testing::columns;

    #[test]
    fn it_is_bounded_in_batches_and_bytes() {
        let host = Host::new();
        let recent = Recent::new(host.clone());
        let needs = Arc::new(Needs::default());
        for traces in 0..20 {
            recent.push(&needs, &columns(traces));
        }
        let lengths: Vec<_> = recent.batches().iter().map(|batch| batch.columns.len()).collect();
        assert_eq!(lengths, (12..20).collect::<Vec<_>>());

        let large = |n| Arc::new(Columns { otlp: vec![n; MAX_BYTES / 2], ..(*columns(1)).clone() });
        (0..3).for_each(|n| recent.push(&needs, &large(n)));
        assert_eq!(recent.batches().len(), 1, "two of them are more than all may have");
        recent.push(&needs, &Arc::new(Columns { otlp: vec![0; MAX_BYTES], ..(*columns(1)).clone() }));
        assert_eq!(recent.batches().len(), 1);
        let held = recent.batches()[0].columns.bytes();
        assert_eq!(host.memory.outside_bytes(), held as u64);

        let next = Recent::new(host.clone());
        next.inherit(&recent);
        next.inherit(&next.clone());
        assert_eq!(next.batches().len(), 1);
        drop((recent, next));
        assert_eq!(host.memory.outside_bytes(), 0);
    }
}
