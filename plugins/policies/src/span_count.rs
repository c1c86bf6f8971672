//! Samples traces by how many spans arrived.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Policy, Votes};

/// `span_count`
pub struct SpanCount {
    config: Config,
}

/// As in the collector's YAML.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Inclusive.
    pub min_spans: i32,
    /// Inclusive. 0: no maximum.
    pub max_spans: i32,
}

impl Policy for SpanCount {
    const KIND: &'static str = "span_count";
    const SUMMARY: &'static str = "Samples traces with a number of spans in a range.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"min_spans":{"type":"integer","default":0},"max_spans":{"type":"integer","default":0}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        Ok(Self { config })
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let Config { min_spans, max_spans } = self.config;
        for &trace in candidates {
            let count = i64::from(batch.columns().span_count[trace as usize]);
            votes.push(count >= i64::from(min_spans) && (max_spans == 0 || count <= i64::from(max_spans)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_sdk::Verdict;
    use tailrace_sdk::testing::{TestSpan, evaluate};

    use super::*;

    fn votes(config: &str, counts: &[usize]) -> Vec<Verdict> {
        let traces: Vec<_> = counts.iter().map(|&count| vec![TestSpan::default(); count]).collect();
        evaluate::<SpanCount>(config, &traces).expect("a good configuration")
    }

    #[test]
    fn bounds_are_inclusive() {
        use Verdict::{No, Sample};
        let counts = [1, 2, 3, 4];
        assert_eq!(votes(r#"{"min_spans": 2, "max_spans": 3}"#, &counts), [No, Sample, Sample, No]);
        assert_eq!(votes(r#"{"min_spans": 3}"#, &counts), [No, No, Sample, Sample]);
        assert_eq!(votes("{}", &counts), [Sample; 4]);
    }

    proptest! {
        #[test]
        fn votes_as_the_plain_rule(min in 0usize..10, max in 0usize..10, counts in proptest::collection::vec(0usize..12, 0..6)) {
            let expected: Vec<Verdict> =
                counts.iter().map(|&count| (min <= count && (max == 0 || count <= max)).into()).collect();
            prop_assert_eq!(votes(&format!(r#"{{"min_spans": {min}, "max_spans": {max}}}"#), &counts), expected);
        }
    }
}
