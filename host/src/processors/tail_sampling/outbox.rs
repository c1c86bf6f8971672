//! Kept traces on their way to the next component. It takes them in order, one request at a time; what it refuses for now stays
//! and is tried again, what it refuses for good is counted as dropped. The outbox has a bound in bytes: at it, the processor
//! stops deciding and taking in.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::metrics::{Metrics, Reason};
use super::output::Parcel;
use crate::pipeline::{Batch, Next, Refusal, RefusalKind, Rope, Signal};

/// Bytes of kept traces that wait, by default: at 10 % kept and 100 MB/s in, half a minute.
pub(super) const MAX_WAITING_BYTES: usize = 256 << 20;
/// Requests are joined up to this size while they wait.
const JOINED_BYTES: usize = 1 << 20;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How long the next component may take nothing before a shutdown gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Between two log lines about refusals.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Outbox {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Waiting or being sent.
    bytes: AtomicUsize,
    spans: AtomicUsize,
    max_bytes: AtomicUsize,
    arrival: Notify,
    room: Condvar,
    /// At shutdown, when what is left is decided at once.
    is_unbounded: AtomicBool,
    is_closed: AtomicBool,
    /// Requests taken by the next component, or refused by it for good.
    taken: AtomicUsize,
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    data: Rope,
    spans: usize,
}

impl Outbox {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            bytes: AtomicUsize::new(0),
            spans: AtomicUsize::new(0),
            max_bytes: AtomicUsize::new(max_bytes),
            arrival: Notify::new(),
            room: Condvar::new(),
            is_unbounded: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
        }
    }

    pub(super) fn set_max_bytes(&self, max_bytes: usize) {
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
        self.room.notify_all();
    }

    /// Adds requests, over the bound if need be.
    pub(super) fn push(&self, parcels: Vec<Parcel>) {
        if parcels.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        for Parcel { data, spans } in parcels {
            self.bytes.fetch_add(data.len(), Ordering::Relaxed);
            self.spans.fetch_add(spans, Ordering::Relaxed);
            match waiting.back_mut().filter(|last| last.data.len() + data.len() <= JOINED_BYTES) {
                Some(last) => {
                    last.data.push(data);
                    last.spans += spans;
                }
                None => waiting.push_back(Waiting { data: data.into(), spans }),
            }
        }
        drop(waiting);
        self.arrival.notify_one();
    }

    /// Bytes waiting or being sent.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.max_bytes.load(Ordering::Relaxed) && !self.is_unbounded.load(Ordering::Relaxed)
    }

    /// Blocks the thread until there is room, at most `patience`; `false` if there still is none.
    pub(super) fn wait_for_room(&self, patience: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        if self.is_full() {
            self.room.wait_for(&mut waiting, patience);
        }
        !self.is_full()
    }

    /// Lifts the bound: whoever waits for room goes on.
    pub(super) fn lift_bound(&self) {
        self.is_unbounded.store(true, Ordering::Relaxed);
        self.room.notify_all();
    }

    /// Nothing more will be pushed.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.arrival.notify_one();
    }

    /// Hands over what is pushed, until closed and empty.
    pub(super) async fn deliver(&self, next: &Next, metrics: &Metrics) {
        let mut courier = Courier { outbox: self, next, metrics, backoff: FIRST_BACKOFF, logged: None };
        while let Some(waiting) = self.take_first().await {
            courier.hand_over(&waiting).await;
            self.taken.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_sub(waiting.data.len(), Ordering::Relaxed);
            self.spans.fetch_sub(waiting.spans, Ordering::Relaxed);
            self.room.notify_all();
        }
    }

    /// Waits for `delivering`, but gives up once nothing has been taken for so long.
    pub(super) async fn finish(&self, mut delivering: Pin<&mut impl Future<Output = ()>>, patience: Duration) {
        loop {
            let before = self.taken.load(Ordering::Relaxed);
            let ended = tokio::time::timeout(patience, &mut delivering).await;
            if ended.is_ok() || (self.bytes() > 0 && self.taken.load(Ordering::Relaxed) == before) {
                return;
            }
        }
    }

    /// Counts what is left as dropped.
    pub(super) fn abandon(&self, metrics: &Metrics) {
        let spans = self.spans.load(Ordering::Relaxed);
        if spans > 0 {
            metrics.count_dropped(Reason::Shutdown, spans as u64);
            tracing::error!(spans, "kept spans are dropped at shutdown: the next component takes nothing");
        }
    }

    /// Takes all that waits, for those who measure or test without a next component.
    pub(super) fn take_all(&self) -> Rope {
        let mut all = Rope::new();
        for waiting in std::mem::take(&mut *self.waiting.lock()) {
            all.append(waiting.data);
        }
        self.bytes.store(0, Ordering::Relaxed);
        all
    }

    /// The next request, as soon as there is one; `None` once closed and empty.
    async fn take_first(&self) -> Option<Waiting> {
        loop {
            // Before looking: a push or a close in between leaves a permit.
            let arrival = self.arrival.notified();
            if let Some(waiting) = self.waiting.lock().pop_front() {
                return Some(waiting);
            }
            if self.is_closed.load(Ordering::Acquire) {
                return None;
            }
            arrival.await;
        }
    }
}

/// What does the sending.
struct Courier<'a> {
    outbox: &'a Outbox,
    next: &'a Next,
    metrics: &'a Metrics,
    backoff: Duration,
    logged: Option<Instant>,
}

impl Courier<'_> {
    /// Hands a request over, however many attempts that takes, or counts it as dropped if it is refused for good.
    async fn hand_over(&mut self, waiting: &Waiting) {
        let mut batch = Batch::new(Signal::Traces, waiting.data.clone(), waiting.spans);
        loop {
            let Err(mut refusal) = self.next.consume(batch.clone()).await else { break };
            if let Some(rest) = refusal.rest.take() {
                batch = *rest;
            }
            self.log(&refusal, batch.items);
            match refusal.kind {
                RefusalKind::Permanent => {
                    self.metrics.count_dropped(Reason::Refused, batch.items as u64);
                    break;
                }
                RefusalKind::Retry { after } => self.back_off(after.unwrap_or_default()).await,
            }
        }
        self.backoff = FIRST_BACKOFF;
    }

    async fn back_off(&mut self, asked: Duration) {
        // A refusing next must not hold up a shutdown by asking for more than the patience there is.
        let wait = self.backoff.max(asked);
        let wait = if self.outbox.is_closed.load(Ordering::Relaxed) { wait.min(MAX_BACKOFF) } else { wait };
        tokio::time::sleep(wait).await;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
    }

    fn log(&mut self, refusal: &Refusal, spans: usize) {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            return;
        }
        self.logged = Some(Instant::now());
        if refusal.is_permanent() {
            tracing::error!(spans, error = %refusal, "kept spans are dropped: the next component refused them for good");
        } else {
            tracing::warn!(spans, error = %refusal, "kept spans wait: the next component refused them for now");
        }
    }
}

#[cfg(test)]
mod tests;
