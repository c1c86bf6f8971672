//! Drops spans, span events, metrics, data points and log records that a condition is true of.
//!
//! ```yaml
//! processors:
//!   filter:
//!     error_mode: ignore                # default: a condition that fails is logged and false; silent: not logged;
//!                                       # propagate: the request is refused
//!     trace_conditions:                 # each says what it is about; one is enough
//!       - resource.attributes["service.name"] == "probe"
//!       - span.attributes["http.route"] == "/healthz"
//!       - spanevent.name == "debug"
//!     metric_conditions:                # or in groups, with or without a context
//!       - {context: metric, conditions: ['IsMatch(name, "^go_")', HasAttrOnDatapoint("env", "test")]}
//!       - {context: datapoint, error_mode: silent, conditions: ['attributes["host"] == nil']}
//!     log_conditions: ['log.severity_number < SEVERITY_NUMBER_WARN']
//! ```
//!
//! The older styles run too: `traces: {resource: [], span: [], spanevent: []}`, `metrics: {resource: [], metric: [], datapoint: []}`,
//! `logs: {resource: [], log_record: []}`, and `include`/`exclude` below `spans`, `metrics` and `logs`; a signal has one style.
//!
//! - Conditions run from resources inwards; what was dropped is not looked into. What is left empty goes too, but for spans without
//!   events.
//! - What conditions fail with is logged once for each condition list and request, with the number of failures, and not once an item.
//!
//! Differences from the Go collector: `match_type: expr` is not available, there are no profiles, and context `scope` works for all
//! signals.

use super::embedded::Kind;
use crate::telemetry::metrics::Desc;
use crate::wasm::Embedded;
use crate::wasm::transform::Series;

/// `filter`
pub struct Filter;

const SPANS: Desc = Desc {
    name: "processor_filter_spans_filtered",
    unit: "1",
    help: "Number of spans dropped by the filter processor",
};
const DATA_POINTS: Desc = Desc {
    name: "processor_filter_datapoints_filtered",
    unit: "1",
    help: "Number of metric data points dropped by the filter processor",
};
const LOGS: Desc =
    Desc { name: "processor_filter_logs_filtered", unit: "1", help: "Number of logs dropped by the filter processor" };

const fn shown(counter: &'static str, desc: Desc) -> Series {
    Series { counter, desc, id_label: Some("filter"), labels: &[] }
}

impl Kind for Filter {
    const TYPE: &'static str = "filter";
    const COMPONENT: Embedded = Embedded::Statements;
    const SERIES: &'static [Series] =
        &[shown("spans.filtered", SPANS), shown("datapoints.filtered", DATA_POINTS), shown("logs.filtered", LOGS)];
}
