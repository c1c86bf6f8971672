//! Keeps the first failed traces of a service.

use serde::Deserialize;
use tailrace_sdk::{Diagnostics, Level, Needs, Policy, Trace, Verdict, count, export, log};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    service: String,
    limit: u32,
}

struct FirstErrors {
    config: Config,
    kept: u32,
}

impl Policy for FirstErrors {
    const KIND: &'static str = "first_errors";
    const SUMMARY: &'static str = "Keeps the first failed traces of a service.";
    const STATE_SCHEMA: &'static str = "kept:u32le";
    const COUNTERS: &'static [&'static str] = &["first_errors_kept"];
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        if config.limit == 0 {
            return Err(Diagnostics::one("/limit", "must be at least 1"));
        }
        Ok(Self { config, kept: 0 })
    }

    fn needs(&self) -> Needs {
        Needs::nothing().status().name().resource("service.name")
    }

    fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
        if self.kept >= self.config.limit || !trace.seen_error() {
            return Verdict::No;
        }
        let ours = |name| name == Some(self.config.service.as_str());
        let Some(failed) = trace.spans().find(|span| span.is_error() && ours(span.resource("service.name").as_str()))
        else {
            return Verdict::No;
        };
        self.kept += 1;
        count("first_errors_kept", 1);
        if self.kept == self.config.limit {
            log(Level::Info, &format!("the last one is in {}", failed.name()));
        }
        Verdict::Sample
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.kept.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) {
        self.kept = state.try_into().map_or(0, u32::from_le_bytes);
    }
}

export!(FirstErrors);
