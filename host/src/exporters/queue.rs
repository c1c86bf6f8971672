//! What wraps every exporter: queue, retry, timeout.

/// How an exporter is wrapped.
#[derive(Clone, Debug, Default)]
pub struct Delivery {}

impl Delivery {
    /// No queue, no retry, no timeout: the caller waits for the one attempt.
    pub fn direct() -> Self {
        Self {}
    }
}
