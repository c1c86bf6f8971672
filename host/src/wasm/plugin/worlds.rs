//! What a component exports, linked; and what it says of itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Component, InstancePre};

use super::{PluginError, first_line, new_store, panic_text, ticks};
use crate::wasm::bindings::SamplerPre;
use crate::wasm::bindings::tailrace::plugin::types::Description;
use crate::wasm::bindings::transforms::TransformsPre;
use crate::wasm::counters::Counters;
use crate::wasm::engine::{Runtime, off_runtime};
use crate::wasm::state::{GuestLog, MemoryAccount, State};

/// What a guest may hold and take while it is asked what it offers.
const DESCRIBE_MEMORY_BYTES: usize = 256 << 20;
const DESCRIBE_TIME: Duration = Duration::from_secs(5);
const DESCRIBE_LINES_PER_SECOND: u32 = 20;

/// The worlds that a component fits; at least one.
pub(super) struct Worlds {
    pub(super) sampling: Option<SamplerPre<State>>,
    pub(super) transform: Option<TransformsPre<State>>,
}

impl Worlds {
    pub(super) fn link(
        runtime: &Runtime,
        component: &Component,
        sampling: bool,
        transform: bool,
    ) -> Result<Self, PluginError> {
        let linked = catch_unwind(AssertUnwindSafe(|| -> wasmtime::Result<Self> {
            let pre: InstancePre<State> = runtime.linker.instantiate_pre(component)?;
            let sampling = if sampling { Some(SamplerPre::new(pre.clone())?) } else { None };
            let transform = if transform { Some(TransformsPre::new(pre)?) } else { None };
            Ok(Self { sampling, transform })
        }));
        match linked {
            Ok(Ok(worlds)) => Ok(worlds),
            Ok(Err(error)) => Err(PluginError::Compile(format!("{error:#}"))),
            Err(panic) => Err(PluginError::Compile(panic_text(&*panic))),
        }
    }

    /// What it says of its policies and of its transforms.
    pub(super) fn describe(&self, runtime: &Runtime, name: &str) -> Result<(Description, Description), PluginError> {
        let nothing = || Description { kinds: Vec::new(), counters: Vec::new(), reasons: Vec::new() };
        let policies = self.sampling.as_ref().map(|pre| {
            ask(runtime, name, |store| pre.instantiate(&mut *store)?.tailrace_plugin_sampling().call_describe(store))
        });
        let transforms = self.transform.as_ref().map(|pre| {
            ask(runtime, name, |store| pre.instantiate(&mut *store)?.tailrace_plugin_transform().call_describe(store))
        });
        Ok((policies.transpose()?.unwrap_or_else(nothing), transforms.transpose()?.unwrap_or_else(nothing)))
    }
}

/// Runs `work` in an instance of its own.
fn ask(
    runtime: &Runtime,
    name: &str,
    work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<Description> + Send,
) -> Result<Description, PluginError> {
    let log = GuestLog::new(name, DESCRIBE_LINES_PER_SECOND);
    let state = State::new(MemoryAccount::new(DESCRIBE_MEMORY_BYTES, None), log.clone(), Counters::default());
    let ask = || {
        let mut store = new_store(runtime, state);
        let ticks = ticks(DESCRIBE_TIME);
        let deadline = store.data_mut().deadline.start(ticks);
        store.set_epoch_deadline(deadline);
        let _running = runtime.ticker.run();
        work(&mut store)
    };
    match off_runtime(|| catch_unwind(AssertUnwindSafe(ask))) {
        Ok(Ok(description)) => Ok(description),
        Ok(Err(error)) => Err(PluginError::Describe(log.take_error().unwrap_or_else(|| first_line(&error)))),
        Err(panic) => Err(PluginError::Describe(panic_text(&*panic))),
    }
}
