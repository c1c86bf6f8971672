//! A transform's pool of instances at work in a pipeline: who shares it, and what becomes of a request by its answer.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::pipeline::{Batch, BuildError, Cx, Next, Refusal, RefusalKind, Signal};
use crate::telemetry::Counter;
use crate::telemetry::items::{ProcessorItems, dropped};
use crate::wasm::transform::{About, Outcome, Pool, Reason, TransformFailure};

/// What becomes of a request that the transform has no answer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It goes on as it was.
    Pass,
    /// The sender is told, and still has it.
    #[default]
    Refuse,
    /// It is counted as dropped.
    Drop,
}

/// A pool in one pipeline.
pub(super) struct Pooled {
    pool: Arc<Pool>,
    /// Where other pipelines find the pool.
    _slot: Arc<Slot>,
    on_error: OnError,
    items: ProcessorItems,
    dropped_by_transform: Counter,
    dropped_by_failure: Counter,
}

impl Pooled {
    /// The pool that another pipeline has under the same id and `settings`, or one that `start` makes.
    pub(super) fn new(
        cx: &Cx,
        settings: &str,
        on_error: OnError,
        start: impl FnOnce() -> Result<Pool, BuildError>,
    ) -> Result<Self, BuildError> {
        let signal = cx.signal.unwrap_or(Signal::Traces);
        let id = cx.id.to_string();
        let counter = |reason| {
            let counter = dropped(&cx.metrics, &id, signal, reason);
            counter.add(0);
            counter
        };
        let (slot, pool) = shared_pool(cx, settings, start)?;
        Ok(Self {
            pool,
            _slot: slot,
            on_error,
            items: ProcessorItems::new(cx, signal),
            dropped_by_transform: counter("transform"),
            dropped_by_failure: counter("transform_failure"),
        })
    }

    /// Shows the batch to the transform, and hands on what becomes of it.
    pub(super) async fn process(&self, mut batch: Batch, next: &Next) -> Result<(), Refusal> {
        let outcome = match self.pool.apply(batch.signal, batch.data.clone(), About::now(batch.metadata.clone())).await
        {
            Ok(outcome) => outcome,
            Err(failure) => match self.on_error {
                OnError::Pass => Outcome::Unchanged,
                OnError::Refuse => {
                    self.items.refused.add(batch.items as u64);
                    return Err(refusal(&failure));
                }
                OnError::Drop => {
                    self.dropped_by_failure.add(batch.items as u64);
                    return Ok(());
                }
            },
        };
        self.items.accepted.add(batch.items as u64);
        match outcome {
            Outcome::Unchanged => {}
            Outcome::Discarded => {
                self.dropped_by_transform.add(batch.items as u64);
                return Ok(());
            }
            Outcome::Replaced { data, items } => {
                self.dropped_by_transform.add(batch.items.saturating_sub(items) as u64);
                batch = Batch { metadata: batch.metadata, ..Batch::new(batch.signal, data.into(), items) };
            }
        }
        // What comes back of it is not what came in.
        next.consume(batch).await.map_err(Refusal::of_all)
    }

    /// The pool.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The plugin with its digest, for the start-up message.
    pub(super) fn describe(&self) -> Vec<String> {
        let current = self.pool.current();
        let plugin = current.plugin();
        vec![format!("{}@sha256:{}", plugin.name, plugin.digest)]
    }
}

/// The pool of an id and its settings, if a pipeline has it already.
#[derive(Default)]
struct Slot(Mutex<Weak<Pool>>);

fn shared_pool(
    cx: &Cx,
    settings: &str,
    start: impl FnOnce() -> Result<Pool, BuildError>,
) -> Result<(Arc<Slot>, Arc<Pool>), BuildError> {
    // With the settings in its name, a reload that changes them makes a new one beside that which drains.
    let name = format!("{} {settings}", cx.id);
    let slot = cx.host.shared.get_or_make(&name, Slot::default);
    let mut held = slot.0.lock();
    if let Some(pool) = held.upgrade() {
        drop(held);
        return Ok((slot, pool));
    }
    let pool = Arc::new(start()?);
    *held = Arc::downgrade(&pool);
    drop(held);
    Ok((slot, pool))
}

fn refusal(failure: &TransformFailure) -> Refusal {
    let kind = match failure.reason {
        Reason::Error | Reason::TooLarge => RefusalKind::Permanent,
        _ => RefusalKind::Retry { after: None },
    };
    Refusal { kind, ..Refusal::retry(format!("the transform gave no answer: {failure}")) }
}
