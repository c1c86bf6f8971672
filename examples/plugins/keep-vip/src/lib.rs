//! Keeps every trace in which a span has the `customer.tier` of the configuration.
use serde::Deserialize;
use tailrace_sdk::{Diagnostics, Needs, Policy, Trace, Verdict, export};

#[derive(Deserialize)]
struct KeepVip {
    tier: String,
}

impl Policy for KeepVip {
    const KIND: &str = "keep_vip";
    type Config = Self;

    fn new(config: Self) -> Result<Self, Diagnostics> {
        Ok(config)
    }
    fn needs(&self) -> Needs {
        Needs::nothing().span("customer.tier")
    }
    fn evaluate(&mut self, trace: &Trace) -> Verdict {
        trace.spans().any(|span| span.attribute("customer.tier").as_str() == Some(&self.tier)).into()
    }
}

export!(KeepVip);
