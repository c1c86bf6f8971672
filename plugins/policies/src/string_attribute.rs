//! Samples traces in which a span or resource has a string attribute with one of the given values, or matching one of the
//! given expressions. A value is matched once per batch, however many spans have it.

use std::collections::HashSet;

use regex::bytes::RegexSet;
use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Memo, Needs, Policy, Value, Votes};
use tailrace_shared::re2;

use crate::span_or_resource::{self, Place};

/// `string_attribute`
pub struct StringAttribute {
    key: String,
    invert: bool,
    matcher: Matcher,
    /// Whether "" matches: what a value that is no string reads as.
    empty_matches: bool,
    memo: Memo,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The attribute. A value that is no string reads as "", as in the Go policy.
    pub key: String,
    /// One of them has to match.
    pub values: Vec<String>,
    /// `values` are regular expressions, not anchored.
    pub enabled_regex_matching: bool,
    /// Accepted for the collector's sake: matches are remembered per batch, whatever their number.
    pub cache_max_size: i64,
    /// Sample the traces without a match instead.
    pub invert_match: bool,
}

enum Matcher {
    Exact(HashSet<Vec<u8>>),
    Regex(RegexSet),
}

impl Matcher {
    fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(values) => values.contains(value),
            Self::Regex(set) => set.is_match(value),
        }
    }
}

impl Policy for StringAttribute {
    const KIND: &'static str = "string_attribute";
    const SUMMARY: &'static str =
        "Samples traces in which a span or resource has a string attribute with one of the values.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"key":{"type":"string"},"values":{"type":"array","items":{"type":"string"}},"enabled_regex_matching":{"type":"boolean","default":false},"cache_max_size":{"type":"integer","default":128},"invert_match":{"type":"boolean","default":false}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let matcher = if config.enabled_regex_matching {
            Matcher::Regex(compile(&config.values)?)
        } else {
            // The Go policy drops empty values from the list.
            let values = config.values.into_iter().filter(|value| !value.is_empty());
            Matcher::Exact(values.map(String::into_bytes).collect())
        };
        let empty_matches = matcher.matches(b"");
        Ok(Self { key: config.key, invert: config.invert_match, matcher, empty_matches, memo: Memo::default() })
    }

    fn needs(&self) -> Needs {
        span_or_resource::needs(&self.key)
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let Self { memo, matcher, empty_matches, invert, .. } = self;
        memo.start(batch);
        span_or_resource::vote(batch, candidates, *invert, votes, |code, place| match place {
            Place::Resource if !code.is_string() => *empty_matches,
            // On a span the Go policy skips an empty value, even for an expression that takes it.
            Place::Span if *empty_matches && is_empty(batch.value(code)) => false,
            Place::Resource | Place::Span => memo.is(batch, code, |value| matcher.matches(value)),
        });
        Ok(())
    }
}

/// Whether the value reads as "".
fn is_empty(value: Value<'_>) -> bool {
    !matches!(value, Value::Str([_, ..]))
}

fn compile(values: &[String]) -> Result<RegexSet, Diagnostics> {
    let mut problems = Diagnostics::none();
    let patterns: Vec<String> = values.iter().map(|value| re2::to_rust(value)).collect();
    for (place, pattern) in patterns.iter().enumerate() {
        if let Err(error) = regex::bytes::Regex::new(pattern) {
            problems.push(format!("/values/{place}"), error.to_string());
        }
    }
    problems.or(())?;
    RegexSet::new(patterns).map_err(|error| Diagnostics::one("/values", error.to_string()))
}

#[cfg(test)]
mod tests;
