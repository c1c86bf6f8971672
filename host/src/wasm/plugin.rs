//! From bytes to a plugin: the checks that need no code to run, compiling, and what the plugin says of itself.

mod inspect;
mod manifest;
mod schema;
mod worlds;

pub use inspect::Inspected;
pub use manifest::{Manifest, ManifestKind};

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wasmtime::Store;
use wasmtime::component::Component;

use self::worlds::Worlds;
use super::bindings::SamplerPre;
use super::bindings::tailrace::plugin::types;
use super::bindings::transforms::TransformsPre;
use super::engine::Runtime;
use super::module::Remote;
use super::oci::{self, Reference};
use super::state::State;

/// A file larger than this is no plugin: Python's, with all of `CPython` in it, has 18 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A compiled component that offers policies, transforms or both.
pub struct Plugin {
    /// Its name, from its manifest or its file.
    pub name: String,
    /// Its version, from its manifest; empty if it has none.
    pub version: String,
    /// SHA-256 of the component in hex.
    pub digest: String,
    /// The policies it offers.
    pub kinds: Vec<Kind>,
    /// The transforms it offers.
    pub transforms: Vec<Kind>,
    /// Names of the counters that its policies add to.
    pub counters: Vec<String>,
    /// Names of the counters that its transforms add to.
    pub transform_counters: Vec<String>,
    /// What the reasons of its votes mean.
    pub reasons: Vec<String>,
    pub(super) origin: Option<Origin>,
    pub(super) compile: Compile,
    worlds: Worlds,
    pub(super) runtime: Arc<Runtime>,
}

/// A policy or transform that a plugin offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What it is called in configurations.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// JSON Schema of its configuration.
    pub schema: String,
    /// Names the form of its state; empty if it keeps none.
    pub state_schema: String,
}

/// The file that a plugin was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: PathBuf,
    /// The digest that was asked for.
    pub(super) pin: Option<String>,
}

/// How the code came about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compile {
    pub(super) took: Duration,
    /// Whether it came from the code cache.
    pub(super) cached: bool,
}

/// Why a plugin can not be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file can not be read.
    #[error("can not read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is larger than any plugin.
    #[error("{} is larger than {} MiB", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It can not be had from its registry, or is not what was asked for.
    #[error("{0}")]
    Remote(String),
    /// The configuration names another digest.
    #[error("the digest is sha256:{actual}, the configuration asks for {wanted}")]
    Digest {
        /// What the configuration asks for.
        wanted: String,
        /// What the file has.
        actual: String,
    },
    /// It is not a component, or not one of our worlds.
    #[error("{0}")]
    Unsuitable(String),
    /// It imports what plugins do not get.
    #[error("imports {0}, which plugins are never granted")]
    Import(String),
    /// It does not compile or link.
    #[error("does not compile: {0}")]
    Compile(String),
    /// It fails before it is configured.
    #[error("fails when it is asked what it offers: {0}")]
    Describe(String),
    /// It is asked for what it does not offer.
    #[error("offers no {wanted}, but {offered}")]
    Lacks {
        /// Policies or transforms.
        wanted: &'static str,
        /// What it does offer, with the kinds.
        offered: String,
    },
    /// The engine does not start on this machine.
    #[error("the plugin engine does not start: {0}")]
    Engine(String),
}

impl PluginError {
    pub(super) fn engine(error: impl std::fmt::Display) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// A component's bytes.
pub(super) struct Source {
    bytes: Vec<u8>,
    pub(super) digest: String,
    origin: Option<Origin>,
    /// What it is called where its manifest has no name.
    name: String,
}

impl Source {
    pub(super) fn embedded(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), digest: sha256(bytes), origin: None, name: String::new() }
    }

    pub(super) fn read(path: &Path, pin: Option<&str>) -> Result<Self, PluginError> {
        let failed = |source| PluginError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = crate::wasm::files::component(path).map_err(failed)?;
        let opened = File::open(&file);
        opened.and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(PluginError::TooLarge { path: path.to_owned() });
        }
        let origin = Origin { path: path.to_owned(), pin: pin.map(str::to_owned) };
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { digest: checked(&bytes, pin)?, bytes, origin: Some(origin), name })
    }

    /// From a registry, or what was kept of it. What a digest names does not change: there is nothing to watch.
    pub(super) fn fetch(reference: &Reference, pin: Option<&str>, remote: &Remote) -> Result<Self, PluginError> {
        let bytes = oci::fetch(reference, remote, MAX_FILE_BYTES).map_err(PluginError::Remote)?;
        let name = reference.short_name().to_owned();
        Ok(Self { digest: checked(&bytes, pin)?, bytes, origin: None, name })
    }
}

/// The digest of the bytes, if it is the one that was asked for.
fn checked(bytes: &[u8], pin: Option<&str>) -> Result<String, PluginError> {
    let actual = sha256(bytes);
    match pin {
        Some(wanted) if !wanted.trim_start_matches("sha256:").eq_ignore_ascii_case(&actual) => {
            Err(PluginError::Digest { wanted: wanted.to_owned(), actual })
        }
        _ => Ok(actual),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Plugin {
    pub(super) fn compile(runtime: &Arc<Runtime>, source: Source) -> Result<Self, PluginError> {
        let inspect::Checked { manifest, sampling, transform } = inspect::inspect(&source.bytes)?;
        let started = Instant::now();
        let (component, cached) = code(runtime, &source)?;
        let compile = Compile { took: started.elapsed(), cached };
        let worlds = Worlds::link(runtime, &component, sampling, transform)?;
        let name = manifest.name.unwrap_or(source.name);
        let (policies, transforms) = worlds.describe(runtime, &name)?;
        Ok(Self {
            name,
            version: manifest.version.unwrap_or_default(),
            digest: source.digest,
            kinds: kinds(policies.kinds),
            transforms: kinds(transforms.kinds),
            counters: policies.counters,
            transform_counters: transforms.counters,
            reasons: policies.reasons,
            origin: source.origin,
            compile,
            worlds,
            runtime: runtime.clone(),
        })
    }

    /// What instances of its policies are made from.
    pub(super) fn sampler(&self) -> Result<&SamplerPre<State>, PluginError> {
        self.worlds.sampling.as_ref().ok_or_else(|| self.lacks("policies"))
    }

    /// What instances of its transforms are made from.
    pub(super) fn transformer(&self) -> Result<&TransformsPre<State>, PluginError> {
        self.worlds.transform.as_ref().ok_or_else(|| self.lacks("transforms"))
    }

    fn lacks(&self, wanted: &'static str) -> PluginError {
        let list = |what: &str, kinds: &[Kind]| {
            let names: Vec<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let offered: Vec<_> = [list("the policies", &self.kinds), list("the transforms", &self.transforms)]
            .into_iter()
            .flatten()
            .collect();
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(" and ") };
        PluginError::Lacks { wanted, offered }
    }

    pub(super) fn comes_from(&self, source: &Source) -> bool {
        self.origin == source.origin
    }

    /// The first 12 digits of the digest, for labels and messages.
    pub fn short_digest(&self) -> &str {
        &self.digest[..12]
    }

    /// How long it took to get the code, and whether it was compiled before.
    pub fn compiled(&self) -> (Duration, bool) {
        (self.compile.took, self.compile.cached)
    }

    /// The policy of this name or, without one, the only one that there is.
    pub fn choose(&self, name: Option<&str>) -> Result<&Kind, PluginError> {
        if self.kinds.is_empty() { Err(self.lacks("policies")) } else { choose(&self.kinds, name, "policies") }
    }

    /// The transform of this name or, without one, the only one that there is.
    pub fn choose_transform(&self, name: Option<&str>) -> Result<&Kind, PluginError> {
        if self.transforms.is_empty() {
            Err(self.lacks("transforms"))
        } else {
            choose(&self.transforms, name, "transforms")
        }
    }

    /// The policy of this name.
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }
}

fn choose<'a>(kinds: &'a [Kind], name: Option<&str>, what: &str) -> Result<&'a Kind, PluginError> {
    let names = || kinds.iter().map(|kind| kind.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = match (name, kinds) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), kinds) => kinds.iter().find(|kind| kind.name == name),
    };
    found.ok_or_else(|| {
        PluginError::Unsuitable(match (name, kinds) {
            (None, _) => format!("has several {what}, name one of them: {}", names()),
            (Some(name), _) => format!("has no kind {name}, but {}", names()),
        })
    })
}

/// The component's code, and whether it came from the cache.
fn code(runtime: &Runtime, source: &Source) -> Result<(Component, bool), PluginError> {
    let entry = runtime.cache.as_ref().map(|cache| cache.entry(&runtime.engine, &source.digest));
    if let Some(component) = entry.as_ref().and_then(|entry| entry.load(&runtime.engine)) {
        return Ok((component, true));
    }
    let component = compile(runtime, source)?;
    if let (Some(entry), Ok(code)) = (entry, component.serialize()) {
        entry.store(&code);
    }
    Ok((component, false))
}

fn compile(runtime: &Runtime, source: &Source) -> Result<Component, PluginError> {
    // wasmtime panics on some components that it should refuse.
    let compiled = catch_unwind(AssertUnwindSafe(|| Component::new(&runtime.engine, &source.bytes)));
    match compiled {
        Ok(Ok(component)) => Ok(component),
        Ok(Err(error)) => Err(PluginError::Compile(format!("{error:#}"))),
        Err(panic) => Err(PluginError::Compile(panic_text(&*panic))),
    }
}

fn kinds(described: Vec<types::Kind>) -> Vec<Kind> {
    let kind = |kind: types::Kind| Kind {
        name: kind.name,
        summary: kind.summary,
        schema: kind.schema,
        state_schema: kind.state_schema,
    };
    described.into_iter().map(kind).collect()
}

/// What a guest may make the host allocate for one result: a million votes, or a state of as many bytes.
pub(super) const HOSTCALL_BYTES: usize = 4 << 20;
const MAX_HANDLES: usize = 1024;

/// A store with its limits set.
pub(super) fn new_store(runtime: &Runtime, state: State) -> Store<State> {
    let mut store = Store::new(&runtime.engine, state);
    store.limiter(|state| &mut state.memory);
    store.epoch_deadline_callback(|mut store| Ok(store.data_mut().deadline.passed()));
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    if runtime.counts {
        // It fails where nothing is counted.
        let _ = store.set_fuel(u64::MAX);
    }
    store.set_max_component_handles(MAX_HANDLES);
    store
}

/// Ticks of the epoch that are at least `time`.
pub(super) fn ticks(time: Duration) -> u64 {
    time.as_nanos().div_ceil(super::engine::TICK.as_nanos()).max(1) as u64
}

/// What went wrong, without the backtrace.
pub(super) fn first_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().lines().next().unwrap_or_default().to_owned()
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the engine panicked: {}", text.unwrap_or_default())
}

#[cfg(test)]
mod tests;
