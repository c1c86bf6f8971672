//! What is counted of plugins and their policies.

use std::time::Duration;

use super::Plugin;
use super::call::Reason;
use super::policy::Votes;
use crate::pipeline::Cx;
use crate::telemetry::metrics::Desc;
use crate::telemetry::{Counter, Gauge, Histogram};

const CALLS: Desc =
    Desc { name: "tailrace_plugin_calls", unit: "{call}", help: "Calls to evaluate a batch of traces." };
const TRACES: Desc =
    Desc { name: "tailrace_plugin_traces", unit: "{trace}", help: "Traces that the policy was asked about." };
const VOTES: Desc = Desc { name: "tailrace_plugin_votes", unit: "{vote}", help: "Votes that the policy gave." };
const FAILURES: Desc = Desc { name: "tailrace_plugin_failures", unit: "{call}", help: "Calls that gave no votes." };
const DURATION: Desc =
    Desc { name: "tailrace_plugin_call_duration", unit: "s", help: "Time that a call to evaluate took." };
const BREAKER: Desc = Desc {
    name: "tailrace_plugin_breaker_state",
    unit: "",
    help: "0: the policy is asked, 1: it is not, 2: it is tried again.",
};
const MEMORY: Desc =
    Desc { name: "tailrace_plugin_memory", unit: "By", help: "Linear memory of the plugin's instances." };
const RECYCLED: Desc =
    Desc { name: "tailrace_plugin_recycled", unit: "{instance}", help: "Instances replaced by a new one." };
const COMPILE: Desc =
    Desc { name: "tailrace_plugin_compile_duration", unit: "s", help: "Time that it took to get the code." };
const CACHE_HITS: Desc =
    Desc { name: "tailrace_plugin_code_cache_hits", unit: "{load}", help: "Loads that found their code in the cache." };
const CUSTOM: Desc = Desc { name: "tailrace_plugin_counter", unit: "", help: "Counters that plugins keep." };
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

const DURATION_BOUNDS: &[f64] =
    &[1e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0];

/// Of one instance.
pub(super) struct GuestMetrics {
    pub(super) memory: Gauge,
    recycled: [Counter; 2],
    /// In the order of the plugin's description.
    pub(super) counters: Vec<Counter>,
}

impl GuestMetrics {
    pub(super) fn new(plugin: &Plugin, cx: &Cx) -> Self {
        let labels = [("plugin", plugin.name.as_str()), ("digest", plugin.short_digest())];
        let with = |name: &'static str, value: &str| {
            let mut all: Vec<(&'static str, String)> =
                labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            all.push((name, value.to_owned()));
            all
        };
        let counter = |desc, labels: Vec<(&'static str, String)>| {
            let borrowed: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            cx.metrics.counter(desc, &borrowed)
        };
        let took = plugin.compile.took.as_secs_f64();
        cx.metrics.observe_gauge(COMPILE, &labels, move || took);
        cx.metrics.counter(CACHE_HITS, &labels).add(u64::from(plugin.compile.cached));
        Self {
            memory: cx.metrics.gauge(MEMORY, &labels),
            recycled: [counter(RECYCLED, with("why", "failure")), counter(RECYCLED, with("why", "memory"))],
            counters: plugin.counters.iter().map(|name| counter(CUSTOM, with("counter", name))).collect(),
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
}

impl MemberMetrics {
    pub(super) fn new(plugin: &Plugin, policy: &str, cx: &Cx) -> Self {
        let labels = [("plugin", plugin.name.as_str()), ("digest", plugin.short_digest()), ("policy", policy)];
        let [name, digest, policy] = labels;
        let vote = |verdict| cx.metrics.counter(VOTES, &[name, digest, policy, ("verdict", verdict)]);
        let failure =
            |reason: Reason| cx.metrics.counter(FAILURES, &[name, digest, policy, ("reason", reason.as_str())]);
        Self {
            calls: cx.metrics.counter(CALLS, &labels),
            traces: cx.metrics.counter(TRACES, &labels),
            votes: ["no", "sample", "drop"].map(vote),
            failures: Reason::ALL.map(failure),
            duration: cx.metrics.histogram(DURATION, &labels, DURATION_BOUNDS),
            breaker: cx.metrics.gauge(BREAKER, &labels),
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

    fn counter(&self, outcome: &str, reason: &str) -> Counter {
        let id = self.cx.id.to_string();
        self.cx.metrics.counter(SWAPS, &[("processor", id.as_str()), ("outcome", outcome), ("reason", reason)])
    }
}
