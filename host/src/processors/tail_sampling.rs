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
//! Types of policies, each with its options under a key of its own name; what a type does in detail stands in its file under
//! `plugins/policies`:
//!
//! ```yaml
//!       - {name: a, type: always_sample}
//!       - {name: b, type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}}
//!       - {name: c, type: numeric_attribute, numeric_attribute: {key: retries, min_value: 1, max_value: 5, invert_match: false}}
//!       - {name: d, type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: pepper}}
//!       - {name: e, type: status_code, status_code: {status_codes: [ERROR, UNSET]}}
//!       - name: f
//!         type: string_attribute
//!         string_attribute:
//!           {key: tier, values: ['^gold'], enabled_regex_matching: true, cache_max_size: 100, invert_match: false}
//!       - {name: g, type: rate_limiting, rate_limiting: {spans_per_second: 100, burst_capacity: 500}}
//!       - {name: h, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1000000, burst_capacity: 5000000}}
//!       - {name: i, type: span_count, span_count: {min_spans: 2, max_spans: 20}}
//!       - {name: j, type: trace_state, trace_state: {key: plan, values: [pro, max]}}
//!       - {name: k, type: trace_flags}
//!       - {name: l, type: boolean_attribute, boolean_attribute: {key: keep, value: true, invert_match: false}}
//!       - {name: m, type: not, not: {not_sub_policy: {name: x, type: latency, latency: {threshold_ms: 1000}}}}
//!       - {name: n, type: drop, drop: {drop_sub_policy: [{name: x, type: trace_state, trace_state: {key: probe, values: ['1']}}]}}
//!       - name: r
//!         type: ottl_condition
//!         ottl_condition:
//!           {error_mode: ignore, span: ['attributes["http.route"] == "/pay" and status.code == STATUS_CODE_ERROR'], spanevent: []}
//!       - {name: o, type: dynamic, dynamic: {keys: [service.name, http.route, status], traces_per_second: 50}}    # ours
//!       - {name: p, type: novelty, novelty: {keys: [exception.type], traces: 3, window_seconds: 3600}}              # ours
//!       - name: q
//!         type: composite
//!         composite:
//!           mode: documented                     # or go (default)
//!           max_total_spans_per_second: 1000
//!           policy_order: [errors, rest]
//!           composite_sub_policy:
//!             - {name: rest, type: always_sample}
//!             - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
//!           rate_allocation: [{policy: errors, percent: 60}]
//! ```
//!
//! All may be members of `and` and `drop` but those that combine others, of which `not` may be one; of `not`, those that combine no
//! others; of `composite`, those and `and`. `drop` and `composite` stand at the top alone.
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
//! - **`num_shards`** is the number of parts of the buffer, by default one per core. Policies are asked in one place, so no decision
//!   depends on the number of cores. Where it is set, limits are divided as in the Go processor: `rate_limiting`, `bytes_limiting` and
//!   `composite` keep a budget for each of its shards, of that part of the rate (at least 1) and the whole burst. A reload keeps the
//!   number of parts there is; all other options change in place, the buffer stays.
//! - **`span-ingest`** asks the policies whenever spans have come, about all that has come so far rather than the last request alone. A
//!   drop policy that does not match leaves the others their say; in the Go processor, it keeps anything from being sampled. As there,
//!   policies that keep state or need the whole trace are refused: both limiters, `dynamic`, `novelty`, a `latency` or `span_count` with
//!   an upper bound, combinations of these, and plugins' policies that declare a form of state.
//! - **`tracestate: true`** (there, a feature gate) has kept spans say under which threshold they were kept, `ot=th:…`, so that what is
//!   left can be extrapolated: the lowest of the policies that sample (a filter's is none, an `and`'s its members' highest), never below
//!   one that a span has. `probabilistic` and `dynamic` then go by the randomness that spans carry (`rv`), and limiters keep the traces
//!   of the highest randomness of those that are due together; in an `and`, they are asked last. Up to 16,384 due traces are then decided
//!   in one go. A composite passes its member's threshold on, where the Go processor reports none; what its budget cuts is not in it.
//!   Spans whose trace state can not be parsed are counted and stay as they are.
//! - **`composite`** does by default what the Go processor does, with a warning where that is not what one would think: `policy_order` is
//!   not looked at, the first member that samples decides even if its allocation is used up, and the total holds for each member alone.
//!   `mode: documented` asks in `policy_order`, lets what a member leaves flow on to those after it, and enforces the total.
//! - **What nobody can mean is a configuration error**: options under another type's key (which there count as none), a
//!   `numeric_attribute` without bounds (which there panics at the first trace), `and`, `drop` and `composite` without members (the first
//!   two of which there take or drop everything), names in a composite that no member has.
//! - **`explain: {traces: 10000}`** remembers the votes on so many traces for `tailrace explain`. Off by default, as only the `admin`
//!   extension can be asked: it costs some 70 ns a trace with up to five policies, 240 with twenty, and 70 B and 32 B a vote.
//! - Schema URLs survive, and adjacent spans under one resource stay under one.
//!
//! A request is cut into runs of spans of one trace, which are copied into the log of their shard by whichever worker brought
//! it. Each second the evaluator thread takes the traces that are due, in order of arrival, shows them to the policies as columns,
//! and copies what they keep into requests for the next component.

#[doc(hidden)]
pub mod bench;

mod bell;
mod columns;
mod composite;
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
mod vote;
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
