//! Items that a processor took, refused or gave up, under the names that operators watch whatever the processor:
//! `otelcol_processor_{accepted,refused,dropped}_{spans,metric_points,log_records}`.

use super::metrics::{Counter, Desc, Metrics};
use crate::pipeline::{Cx, Signal};

const ACCEPTED: [Desc; 3] = [
    spans("processor_accepted_spans", "Number of spans successfully pushed into the next component in the pipeline."),
    points("processor_accepted_metric_points", "Number of metric points successfully pushed into the next component."),
    records("processor_accepted_log_records", "Number of log records successfully pushed into the next component."),
];

const REFUSED: [Desc; 3] = [
    spans("processor_refused_spans", "Number of spans that were rejected by the processor."),
    points("processor_refused_metric_points", "Number of metric points that were rejected by the processor."),
    records("processor_refused_log_records", "Number of log records that were rejected by the processor."),
];

const DROPPED: [Desc; 3] = [
    spans("processor_dropped_spans", "Number of spans that were dropped, by reason"),
    points("processor_dropped_metric_points", "Number of metric points that were dropped, by reason"),
    records("processor_dropped_log_records", "Number of log records that were dropped, by reason"),
];

const fn spans(name: &'static str, help: &'static str) -> Desc {
    Desc { name, unit: "{span}", help }
}

const fn points(name: &'static str, help: &'static str) -> Desc {
    Desc { name, unit: "{datapoint}", help }
}

const fn records(name: &'static str, help: &'static str) -> Desc {
    Desc { name, unit: "{record}", help }
}

/// What one processor of one pipeline took and refused.
#[derive(Clone)]
pub struct ProcessorItems {
    /// Handed on, or held.
    pub accepted: Counter,
    /// Refused by the processor itself: the sender still has them.
    pub refused: Counter,
}

impl ProcessorItems {
    /// The counters of the processor that `cx` describes. They show from the start on, as 0.
    pub fn new(cx: &Cx, signal: Signal) -> Self {
        let id = cx.id.to_string();
        let labels = [("processor", id.as_str())];
        let of = |descs: &[Desc; 3]| {
            let counter = cx.metrics.counter(descs[signal as usize], &labels);
            counter.add(0);
            counter
        };
        Self { accepted: of(&ACCEPTED), refused: of(&REFUSED) }
    }
}

/// The counter of items that `processor` gave up for `reason`: nobody has them any more.
pub fn dropped(metrics: &Metrics, processor: &str, signal: Signal, reason: &str) -> Counter {
    metrics.counter(DROPPED[signal as usize], &[("processor", processor), ("reason", reason)])
}
