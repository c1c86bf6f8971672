//! `sending_queue.batch`: joins and splits queued batches before they are sent. What it holds stays in the queue's bounds,
//! and whoever waits for a result gets it when the last piece of theirs is done.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::sender::{Piece, Sender};
use super::settings::{BatchSettings, Sizer};
use super::store::{Element, Store};
use crate::pipeline::{Batch, Rope, Signal};

/// Takes from the queue, hands joined batches to as many workers as the queue has consumers.
pub(super) struct Batcher {
    settings: BatchSettings,
    sizer: Sizer,
    workers: usize,
    store: Arc<Store>,
    sender: Arc<Sender>,
}

/// What waits to become large enough.
struct Pending {
    signal: Signal,
    data: Rope,
    items: usize,
    pieces: VecDeque<Piece>,
    flush_at: Instant,
}

impl Batcher {
    pub(super) fn new(
        settings: &BatchSettings,
        sizer: Sizer,
        workers: usize,
        store: Arc<Store>,
        sender: Arc<Sender>,
    ) -> Self {
        Self { settings: settings.clone(), sizer, workers, store, sender }
    }

    /// Works until the queue is closed and empty, and everything is sent or given up.
    pub(super) async fn run(self) {
        let slots = Arc::new(Semaphore::new(self.workers));
        let mut exports = JoinSet::new();
        let mut pending: Option<Pending> = None;
        loop {
            let Some(mut waiting) = pending.take() else {
                match self.store.take().await {
                    Some(first) => pending = Some(self.begin(first)),
                    None => break,
                }
                self.send_large(&mut pending, &slots, &mut exports).await;
                continue;
            };
            tokio::select! {
                element = self.store.take() => {
                    let closed = element.is_none();
                    if let Some(element) = element {
                        waiting.add(element);
                    }
                    pending = Some(waiting);
                    if closed {
                        break;
                    }
                    self.send_large(&mut pending, &slots, &mut exports).await;
                }
                () = tokio::time::sleep_until(waiting.flush_at) => {
                    pending = Some(waiting);
                    self.send_rest(&mut pending, &slots, &mut exports).await;
                }
            }
        }
        self.send_rest(&mut pending, &slots, &mut exports).await;
        while exports.join_next().await.is_some() {}
    }

    fn begin(&self, first: Element) -> Pending {
        let mut pending = Pending {
            signal: first.batch.signal,
            data: Rope::new(),
            items: 0,
            pieces: VecDeque::new(),
            flush_at: Instant::now() + self.settings.flush_timeout.0,
        };
        pending.add(first);
        pending
    }

    /// Sends while there is at least `min_size`.
    async fn send_large(&self, pending: &mut Option<Pending>, slots: &Arc<Semaphore>, exports: &mut JoinSet<()>) {
        let min = self.settings.min_size.max(1).unsigned_abs();
        while pending.as_ref().is_some_and(|pending| pending.size(self.sizer) >= min) {
            self.send_one(pending, slots, exports).await;
        }
    }

    async fn send_rest(&self, pending: &mut Option<Pending>, slots: &Arc<Semaphore>, exports: &mut JoinSet<()>) {
        while pending.is_some() {
            self.send_one(pending, slots, exports).await;
        }
    }

    /// Sends up to `max_size`.
    async fn send_one(&self, pending: &mut Option<Pending>, slots: &Arc<Semaphore>, exports: &mut JoinSet<()>) {
        let Some(mut waiting) = pending.take() else { return };
        let (batch, pieces) = waiting.cut(self.sizer, self.settings.max_size.max(0).unsigned_abs());
        if waiting.items > 0 {
            *pending = Some(waiting);
        }
        while exports.try_join_next().is_some() {}
        // The semaphore is never closed, so this does not fail.
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let sender = self.sender.clone();
        exports.spawn(async move {
            sender.deliver_queued(batch, &pieces).await;
            drop(slot);
        });
    }
}

impl Pending {
    fn add(&mut self, element: Element) {
        let Element { batch, ticket } = element;
        self.pieces.push_back(Piece { ticket, items: batch.items });
        self.items += batch.items;
        self.data.append(batch.data);
    }

    fn size(&self, sizer: Sizer) -> u64 {
        match sizer {
            Sizer::Bytes => self.data.len() as u64,
            Sizer::Items | Sizer::Requests => self.items as u64,
        }
    }

    /// Takes up to `max` off the front (everything if 0), at least one item.
    fn cut(&mut self, sizer: Sizer, max: u64) -> (Batch, Vec<Piece>) {
        let data = mem::take(&mut self.data);
        if max == 0 || size_of_rope(&data, self.items, sizer) <= max {
            let items = mem::take(&mut self.items);
            let batch = Batch::new(self.signal, data, items);
            return (batch, mem::take(&mut self.pieces).into());
        }
        let (front, rest, items) = match sizer {
            Sizer::Bytes => split_bytes(self.signal, data, self.items, max),
            Sizer::Items | Sizer::Requests => {
                let items = usize::try_from(max).unwrap_or(usize::MAX);
                let (front, rest) = tailrace_otlp::split_front(self.signal, data, items);
                (front, rest, items)
            }
        };
        self.data = rest;
        self.items -= items;
        let batch = Batch::new(self.signal, front, items);
        (batch, self.take_pieces(items))
    }

    fn take_pieces(&mut self, mut items: usize) -> Vec<Piece> {
        let mut taken = Vec::new();
        while items > 0 {
            let Some(first) = self.pieces.front_mut() else { break };
            if first.items > items {
                first.items -= items;
                taken.push(Piece { ticket: first.ticket.clone(), items });
                break;
            }
            items -= first.items;
            taken.extend(self.pieces.pop_front());
        }
        taken
    }
}

fn size_of_rope(data: &Rope, items: usize, sizer: Sizer) -> u64 {
    match sizer {
        Sizer::Bytes => data.len() as u64,
        Sizer::Items | Sizer::Requests => items as u64,
    }
}

/// Cuts off a front of at most `max` bytes where items allow it: as many items as their average says, fewer until it fits.
fn split_bytes(signal: Signal, data: Rope, items: usize, max: u64) -> (Rope, Rope, usize) {
    let share = |items: usize, len: usize| (items as u64).saturating_mul(max) / (len as u64).max(1);
    let mut take = usize::try_from(share(items, data.len())).unwrap_or(items).clamp(1, items);
    loop {
        let (front, rest) = tailrace_otlp::split_front(signal, data.clone(), take);
        if take == 1 || front.len() as u64 <= max {
            return (front, rest, take);
        }
        take = usize::try_from(share(take, front.len())).unwrap_or(take).clamp(1, take - 1);
    }
}
