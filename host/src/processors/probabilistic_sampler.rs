//! Keeps a share of the spans or log records, each for itself.
//!
//! ```yaml
//! processors:
//!   probabilistic_sampler:
//!     sampling_percentage: 15        # default 0: none; 100 and more: all
//!     mode: hash_seed                # default; equalizing: consistently, down to this probability;
//!                                    # proportional: consistently, by this factor
//!     hash_seed: 22                  # of mode hash_seed; all collectors of a tier have the same
//!     fail_closed: true              # default: what can not be decided (no trace id, a trace state that can not be read,
//!                                    # marks of another sampler in mode hash_seed) is dropped; false: it is kept
//!     sampling_precision: 4          # hex digits of the threshold, 1 to 14
//!     attribute_source: traceID      # of logs; record: from_attribute alone
//!     from_attribute: session.id     # of logs: hashed where there is no trace id
//!     sampling_priority: priority    # of logs: the attribute that holds a percentage of its own
//! ```
//!
//! Decisions are those of the Go collector's processor of the same name, seed for seed. What is kept says so, for whoever
//! counts it: spans by `rv` and `th` in their trace state, log records by the attributes `sampling.randomness` and
//! `sampling.threshold`. A span's attribute `sampling.priority` outranks all: 0 drops it, what is greater keeps it.
//!
//! Differences: what the Go collector takes and can not use is an error (a negative precision, `attribute_source: record` where
//! that drops every record); and with 0 percent, a trace state that can not be read is left as it is.

use super::embedded::Kind;
use crate::pipeline::Signal;
use crate::telemetry::metrics::Desc;
use crate::wasm::Embedded;
use crate::wasm::transform::Series;

/// `probabilistic_sampler`
pub struct ProbabilisticSampler;

const SPANS: Desc = Desc {
    name: "processor_probabilistic_sampler_count_spans_processed",
    unit: "1",
    help: "Count of spans that were sampled or not",
};
const TRACES: Desc = Desc {
    name: "processor_probabilistic_sampler_count_traces_sampled",
    unit: "1",
    help: "[DEPRECATED] Count of spans that were sampled or not",
};
const LOGS: Desc = Desc {
    name: "processor_probabilistic_sampler_count_logs_sampled",
    unit: "1",
    help: "Count of logs that were sampled or not",
};

const fn by_policy(counter: &'static str, desc: Desc) -> Series {
    Series { counter, desc, id_label: None, labels: &["policy", "sampled"] }
}

impl Kind for ProbabilisticSampler {
    const TYPE: &'static str = "probabilistic_sampler";
    const SIGNALS: &'static [Signal] = &[Signal::Traces, Signal::Logs];
    const COMPONENT: Embedded = Embedded::Transforms;
    const SERIES: &'static [Series] = &[by_policy("spans", SPANS), by_policy("spans", TRACES), by_policy("logs", LOGS)];
}
