//! Attempts: retry, timeout, and the counting of what became of the data.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::DynSend;
use super::retry::{Backoff, Verdict};
use super::settings::RetrySettings;
use super::store::Ticket;
use crate::config::ComponentId;
use crate::pipeline::{Batch, Consume, Cx, Refusal, RefusalKind, Signal};
use crate::telemetry::metrics::{Desc, Lease};
use crate::telemetry::{Counter, Gauge};

pub(super) const QUEUE_SIZE: Desc =
    Desc { name: "exporter_queue_size", unit: "{batch}", help: "Current size of the retry queue (in batches)" };
pub(super) const QUEUE_CAPACITY: Desc =
    Desc { name: "exporter_queue_capacity", unit: "{batch}", help: "Fixed capacity of the retry queue (in batches)" };
const IN_FLIGHT: Desc = Desc {
    name: "exporter_in_flight_requests",
    unit: "{request}",
    help: "Number of export requests under way, waits between attempts included",
};
const SENT: [Desc; 3] = [
    Desc { name: "exporter_sent_spans", unit: "{span}", help: "Number of spans successfully sent to destination" },
    Desc {
        name: "exporter_sent_metric_points",
        unit: "{datapoint}",
        help: "Number of metric points successfully sent to destination",
    },
    Desc {
        name: "exporter_sent_log_records",
        unit: "{record}",
        help: "Number of log records successfully sent to destination",
    },
];
const SEND_FAILED: [Desc; 3] = [
    Desc {
        name: "exporter_send_failed_spans",
        unit: "{span}",
        help: "Number of spans in failed attempts to send to destination",
    },
    Desc {
        name: "exporter_send_failed_metric_points",
        unit: "{datapoint}",
        help: "Number of metric points in failed attempts to send to destination",
    },
    Desc {
        name: "exporter_send_failed_log_records",
        unit: "{record}",
        help: "Number of log records in failed attempts to send to destination",
    },
];
const ENQUEUE_FAILED: [Desc; 3] = [
    Desc {
        name: "exporter_enqueue_failed_spans",
        unit: "{span}",
        help: "Number of spans failed to be added to the sending queue",
    },
    Desc {
        name: "exporter_enqueue_failed_metric_points",
        unit: "{datapoint}",
        help: "Number of metric points failed to be added to the sending queue",
    },
    Desc {
        name: "exporter_enqueue_failed_log_records",
        unit: "{record}",
        help: "Number of log records failed to be added to the sending queue",
    },
];

/// How often a successor that has no room is asked again.
const SUCCESSOR_PAUSE: Duration = Duration::from_millis(50);

/// The code of an attempt that took too long.
const DEADLINE_EXCEEDED: i32 = 4;

/// The part of a queued element that is in a batch.
pub(super) struct Piece {
    pub(super) ticket: Arc<Ticket>,
    pub(super) items: usize,
}

/// Sends batches, again and again where that can help.
pub(super) struct Sender {
    exporter: Arc<dyn DynSend>,
    retry: RetrySettings,
    timeout: Duration,
    stopping: CancellationToken,
    /// Takes over what is not sent yet when a reload replaces this exporter; gone when that one ends too.
    successor: OnceLock<Weak<Box<dyn Consume>>>,
    id: ComponentId,
    sent: Counter,
    send_failed: Counter,
    in_flight: Gauge,
}

impl Sender {
    pub(super) fn new(
        exporter: Arc<dyn DynSend>,
        retry: RetrySettings,
        timeout: Duration,
        labels: &[(&'static str, String)],
        cx: &Cx,
    ) -> Self {
        let id = cx.id.to_string();
        let mut all = vec![("exporter", id.as_str())];
        all.extend(labels.iter().map(|(name, value)| (*name, value.as_str())));
        let signal = signal(cx) as usize;
        Self {
            exporter,
            retry,
            timeout,
            stopping: CancellationToken::new(),
            successor: OnceLock::new(),
            id: cx.id.clone(),
            sent: cx.metrics.counter(SENT[signal], &all),
            send_failed: cx.metrics.counter(SEND_FAILED[signal], &all),
            in_flight: cx.metrics.gauge(IN_FLIGHT, &data_labels(&id, cx)),
        }
    }

    /// From now on what fails is not tried again; what failed before and waits has one last attempt, at once.
    pub(super) fn stop_retrying(&self) {
        self.stopping.cancel();
    }

    /// See [`super::Shipping::succeed_by`].
    pub(super) fn succeed_by(&self, successor: Weak<Box<dyn Consume>>) {
        // A component is replaced once.
        let _ = self.successor.set(successor);
    }

    /// Whether the exporter would take something now.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        self.exporter.admit()
    }

    /// For a caller that waits for the result.
    pub(super) async fn deliver_now(&self, batch: Batch) -> Result<(), Refusal> {
        let items = batch.items;
        let result = self.deliver(batch).await;
        if let Err(failure) = &result {
            tracing::error!(exporter = %self.id, error = %failure, rejected_items = items,
                "Exporting failed. Rejecting data.{}{}", self.hint(),
                " Try enabling sending_queue to survive temporary failures.");
        }
        result
    }

    /// For a batch made of `pieces` of queued ones.
    pub(super) async fn deliver_queued(&self, batch: Batch, pieces: &[Piece]) {
        let items = batch.items;
        let result = self.deliver(batch).await;
        if let Err(failure) = &result {
            tracing::error!(exporter = %self.id, error = %failure, dropped_items = items,
                "Exporting failed. Dropping data.{}", self.hint());
        }
        for piece in pieces {
            piece.ticket.settle(piece.items, &result);
        }
    }

    async fn deliver(&self, mut batch: Batch) -> Result<(), Refusal> {
        let all = batch.items;
        self.in_flight.add(1);
        let _in_flight = InFlight(&self.in_flight);
        let result = self.attempts(&mut batch).await;
        self.sent.add((all - batch.items) as u64);
        match result {
            Ok(Delivered::Here) => self.sent.add(batch.items as u64),
            // It counts there.
            Ok(Delivered::ToSuccessor) => {}
            Err(failure) => {
                self.send_failed.add(batch.items as u64);
                let rest = (batch.items < all).then(|| Box::new(batch));
                return Err(Refusal { rest, ..failure });
            }
        }
        Ok(())
    }

    /// Of `batch` it leaves what has not been sent before the last attempt.
    async fn attempts(&self, batch: &mut Batch) -> Result<Delivered, Refusal> {
        let began = Instant::now();
        let mut backoff = Backoff::new(&self.retry);
        loop {
            let last = self.stopping.is_cancelled();
            if last && self.hand_over(batch).await {
                return Ok(Delivered::ToSuccessor);
            }
            let Err(mut failure) = self.attempt(batch.clone()).await else { return Ok(Delivered::Here) };
            if let Some(rest) = failure.rest.take() {
                *batch = *rest;
            }
            let delay = match backoff.after(&failure, began.elapsed(), fastrand::f64()) {
                Verdict::Wait(delay) => delay,
                Verdict::GiveUp(reason) => return Err(because(reason, failure)),
            };
            if last {
                return Err(because("interrupted due to shutdown: ", failure));
            }
            tracing::info!(exporter = %self.id, error = %failure, interval = delay.as_secs_f64(),
                "Exporting failed. Will retry the request after interval.");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                // The Go collector drops what waits here; one more attempt costs little and often succeeds.
                () = self.stopping.cancelled() => {}
            }
        }
    }

    /// Whether a successor took the batch. One that is full is asked until it has room or ends.
    async fn hand_over(&self, batch: &Batch) -> bool {
        while let Some(successor) = self.successor.get().and_then(Weak::upgrade) {
            match successor.consume(batch.clone()).await {
                Ok(()) => return true,
                Err(refusal) if refusal.is_permanent() => return false,
                // Not held while waiting: it ends when nobody can reach it any more.
                Err(_) => drop(successor),
            }
            tokio::time::sleep(SUCCESSOR_PAUSE).await;
        }
        false
    }

    async fn attempt(&self, batch: Batch) -> Result<(), Refusal> {
        let attempt = self.exporter.attempt(batch);
        if self.timeout.is_zero() {
            return attempt.await;
        }
        tokio::time::timeout(self.timeout, attempt).await.unwrap_or_else(|_| {
            let why = "rpc error: code = DeadlineExceeded desc = context deadline exceeded";
            Err(Refusal::downstream(RefusalKind::Retry { after: None }, why, Some(DEADLINE_EXCEEDED)))
        })
    }

    fn hint(&self) -> &'static str {
        if self.retry.enabled {
            ""
        } else {
            " Try enabling retry_on_failure config option to retry on retryable errors."
        }
    }
}

/// Who took a batch.
enum Delivered {
    Here,
    ToSuccessor,
}

/// Counts an export that ends in any way, be it that its caller went away.
struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

fn because(reason: &str, failure: Refusal) -> Refusal {
    Refusal { why: format!("{reason}{}", failure.why), ..failure }
}

/// The counter of items that did not get into the queue.
pub(super) fn enqueue_failed(cx: &Cx) -> Counter {
    cx.metrics.counter(ENQUEUE_FAILED[signal(cx) as usize], &[("exporter", &cx.id.to_string())])
}

/// Holds the series of an exporter that comes and goes while the others stay; to be taken before it is made.
pub fn leases(labels: &[(&'static str, String)], cx: &Cx) -> Vec<Lease> {
    let (id, signal) = (cx.id.to_string(), signal(cx) as usize);
    let mut all = vec![("exporter", id.as_str())];
    let gauges = [QUEUE_SIZE, QUEUE_CAPACITY, IN_FLIGHT].map(|desc| cx.metrics.lease(desc, &data_labels(&id, cx)));
    let mut leases: Vec<_> = gauges.into();
    leases.push(cx.metrics.lease(ENQUEUE_FAILED[signal], &all));
    all.extend(labels.iter().map(|(name, value)| (*name, value.as_str())));
    leases.extend([SENT[signal], SEND_FAILED[signal]].map(|desc| cx.metrics.lease(desc, &all)));
    leases
}

/// The labels of gauges: `exporter`, `data_type`.
pub(super) fn data_labels<'a>(id: &'a str, cx: &Cx) -> [(&'static str, &'a str); 2] {
    [("exporter", id), ("data_type", signal(cx).as_str())]
}

/// An exporter's instance has one signal.
fn signal(cx: &Cx) -> Signal {
    cx.signal.unwrap_or(Signal::Traces)
}
