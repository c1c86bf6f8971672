//! Sections that name extensions which this host does not have: known, so that they are refused by name.

use serde::{Deserialize, Serialize};

use crate::config::Check;

/// `auth`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// An extension.
    pub authenticator: String,
    /// Query parameters that it may look at.
    pub request_params: Vec<String>,
}

/// An element of `middlewares`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Middleware {
    /// An extension.
    pub id: String,
}

/// Refuses both; `at` is the section that they stand in, with a dot behind it unless it is the component itself.
pub fn refuse(at: &str, auth: Option<&Auth>, middlewares: &[Middleware], check: &mut Check<'_>) {
    if auth.is_some() {
        check.problem(&format!("{at}auth"), "`auth` is not supported");
    }
    if !middlewares.is_empty() {
        check.problem(&format!("{at}middlewares"), "`middlewares` is not supported");
    }
}
