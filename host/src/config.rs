//! The collector's YAML: one spanned tree, every problem at once.
//!
//! ```text
//! source ─▶ yaml ─▶ node ─ merge ─▶ expand ─▶ decode, check ─▶ graph ─▶ Config
//! ```

mod authenticators;
pub mod decode;
mod expand;
mod fault;
mod graph;
mod known;
pub mod node;
pub mod problem;
mod scalar;
pub mod schema;
mod sections;
pub mod source;
#[cfg(test)]
pub(crate) mod testing;
pub mod types;
pub mod yaml;

use std::collections::BTreeMap;

pub use decode::decode;
pub use fault::Fault;
pub use node::{Location, Node};
pub use problem::{Check, Path, Problems};
pub use source::Source;
pub use types::{ComponentId, Duration, PipelineId, Secret};

use crate::pipeline::Cx;
use crate::pipeline::kind::{ConnectorRow, ExporterRow, ExtensionRow, Parsed, ProcessorRow, ReceiverRow};

/// A whole configuration without problems.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// By id, used in a pipeline or not.
    pub receivers: BTreeMap<ComponentId, Component<ReceiverRow>>,
    /// By id, used in a pipeline or not.
    pub processors: BTreeMap<ComponentId, Component<ProcessorRow>>,
    /// By id, used in a pipeline or not.
    pub exporters: BTreeMap<ComponentId, Component<ExporterRow>>,
    /// By id, used in a pipeline or not.
    pub connectors: BTreeMap<ComponentId, Component<ConnectorRow>>,
    /// By id, used or not.
    pub extensions: BTreeMap<ComponentId, Component<ExtensionRow>>,
    /// What runs.
    pub service: Service,
}

/// A component's section.
#[derive(Debug)]
pub struct Component<R: 'static> {
    /// Its type.
    pub row: &'static R,
    /// Its settings, defaults filled in.
    pub settings: Parsed,
    /// Where its id was written.
    pub at: Location,
}

impl<R> Clone for Component<R> {
    fn clone(&self) -> Self {
        Self { row: self.row, settings: self.settings.clone(), at: self.at.clone() }
    }
}

/// The `service` section. Whatever it names exists.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// The extensions to start.
    pub extensions: Vec<ComponentId>,
    /// The pipelines. Connectors stand among exporters and receivers.
    pub pipelines: BTreeMap<PipelineId, Pipeline>,
    /// What the host tells of itself.
    pub telemetry: crate::telemetry::settings::Settings,
}

/// A pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// Receivers, or connectors that other pipelines export to.
    pub receivers: Vec<ComponentId>,
    /// In the order that data takes.
    pub processors: Vec<ComponentId>,
    /// Exporters, or connectors that other pipelines receive from.
    pub exporters: Vec<ComponentId>,
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What should be changed in it.
    pub warnings: Problems,
}

/// Reads, merges, expands and checks `sources`, the later ones over the earlier ones.
///
/// # Errors
/// Everything that is wrong, warnings included, in the order of the sources and places.
pub fn load(sources: &[Source]) -> Result<Loaded, Problems> {
    load_with(sources, &environment)
}

/// [`load`], and tries the plugins out that the configuration names: loads them and configures them in instances that are thrown
/// away. Takes as long as that takes.
///
/// # Errors
/// As [`load`].
pub fn load_and_try(sources: &[Source], cx: &Cx) -> Result<Loaded, Problems> {
    load_in(sources, &environment, Some(cx))
}

fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// [`load`] with an environment of the caller's.
pub fn load_with(sources: &[Source], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Problems> {
    load_in(sources, env, None)
}

fn load_in(sources: &[Source], env: &dyn Fn(&str) -> Option<String>, trial: Option<&Cx>) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let config = read(sources, env, trial, &mut problems);
    problems.sort();
    match config {
        Some(config) if !problems.has_errors() => Ok(Loaded { config, warnings: problems }),
        _ => Err(problems),
    }
}

fn read(
    sources: &[Source],
    env: &dyn Fn(&str) -> Option<String>,
    trial: Option<&Cx>,
    problems: &mut Problems,
) -> Option<Config> {
    let trees: Vec<Node> = sources.iter().filter_map(|source| source.load(env, problems)).collect();
    if problems.has_errors() {
        return None;
    }
    let mut root = node::merge_all(trees)?;
    expand::expand(&mut root, env, problems);
    let unexpanded: Vec<Path> = problems.errors().map(|problem| problem.path.clone()).collect();
    let mut found = Problems::default();
    let config = sections::read(&root, trial, &mut found);
    found.forget_about(&unexpanded);
    problems.append(found);
    Some(config)
}

#[cfg(test)]
mod tests;
