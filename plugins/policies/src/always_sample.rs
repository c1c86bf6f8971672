//! Samples everything.

use serde::Deserialize;
use tailrace_sdk::{Diagnostics, Policy, Trace, Verdict};

/// `always_sample`
pub struct AlwaysSample;

/// No options.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Policy for AlwaysSample {
    const KIND: &'static str = "always_sample";
    const SUMMARY: &'static str = "Samples every trace.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
    type Config = Config;

    fn new(_config: Config) -> Result<Self, Diagnostics> {
        Ok(Self)
    }

    fn evaluate(&mut self, _trace: &Trace<'_>) -> Verdict {
        Verdict::Sample
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_sdk::testing::{TestSpan, evaluate};

    use super::*;

    #[test]
    fn samples_also_an_empty_trace() {
        let traces = [vec![], vec![TestSpan::default()]];
        assert_eq!(evaluate::<AlwaysSample>("{}", &traces), Ok(vec![Verdict::Sample; 2]));
    }

    proptest! {
        #[test]
        fn samples_whatever_there_is(traces in prop::collection::vec(0_usize..5, 0..20)) {
            let batch: Vec<_> = traces.iter().map(|spans| vec![TestSpan::default().error(); *spans]).collect();
            prop_assert_eq!(evaluate::<AlwaysSample>("{}", &batch), Ok(vec![Verdict::Sample; batch.len()]));
        }
    }
}
