//! What is joined into the same batches, and the worker that sends them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::Core;
use crate::pipeline::{Batch, Metadata, Next, Refusal, RefusalKind, Rope, Stop};

/// The first pause after a refusal, and the longest; a refusal that names a time is obeyed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// How long a batch that is refused for now is tried again while the host ends.
const LAST_TRIES: Duration = Duration::from_secs(5);
/// A shard of one set of metadata values ends after so long without data.
const IDLE: Duration = Duration::from_mins(1);

type Siblings = Arc<Mutex<HashMap<Metadata, Arc<Shard>>>>;

/// Data that waits for its batch.
pub(super) struct Shard {
    waiting: Mutex<Waiting>,
    wake: Notify,
    metadata: Option<Arc<Metadata>>,
    /// Where it is found, if it is one of many.
    siblings: Option<(Metadata, Siblings)>,
}

#[derive(Default)]
struct Waiting {
    parts: VecDeque<(Rope, usize)>,
    items: usize,
    /// When the oldest part came, or the last batch of full size was cut off.
    since: Option<Instant>,
    is_closed: bool,
}

/// Why the worker sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    Size,
    Timeout,
    Stop,
    Idle,
}

impl Shard {
    pub(super) fn new(place: Option<(Metadata, Siblings)>) -> Self {
        let metadata = place.as_ref().map(|(key, _)| Arc::new(key.clone()));
        Self { waiting: Mutex::default(), wake: Notify::new(), metadata, siblings: place }
    }

    pub(super) fn push(&self, batch: Batch, core: &Core) -> Result<(), Refusal> {
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            return Err(Refusal::retry("the batch processor is shutting down"));
        }
        core.took(batch.items, batch.data.len());
        let before = waiting.items;
        waiting.items += batch.items;
        waiting.parts.push_back((batch.data, batch.items));
        waiting.since.get_or_insert_with(Instant::now);
        let enough = core.settings.sent_from();
        // The worker sleeps through everything else: at the first part it sets its timer.
        let is_worth_a_look = before == 0 || (before < enough && waiting.items >= enough);
        drop(waiting);
        if is_worth_a_look {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Sends batches to `next` until `stop`, then what is left.
    pub(super) async fn work(self: Arc<Self>, core: Arc<Core>, next: Next, stop: Stop) {
        loop {
            let trigger = self.trigger(&core, &stop).await;
            while let Some(batch) = self.take(trigger, &core) {
                core.send_size.record(batch.items as f64);
                core.send_size_bytes.record(batch.data.len() as f64);
                if trigger == Trigger::Size { &core.size_trigger } else { &core.timeout_trigger }.add(1);
                deliver(batch, &core, &next, &stop).await;
            }
            if matches!(trigger, Trigger::Stop | Trigger::Idle) && self.close() {
                return;
            }
        }
    }

    /// Waits until something is to be done.
    async fn trigger(&self, core: &Core, stop: &Stop) -> Trigger {
        let settings = &core.settings;
        loop {
            let (items, since) = {
                let waiting = self.waiting.lock();
                (waiting.items, waiting.since)
            };
            if items >= settings.sent_from() {
                return Trigger::Size;
            }
            let idle = self.siblings.as_ref().map(|_| Instant::now() + IDLE);
            let (timer, trigger) = match since {
                Some(since) => (Some(since + settings.timeout.0), Trigger::Timeout),
                None => (idle, Trigger::Idle),
            };
            let timer = async {
                match timer {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.requested() => return Trigger::Stop,
                () = timer => return trigger,
                () = self.wake.notified() => {}
            }
        }
    }

    /// Cuts the next batch off: `None` if what is left does not make one.
    fn take(&self, trigger: Trigger, core: &Core) -> Option<Batch> {
        let least = if trigger == Trigger::Size { core.settings.sent_from() } else { 1 };
        let most = core.settings.sent_to();
        let (mut data, mut items, too_large) = {
            let mut waiting = self.waiting.lock();
            if waiting.items < least {
                return None;
            }
            let taken = waiting.take(least, most);
            waiting.since = (waiting.items > 0).then(Instant::now);
            taken
        };
        // Only the worker takes, so that what it puts back at the front belongs there; splitting needs no lock.
        if let Some((part, part_items)) = too_large {
            let (wanted, before) = (most - items, part.len());
            let (front, rest) = tailrace_otlp::split_front(core.signal, part, wanted);
            core.resized(before, front.len() + rest.len());
            data.append(front);
            items += wanted;
            self.put_back(rest, part_items - wanted);
        }
        Some(Batch { metadata: self.metadata.clone(), ..Batch::new(core.signal, data, items) })
    }

    fn put_back(&self, part: Rope, items: usize) {
        let mut waiting = self.waiting.lock();
        waiting.items += items;
        waiting.parts.push_front((part, items));
        waiting.since.get_or_insert_with(Instant::now);
    }

    /// Takes nothing more in, unless something came in meanwhile.
    fn close(&self) -> bool {
        // In this order everywhere.
        let mut siblings = self.siblings.as_ref().map(|(key, all)| (key, all.lock()));
        let mut waiting = self.waiting.lock();
        if waiting.items > 0 {
            return false;
        }
        waiting.is_closed = true;
        if let Some((key, all)) = &mut siblings {
            all.remove(*key);
        }
        true
    }
}

impl Waiting {
    /// Takes parts from the front, `most` items at most. If they are less than `least` because the next part is too large for
    /// the rest, that part comes beside them, to be split. Parts that fit are not split to fill a batch up.
    fn take(&mut self, least: usize, most: usize) -> (Rope, usize, Option<(Rope, usize)>) {
        let (mut data, mut items) = (Rope::new(), 0);
        while let Some((part, part_items)) = self.parts.pop_front() {
            if part_items > most - items {
                if items >= least {
                    self.parts.push_front((part, part_items));
                    break;
                }
                self.items -= items + part_items;
                return (data, items, Some((part, part_items)));
            }
            data.append(part);
            items += part_items;
        }
        self.items -= items;
        (data, items, None)
    }
}

/// Hands `batch` on, however often it takes, until it is taken, refused for good, or the host has ended long enough.
async fn deliver(mut batch: Batch, core: &Core, next: &Next, stop: &Stop) {
    let (all, bytes) = (batch.items, batch.data.len());
    let mut pause = PAUSES.0;
    let mut give_up = None;
    while let Err(mut refusal) = next.consume(batch.clone()).await {
        if let Some(rest) = refusal.rest.take() {
            batch = *rest;
        }
        let items = batch.items;
        let RefusalKind::Retry { after } = refusal.kind else {
            tracing::warn!(error = %refusal, dropped_items = items, "Sender failed");
            core.dropped_for_good.add(items as u64);
            break;
        };
        if stop.is_requested() && Instant::now() >= *give_up.get_or_insert_with(|| Instant::now() + LAST_TRIES) {
            tracing::error!(error = %refusal, dropped_items = items, "Sender failed while shutting down. Dropping data.");
            core.dropped_at_shutdown.add(items as u64);
            break;
        }
        let wait = after.unwrap_or(pause);
        tracing::warn!(error = %refusal, interval = wait.as_secs_f64(), "Sender failed. Will try again after interval.");
        pause = (pause * 2).min(PAUSES.1);
        if stop.is_requested() {
            sleep(wait.min(PAUSES.0)).await;
        } else {
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.requested() => {}
            }
        }
    }
    core.released(all, bytes);
}
