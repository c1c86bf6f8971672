//! The block in the YAML.

use serde::Deserialize;
use serde_json::Value as Json;
use tailrace_sdk::{Diagnostics, JsonSchema, Level, log};

/// As in the collector's YAML, and one list of tailrace's own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Attributes stay whatever their keys; `allowed_keys` does not count.
    pub allow_all_keys: bool,
    /// Attributes with other keys are removed.
    pub allowed_keys: Vec<String>,
    /// Attributes with these keys are left alone.
    pub ignored_keys: Vec<String>,
    /// Attributes whose keys match are left alone.
    pub ignored_key_patterns: Vec<String>,
    /// The whole value of attributes whose keys match is masked.
    pub blocked_key_patterns: Vec<String>,
    /// Parts of values that match are masked.
    pub blocked_values: Vec<String>,
    /// What is masked without an expression of one's own, after `blocked_values`.
    pub blocked_value_presets: Vec<PresetName>,
    /// Values that match are not masked.
    pub allowed_values: Vec<String>,
    /// Values that are no strings are looked at too, as text.
    pub redact_all_types: bool,
    /// What stands in the place of what is masked: `****` or its hash, by md5, sha1, sha3, hmac-sha256 or hmac-sha512.
    pub hash_function: String,
    /// The key of an HMAC.
    pub hmac_key: String,
    /// Whether attributes say what was done: debug (counts and keys), info (counts) or silent.
    pub summary: String,
    /// Not available.
    pub url_sanitizer: Option<Json>,
    /// Not available.
    pub db_sanitizer: Option<Json>,
}

/// What everybody masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(rename_all = "snake_case")]
pub enum PresetName {
    /// Numbers of 13 to 19 digits, with blanks or hyphens between them or not, whose check digit is right.
    CardNumbers,
    /// `name@host.example`.
    EmailAddresses,
    /// JSON web tokens, what follows `Bearer`, and the keys of AWS, GitHub, GitLab, Slack and Stripe.
    Tokens,
}

impl Config {
    pub(super) fn check(&self, problems: &mut Diagnostics) {
        let sanitizers = [("url_sanitizer", &self.url_sanitizer), ("db_sanitizer", &self.db_sanitizer)];
        for (key, _) in sanitizers.into_iter().filter(|(_, block)| block.is_some()) {
            problems.push(format!("/{key}"), format!("{key} is not available: use blocked_values, or remove it"));
        }
        if self.allow_all_keys && !self.allowed_keys.is_empty() {
            log(Level::Warn, "redaction: allowed_keys has no effect with allow_all_keys: true");
        }
        let is_keyed = self.hash_function.to_lowercase().starts_with("hmac-");
        if !self.hmac_key.is_empty() && !is_keyed {
            log(Level::Warn, "redaction: hmac_key has no effect without hash_function: hmac-sha256 or hmac-sha512");
        }
    }
}
