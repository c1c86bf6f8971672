//! Takes out spans by their name.

use serde::Deserialize;
use tailrace_sdk::otlp::{Signal, edit, view::Span};
use tailrace_sdk::{Diagnostics, JsonSchema, Outcome, Transform, export};

/// The transform, as it is configured.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields)]
struct DropSpans {
    /// What the spans are called that go.
    names: Vec<String>,
}

impl Transform for DropSpans {
    const KIND: &'static str = "drop_spans";
    const SUMMARY: &'static str = "Takes out spans by their name.";
    type Config = Self;

    fn new(config: Self) -> Result<Self, Diagnostics> {
        Ok(config)
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        if signal != Signal::Traces {
            return Ok(Outcome::Unchanged);
        }
        let stays = |span: &[u8]| !self.names.iter().any(|name| name.as_bytes() == Span(span).name());
        Ok(edit::retain(signal, request, stays).into())
    }
}

export!(transforms: [DropSpans]);
