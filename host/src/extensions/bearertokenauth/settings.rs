//! The section of the YAML.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::config::{Check, Duration, Secret};

/// `bearertokenauth:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The header that holds the token.
    pub header: String,
    /// What stands before it.
    pub scheme: String,
    /// One token.
    pub token: Secret,
    /// Several.
    pub tokens: Vec<Secret>,
    /// A file of them.
    pub filename: String,
    /// About a file that is not there at the start.
    pub retry_on_failure: Retry,
    /// Start before it is there.
    pub wait_for_token_file: bool,
}

/// `retry_on_failure`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// On.
    pub enabled: bool,
    /// After so many attempts the host is degraded; 0 = never.
    pub max_retries: u32,
    /// How often the file is looked for; 0 = every second.
    pub interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            header: "Authorization".to_owned(),
            scheme: "Bearer".to_owned(),
            token: Secret::default(),
            tokens: Vec::new(),
            filename: String::new(),
            retry_on_failure: Retry::default(),
            wait_for_token_file: false,
        }
    }
}

impl Settings {
    /// The file that counts.
    pub(super) fn file(&self) -> Option<PathBuf> {
        (self.tokens.is_empty() && !self.filename.is_empty()).then(|| self.filename.clone().into())
    }

    /// The tokens that stand here.
    pub(super) fn given(&self) -> Vec<&str> {
        if self.tokens.is_empty() {
            vec![self.token.expose()]
        } else {
            self.tokens.iter().map(Secret::expose).collect()
        }
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        let has_token = !self.token.expose().is_empty();
        let help = "one of token, tokens and filename is needed";
        if !has_token && self.tokens.is_empty() && self.filename.is_empty() {
            check.problem_with_help("", "no bearer token provided", help);
        }
        if has_token && !self.tokens.is_empty() {
            check.problem_with_help("tokens", "either tokens or token should be provided, not both", help);
        } else if !self.filename.is_empty() && !self.tokens.is_empty() {
            check.warning("filename", "filename has no effect beside tokens");
        } else if !self.filename.is_empty() && has_token {
            check.warning("token", "token has no effect beside filename");
        }
        if self.header.parse::<HeaderName>().is_err() {
            check.problem("header", format!("invalid header name {:?}", self.header));
        }
        if HeaderValue::from_str(&self.scheme).is_err() {
            check.problem("scheme", "it can not stand in a header");
        }
        for (index, token) in self.tokens.iter().enumerate() {
            check_token(&format!("tokens.{index}"), token, true, check);
        }
        check_token("token", &self.token, false, check);
        if self.wait_for_token_file && (!self.retry_on_failure.enabled || self.file().is_none()) {
            let message = "wait_for_token_file needs filename and retry_on_failure.enabled";
            check.problem("wait_for_token_file", message);
        }
    }
}

fn check_token(at: &str, token: &Secret, is_needed: bool, check: &mut Check<'_>) {
    if is_needed && token.expose().is_empty() {
        check.problem(at, "an empty token would let in whoever shows none");
    }
    if HeaderValue::from_str(token.expose()).is_err() {
        check.problem(at, "the token can not stand in a header");
    }
}
