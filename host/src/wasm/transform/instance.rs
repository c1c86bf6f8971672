//! One instance of a plugin with one configured transform.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::{About, Outcome, TransformLimits, TransformProblem, TransformSpec};
use crate::host::Host;
use crate::pipeline::Signal;
use crate::wasm::bindings::transforms::Transforms;
use crate::wasm::bindings::transforms::exports::tailrace::plugin::transform as wit;
use crate::wasm::call::{Broken, Reason, enter};
use crate::wasm::metrics::GuestMetrics;
use crate::wasm::plugin::{PluginError, new_store};
use crate::wasm::state::{GuestLog, MemoryAccount, State, is_outgrown};

pub(super) struct Instance {
    store: Store<State>,
    exports: Transforms,
    transformer: ResourceAny,
    /// Memory after its first request.
    settled_bytes: Option<usize>,
}

impl Instance {
    pub(super) fn start(
        spec: &TransformSpec,
        config: &str,
        metrics: &GuestMetrics,
        host: &Arc<Host>,
    ) -> Result<Self, Vec<TransformProblem>> {
        let whole = |message: String| vec![TransformProblem { path: String::new(), message }];
        let broken = |(reason, message): Broken| whole(format!("{reason}: {message}"));
        let (plugin, limits) = (&spec.plugin, &spec.limits);
        let pre = plugin.transformer().map_err(|error: PluginError| whole(error.to_string()))?;
        let log = GuestLog::new(&plugin.name, limits.log_lines_per_second);
        log.speaks_for(&Arc::from(spec.name.as_str()));
        let memory = MemoryAccount::new(limits.memory_bytes, Some((host.clone(), metrics.memory.clone())));
        let mut store = new_store(&plugin.runtime, State::new(memory, log, metrics.counters.clone()));
        // Twice what it may give back: more is refused with a better message.
        store.set_hostcall_fuel(limits.request_bytes.saturating_mul(2).max(1 << 20));
        let exports = enter(plugin, &mut store, limits.configure, |store| pre.instantiate(store)).map_err(broken)?;
        let configured = enter(plugin, &mut store, limits.configure, |store| {
            exports.tailrace_plugin_transform().call_configure(store, &spec.kind, config)
        });
        let problem = |found: wit::Diagnostic| TransformProblem { path: found.path, message: found.message };
        let transformer =
            configured.map_err(broken)?.map_err(|problems| problems.into_iter().map(problem).collect::<Vec<_>>())?;
        Ok(Self { store, exports, transformer, settled_bytes: None })
    }

    /// Asks it. After an error it must not be asked again.
    pub(super) fn apply(
        &mut self,
        spec: &TransformSpec,
        signal: Signal,
        request: &[u8],
        about: &About,
    ) -> Result<Answer, Broken> {
        let limits = &spec.limits;
        let mib = request.len() as f64 / f64::from(1 << 20);
        let budget =
            limits.apply + Duration::try_from_secs_f64(limits.apply_per_mib.as_secs_f64() * mib).unwrap_or_default();
        let transformer = self.transformer;
        let exports = self.exports.tailrace_plugin_transform();
        let signal = match signal {
            Signal::Traces => wit::Signal::Traces,
            Signal::Metrics => wit::Signal::Metrics,
            Signal::Logs => wit::Signal::Logs,
        };
        self.store.data_mut().about = about.clone();
        enter(&spec.plugin, &mut self.store, budget, |store| {
            exports.transformer().call_apply(store, transformer, signal, request)
        })
    }

    /// Instructions that it has executed, if they are counted.
    pub(super) fn instructions(&self) -> u64 {
        self.store.get_fuel().map_or(0, |left| u64::MAX - left)
    }

    /// Its linear memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.store.data().memory.used()
    }

    /// Whether it had better be replaced.
    pub(super) fn has_outgrown(&mut self, limits: &TransformLimits) -> bool {
        let used = self.memory_bytes();
        let settled = *self.settled_bytes.get_or_insert(used);
        is_outgrown(used, settled, limits.memory_bytes, limits.recycle_percentage)
    }
}

/// What a guest answers.
pub(super) type Answer = Result<wit::Outcome, String>;

/// The answer, if what is to go on is a request of the same signal and not too large.
pub(super) fn checked(signal: Signal, answer: Answer, max_bytes: usize) -> Result<Outcome, Broken> {
    let data = match answer.map_err(|error| (Reason::Error, error))? {
        wit::Outcome::Unchanged => return Ok(Outcome::Unchanged),
        wit::Outcome::Discarded => return Ok(Outcome::Discarded),
        wit::Outcome::Replaced(data) => data,
    };
    if data.len() > max_bytes {
        let message = format!("it gave back {} bytes, more than the {max_bytes} allowed", data.len());
        return Err((Reason::BadOutput, message));
    }
    let counts = tailrace_otlp::check(signal, &data)
        .map_err(|error| (Reason::BadOutput, format!("it gave back what is no request of {signal}: {error}")))?;
    if counts.items == 0 {
        return Ok(Outcome::Discarded);
    }
    Ok(Outcome::Replaced { data: Bytes::from(data), items: counts.items })
}
