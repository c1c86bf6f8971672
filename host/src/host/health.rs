//! Whether the host is ready, for `health_check` and the start-up message.

use std::sync::atomic::{AtomicBool, Ordering};

/// Ready or not.
#[derive(Default)]
pub struct Health {
    ready: AtomicBool,
}

impl Health {
    /// All components run and the host is not shutting down.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Called by the service when everything runs, and when shutdown begins.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }
}
