//! What went wrong while something ran.

use std::sync::Arc;

/// A statement or condition that could not be evaluated for an item. What comes of it is the caller's: the collector's
/// `error_mode` tells it to log and go on, to go on, or to stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to {what} \"{text}\": {why}")]
pub struct Failure {
    /// What was being done with the text.
    pub what: What,
    /// The statement or condition.
    pub text: Arc<str>,
    /// Why it could not be.
    pub why: String,
}

/// What is done with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A condition is evaluated.
    EvalCondition,
    /// A statement is executed.
    ExecuteStatement,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EvalCondition => "eval condition",
            Self::ExecuteStatement => "execute statement",
        })
    }
}
