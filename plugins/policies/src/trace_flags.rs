//! Samples traces in which a span has the W3C sampled flag.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Policy, Votes};

/// `trace_flags`
pub struct TraceFlags;

/// No options.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The bit of `columns.seen`.
const SAMPLED: u8 = 16;

impl Policy for TraceFlags {
    const KIND: &'static str = "trace_flags";
    const SUMMARY: &'static str = "Samples traces in which a span has the sampled flag.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
    type Config = Config;

    fn new(_config: Config) -> Result<Self, Diagnostics> {
        Ok(Self)
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        for &trace in candidates {
            votes.push(batch.columns().seen[trace as usize] & SAMPLED != 0);
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
    fn one_span_is_enough() {
        let flagged = TestSpan { sampled_flag: true, ..TestSpan::default() };
        let traces = [vec![TestSpan::default()], vec![TestSpan::default(), flagged]];
        assert_eq!(evaluate::<TraceFlags>("{}", &traces), Ok(vec![Verdict::No, Verdict::Sample]));
    }

    proptest! {
        #[test]
        fn votes_as_a_scan_of_the_spans(traces in prop::collection::vec(prop::collection::vec(any::<bool>(), 0..6), 0..8)) {
            let span = |flag: &bool| TestSpan { sampled_flag: *flag, ..TestSpan::default() };
            let batch: Vec<Vec<_>> = traces.iter().map(|flags| flags.iter().map(span).collect()).collect();
            let expected: Vec<Verdict> = traces.iter().map(|flags| flags.contains(&true).into()).collect();
            prop_assert_eq!(evaluate::<TraceFlags>("{}", &batch), Ok(expected));
        }
    }
}
