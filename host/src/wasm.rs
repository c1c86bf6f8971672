//! The plugin host: the only module that names wasmtime.
//!
//! ```text
//! bytes ── checks (size, digest, world, imports) ──▶ code (cache or Cranelift) ──▶ Plugin
//! Plugin + configuration ──▶ policy::Policies: an instance per plugin, an evaluator per policy
//!                        └─▶ transform::Pool: an instance per thread that is busy
//! ```
//!
//! A guest can not hurt the host: it gets no file, no network, no real clock or randomness, a bounded memory and a bounded
//! time. Guests never run on threads of the tokio runtime.

mod bindings;
mod breaker;
mod cache;
mod call;
mod counters;
mod engine;
mod files;
mod metrics;
pub mod module;
mod oci;
mod plugin;
pub mod policy;
mod reload;
mod request;
mod ring;
mod state;
#[cfg(test)]
mod testing;
pub mod transform;
mod wasi;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::module::{Module, Remote};

pub use plugin::{Inspected, Kind, Manifest, ManifestKind, Plugin, PluginError};
pub use reload::{Checked, Outcome, Reload};
pub use ring::Bounds;

/// A component that ships with the host; built by `build.rs`. It is compiled when a configuration first asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Embedded {
    /// The sampling policies.
    Policies,
    /// The transforms that need no OTTL.
    Transforms,
    /// What runs statements and conditions of OTTL.
    Statements,
}

impl Embedded {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Policies => include_bytes!(concat!(env!("OUT_DIR"), "/policies.wasm")),
            Self::Transforms => include_bytes!(concat!(env!("OUT_DIR"), "/transforms.wasm")),
            Self::Statements => include_bytes!(concat!(env!("OUT_DIR"), "/statements.wasm")),
        }
    }
}

/// The plugin engine of the process. It starts when the first plugin is loaded.
#[derive(Default)]
pub struct Wasm {
    runtime: Mutex<Option<Arc<engine::Runtime>>>,
    /// By digest: what is loaded twice is compiled once.
    loaded: Mutex<HashMap<String, Weak<Plugin>>>,
    /// Whoever watches files of plugins.
    watches: Mutex<Vec<Weak<dyn Reload>>>,
    /// Whether instructions are counted.
    counts: bool,
}

impl Wasm {
    /// An engine that counts the instructions of guests, for [`policy::Policies::instructions`]; they run slower for it.
    pub fn counting() -> Self {
        Self { counts: true, ..Self::default() }
    }

    /// A component that ships with the host.
    pub fn embedded(&self, component: Embedded) -> Result<Arc<Plugin>, PluginError> {
        self.plugin(plugin::Source::embedded(component.bytes()))
    }

    /// The plugin in the file `path`. With a `digest` (`sha256:…`, or the hex alone) no other file is taken.
    pub fn load(&self, path: &Path, digest: Option<&str>) -> Result<Arc<Plugin>, PluginError> {
        self.plugin(plugin::Source::read(path, digest)?)
    }

    /// The plugin that a `module:` names: a path, or `oci://registry/name:tag@sha256:…`, fetched as `remote` says.
    pub fn load_module(&self, module: &str, digest: Option<&str>, remote: &Remote) -> Result<Arc<Plugin>, PluginError> {
        match module.parse().map_err(PluginError::Remote)? {
            Module::File(path) if remote.cosign_key.is_none() => self.load(&path, digest),
            Module::File(path) => Err(PluginError::Remote(format!(
                "{}: a cosign_key vouches for artefacts in registries, a file has its digest",
                path.display()
            ))),
            Module::Oci(reference) => self.plugin(plugin::Source::fetch(&reference, digest, remote)?),
        }
    }

    fn plugin(&self, source: plugin::Source) -> Result<Arc<Plugin>, PluginError> {
        // Held while compiling: two who ask for the same plugin shall not compile it both.
        let mut loaded = self.loaded.lock();
        if let Some(plugin) = loaded.get(&source.digest).and_then(Weak::upgrade)
            && plugin.comes_from(&source)
        {
            return Ok(plugin);
        }
        let runtime = self.runtime()?;
        let plugin = Arc::new(Plugin::compile(&runtime, source)?);
        loaded.retain(|_, plugin| plugin.strong_count() > 0);
        loaded.insert(plugin.digest.clone(), Arc::downgrade(&plugin));
        Ok(plugin)
    }

    /// Asks it in [`Wasm::check_now`], for as long as it is there.
    pub(crate) fn watched_by(&self, watch: Weak<dyn Reload>) {
        let mut watches = self.watches.lock();
        watches.retain(|watch| watch.strong_count() > 0);
        watches.push(watch);
    }

    /// Looks at all files of plugins now instead of at the next poll, and says what came of each. Takes as long as compiling and
    /// trying what has changed does: nothing for a worker of the async runtime.
    pub fn check_now(&self) -> Vec<Checked> {
        let watches: Vec<_> = self.watches.lock().iter().filter_map(Weak::upgrade).collect();
        watches.iter().flat_map(|watch| watch.check_now()).collect()
    }

    fn runtime(&self) -> Result<Arc<engine::Runtime>, PluginError> {
        let mut runtime = self.runtime.lock();
        if let Some(runtime) = &*runtime {
            return Ok(runtime.clone());
        }
        let started = Arc::new(engine::Runtime::start(self.counts)?);
        *runtime = Some(started.clone());
        Ok(started)
    }
}
