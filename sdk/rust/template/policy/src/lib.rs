//! Keeps every trace in which a span has the `customer.tier` of the configuration.

use serde::Deserialize;
use tailrace_sdk::{Diagnostics, Needs, Policy, Trace, Verdict, export};

/// A configured policy. What stands in YAML below `config:` is read into it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    tier: String,
}

impl Policy for Tier {
    const KIND: &'static str = "keep_vip";
    const SUMMARY: &'static str = "Keeps traces of customers of one tier.";
    type Config = Self;

    fn new(config: Self) -> Result<Self, Diagnostics> {
        if config.tier.is_empty() {
            return Err(Diagnostics::one("/tier", "must not be empty"));
        }
        Ok(config)
    }

    /// The columns that `evaluate` looks at; others are empty.
    fn needs(&self) -> Needs {
        Needs::nothing().span("customer.tier")
    }

    fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
        trace.spans().any(|span| span.attribute("customer.tier").as_str() == Some(&self.tier)).into()
    }
}

export!(Tier);

#[cfg(test)]
mod tests {
    use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};

    use super::*;

    #[test]
    fn keeps_the_configured_tier() {
        let of = |tier: &str| vec![TestSpan::default(), TestSpan::default().attribute("customer.tier", TestValue::Str(tier.into()))];
        let traces = [of("gold"), of("silver"), vec![TestSpan::default()]];
        let verdicts = evaluate::<Tier>(r#"{"tier": "gold"}"#, &traces).unwrap();
        assert_eq!(verdicts, [Verdict::Sample, Verdict::No, Verdict::No]);
    }

    #[test]
    fn wants_a_tier() {
        let problems = evaluate::<Tier>(r#"{"tier": ""}"#, &[]).unwrap_err();
        assert_eq!(problems.iter().collect::<Vec<_>>(), [("/tier", "must not be empty")]);
    }
}
