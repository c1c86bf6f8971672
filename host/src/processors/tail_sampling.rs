//! `tail_sampling`: holds a trace until it is likely whole, then keeps or drops it as policies decide.
//!
//! ```yaml
//! processors:
//!   tail_sampling:
//!     decision_wait: 10s
//!     num_traces: 100000
//!     policies:                                # in order; drop policies first
//!       - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
//!       - {name: slow, type: latency, latency: {threshold_ms: 1000}}
//!       - name: tenth-of-eu
//!         type: and
//!         and:
//!           and_sub_policy:
//!             - {name: eu, type: string_attribute, string_attribute: {key: region, values: [eu]}}
//!             - {name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10}}
//!       - {name: vip, type: wasm, wasm: {module: /etc/tailrace/vip.wasm, config: {tier: gold}}}
//! ```
//!
//! A policy of a plugin says what it may take, what counts when it fails, and whether its votes count:
//!
//! ```yaml
//!       - name: vip
//!         type: wasm
//!         wasm:
//!           module: /etc/tailrace/vip.wasm       # or a directory with one .wasm file in it; watched
//!           config: {tier: gold}
//!           on_error: fallback                   # abstain (default), sample, drop, fallback
//!           fallback: errors                     # whose votes count when this one's are missing, and while its breaker is open
//!           limits: {memory_mib: 64, evaluate: 100ms, evaluate_per_trace: 100us, load: 1s, configure: 5s,
//!                    log_lines_per_second: 20, max_failures: 5, retry_after: 30s, retry_traces: 16,
//!                    state_kib: 1024,          # that is kept of it, across a swap or a trap
//!                    recycle_percentage: 75,   # of its memory: an instance that has grown beyond is replaced
//!                    trial_batches: 8, trial_mib: 16}     # the last ones, which a new file is tried on before it takes over
//!           mode: canary                         # active (default), shadow, canary
//!           canary: {module: /etc/tailrace/vip-next.wasm, share: 10%}   # of the trace ids
//!       - name: next
//!         type: wasm
//!         wasm: {module: /etc/tailrace/next.wasm, mode: shadow, against: vip}   # without against: compared with the decision
//! ```
//!
//! All options of the Go processor that are no feature gate are there, with its defaults, its decisions and its metrics. What
//! differs, and why:
//!
//! - **Decisions are remembered by default** (`decision_cache`), so late spans follow their trace; an explicit 0 turns one memory off.
//! - **`num_traces` counts undecided traces.** Beyond it, those due next are decided early, by the policies, instead of thrown away;
//!   `sampling_trace_dropped_too_early` counts them, as it counts those decided early for want of memory. With
//!   `block_on_overflow`, senders wait instead; decided traces make room, so that can not deadlock.
//! - **Nothing is acknowledged and then lost.** Kept traces that the next component refuses for now are tried again, and senders are
//!   refused (retryably) once too many wait. Of the memory there is (`memory_limiter`'s soft limit, or `maximum_buffer_size_bytes`;
//!   without either, three quarters of the cgroup's or machine's), at 80 % sparse segments of the buffer are compacted and the
//!   oldest packed, at 90 % the heaviest traces are decided early, at 100 % senders are refused.
//! - **`num_shards`** is the number of parts of the buffer, by default one per core. Policies are asked in one place, so neither
//!   decisions nor limits depend on it. A reload keeps the number there is; all other options change in place, the buffer stays.
//! - **`span-ingest`** asks the policies whenever spans have come, about all that has come so far rather than the last request alone. A
//!   drop policy that does not match leaves the others their say; in the Go processor, it keeps anything from being sampled.
//! - **`explain: {traces: 10000}`** remembers the votes on so many traces for `tailrace explain`, see the `admin` extension. Off by
//!   default: it costs some 200 ns and 200 B a trace.
//! - Schema URLs survive, and adjacent spans under one resource stay under one.
//!
//! A request is cut into runs of spans of one trace, which are copied into the log of their shard by whichever worker brought
//! it. Each second the evaluator thread takes the traces that are due, in order of arrival, shows them to the policies as columns,
//! and copies what they keep into requests for the next component.

#[doc(hidden)]
pub mod bench;

mod bell;
mod columns;
mod core;
mod decisions;
mod dictionary;
mod digest;
mod evaluator;
mod explain;
mod hash;
mod headers;
mod index;
mod intake;
mod judge;
mod log;
mod metrics;
pub mod offline;
mod outbox;
mod output;
mod packed;
mod panel;
mod pressure;
pub(crate) mod recorded;
pub(crate) mod replay;
mod rules;
mod segment;
mod settings;
mod shadow;
mod shard;
mod tap;
#[cfg(test)]
mod tests;
mod witness;

use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;

use self::core::Core;
use crate::host::admin::{self, Capture};
use crate::pipeline::{Batch, BuildError, Cx, Next, Processor, Refusal, Signal, Stop, UpdateError};

pub use settings::{DecisionCache, Explain, Policy, Settings, Strategy};

/// The node; its state is in [`Core`], which the evaluator thread shares.
pub struct TailSampling {
    core: Arc<Core>,
    /// The policies, in words.
    described: Mutex<Vec<String>>,
}

impl Processor for TailSampling {
    const TYPE: &'static str = "tail_sampling";
    const SIGNALS: &'static [Signal] = &[Signal::Traces];
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let core = Arc::new(Core::new(&settings, cx));
        let (court, described) = panel::convene(&settings, &core)?;
        let witnesses = &core.witnesses;
        let (capture, explain): (Arc<dyn Capture>, Arc<dyn admin::Explain>) = (witnesses.clone(), witnesses.clone());
        cx.host.admin.capture.add(cx.id.to_string(), &capture);
        cx.host.admin.explain.add(cx.id.to_string(), &explain);
        evaluator::start(core.clone(), court).map_err(BuildError::new)?;
        Ok(Self { core, described: Mutex::new(described) })
    }

    async fn process(&self, batch: Batch, _next: &Next) -> Result<(), Refusal> {
        self.core.room().await;
        self.core.admit()?;
        self.core.take_in(batch.data.chunks());
        Ok(())
    }

    async fn run(&self, next: Next, stop: Stop) {
        let Core { outbox, metrics, bell, .. } = &*self.core;
        let mut delivering = pin!(outbox.deliver(&next, metrics));
        tokio::select! {
            () = &mut delivering => {}
            () = stop.requested() => {}
        }
        self.core.stop();
        let decided = bell.close();
        let deciding = async {
            // An error means that the thread has gone: there is nothing to wait for.
            let _ = decided.await;
            outbox.close();
        };
        tokio::join!(deciding, outbox.finish(delivering, outbox::PATIENCE));
        outbox.abandon(metrics);
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.core.admit()
    }

    fn update(&self, new: &Settings) -> Result<(), UpdateError> {
        let (court, described) = panel::convene(new, &self.core).map_err(UpdateError::Failed)?;
        self.core.update(new);
        self.core.bell.convene(court);
        *self.described.lock() = described;
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        self.described.lock().clone()
    }
}

impl Drop for TailSampling {
    fn drop(&mut self) {
        // If it ran, the thread has ended already.
        self.core.bell.abandon();
    }
}
