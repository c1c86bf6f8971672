//! Samples traces in which a span or resource has an integer attribute in a range.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Votes};

use crate::span_or_resource;

/// `numeric_attribute`
pub struct NumericAttribute {
    config: Config,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The attribute. A value that is no integer reads as 0, as in the Go policy.
    pub key: String,
    /// Inclusive. 0: no minimum.
    pub min_value: i64,
    /// Inclusive. 0: no maximum.
    pub max_value: i64,
    /// Sample the traces without a match instead.
    pub invert_match: bool,
}

impl Policy for NumericAttribute {
    const KIND: &'static str = "numeric_attribute";
    const SUMMARY: &'static str = "Samples traces in which a span or resource has an integer attribute in a range.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"key":{"type":"string"},"min_value":{"type":"integer","default":0},"max_value":{"type":"integer","default":0},"invert_match":{"type":"boolean","default":false}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(mut config: Config) -> Result<Self, Diagnostics> {
        if config.min_value == 0 && config.max_value == 0 {
            // The Go policy starts and panics at its first decision.
            return Err(Diagnostics::one("", "at least one of min_value and max_value must be set to other than 0"));
        }
        if config.min_value == 0 {
            config.min_value = i64::MIN;
        }
        if config.max_value == 0 {
            config.max_value = i64::MAX;
        }
        Ok(Self { config })
    }

    fn needs(&self) -> Needs {
        span_or_resource::needs(&self.config.key)
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let range = self.config.min_value..=self.config.max_value;
        span_or_resource::vote(batch, candidates, self.config.invert_match, votes, |code, _| {
            range.contains(&batch.value(code).as_int().unwrap_or(0))
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

    #[test]
    fn a_range_of_nothing_is_refused() {
        let problems = evaluate::<NumericAttribute>(r#"{"key": "k", "min_value": 0}"#, &[]).expect_err("no range");
        assert_eq!(problems.iter().count(), 1);
    }

    proptest! {
        #[test]
        fn votes_as_the_plain_rule(
            min in -3i64..4, max in -3i64..4, invert: bool,
            traces in proptest::collection::vec(proptest::collection::vec(proptest::option::of((-4i64..5, 0u8..4)), 0..4), 0..6),
        ) {
            prop_assume!(min != 0 || max != 0);
            let span = |value: &Option<(i64, u8)>| {
                let span = TestSpan::default();
                match *value {
                    None => span,
                    Some((value, 0)) => span.attribute("k", TestValue::Int(value)),
                    Some((value, 1)) => span.resource("k", TestValue::Int(value)),
                    // What is no integer reads as 0.
                    Some((value, 2)) => span.attribute("k", TestValue::Double(value as f64)),
                    Some((value, _)) => span.attribute("k", TestValue::Str(value.to_string())),
                }
            };
            let batch: Vec<Vec<_>> = traces.iter().map(|spans| spans.iter().map(span).collect()).collect();
            let matches = |value: &Option<(i64, u8)>| {
                let read = value.map(|(value, form)| if form < 2 { value } else { 0 });
                read.is_some_and(|read| (min == 0 || read >= min) && (max == 0 || read <= max))
            };
            let expected: Vec<Verdict> =
                traces.iter().map(|spans| (spans.iter().any(matches) != invert).into()).collect();
            let config = format!(r#"{{"key": "k", "min_value": {min}, "max_value": {max}, "invert_match": {invert}}}"#);
            prop_assert_eq!(evaluate::<NumericAttribute>(&config, &batch), Ok(expected));
        }
    }
}
