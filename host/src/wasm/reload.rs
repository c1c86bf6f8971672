//! What comes of looking at a plugin's file again.

use std::path::PathBuf;

use serde::Serialize;

use super::PluginError;

/// A file of a plugin that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The component that runs it, as its id stands in the configuration.
    pub component: String,
    /// The names of its policies that it runs.
    pub policies: Vec<String>,
    /// As configured.
    pub file: PathBuf,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of looking at a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It holds what runs.
    Unchanged {
        /// SHA-256 in hex of what runs.
        digest: String,
    },
    /// It holds something new, which runs from the next tick on.
    Swapped {
        /// SHA-256 in hex of what ran before.
        from: String,
        /// SHA-256 in hex of what runs now.
        to: String,
        /// Recorded traces or requests that both were shown before.
        tried: u64,
        /// Those on which they voted otherwise, or of which they made something else.
        disagreements: u64,
    },
    /// It holds something that does not work; what ran before goes on.
    Refused {
        /// SHA-256 in hex of what runs.
        digest: String,
        /// A word for metrics.
        reason: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// Watches files of plugins.
pub trait Reload: Send + Sync {
    /// Looks at them now. May take as long as compiling does.
    fn check_now(&self) -> Vec<Checked>;
}

/// Why a new version is not used.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl From<PluginError> for Refused {
    fn from(error: PluginError) -> Self {
        let reason = match error {
            PluginError::Read { .. } => "read",
            PluginError::TooLarge { .. } => "too_large",
            PluginError::Remote(_) => "remote",
            PluginError::Digest { .. } => "digest",
            PluginError::Unsuitable(_) => "unsuitable",
            PluginError::Import(_) => "import",
            PluginError::Compile(_) => "compile",
            PluginError::Describe(_) => "describe",
            PluginError::Lacks { .. } => "lacks",
            PluginError::Engine(_) => "engine",
        };
        Self { reason, message: error.to_string() }
    }
}
