//! What wraps every exporter: queue, retry, timeout.

use crate::pipeline::{Batch, BoxFuture, Exporter, Refusal};

/// The sending side of an [`Exporter`] of any type.
pub trait DynSend: Send + Sync {
    /// One attempt; see [`Exporter::send`].
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>>;
}

impl<E: Exporter> DynSend for E {
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.send(batch))
    }
}

/// How an exporter is wrapped.
#[derive(Clone, Debug, Default)]
pub struct Delivery {}

impl Delivery {
    /// No queue, no retry, no timeout: the caller waits for the one attempt.
    pub fn direct() -> Self {
        Self {}
    }
}
