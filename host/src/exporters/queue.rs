//! What wraps every exporter: queue (and batching), retry, timeout, and the counting of what became of the data.
//!
//! ```yaml
//! exporters:
//!   otlp:
//!     endpoint: backend:4317
//!     timeout: 5s                   # of one attempt; 0 = none
//!     sending_queue:                # `enabled: false`: the sender waits for the export
//!       num_consumers: 10
//!       queue_size: 1000            # in units of `sizer`, exports under way included
//!       sizer: requests             # or items, bytes
//!       block_on_overflow: false
//!       wait_for_result: false
//!       batch: {flush_timeout: 200ms, min_size: 8192, max_size: 0, sizer: items}
//!     retry_on_failure:
//!       initial_interval: 5s
//!       randomization_factor: 0.5
//!       multiplier: 1.5
//!       max_interval: 30s
//!       max_elapsed_time: 5m        # 0 = never give up
//! ```
//!
//! Beside `queue_size` a queue is bounded in bytes: half of the memory limiter's soft limit, 1 GiB without one.
//!
//! On shutdown whatever waits between two attempts fails at once, and what is queued gets one attempt each. Every batch
//! that is given up is counted (`send_failed`) and logged.

mod batcher;
mod retry;
mod sender;
mod settings;
mod store;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub use self::sender::leases;
use self::sender::{Piece, Sender};
pub use self::settings::{BatchSettings, PartitionSettings, QueueSettings, RetrySettings, Sizer};
use self::store::{Element, Full, Store, Ticket};
use crate::host::Host;
use crate::pipeline::{Batch, BoxFuture, Consume, Cx, Exporter, Refusal, Stop};
use crate::telemetry::Counter;

/// Bytes that a queue may hold when no memory limiter says how much there is.
const MAX_QUEUED_BYTES: u64 = 1 << 30;

/// How an exporter is wrapped.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `None`: the caller waits for the export.
    pub queue: Option<QueueSettings>,
    /// What happens after a failure that may pass.
    pub retry: RetrySettings,
    /// The longest that one attempt may take; 0 = no limit.
    pub timeout: Duration,
}

impl Delivery {
    /// No queue, no retry, no timeout: the caller waits for the one attempt.
    pub fn direct() -> Self {
        let retry = RetrySettings { enabled: false, ..RetrySettings::default() };
        Self { queue: None, retry, timeout: Duration::ZERO }
    }
}

/// [`Exporter`] without its types.
pub trait DynSend: Send + Sync + 'static {
    /// See [`Exporter::send`].
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>>;
    /// See [`Exporter::admit`].
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl<E: Exporter> DynSend for E {
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.send(batch))
    }

    fn admit(&self) -> Result<(), Refusal> {
        Exporter::admit(self)
    }
}

/// An exporter in its wrapping; the end of a pipeline.
pub struct Shipping {
    sender: Arc<Sender>,
    queue: Option<Queue>,
    host: Arc<Host>,
    /// How many exporters share the bytes that queues may hold; see [`Shipping::share_among`].
    sharers: AtomicU64,
}

struct Queue {
    settings: QueueSettings,
    store: Arc<Store>,
    enqueue_failed: Counter,
}

impl Shipping {
    /// Wraps `exporter`. `labels` stand beside `exporter` on the counters of sent and failed items.
    pub fn new(
        exporter: Arc<dyn DynSend>,
        delivery: Delivery,
        labels: &[(&'static str, String)],
        cx: &Cx,
    ) -> Arc<Self> {
        let queue = delivery.queue.filter(|queue| queue.enabled).map(|settings| Queue::new(settings, cx));
        let sender = Sender::new(exporter, delivery.retry, delivery.timeout, labels, cx);
        Arc::new(Self { sender: Arc::new(sender), queue, host: cx.host.clone(), sharers: AtomicU64::new(1) })
    }

    /// From [`Shipping::run`]'s stop on, what is queued or waits for its next attempt goes to `successor`, which a reload put
    /// in this exporter's place.
    pub fn succeed_by(&self, successor: Weak<Box<dyn Consume>>) {
        self.sender.succeed_by(successor);
    }

    /// Sends what is queued until `stop`, then what is left, an attempt each.
    pub async fn run(&self, stop: Stop) {
        let mut consumers = JoinSet::new();
        if let Some(queue) = &self.queue {
            queue.start(&self.sender, &mut consumers);
        }
        stop.requested().await;
        self.sender.stop_retrying();
        if let Some(queue) = &self.queue {
            queue.store.close();
        }
        while consumers.join_next().await.is_some() {}
    }

    async fn ship(&self, batch: Batch) -> Result<(), Refusal> {
        if batch.items == 0 {
            return Ok(());
        }
        match &self.queue {
            Some(queue) => queue.offer(batch, self.max_bytes()).await,
            None => self.sender.deliver_now(batch).await,
        }
    }

    /// This is one of `exporters` among which the data is divided: each may hold twice its even share of the bytes, all
    /// of them if it is alone.
    pub fn share_among(&self, exporters: usize) {
        self.sharers.store(exporters.max(1) as u64, Ordering::Relaxed);
    }

    fn max_bytes(&self) -> u64 {
        let all = self.host.memory.limit().map_or(MAX_QUEUED_BYTES, |limit| limit.soft_bytes / 2);
        all * 2 / (self.sharers.load(Ordering::Relaxed) + 1)
    }
}

impl Consume for Shipping {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.ship(batch))
    }

    fn admit(&self) -> Result<(), Refusal> {
        match &self.queue {
            Some(queue) if !queue.settings.block_on_overflow && queue.store.is_full(self.max_bytes()) => {
                Err(Full::NoSpace.into())
            }
            Some(_) => Ok(()),
            None => self.sender.admit(),
        }
    }
}

impl Queue {
    fn new(settings: QueueSettings, cx: &Cx) -> Self {
        let capacity = settings.queue_size.max(1).unsigned_abs();
        let store = Arc::new(Store::new(capacity, settings.sizer, cx));
        Self { enqueue_failed: sender::enqueue_failed(cx), store, settings }
    }

    fn start(&self, sender: &Arc<Sender>, consumers: &mut JoinSet<()>) {
        let count = usize::try_from(self.settings.num_consumers).ok().and_then(NonZeroUsize::new);
        let count = count.map_or(1, NonZeroUsize::get);
        if let Some(batch) = self.settings.batching() {
            let sizer = self.settings.batch_sizer(batch);
            let batcher = batcher::Batcher::new(batch, sizer, count, self.store.clone(), sender.clone());
            consumers.spawn(batcher.run());
            return;
        }
        for _ in 0..count {
            let (store, sender) = (self.store.clone(), sender.clone());
            consumers.spawn(async move {
                while let Some(Element { batch, ticket }) = store.take().await {
                    let items = batch.items;
                    sender.deliver_queued(batch, &[Piece { ticket, items }]).await;
                }
            });
        }
    }

    async fn offer(&self, batch: Batch, max_bytes: u64) -> Result<(), Refusal> {
        let items = batch.items;
        let (reply, result) = if self.settings.wait_for_result {
            let (reply, result) = oneshot::channel();
            (Some(reply), Some(result))
        } else {
            (None, None)
        };
        if let Err(full) = self.enqueue(batch, reply, max_bytes).await {
            self.enqueue_failed.add(items as u64);
            tracing::error!(error = %full, rejected_items = items, "Exporting failed. Rejecting data.");
            return Err(full.into());
        }
        match result {
            Some(result) => result.await.unwrap_or_else(|_| Err(Refusal::retry("interrupted due to shutdown"))),
            None => Ok(()),
        }
    }

    async fn enqueue(
        &self,
        batch: Batch,
        reply: Option<oneshot::Sender<Result<(), Refusal>>>,
        max_bytes: u64,
    ) -> Result<(), Full> {
        let mut ticket = Ticket::new(&self.store, &batch, reply);
        loop {
            // Registered before the attempt, so that space freed in between is not missed.
            let freed = self.store.freed();
            match self.store.claim(ticket, max_bytes) {
                Ok(ticket) => {
                    self.store.push(Element { batch, ticket: Arc::new(ticket) });
                    return Ok(());
                }
                Err((Full::NoSpace, back)) if self.settings.block_on_overflow => ticket = back,
                Err((full, _)) => return Err(full),
            }
            freed.await;
        }
    }
}

#[cfg(test)]
mod tests;
