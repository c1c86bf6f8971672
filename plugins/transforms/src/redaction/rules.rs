//! Which attributes go, and which values are masked.

use std::collections::HashSet;

use regex::RegexSet;
use tailrace_sdk::Diagnostics;
use tailrace_sdk::otlp::view::Value;
use tailrace_shared::re2;

use super::config::Config;
use super::mask::Mask;

/// What becomes of an attribute, or of a value in the body of a log record. What nothing applies to stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not on the list.
    Remove,
    /// This text stands in the place of its value.
    Mask(String),
    /// Its value is one that must not be masked.
    Allow,
    /// Its key is one that is left alone.
    Ignore,
}

/// The lists.
#[derive(Debug)]
pub(super) struct Rules {
    /// `None`: all.
    allowed_keys: Option<HashSet<String>>,
    ignored_keys: HashSet<String>,
    ignored_key_patterns: RegexSet,
    blocked_key_patterns: RegexSet,
    allowed_values: RegexSet,
    mask: Mask,
    all_types: bool,
}

impl Rules {
    /// Adds what is wrong with them.
    pub(super) fn new(config: &Config, problems: &mut Diagnostics) -> Self {
        let mut patterns = |list: &[String], key: &str| {
            let list: Vec<_> = list.iter().map(|pattern| re2::to_rust(pattern)).collect();
            for (place, pattern) in list.iter().enumerate() {
                if let Err(error) = regex::Regex::new(pattern) {
                    problems.push(format!("/{key}/{place}"), error.to_string());
                }
            }
            RegexSet::new(&list).unwrap_or_else(|_| RegexSet::empty())
        };
        Self {
            allowed_keys: (!config.allow_all_keys).then(|| config.allowed_keys.iter().cloned().collect()),
            ignored_keys: config.ignored_keys.iter().cloned().collect(),
            ignored_key_patterns: patterns(&config.ignored_key_patterns, "ignored_key_patterns"),
            blocked_key_patterns: patterns(&config.blocked_key_patterns, "blocked_key_patterns"),
            allowed_values: patterns(&config.allowed_values, "allowed_values"),
            mask: Mask::new(config, problems),
            all_types: config.redact_all_types,
        }
    }

    /// An attribute.
    pub(super) fn attribute(&self, key: &[u8], value: Value<'_>) -> Option<Verdict> {
        let key = String::from_utf8_lossy(key);
        if self.ignores(&key) {
            return Some(Verdict::Ignore);
        }
        if self.removes(key.as_bytes()) {
            return Some(Verdict::Remove);
        }
        let text = match value {
            Value::Str(_) => value.as_text(),
            _ if self.all_types => value.as_text(),
            // Of another type; no expression sees it.
            _ => "".into(),
        };
        if self.allowed_values.is_match(&text) {
            return Some(Verdict::Allow);
        }
        if self.blocks(&key) {
            return Some(Verdict::Mask(self.mask.all(&text)));
        }
        self.mask.parts(&text).map(Verdict::Mask)
    }

    /// An entry of a map in a body, by its key; `None` if its value decides.
    pub(super) fn entry(&self, key: &str, value: Value<'_>) -> Option<Verdict> {
        if self.ignores(key) {
            return Some(Verdict::Ignore);
        }
        if self.removes(key.as_bytes()) {
            return Some(Verdict::Remove);
        }
        let text = if let Value::Str(_) = value { value.as_text() } else { "".into() };
        self.blocks(key).then(|| Verdict::Mask(self.mask.all(&text)))
    }

    /// A value in a body that is no list and no map, whatever its type.
    pub(super) fn value(&self, value: Value<'_>) -> Option<Verdict> {
        let text = value.as_text();
        if self.allowed_values.is_match(&text) {
            return Some(Verdict::Allow);
        }
        self.mask.parts(&text).map(Verdict::Mask)
    }

    /// Whether attributes of that key are removed.
    pub(super) fn removes(&self, key: &[u8]) -> bool {
        let Some(allowed) = &self.allowed_keys else { return false };
        !str::from_utf8(key).is_ok_and(|key| allowed.contains(key))
    }

    fn ignores(&self, key: &str) -> bool {
        self.ignored_keys.contains(key) || self.ignored_key_patterns.is_match(key)
    }

    fn blocks(&self, key: &str) -> bool {
        self.blocked_key_patterns.is_match(key)
    }
}
