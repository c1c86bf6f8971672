//! Keeps the first failed traces of a service, and a share of those after them.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Level, Needs, Policy, Trace, Votes, count, export, log};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    service: String,
    limit: u32,
    #[serde(default)]
    share: f64,
}

struct FirstErrors {
    service: String,
    limit: u32,
    kept: u32,
    /// Past the limit, traces are kept whose randomness is not below it.
    threshold: u64,
}

/// Places in `REASONS`.
const NOT_OURS: u16 = 0;
const FIRST: u16 = 1;
const IN_SHARE: u16 = 2;
const PAST_LIMIT: u16 = 3;

const MAX_THRESHOLD: u64 = (1 << 56) - 1;

impl Policy for FirstErrors {
    const KIND: &'static str = "first_errors";
    const SUMMARY: &'static str = "Keeps the first failed traces of a service, and a share of those after them.";
    const STATE_SCHEMA: &'static str = "kept:u32le";
    const COUNTERS: &'static [&'static str] = &["first_errors_kept"];
    const REASONS: &'static [&'static str] =
        &["no failed span of the service", "among the first", "in the share of the rest", "past the limit"];
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        if config.limit == 0 {
            problems.push("/limit", "must be at least 1");
        }
        if !(0.0..=1.0).contains(&config.share) {
            problems.push("/share", "must be from 0 to 1");
        }
        let threshold = ((1.0 - config.share) * (1_u64 << 56) as f64) as u64;
        let (service, limit) = (config.service, config.limit);
        problems.or(Self { service, limit, kept: 0, threshold: threshold.min(MAX_THRESHOLD) })
    }

    fn needs(&self) -> Needs {
        Needs::nothing().status().name().resource("service.name")
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        for &place in candidates {
            let (reason, threshold) = self.vote(&batch.trace(place));
            votes.push_because(reason == FIRST || reason == IN_SHARE, reason);
            votes.threshold(threshold);
        }
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.kept.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) {
        self.kept = state.try_into().map_or(0, u32::from_le_bytes);
    }
}

impl FirstErrors {
    /// Why it is kept or not, and the share that this amounts to.
    fn vote(&mut self, trace: &Trace<'_>) -> (u16, u64) {
        let ours = |name| name == Some(self.service.as_str());
        let mut spans = trace.spans();
        let Some(failed) = spans.find(|span| span.is_error() && ours(span.resource("service.name").as_str())) else {
            return (NOT_OURS, MAX_THRESHOLD);
        };
        if self.kept < self.limit {
            self.kept += 1;
            count("first_errors_kept", 1);
            if self.kept == self.limit {
                log(Level::Info, &format!("the last one is in {}", failed.name()));
            }
            return (FIRST, 0);
        }
        // The id's last 56 bits are random.
        let randomness = trace.id()[9..].iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        (if randomness >= self.threshold { IN_SHARE } else { PAST_LIMIT }, self.threshold)
    }
}

export!(FirstErrors);
