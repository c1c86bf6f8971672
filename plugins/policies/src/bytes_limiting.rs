//! Samples up to so many bytes a second.
//!
//! ```yaml
//! policies:
//!   - {name: limit, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1000000, burst_capacity: 5000000}}
//! ```
//!
//! As `rate_limiting`, but that a trace costs the size of its OTLP message: its spans, and the resources and scopes that they stand
//! under.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Votes};

use crate::limiter::{self, Limiter};

/// `bytes_limiting`
pub struct BytesLimiting(Limiter);

/// As in the collector's YAML, and what the processor knows.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Tokens a second. 0: none.
    pub bytes_per_second: i64,
    /// Tokens that the bucket holds. 0 or less: twice `bytes_per_second`.
    pub burst_capacity: i64,
    /// Among how many shards the rate is divided. 0 and 1: not at all.
    pub shards: u32,
    /// Whether traces are taken by their randomness, and kept ones carry the threshold.
    pub tracestate: bool,
}

impl Policy for BytesLimiting {
    const KIND: &'static str = "bytes_limiting";
    const SUMMARY: &'static str = "Samples up to so many bytes a second, with bursts.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"bytes_per_second":{"type":"integer","minimum":0,"default":0},"burst_capacity":{"type":"integer","default":0},"shards":{"type":"integer","minimum":0,"maximum":256,"default":1},"tracestate":{"type":"boolean","default":false}},"additionalProperties":false}"#;
    const STATE_SCHEMA: &'static str = limiter::STATE_SCHEMA;
    const REASONS: &'static [&'static str] = limiter::REASONS;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let Config { bytes_per_second, burst_capacity, shards, tracestate } = config;
        Limiter::new("bytes_per_second", bytes_per_second, burst_capacity, shards, tracestate).map(Self)
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let sizes = &batch.columns().size;
        self.0.vote(batch, candidates, votes, |trace| sizes[trace as usize].into());
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.0.save())
    }

    fn restore(&mut self, state: &[u8]) {
        self.0.restore(state);
    }
}
