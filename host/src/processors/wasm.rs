//! Shows every request to a transform in a plugin, which leaves it as it is, puts another in its place, or discards it.
//!
//! ```yaml
//! processors:
//!   wasm/redact:
//!     module: /etc/tailrace/redact.wasm   # watched: a new file takes over between two requests;
//!                                         # or oci://registry/name:tag@sha256:…, with docker's credentials
//!     registry: {insecure: false, cosign_key: /etc/tailrace/cosign.pub}   # of an oci:// module: who must have signed it
//!     digest: sha256:…                    # that the module must have; optional
//!     transform: redact                   # which of the plugin's; may be left out if it has one
//!     config: {keys: [password]}          # the transform's own
//!     on_error: refuse                    # or pass, or drop
//!     instances: 2                        # threads, each with an instance when busy; 0: one for each core
//!     max_wait: 5s                        # for a thread, while all are busy; then the request is refused for now
//!     limits: {memory_mib: 128, request_bytes: 20971520, apply: 200ms, apply_per_mib: 2s, configure: 5s,
//!              log_lines_per_second: 20, max_failures: 5, retry_after: 30s,
//!              recycle_percentage: 75,    # of its memory: an instance that has grown beyond is replaced
//!              trial_requests: 32, trial_mib: 16}   # the last ones, which a new file is tried on before it takes over
//! ```
//!
//! - The pipelines that name one id share its threads and instances.
//! - What the transform gives back is checked as if it had just arrived: it must be a request of the same signal, well-formed and
//!   no larger than `request_bytes`.
//! - `on_error` says what becomes of a request that the transform has no answer to (it traps, hangs, gives back garbage, or errs).
//!   By default it is **refused**, so that nothing is lost silently and nothing goes on untransformed: for good if the transform
//!   said so itself or the request is too large, for now otherwise, so that senders try again while the plugin is mended. `pass`
//!   lets it go on as it was, `drop` counts it as dropped.
//! - **A new file is tried first.** It has to answer the last requests that the running version answered; one that it does not answer
//!   refuses it, and the running version goes on. What it makes otherwise of them is logged and counted.
//! - Items that a transform took out, or discarded, are counted as dropped with the reason `transform`.

mod settings;

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::settings::OnError;
pub use self::settings::Settings;
use crate::config::{Fault, Path};
use crate::pipeline::{Batch, BuildError, Cx, Next, Processor, Refusal, RefusalKind, Signal};
use crate::telemetry::Counter;
use crate::telemetry::items::{ProcessorItems, dropped};
use crate::wasm::transform::{Outcome, Pool, Reason, TransformFailure};

/// The processor.
pub struct WasmProcessor {
    pool: Arc<Pool>,
    /// Where other pipelines find the pool.
    _slot: Arc<Slot>,
    on_error: OnError,
    items: ProcessorItems,
    dropped_by_transform: Counter,
    dropped_by_failure: Counter,
}

impl Processor for WasmProcessor {
    const TYPE: &'static str = "wasm";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let signal = cx.signal.unwrap_or(Signal::Traces);
        let id = cx.id.to_string();
        let counter = |reason| {
            let counter = dropped(&cx.metrics, &id, signal, reason);
            counter.add(0);
            counter
        };
        let (slot, pool) = shared_pool(&settings, cx)?;
        Ok(Self {
            pool,
            _slot: slot,
            on_error: settings.on_error,
            items: ProcessorItems::new(cx, signal),
            dropped_by_transform: counter("transform"),
            dropped_by_failure: counter("transform_failure"),
        })
    }

    async fn process(&self, mut batch: Batch, next: &Next) -> Result<(), Refusal> {
        let outcome = match self.pool.apply(batch.signal, batch.data.clone()).await {
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
        next.consume(batch).await
    }

    fn describe(&self) -> Vec<String> {
        let current = self.pool.current();
        let plugin = current.plugin();
        vec![format!("{}@sha256:{}", plugin.name, plugin.digest)]
    }
}

/// The pool of this id and these settings, if a pipeline has it already.
#[derive(Default)]
struct Slot(Mutex<Weak<Pool>>);

fn shared_pool(settings: &Settings, cx: &Cx) -> Result<(Arc<Slot>, Arc<Pool>), BuildError> {
    // With the settings in its name, a reload that changes them makes a new one beside that which drains.
    let name = format!("{} {}", cx.id, serde_json::to_string(settings).map_err(BuildError::new)?);
    let slot = cx.host.shared.get_or_make(&name, Slot::default);
    let mut held = slot.0.lock();
    if let Some(pool) = held.upgrade() {
        drop(held);
        return Ok((slot, pool));
    }
    let pool = Arc::new(start_pool(settings, cx)?);
    *held = Arc::downgrade(&pool);
    drop(held);
    Ok((slot, pool))
}

fn start_pool(settings: &Settings, cx: &Cx) -> Result<Pool, BuildError> {
    let wrong = |faults: Vec<Fault>| BuildError::new(Fault::errors(&faults).unwrap_or_default());
    let spec = settings.spec(cx).map_err(|fault| wrong(vec![fault]))?;
    let at = Path::root().join("config");
    Pool::start(spec, &at, settings.threads(), settings.max_wait.0, cx).map_err(wrong)
}

fn refusal(failure: &TransformFailure) -> Refusal {
    let kind = match failure.reason {
        Reason::Error | Reason::TooLarge => RefusalKind::Permanent,
        _ => RefusalKind::Retry { after: None },
    };
    Refusal { kind, ..Refusal::retry(format!("the transform gave no answer: {failure}")) }
}

#[cfg(test)]
mod tests;
