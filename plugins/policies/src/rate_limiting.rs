//! Samples up to so many spans a second.
//!
//! ```yaml
//! policies:
//!   - {name: limit, type: rate_limiting, rate_limiting: {spans_per_second: 100, burst_capacity: 500}}
//! ```
//!
//! A bucket holds `burst_capacity` tokens (by default twice `spans_per_second`), is full at first, and gets `spans_per_second` tokens a
//! second, continuously. A trace costs a token a span and is sampled if the bucket holds them all; so one with more spans than the
//! burst never is. Time is that of the tick. Alone it limits nothing that another policy keeps: put it into `and`, behind what it is
//! to limit, and it is asked only about the traces that the members before it sampled.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Votes};

use crate::limiter::{self, Limiter};

/// `rate_limiting`
pub struct RateLimiting(Limiter);

/// As in the collector's YAML, and what the processor knows.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Tokens a second. 0: none.
    pub spans_per_second: i64,
    /// Tokens that the bucket holds. 0 or less: twice `spans_per_second`.
    pub burst_capacity: i64,
    /// Among how many shards the rate is divided. 0 and 1: not at all.
    pub shards: u32,
    /// Whether traces are taken by their randomness, and kept ones carry the threshold.
    pub tracestate: bool,
}

impl Policy for RateLimiting {
    const KIND: &'static str = "rate_limiting";
    const SUMMARY: &'static str = "Samples up to so many spans a second, with bursts.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"spans_per_second":{"type":"integer","minimum":0,"default":0},"burst_capacity":{"type":"integer","default":0},"shards":{"type":"integer","minimum":0,"maximum":256,"default":1},"tracestate":{"type":"boolean","default":false}},"additionalProperties":false}"#;
    const STATE_SCHEMA: &'static str = limiter::STATE_SCHEMA;
    const REASONS: &'static [&'static str] = limiter::REASONS;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let Config { spans_per_second, burst_capacity, shards, tracestate } = config;
        Limiter::new("spans_per_second", spans_per_second, burst_capacity, shards, tracestate).map(Self)
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let spans = &batch.columns().span_count;
        self.0.vote(batch, candidates, votes, |trace| spans[trace as usize].into());
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.0.save())
    }

    fn restore(&mut self, state: &[u8]) {
        self.0.restore(state);
    }
}
