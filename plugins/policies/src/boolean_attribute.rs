//! Samples traces in which a span or resource has a boolean attribute of the given value.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Value, Votes};

use crate::span_or_resource;

/// `boolean_attribute`
pub struct BooleanAttribute {
    config: Config,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The attribute.
    pub key: String,
    /// Its value. A value that is no boolean reads as `false`, as in the Go policy.
    pub value: bool,
    /// Sample the traces without a match instead.
    pub invert_match: bool,
}

impl Policy for BooleanAttribute {
    const KIND: &'static str = "boolean_attribute";
    const SUMMARY: &'static str = "Samples traces in which a span or resource has a boolean attribute of a value.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"key":{"type":"string"},"value":{"type":"boolean","default":false},"invert_match":{"type":"boolean","default":false}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        Ok(Self { config })
    }

    fn needs(&self) -> Needs {
        span_or_resource::needs(&self.config.key)
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let Config { value, invert_match, .. } = self.config;
        span_or_resource::vote(batch, candidates, invert_match, votes, |code, _| {
            (batch.value(code) == Value::Bool(true)) == value
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_sdk::Verdict;
    use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};

    use super::*;

    proptest! {
        #[test]
        fn votes_as_the_plain_rule(
            value: bool, invert: bool,
            traces in proptest::collection::vec(proptest::collection::vec((0u8..4, 0u8..4), 0..5), 0..6),
        ) {
            // 0 absent, 1 false, 2 true, 3 no boolean.
            let attribute = |n: u8| match n {
                1 => Some(TestValue::Bool(false)),
                2 => Some(TestValue::Bool(true)),
                3 => Some(TestValue::Str("true".to_owned())),
                _ => None,
            };
            let span = |&(own, resource): &(u8, u8)| {
                let mut span = TestSpan::default();
                span.attributes.extend(attribute(own).map(|value| ("k".to_owned(), value)));
                span.resource.extend(attribute(resource).map(|value| ("k".to_owned(), value)));
                span
            };
            let batch: Vec<Vec<_>> = traces.iter().map(|spans| spans.iter().map(span).collect()).collect();
            let matches = |n: u8| n != 0 && (n == 2) == value;
            let expected: Vec<Verdict> = traces
                .iter()
                .map(|spans| (spans.iter().any(|&(own, resource)| matches(own) || matches(resource)) != invert).into())
                .collect();
            let config = format!(r#"{{"key": "k", "value": {value}, "invert_match": {invert}}}"#);
            prop_assert_eq!(evaluate::<BooleanAttribute>(&config, &batch), Ok(expected));
        }
    }
}
