//! Whether the host is ready, for `health_check` and the start-up message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use parking_lot::RwLock;

/// Failures that are remembered; the first ones tell most.
const MAX_FAILURES: usize = 16;

/// Ready or not, and what is broken.
#[derive(Default)]
pub struct Health {
    ready: AtomicBool,
    since: RwLock<Option<(SystemTime, Instant)>>,
    failures: RwLock<Vec<String>>,
}

impl Health {
    /// All components run and the host is not shutting down.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Called by the service when everything runs, and when shutdown begins.
    pub fn set_ready(&self, ready: bool) {
        *self.since.write() = ready.then(|| (SystemTime::now(), Instant::now()));
        self.ready.store(ready, Ordering::Release);
    }

    /// Since when it has been ready.
    pub fn ready_since(&self) -> Option<(SystemTime, Instant)> {
        *self.since.read()
    }

    /// Something broke that only a restart mends: a component's task is gone.
    pub fn fail(&self, what: String) {
        let mut failures = self.failures.write();
        if failures.len() < MAX_FAILURES {
            failures.push(what);
        }
    }

    /// What broke.
    pub fn failures(&self) -> Vec<String> {
        self.failures.read().clone()
    }

    /// Ready, and nothing broke.
    pub fn is_available(&self) -> bool {
        self.is_ready() && self.failures.read().is_empty()
    }
}
