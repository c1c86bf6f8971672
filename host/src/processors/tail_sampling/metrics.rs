//! The processor's metrics: the Go processor's names and labels, and what bytes and drops are counted under.

use std::time::Duration;

use super::rules::Verdict;
use super::vote::Vote;
use crate::pipeline::Cx;
use crate::telemetry::metrics::Desc;
use crate::telemetry::{Counter, Gauge, Histogram};

const fn desc(name: &'static str, unit: &'static str, help: &'static str) -> Desc {
    Desc { name, unit, help }
}

const POLICY_TRACES: Desc = desc(
    "processor_tail_sampling_count_traces_sampled",
    "{traces}",
    "Count of traces that were sampled or not per sampling policy",
);
const TRACES: Desc = desc(
    "processor_tail_sampling_global_count_traces_sampled",
    "{traces}",
    "Global count of traces that were sampled or not by at least one policy",
);
const EARLY_RELEASES: Desc = desc(
    "processor_tail_sampling_early_releases_from_cache_decision",
    "{spans}",
    "Number of spans that were able to be immediately released due to a decision cache hit",
);
const NEW_TRACES: Desc =
    desc("processor_tail_sampling_new_trace_id_received", "{traces}", "Counts the arrival of new traces");
const DECISION_LATENCY: Desc = desc(
    "processor_tail_sampling_sampling_decision_timer_latency",
    "ms",
    "Latency (in milliseconds) of each run of the sampling decision timer",
);
const LATE_SPAN_AGE: Desc = desc(
    "processor_tail_sampling_sampling_late_span_age",
    "s",
    "Time (in seconds) from the sampling decision was taken and the arrival of a late span",
);
const REMOVAL_AGE: Desc = desc(
    "processor_tail_sampling_sampling_trace_removal_age",
    "s",
    "Time (in seconds) from arrival of a new trace until its removal from memory",
);
const EVALUATION_ERRORS: Desc = desc(
    "processor_tail_sampling_sampling_policy_evaluation_error",
    "{errors}",
    "Count of sampling policy evaluation errors",
);
const EXECUTIONS: Desc = desc(
    "processor_tail_sampling_sampling_policy_execution_count",
    "{executions}",
    "Total number of executions of a specific sampling policy",
);
const EXECUTION_TIME: Desc = desc(
    "processor_tail_sampling_sampling_policy_execution_time_sum",
    "us",
    "Total time spent (in microseconds) executing a specific sampling policy",
);
const DECIDED_EARLY: Desc = desc(
    "processor_tail_sampling_sampling_trace_dropped_too_early",
    "{traces}",
    "Count of traces that needed to be decided before the configured wait time",
);
const TRACES_ON_MEMORY: Desc = desc(
    "processor_tail_sampling_sampling_traces_on_memory",
    "{traces}",
    "Tracks the number of traces current on memory",
);
const TOO_LARGE: Desc = desc(
    "processor_tail_sampling_traces_dropped_too_large",
    "{traces}",
    "Count of traces that were dropped because they were larger than the maximum allowed size",
);
const UNPARSEABLE: Desc = desc(
    "processor_tail_sampling_count_spans_with_unparseable_tracestate",
    "{spans}",
    "Count of spans whose tracestate could not be parsed and was left as it is",
);
const BUFFER_BYTES: Desc = desc(
    "processor_tail_sampling_buffer_bytes",
    "By",
    "Memory that buffered traces take: segments in use, and kept traces that wait for the next component",
);
const LIVE_BYTES: Desc =
    desc("processor_tail_sampling_buffer_live_bytes", "By", "Bytes of undecided traces in the segments");
const SEGMENTS: Desc =
    desc("processor_tail_sampling_buffer_segments", "{segments}", "Segments of the trace buffer in use");
const COMPACTED: Desc = desc(
    "processor_tail_sampling_buffer_compacted_segments",
    "{segments}",
    "Segments that were freed by moving what was live in them",
);
const PACKED: Desc = desc(
    "processor_tail_sampling_buffer_packed_segments",
    "{segments}",
    "Segments that were compressed for want of memory",
);
const PACKED_BYTES: Desc =
    desc("processor_tail_sampling_buffer_packed_bytes", "By", "Memory that compressed segments take");
const EVALUATOR_TIME: Desc = desc(
    "processor_tail_sampling_evaluator_time",
    "s",
    "Time that the evaluator thread has spent on ticks, policies included",
);
/// Shared by all processors that drop.
const DROPPED_SPANS: Desc = desc("processor_dropped_spans", "{span}", "Number of spans that were dropped, by reason");

/// As in the Go processor, milliseconds.
const LATENCY_BOUNDS_MS: &[f64] = &[
    1., 2., 5., 10., 25., 50., 75., 100., 150., 200., 300., 400., 500., 750., 1000., 2000., 3000., 4000., 5000.,
    10_000., 20_000., 30_000., 50_000.,
];
/// The default of the OpenTelemetry SDK.
const DEFAULT_BOUNDS: &[f64] =
    &[0., 5., 10., 25., 50., 75., 100., 250., 500., 750., 1000., 2500., 5000., 7500., 10_000.];

/// Why spans were dropped without being voted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Their trace is larger than `maximum_trace_size_bytes`.
    TooLarge,
    /// The next component refused them for good.
    Refused,
    /// They were undecided at shutdown, and the settings say to drop those.
    PendingAtShutdown,
    /// The next component did not take them before shutdown was over.
    Shutdown,
}

/// Handles to all series without a policy's name.
pub(super) struct Metrics {
    sampled: Counter,
    not_sampled: Counter,
    dropped: Counter,
    pub(super) early_released: Counter,
    pub(super) late_dropped: Counter,
    pub(super) new_traces: Counter,
    pub(super) decision_latency_ms: Histogram,
    pub(super) late_span_age_s: Histogram,
    pub(super) removal_age_s: Histogram,
    pub(super) decided_early: Counter,
    pub(super) traces: Gauge,
    pub(super) too_large: Counter,
    pub(super) unparseable_spans: Counter,
    pub(super) buffer_bytes: Gauge,
    pub(super) live_bytes: Gauge,
    pub(super) segments: Gauge,
    pub(super) compacted: Counter,
    pub(super) packed: Counter,
    pub(super) packed_bytes: Gauge,
    drops: [Counter; 4],
}

impl Metrics {
    pub(super) fn new(cx: &Cx) -> Self {
        let id = cx.id.to_string();
        let counter = |desc: Desc, labels: &[(&'static str, &str)]| cx.metrics.counter(desc, labels);
        let verdict = |sampled, decision| counter(TRACES, &[("sampled", sampled), ("decision", decision)]);
        let own = |desc: Desc| cx.metrics.gauge(desc, &[("processor", &id)]);
        let dropped = |reason| counter(DROPPED_SPANS, &[("processor", &id), ("reason", reason)]);
        Self {
            sampled: verdict("true", "sampled"),
            not_sampled: verdict("false", "not_sampled"),
            dropped: verdict("false", "dropped"),
            early_released: counter(EARLY_RELEASES, &[("sampled", "true")]),
            late_dropped: counter(EARLY_RELEASES, &[("sampled", "false")]),
            new_traces: counter(NEW_TRACES, &[]),
            decision_latency_ms: cx.metrics.histogram(DECISION_LATENCY, &[], LATENCY_BOUNDS_MS),
            late_span_age_s: cx.metrics.histogram(LATE_SPAN_AGE, &[], DEFAULT_BOUNDS),
            removal_age_s: cx.metrics.histogram(REMOVAL_AGE, &[], DEFAULT_BOUNDS),
            decided_early: counter(DECIDED_EARLY, &[]),
            traces: cx.metrics.gauge(TRACES_ON_MEMORY, &[]),
            too_large: counter(TOO_LARGE, &[]),
            unparseable_spans: counter(UNPARSEABLE, &[]),
            buffer_bytes: own(BUFFER_BYTES),
            live_bytes: own(LIVE_BYTES),
            segments: own(SEGMENTS),
            compacted: counter(COMPACTED, &[("processor", &id)]),
            packed: counter(PACKED, &[("processor", &id)]),
            packed_bytes: own(PACKED_BYTES),
            drops: ["too_large", "refused", "pending_at_shutdown", "shutdown"].map(dropped),
        }
    }

    /// Counts a final verdict.
    pub(super) fn count(&self, verdict: Verdict) {
        match verdict {
            Verdict::Keep(_) => self.sampled.add(1),
            Verdict::NotSampled => self.not_sampled.add(1),
            Verdict::Dropped => self.dropped.add(1),
        }
    }

    /// Counts spans that are gone.
    pub(super) fn count_dropped(&self, reason: Reason, spans: u64) {
        if spans > 0 {
            self.drops[reason as usize].add(spans);
        }
    }
}

#[cfg(test)]
impl Metrics {
    pub(super) fn dropped(&self, reason: Reason) -> u64 {
        self.drops[reason as usize].get()
    }
}

/// Shows how long the evaluator thread has worked.
pub(super) fn observe_evaluator(cx: &Cx, seconds: impl Fn() -> f64 + Send + Sync + 'static) {
    cx.metrics.observe_counter(EVALUATOR_TIME, &[("processor", &cx.id.to_string())], seconds);
}

/// Handles to the series of one policy.
#[derive(Default)]
pub(super) struct PolicyMetrics {
    sampled: Counter,
    not_sampled: Counter,
    dropped: Counter,
    executions: Counter,
    time_us: Counter,
    errors: Counter,
}

impl PolicyMetrics {
    /// `label` is the policy's name, prefixed with the component's if it has one.
    pub(super) fn new(cx: &Cx, label: &str) -> Self {
        let vote = |sampled, decision| {
            cx.metrics.counter(POLICY_TRACES, &[("policy", label), ("sampled", sampled), ("decision", decision)])
        };
        Self {
            sampled: vote("true", "sampled"),
            not_sampled: vote("false", "not_sampled"),
            dropped: vote("false", "dropped"),
            executions: cx.metrics.counter(EXECUTIONS, &[("policy", label)]),
            time_us: cx.metrics.counter(EXECUTION_TIME, &[("policy", label)]),
            errors: cx.metrics.counter(EVALUATION_ERRORS, &[]),
        }
    }

    /// Counts a call's votes.
    pub(super) fn count(&self, votes: &[Vote], took: Duration) {
        let count = |is: fn(&Vote) -> bool| votes.iter().filter(|vote| is(vote)).count() as u64;
        let add = |counter: &Counter, n: u64| {
            if n > 0 {
                counter.add(n);
            }
        };
        add(&self.sampled, count(|vote| matches!(vote, Vote::Sample(_))));
        add(&self.not_sampled, count(|vote| *vote == Vote::No));
        add(&self.dropped, count(|vote| *vote == Vote::Drop));
        add(&self.errors, count(|vote| *vote == Vote::Missing));
        self.executions.add(votes.len() as u64);
        self.time_us.add(took.as_micros() as u64);
    }
}
