//! What is counted of a transform, beside what is counted of every plugin.

use std::time::Duration;

use super::Outcome;
use crate::pipeline::Cx;
use crate::telemetry::metrics::Desc;
use crate::telemetry::{Counter, Gauge, Histogram};
use crate::wasm::Plugin;
use crate::wasm::call::Reason;
use crate::wasm::metrics::{BREAKER, DURATION_BOUNDS, FAILURES};

const REQUESTS: Desc =
    Desc { name: "tailrace_transform_requests", unit: "{request}", help: "Requests that the transform was shown." };
const BYTES: Desc =
    Desc { name: "tailrace_transform_request_bytes", unit: "By", help: "Bytes of the requests that it was shown." };
const OUTCOMES: Desc =
    Desc { name: "tailrace_transform_outcomes", unit: "{request}", help: "What became of the requests." };
const DURATION: Desc =
    Desc { name: "tailrace_transform_duration", unit: "s", help: "Time that the transform took for a request." };

pub(super) struct TransformMetrics {
    requests: Counter,
    bytes: Counter,
    /// Unchanged, replaced, discarded.
    outcomes: [Counter; 3],
    failures: [Counter; Reason::ALL.len()],
    duration: Histogram,
    pub(super) breaker: Gauge,
}

impl TransformMetrics {
    pub(super) fn new(plugin: &Plugin, processor: &str, cx: &Cx) -> Self {
        let labels = [("plugin", plugin.name.as_str()), ("digest", plugin.short_digest()), ("processor", processor)];
        let [name, digest, processor] = labels;
        let with = |desc, key: &'static str, value| cx.metrics.counter(desc, &[name, digest, processor, (key, value)]);
        Self {
            requests: cx.metrics.counter(REQUESTS, &labels),
            bytes: cx.metrics.counter(BYTES, &labels),
            outcomes: ["unchanged", "replaced", "discarded"].map(|outcome| with(OUTCOMES, "outcome", outcome)),
            failures: Reason::ALL.map(|reason| with(FAILURES, "reason", reason.as_str())),
            duration: cx.metrics.histogram(DURATION, &labels, DURATION_BOUNDS),
            breaker: cx.metrics.gauge(BREAKER, &labels),
        }
    }

    pub(super) fn asked(&self, bytes: usize, took: Duration) {
        self.requests.add(1);
        self.bytes.add(bytes as u64);
        self.duration.record(took.as_secs_f64());
    }

    pub(super) fn answered(&self, outcome: &Outcome) {
        let place = match outcome {
            Outcome::Unchanged => 0,
            Outcome::Replaced { .. } => 1,
            Outcome::Discarded => 2,
        };
        self.outcomes[place].add(1);
    }

    pub(super) fn failed(&self, reason: Reason) {
        if let Some(place) = Reason::ALL.iter().position(|known| *known == reason) {
            self.failures[place].add(1);
        }
    }
}
