//! The collector's YAML: one spanned tree, every problem at once.

pub mod types;

pub use types::{ComponentId, Duration, PipelineId, Secret};

/// A place in the YAML.
#[derive(Clone, Debug)]
pub struct Node {}

/// A path from the top of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Path {}

/// What is wrong with the configuration.
#[derive(Debug, Default)]
pub struct Problems {}

/// Decodes a section (`None`: null or empty), reporting every problem in it.
pub fn decode<S: serde::de::DeserializeOwned>(
    _section: Option<&Node>,
    _at: &Path,
    _problems: &mut Problems,
) -> Option<S> {
    None
}

/// Collects what is wrong with a component's settings; see [`crate::pipeline::Settings::check`].
pub struct Check<'a> {
    problems: Vec<(String, String)>,
    _tree: std::marker::PhantomData<&'a ()>,
}

impl Check<'_> {
    /// Something is wrong at `path` below the component (`"retry_on_failure.initial_interval"`, list places as numbers:
    /// `"policies.2.name"`; `""` for the component itself), said in the collector's words.
    pub fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push((path.to_owned(), message.into()));
    }

    /// The same with what to do about it.
    pub fn problem_with_help(&mut self, path: &str, message: impl Into<String>, _help: impl Into<String>) {
        self.problem(path, message);
    }

    /// Works but should be changed: a deprecated spelling, an option without effect.
    pub fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.problem(path, message);
    }
}
