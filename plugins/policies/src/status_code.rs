//! Samples traces with a span of one of the given statuses. Looks at what was seen of the trace, never at a span.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Policy, Votes};

/// `status_code`
pub struct StatusCode {
    /// Bits of `columns.seen`.
    mask: u8,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `OK`, `ERROR`, `UNSET`.
    pub status_codes: Vec<String>,
}

impl Policy for StatusCode {
    const KIND: &'static str = "status_code";
    const SUMMARY: &'static str = "Samples traces in which a span has one of the status codes.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"status_codes":{"type":"array","minItems":1,"items":{"enum":["OK","ERROR","UNSET"]}}},"required":["status_codes"],"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        if config.status_codes.is_empty() {
            problems.push("/status_codes", "expected at least one status code to filter on");
        }
        let mut mask = 0;
        for (place, code) in config.status_codes.iter().enumerate() {
            match code.as_str() {
                "UNSET" => mask |= 1,
                "OK" => mask |= 2,
                "ERROR" => mask |= 4,
                _ => problems.push(
                    format!("/status_codes/{place}"),
                    format!("unknown status code {code:?}, supported: OK, ERROR, UNSET"),
                ),
            }
        }
        problems.or(Self { mask })
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let seen = &batch.columns().seen;
        for &trace in candidates {
            votes.push(seen[trace as usize] & self.mask != 0);
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

    #[test]
    fn refuses_what_it_does_not_know() {
        let problems = evaluate::<StatusCode>(r#"{"status_codes": ["OK", "error"]}"#, &[]).expect_err("lower case");
        let expected = [("/status_codes/1", "unknown status code \"error\", supported: OK, ERROR, UNSET")];
        assert_eq!(problems.iter().collect::<Vec<_>>(), expected);
        assert!(evaluate::<StatusCode>("{}", &[]).is_err());
    }

    proptest! {
        #[test]
        fn votes_as_a_scan_of_the_spans(
            codes in proptest::collection::btree_set(0u8..3, 1..3),
            traces in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..6), 0..8),
        ) {
            let names: Vec<_> = codes.iter().map(|&code| ["UNSET", "OK", "ERROR"][usize::from(code)]).collect();
            let spans = |statuses: &Vec<u8>| {
                statuses.iter().map(|&status| TestSpan { status, ..TestSpan::default() }).collect::<Vec<_>>()
            };
            let batch: Vec<_> = traces.iter().map(spans).collect();
            let expected: Vec<Verdict> =
                traces.iter().map(|trace| trace.iter().any(|status| codes.contains(status)).into()).collect();
            let config = format!(r#"{{"status_codes": {names:?}}}"#);
            prop_assert_eq!(evaluate::<StatusCode>(&config, &batch), Ok(expected));
        }
    }
}
