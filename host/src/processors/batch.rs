//! Joins small requests into larger ones, and splits large ones.
//!
//! ```yaml
//! processors:
//!   batch:
//!     timeout: 200ms                # the longest that an item waits; 0 = send at once
//!     send_batch_size: 8192         # items that are sent without waiting longer; 0 = send at once
//!     send_batch_max_size: 0        # larger ones are split; 0 = no limit
//!     metadata_keys: []             # requests are joined only within one set of values of these; auth.<name>: of who sent them
//!     metadata_cardinality_limit: 1000
//! ```
//!
//! Joining is putting ropes one after the other: no byte is copied. As in the Go collector a request is acknowledged when it is
//! held here. Unlike there, data that the next component refuses for now is kept and tried again; when [`MAX_ITEMS`] or the
//! byte bound is reached nothing more is taken in, so that senders wait. What is refused for good, or still refused when the
//! host ends, is counted as dropped, with the reason.

mod settings;
mod shard;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

pub use self::settings::Settings;
use self::shard::Shard;
use crate::host::Host;
use crate::pipeline::{Batch, BuildError, Cx, Metadata, Next, Processor, Refusal, Signal, Stop};
use crate::telemetry::items::{ProcessorItems, dropped};
use crate::telemetry::metrics::Desc;
use crate::telemetry::{Counter, Gauge, Histogram};

/// Items that are held at most, or eight times the size of a batch if that is more: several batches can wait for a component
/// that pauses, and a tick of `tail_sampling` finds room.
const MAX_ITEMS: usize = 1 << 18;
/// Bytes that are held at most; a quarter of the memory limiter's soft limit if that is less.
const MAX_BYTES: usize = 256 << 20;
/// Sets of metadata values at a time where the settings name no limit.
const MAX_SHARDS: usize = 100_000;

const SEND_SIZE: Desc =
    Desc { name: "processor_batch_batch_send_size", unit: "{unit}", help: "Number of units in the batch" };
const SEND_SIZE_BYTES: Desc = Desc {
    name: "processor_batch_batch_send_size_bytes",
    unit: "By",
    help: "Number of bytes in batch that was sent. Only available on detailed level.",
};
const SIZE_TRIGGER: Desc = Desc {
    name: "processor_batch_batch_size_trigger_send",
    unit: "{time}",
    help: "Number of times the batch was sent due to a size trigger",
};
const TIMEOUT_TRIGGER: Desc = Desc {
    name: "processor_batch_timeout_trigger_send",
    unit: "{time}",
    help: "Number of times the batch was sent due to a timeout trigger",
};
const CARDINALITY: Desc = Desc {
    name: "processor_batch_metadata_cardinality",
    unit: "{combination}",
    help: "Number of distinct metadata value combinations being processed",
};

/// Bounds of the collector's histograms of items.
const ITEM_BOUNDS: &[f64] = &[
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0,
    9000.0, 10_000.0, 20_000.0, 30_000.0, 50_000.0, 100_000.0,
];
/// Bounds of the collector's histograms of bytes.
const BYTE_BOUNDS: &[f64] = &[
    128.0,
    256.0,
    512.0,
    1024.0,
    2048.0,
    4096.0,
    8192.0,
    16_384.0,
    32_768.0,
    65_536.0,
    131_072.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    2_097_152.0,
    4_194_304.0,
    8_388_608.0,
    16_777_216.0,
];

/// The processor.
pub struct Batcher {
    core: Arc<Core>,
    shards: Shards,
    /// Shards whose worker is yet to be started by `run`.
    fresh: Mutex<Vec<Arc<Shard>>>,
    wake: Notify,
}

/// One for everything, or one for each set of metadata values.
enum Shards {
    One(Arc<Shard>),
    Many(Arc<Mutex<HashMap<Metadata, Arc<Shard>>>>),
}

/// What all shards share.
struct Core {
    settings: Settings,
    signal: Signal,
    host: Arc<Host>,
    held_items: AtomicUsize,
    held_bytes: AtomicUsize,
    items: ProcessorItems,
    send_size: Histogram,
    send_size_bytes: Histogram,
    size_trigger: Counter,
    timeout_trigger: Counter,
    cardinality: Gauge,
    dropped_for_good: Counter,
    dropped_at_shutdown: Counter,
}

impl Processor for Batcher {
    const TYPE: &'static str = "batch";
    const BUFFERS: bool = true;
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let core = Arc::new(Core::new(settings, cx));
        if !core.settings.metadata_keys.is_empty() {
            return Ok(Self {
                core,
                shards: Shards::Many(Arc::default()),
                fresh: Mutex::default(),
                wake: Notify::new(),
            });
        }
        let shard = Arc::new(Shard::new(None));
        core.cardinality.add(1);
        Ok(Self { core, fresh: Mutex::new(vec![shard.clone()]), shards: Shards::One(shard), wake: Notify::new() })
    }

    async fn process(&self, batch: Batch, _next: &Next) -> Result<(), Refusal> {
        let items = batch.items;
        if items == 0 {
            return Ok(());
        }
        let held = self.hold(batch);
        let counter = if held.is_ok() { &self.core.items.accepted } else { &self.core.items.refused };
        counter.add(items as u64);
        held
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.core.admit()
    }

    async fn run(&self, next: Next, stop: Stop) {
        let mut workers = JoinSet::new();
        loop {
            for shard in self.fresh.lock().drain(..) {
                workers.spawn(shard.work(Arc::clone(&self.core), next.clone(), stop.clone()));
            }
            tokio::select! {
                () = self.wake.notified() => {}
                Some(ended) = workers.join_next() => self.ended(ended),
                () = stop.requested() => break,
            }
        }
        for shard in self.fresh.lock().drain(..) {
            workers.spawn(shard.work(Arc::clone(&self.core), next.clone(), stop.clone()));
        }
        while let Some(ended) = workers.join_next().await {
            self.ended(ended);
        }
    }
}

impl Batcher {
    fn hold(&self, batch: Batch) -> Result<(), Refusal> {
        self.core.admit()?;
        match &self.shards {
            Shards::One(shard) => shard.push(batch, &self.core),
            Shards::Many(shards) => {
                let key = batch.metadata.as_ref().map_or_else(Metadata::default, |all| self.core.settings.select(all));
                // Pushed under the lock: a shard that ends is taken out under it, so none is found that no longer works.
                let mut all = shards.lock();
                if let Some(shard) = all.get(&key) {
                    return shard.push(batch, &self.core);
                }
                if all.len() >= self.core.settings.max_shards() {
                    return Err(Refusal::permanent("too many batcher metadata-value combinations"));
                }
                let shard = Arc::new(Shard::new(Some((key.clone(), Arc::clone(shards)))));
                all.insert(key, Arc::clone(&shard));
                self.core.cardinality.add(1);
                self.fresh.lock().push(Arc::clone(&shard));
                self.wake.notify_one();
                shard.push(batch, &self.core)
            }
        }
    }

    /// A worker that panicked takes the component's task with it, where that is counted and told.
    fn ended(&self, ended: Result<(), JoinError>) {
        self.core.cardinality.add(-1);
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl Core {
    fn new(settings: Settings, cx: &Cx) -> Self {
        let signal = cx.signal.unwrap_or(Signal::Traces);
        let id = cx.id.to_string();
        let labels = [("processor", id.as_str())];
        Self {
            signal,
            host: Arc::clone(&cx.host),
            held_items: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            items: ProcessorItems::new(cx, signal),
            send_size: cx.metrics.histogram(SEND_SIZE, &labels, ITEM_BOUNDS),
            send_size_bytes: cx.metrics.histogram(SEND_SIZE_BYTES, &labels, BYTE_BOUNDS),
            size_trigger: cx.metrics.counter(SIZE_TRIGGER, &labels),
            timeout_trigger: cx.metrics.counter(TIMEOUT_TRIGGER, &labels),
            cardinality: cx.metrics.gauge(CARDINALITY, &labels),
            dropped_for_good: dropped(&cx.metrics, &id, signal, "permanent"),
            dropped_at_shutdown: dropped(&cx.metrics, &id, signal, "shutdown"),
            settings,
        }
    }

    /// Whether there is room. What is let in at the same moment may exceed the bound by a request per thread.
    fn admit(&self) -> Result<(), Refusal> {
        let max_bytes =
            self.host.memory.limit().map_or(MAX_BYTES, |limit| MAX_BYTES.min(limit.soft_bytes as usize / 4));
        let is_full = self.held_items.load(Ordering::Relaxed) >= self.settings.max_items()
            || self.held_bytes.load(Ordering::Relaxed) >= max_bytes;
        if is_full {
            return Err(Refusal::retry("the batch processor is full: what comes after it does not keep up"));
        }
        Ok(())
    }

    fn took(&self, items: usize, bytes: usize) {
        self.held_items.fetch_add(items, Ordering::Relaxed);
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn resized(&self, before: usize, after: usize) {
        self.held_bytes.fetch_add(after, Ordering::Relaxed);
        self.held_bytes.fetch_sub(before, Ordering::Relaxed);
    }

    fn released(&self, items: usize, bytes: usize) {
        self.held_items.fetch_sub(items, Ordering::Relaxed);
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
