//! The bounded queue itself. What an element claims of the bounds is given back when its export is over, not when it is
//! taken out, as in the Go collector.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::sender::{QUEUE_CAPACITY, QUEUE_SIZE, data_labels};
use super::settings::Sizer;
use crate::pipeline::{Batch, Cx, Refusal};
use crate::telemetry::Gauge;

/// First in, first out, bounded in size and bytes.
pub(super) struct Store {
    state: Mutex<State>,
    filled: Notify,
    freed: Notify,
    capacity: u64,
    sizer: Sizer,
    size_gauge: Gauge,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Element>,
    size: u64,
    bytes: u64,
    closed: bool,
}

/// One queued batch.
pub(super) struct Element {
    pub(super) batch: Batch,
    pub(super) ticket: Arc<Ticket>,
}

/// Why something does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("sending queue is full")]
    NoSpace,
    #[error("element size too large")]
    TooLarge,
    #[error("sending queue is stopped")]
    Stopped,
}

impl From<Full> for Refusal {
    /// An element that is larger than the whole queue will never fit; the Go collector has it sent again all the same.
    fn from(full: Full) -> Self {
        match full {
            Full::TooLarge => Self::permanent(full.to_string()),
            Full::NoSpace | Full::Stopped => Self::retry(full.to_string()),
        }
    }
}

/// An element's share of the bounds, and whoever waits for its result. Held by every piece of the element that is still to
/// be sent.
pub(super) struct Ticket {
    store: Arc<Store>,
    size: u64,
    bytes: u64,
    claimed: bool,
    outcome: Mutex<Outcome>,
}

struct Outcome {
    reply: Option<oneshot::Sender<Result<(), Refusal>>>,
    unsent_items: usize,
    failure: Option<Refusal>,
}

impl Store {
    pub(super) fn new(capacity: u64, sizer: Sizer, cx: &Cx) -> Self {
        let id = cx.id.to_string();
        let labels = data_labels(&id, cx);
        cx.metrics.gauge(QUEUE_CAPACITY, &labels).set(capacity as i64);
        let size_gauge = cx.metrics.gauge(QUEUE_SIZE, &labels);
        Self { state: Mutex::default(), filled: Notify::new(), freed: Notify::new(), capacity, sizer, size_gauge }
    }

    /// Whether not even the smallest element would fit.
    pub(super) fn is_full(&self, max_bytes: u64) -> bool {
        let state = self.state.lock();
        state.size >= self.capacity || state.bytes >= max_bytes
    }

    /// Takes what `ticket` needs of the bounds, or gives the ticket back.
    #[expect(clippy::result_large_err, reason = "the ticket goes back to whoever may wait with it")]
    pub(super) fn claim(&self, mut ticket: Ticket, max_bytes: u64) -> Result<Ticket, (Full, Ticket)> {
        let full = {
            let mut state = self.state.lock();
            // Bytes alone never make an element too large: it is let in when nothing else is there.
            let fits_bytes = state.bytes == 0 || state.bytes + ticket.bytes <= max_bytes;
            if state.closed {
                Full::Stopped
            } else if ticket.size > self.capacity {
                Full::TooLarge
            } else if state.size + ticket.size > self.capacity || !fits_bytes {
                Full::NoSpace
            } else {
                state.size += ticket.size;
                state.bytes += ticket.bytes;
                ticket.claimed = true;
                self.size_gauge.add(ticket.size as i64);
                return Ok(ticket);
            }
        };
        Err((full, ticket))
    }

    /// Adds an element whose ticket is claimed.
    pub(super) fn push(&self, element: Element) {
        self.state.lock().waiting.push_back(element);
        self.filled.notify_one();
    }

    /// The oldest element; `None` once the queue is closed and empty.
    pub(super) async fn take(&self) -> Option<Element> {
        loop {
            // Registered before looking, so that no element and no close is missed.
            let filled = self.filled.notified();
            {
                let mut state = self.state.lock();
                if let Some(element) = state.waiting.pop_front() {
                    return Some(element);
                }
                if state.closed {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Completes when space was freed after this call, or the queue was closed.
    pub(super) fn freed(&self) -> impl Future<Output = ()> + Send + '_ {
        self.freed.notified()
    }

    /// Nothing gets in any more.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_waiters();
        self.freed.notify_waiters();
    }

    fn release(&self, size: u64, bytes: u64) {
        {
            let mut state = self.state.lock();
            state.size -= size;
            state.bytes -= bytes;
        }
        self.size_gauge.add(-(size as i64));
        self.freed.notify_waiters();
    }
}

impl Ticket {
    pub(super) fn new(store: &Arc<Store>, batch: &Batch, reply: Option<oneshot::Sender<Result<(), Refusal>>>) -> Self {
        let bytes = batch.held_bytes() as u64;
        let size = match store.sizer {
            Sizer::Requests => 1,
            Sizer::Items => batch.items as u64,
            Sizer::Bytes => batch.data.len() as u64,
        };
        let outcome = Mutex::new(Outcome { reply, unsent_items: batch.items, failure: None });
        Self { store: store.clone(), size, bytes, claimed: false, outcome }
    }

    /// The export of `items` of the element is over.
    pub(super) fn settle(&self, items: usize, result: &Result<(), Refusal>) {
        let mut outcome = self.outcome.lock();
        outcome.unsent_items = outcome.unsent_items.saturating_sub(items);
        if let Err(failure) = result {
            outcome.failure.get_or_insert_with(|| failure.clone());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.claimed {
            return;
        }
        self.store.release(self.size, self.bytes);
        let outcome = self.outcome.get_mut();
        if let Some(reply) = outcome.reply.take() {
            let result = match outcome.failure.take() {
                Some(failure) => Err(failure),
                None if outcome.unsent_items > 0 => Err(Refusal::retry("interrupted due to shutdown")),
                None => Ok(()),
            };
            // The caller may have gone; the result is of no use then.
            drop(reply.send(result));
        }
    }
}
