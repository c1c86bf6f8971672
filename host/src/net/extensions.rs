//! Sections that name extensions which this host does not have: known, so that they are refused by name.

use serde::{Deserialize, Serialize};

use crate::config::Check;

/// An element of `middlewares`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Middleware {
    /// An extension.
    pub id: String,
}

/// Refuses them; `at` is the section that they stand in, with a dot behind it unless it is the component itself.
pub fn refuse(at: &str, middlewares: &[Middleware], check: &mut Check<'_>) {
    if !middlewares.is_empty() {
        check.problem(&format!("{at}middlewares"), "`middlewares` is not supported");
    }
}
