//! What is counted of plugins and their policies.

use std::time::Duration;

use super::Plugin;
use super::call::Reason;
use super::counters::Counters;
use super::policy::Votes;
use crate::pipeline::Cx;
use crate::telemetry::metrics::{Desc, Lease};
use crate::telemetry::{Counter, Gauge, Histogram, Metrics};

const CALLS: Desc =
    Desc { name: "tailrace_plugin_calls", unit: "{call}", help: "Calls to evaluate a batch of traces." };
const TRACES: Desc =
    Desc { name: "tailrace_plugin_traces", unit: "{trace}", help: "Traces that the policy was asked about." };
const VOTES: Desc = Desc { name: "tailrace_plugin_votes", unit: "{vote}", help: "Votes that the policy gave." };
pub(super) const FAILURES: Desc =
    Desc { name: "tailrace_plugin_failures", unit: "{call}", help: "Calls that gave no votes, or no answer." };
const DURATION: Desc =
    Desc { name: "tailrace_plugin_call_duration", unit: "s", help: "Time that a call to evaluate took." };
pub(super) const BREAKER: Desc = Desc {
    name: "tailrace_plugin_breaker_state",
    unit: "",
    help: "0: the policy or transform is asked, 1: it is not, 2: it is tried again.",
};
const MEMORY: Desc =
    Desc { name: "tailrace_plugin_memory", unit: "By", help: "Linear memory of the plugin's instances." };
const HIGH_WATER: Desc = Desc {
    name: "tailrace_plugin_memory_high_water",
    unit: "By",
    help: "The most linear memory that an instance of the plugin had after a call.",
};
const RECYCLED: Desc =
    Desc { name: "tailrace_plugin_recycled", unit: "{instance}", help: "Instances replaced by a new one." };
const COMPILE: Desc =
    Desc { name: "tailrace_plugin_compile_duration", unit: "s", help: "Time that it took to get the code." };
const CACHE_HITS: Desc =
    Desc { name: "tailrace_plugin_code_cache_hits", unit: "{load}", help: "Loads that found their code in the cache." };
pub(super) const CUSTOM: Desc = Desc { name: "tailrace_plugin_counter", unit: "", help: "Counters that plugins keep." };
const CANARY_TRACES: Desc = Desc {
    name: "tailrace_plugin_canary_traces",
    unit: "{trace}",
    help: "Traces that were judged by the canary, and by the version beside it.",
};
const CANARY_STATE: Desc = Desc {
    name: "tailrace_plugin_canary_state",
    unit: "",
    help: "1: the canary judges its share, 0: it failed too often.",
};
const SWAPS: Desc = Desc { name: "tailrace_plugin_swaps", unit: "{swap}", help: "Changes of a plugin's file." };
const TRIED: Desc = Desc {
    name: "tailrace_plugin_trial_traces",
    unit: "{trace}",
    help: "Recorded traces that a new version was asked about before it took over.",
};
const DISAGREED: Desc = Desc {
    name: "tailrace_plugin_trial_disagreements",
    unit: "{trace}",
    help: "Those on which it voted otherwise than the version before it.",
};

const TRIED_ON_REQUESTS: Desc = Desc {
    name: "tailrace_transform_trial_requests",
    unit: "{request}",
    help: "Recorded requests that a new version was shown before it took over.",
};
const REQUESTS_DISAGREED: Desc = Desc {
    name: "tailrace_transform_trial_disagreements",
    unit: "{request}",
    help: "Those of which it made something else than the version before it.",
};

pub(super) const DURATION_BOUNDS: &[f64] =
    &[1e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0];

/// Registers series that go with the last who holds them: those of a digest that is gone.
struct Series<'a> {
    metrics: &'a Metrics,
    labels: Vec<(&'static str, &'a str)>,
    leases: Vec<Lease>,
}

impl<'a> Series<'a> {
    fn of(plugin: &'a Plugin, cx: &'a Cx) -> Self {
        let labels = vec![("plugin", plugin.name.as_str()), ("digest", plugin.short_digest())];
        Self { metrics: &cx.metrics, labels, leases: Vec::new() }
    }

    fn and(mut self, name: &'static str, value: &'a str) -> Self {
        self.labels.push((name, value));
        self
    }

    fn with<T>(
        &mut self,
        desc: Desc,
        more: &[(&'static str, &'a str)],
        register: impl FnOnce(&Metrics, Desc, &[(&'static str, &str)]) -> T,
    ) -> T {
        let labels = [self.labels.as_slice(), more].concat();
        self.leases.push(self.metrics.lease(desc, &labels));
        register(self.metrics, desc, &labels)
    }

    fn counter(&mut self, desc: Desc, more: &[(&'static str, &'a str)]) -> Counter {
        self.with(desc, more, Metrics::counter)
    }

    fn gauge(&mut self, desc: Desc) -> Gauge {
        self.with(desc, &[], Metrics::gauge)
    }
}

/// Of one instance.
pub(super) struct GuestMetrics {
    pub(super) memory: Gauge,
    high_water: Gauge,
    recycled: [Counter; 2],
    pub(super) counters: Counters,
    _leases: Vec<Lease>,
}

impl GuestMetrics {
    /// `counters` are those of the plugin's policies, or of its transforms.
    pub(super) fn new(plugin: &Plugin, counters: &[String], cx: &Cx) -> Self {
        let mut series = Series::of(plugin, cx);
        let took = plugin.compile.took.as_secs_f64();
        series.with(COMPILE, &[], |metrics, desc, labels| metrics.observe_gauge(desc, labels, move || took));
        series.counter(CACHE_HITS, &[]).add(u64::from(plugin.compile.cached));
        Self {
            memory: series.gauge(MEMORY),
            high_water: series.gauge(HIGH_WATER),
            recycled: ["failure", "memory"].map(|why| series.counter(RECYCLED, &[("why", why)])),
            counters: Counters::single(counters.iter().map(|name| series.counter(CUSTOM, &[("counter", name)]))),
            _leases: series.leases,
        }
    }

    /// An instance has so much memory now.
    pub(super) fn used(&self, bytes: usize) {
        if bytes as i64 > self.high_water.get() {
            self.high_water.set(bytes as i64);
        }
    }

    /// An instance was thrown away after a failure.
    pub(super) fn replaced(&self) {
        self.recycled[0].add(1);
    }

    /// An instance was thrown away because it had grown.
    pub(super) fn outgrown(&self) {
        self.recycled[1].add(1);
    }
}

/// Of one policy.
pub(super) struct MemberMetrics {
    calls: Counter,
    traces: Counter,
    votes: [Counter; 3],
    failures: [Counter; Reason::ALL.len()],
    duration: Histogram,
    pub(super) breaker: Gauge,
    _leases: Vec<Lease>,
}

impl MemberMetrics {
    pub(super) fn new(plugin: &Plugin, policy: &str, cx: &Cx) -> Self {
        let mut series = Series::of(plugin, cx).and("policy", policy);
        Self {
            calls: series.counter(CALLS, &[]),
            traces: series.counter(TRACES, &[]),
            votes: ["no", "sample", "drop"].map(|verdict| series.counter(VOTES, &[("verdict", verdict)])),
            failures: Reason::ALL.map(|reason| series.counter(FAILURES, &[("reason", reason.as_str())])),
            duration: series
                .with(DURATION, &[], |metrics, desc, labels| metrics.histogram(desc, labels, DURATION_BOUNDS)),
            breaker: series.gauge(BREAKER),
            _leases: series.leases,
        }
    }

    pub(super) fn asked(&self, traces: usize, took: Duration) {
        self.calls.add(1);
        self.traces.add(traces as u64);
        self.duration.record(took.as_secs_f64());
    }

    pub(super) fn voted(&self, votes: &Votes) {
        let mut counts = [0; 3];
        for verdict in &votes.verdicts {
            counts[usize::from(*verdict)] += 1;
        }
        for (counter, count) in self.votes.iter().zip(counts) {
            counter.add(count);
        }
    }

    /// Failures so far.
    pub(super) fn failures(&self) -> u64 {
        self.failures.iter().map(Counter::get).sum()
    }

    pub(super) fn failed(&self, reason: Reason) {
        if let Some(place) = Reason::ALL.iter().position(|known| *known == reason) {
            self.failures[place].add(1);
        }
    }
}

/// Of a canary.
pub(super) struct CanaryMetrics {
    pub(super) is_on: Gauge,
    judged: [Counter; 2],
    _leases: Vec<Lease>,
}

impl CanaryMetrics {
    pub(super) fn new(plugin: &Plugin, policy: &str, cx: &Cx) -> Self {
        let mut series = Series::of(plugin, cx).and("policy", policy);
        Self {
            is_on: series.gauge(CANARY_STATE),
            judged: ["canary", "active"].map(|by| series.counter(CANARY_TRACES, &[("by", by)])),
            _leases: series.leases,
        }
    }

    pub(super) fn judged(&self, by_canary: usize, by_active: usize) {
        self.judged[0].add(by_canary as u64);
        self.judged[1].add(by_active as u64);
    }
}

/// Of the changes of files.
pub(super) struct SwapMetrics {
    cx: Cx,
}

impl SwapMetrics {
    pub(super) fn new(cx: &Cx) -> Self {
        let metrics = Self { cx: cx.clone() };
        metrics.counter("success", "").add(0);
        metrics
    }

    pub(super) fn succeeded(&self) {
        self.counter("success", "").add(1);
    }

    /// `reason` is one of a few words.
    pub(super) fn failed(&self, reason: &str) {
        self.counter("failure", reason).add(1);
    }

    /// A new version was tried on so many traces, and voted otherwise than the old one on so many.
    pub(super) fn tried(&self, policy: &str, traces: u64, disagreements: u64) {
        let id = self.cx.id.to_string();
        let labels = [("processor", id.as_str()), ("policy", policy)];
        self.cx.metrics.counter(TRIED, &labels).add(traces);
        self.cx.metrics.counter(DISAGREED, &labels).add(disagreements);
    }

    /// A new version of a transform was shown so many requests, and made something else of so many.
    pub(super) fn tried_on_requests(&self, requests: u64, disagreements: u64) {
        let id = self.cx.id.to_string();
        let labels = [("processor", id.as_str())];
        self.cx.metrics.counter(TRIED_ON_REQUESTS, &labels).add(requests);
        self.cx.metrics.counter(REQUESTS_DISAGREED, &labels).add(disagreements);
    }

    fn counter(&self, outcome: &str, reason: &str) -> Counter {
        let id = self.cx.id.to_string();
        self.cx.metrics.counter(SWAPS, &[("processor", id.as_str()), ("outcome", outcome), ("reason", reason)])
    }
}
