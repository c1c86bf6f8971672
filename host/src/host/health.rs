//! Whether the host is ready, for `health_check` and the start-up message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use parking_lot::RwLock;

use super::Host;

/// Failures that are remembered; the first ones tell most.
const MAX_FAILURES: usize = 16;

/// Ready or not, and what is broken.
#[derive(Default)]
pub struct Health {
    ready: AtomicBool,
    since: RwLock<Option<(SystemTime, Instant)>>,
    failures: RwLock<Vec<String>>,
    degraded: RwLock<BTreeMap<u64, (String, String)>>,
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

    /// Components that work, but not as they were asked to, and what each is about. They recover without a restart: the host is
    /// available all the same.
    pub fn degraded(&self) -> Vec<(String, String)> {
        self.degraded.read().values().cloned().collect()
    }

    /// Ready, and nothing broke.
    pub fn is_available(&self) -> bool {
        self.is_ready() && self.failures.read().is_empty()
    }
}

/// A component is degraded, recoverably, for as long as this is there.
pub struct Degraded {
    host: Arc<Host>,
    key: u64,
}

impl Degraded {
    /// Says so in the host's health.
    pub fn new(host: &Arc<Host>, component: &str, why: String) -> Self {
        let mut degraded = host.health.degraded.write();
        let key = degraded.last_key_value().map_or(0, |(last, _)| last + 1);
        degraded.insert(key, (component.to_owned(), why));
        drop(degraded);
        Self { host: host.clone(), key }
    }
}

impl Drop for Degraded {
    fn drop(&mut self) {
        self.host.health.degraded.write().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degraded_component_recovers() {
        let host = Host::new();
        host.health.set_ready(true);
        let first = Degraded::new(&host, "a", "one".to_owned());
        let second = Degraded::new(&host, "b", "two".to_owned());
        drop(first);
        let third = Degraded::new(&host, "a", "three".to_owned());
        let pair = |component: &str, why: &str| (component.to_owned(), why.to_owned());
        assert_eq!(host.health.degraded(), [pair("b", "two"), pair("a", "three")]);
        assert!(host.health.is_available());
        drop((second, third));
        assert!(host.health.degraded().is_empty());
    }
}
