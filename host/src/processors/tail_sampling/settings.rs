//! The processor's section of the YAML: the Go processor's options, and some of our own.

mod policy;

use serde::{Deserialize, Serialize};

pub use policy::Policy;
pub(super) use policy::{CanaryPolicy, Composite, CompositeMode, Frame, Kind, WasmPolicy};

use super::intake::MAX_SHARDS;
use crate::config::{Check, Duration};

/// A few segments for each of a few shards.
const MIN_BUFFER_BYTES: u64 = 16 << 20;
/// With five policies, 200 MB.
const MAX_EXPLAINED: u64 = 1_000_000;

/// See the module docs of `tail_sampling`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// From a trace's first span to its decision, in whole seconds, at least one; the decision follows on the next tick.
    pub decision_wait: Duration,
    /// The same from its root span on, where that is sooner. 0: off.
    pub decision_wait_after_root_received: Duration,
    /// Undecided traces to hold. Beyond, those due next are decided at once.
    pub num_traces: u64,
    /// Whether to make senders wait while there are `num_traces`, instead of deciding early.
    pub block_on_overflow: bool,
    /// Traces that are expected each second, to size tables for.
    pub expected_new_traces_per_sec: u64,
    /// Asked in order; see [`Policy`].
    pub policies: Vec<Policy>,
    /// How many decisions are remembered for late spans.
    pub decision_cache: DecisionCache,
    /// The former place of `decision_cache.sampled_cache_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled_cache_size: Option<u64>,
    /// The former place of `decision_cache.non_sampled_cache_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_sampled_cache_size: Option<u64>,
    /// Whether the policies after the first that wants a trace are left unasked about it.
    pub sample_on_first_match: bool,
    /// When policies are asked.
    pub sampling_strategy: Strategy,
    /// Whether undecided traces are dropped at shutdown instead of decided.
    pub drop_pending_traces_on_shutdown: bool,
    /// Bytes of spans beyond which a trace is dropped at once. 0: off.
    pub maximum_trace_size_bytes: u64,
    /// Ours: bytes of memory for buffered traces, beyond which senders are refused for now. 0: as much as `memory_limiter`
    /// lets it or, without one, three quarters of the memory that the cgroup, else the machine, has for the whole process.
    pub maximum_buffer_size_bytes: u64,
    /// Parts of the buffer, which several workers fill at once. Unset: one per core, and no decision depends on it. Set, it divides limits
    /// as in the Go processor: each of as many groups of traces has its part of the rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_shards: Option<u64>,
    /// An extension that keeps traces; there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_storage: Option<String>,
    /// Ours: whether kept spans get the scope attribute `tailsampling.policy`, the name of the policy that wanted the trace.
    pub record_policy: bool,
    /// Ours (in the Go processor, a feature gate): whether kept spans carry in their `tracestate` the threshold under which they were
    /// kept, and policies go by the randomness that is there.
    pub tracestate: bool,
    /// Ours: what `tailrace explain` can tell.
    pub explain: Explain,
}

/// How much is remembered for `tailrace explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Explain {
    /// The last so many decisions, and those that were made with the oldest of them, with all votes: about 70 B and 32 B a vote each.
    /// 0: none.
    pub traces: u64,
}

/// How many decisions are remembered, at least; late spans of a trace follow its decision as long as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionCache {
    /// Of traces that were kept. 0: none.
    pub sampled_cache_size: u64,
    /// Of traces that were dropped. 0: none.
    pub non_sampled_cache_size: u64,
}

/// When policies are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Once the wait is over.
    #[default]
    #[serde(rename = "trace-complete")]
    TraceComplete,
    /// Whenever spans arrive, until a policy wants the trace or drops it; not kept otherwise once the wait is over.
    #[serde(rename = "span-ingest")]
    SpanIngest,
}

impl Default for DecisionCache {
    fn default() -> Self {
        // 32 B and up to 18 B a decision, so about 20 MB when both are full; at 5,000 traces a second with 10 % kept that is more
        // than a minute of dropped and three of kept traces, most late spans come within seconds.
        Self { sampled_cache_size: 100_000, non_sampled_cache_size: 400_000 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            decision_wait: Duration::from_secs(30),
            decision_wait_after_root_received: Duration::default(),
            num_traces: 50_000,
            block_on_overflow: false,
            expected_new_traces_per_sec: 0,
            policies: Vec::new(),
            decision_cache: DecisionCache::default(),
            sampled_cache_size: None,
            non_sampled_cache_size: None,
            sample_on_first_match: false,
            sampling_strategy: Strategy::default(),
            drop_pending_traces_on_shutdown: false,
            maximum_trace_size_bytes: 0,
            maximum_buffer_size_bytes: 0,
            num_shards: None,
            tail_storage: None,
            record_policy: false,
            tracestate: false,
            explain: Explain::default(),
        }
    }
}

impl Settings {
    /// What these mean for policies.
    pub(super) fn frame(&self) -> Frame {
        let shards = self.num_shards.map_or(0, |shards| shards.min(MAX_SHARDS as u64) as u32);
        Frame { shards, tracestate: self.tracestate }
    }

    /// Whether decisions depend on which traces are decided together.
    pub(super) fn weighs_traces(&self) -> bool {
        self.policies.iter().any(|policy| policy.weighs_traces(self.tracestate))
    }

    /// Ticks from arrival to decision.
    pub(super) fn wait_s(&self) -> u16 {
        whole_seconds(self.decision_wait).max(1)
    }

    /// Ticks from the root's arrival to decision.
    pub(super) fn wait_after_root_s(&self) -> Option<u16> {
        let wait = self.decision_wait_after_root_received;
        (!wait.is_zero()).then(|| whole_seconds(wait))
    }

    /// Decisions to remember: kept, dropped.
    pub(super) fn remembered(&self) -> (u64, u64) {
        let DecisionCache { sampled_cache_size, non_sampled_cache_size } = self.decision_cache;
        (
            self.sampled_cache_size.unwrap_or(sampled_cache_size),
            self.non_sampled_cache_size.unwrap_or(non_sampled_cache_size),
        )
    }

    pub(super) fn shards(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        (self.num_shards.unwrap_or_else(cores) as usize).clamp(1, MAX_SHARDS)
    }
}

fn whole_seconds(duration: Duration) -> u16 {
    u16::try_from(duration.0.as_secs()).unwrap_or(u16::MAX)
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        for (key, wait) in [
            ("decision_wait", self.decision_wait),
            ("decision_wait_after_root_received", self.decision_wait_after_root_received),
        ] {
            if wait.0.as_secs() > u64::from(u16::MAX) {
                check.problem(key, format!("{key} must be at most {}s", u16::MAX));
            }
        }
        if self.num_traces == 0 {
            check.problem("num_traces", "num_traces must be at least 1: it is how many traces wait for their decision");
        }
        if self.num_shards.is_some_and(|shards| shards > MAX_SHARDS as u64) {
            check.problem("num_shards", format!("num_shards must be at most {MAX_SHARDS}"));
        }
        if (1..MIN_BUFFER_BYTES).contains(&self.maximum_buffer_size_bytes) {
            let message =
                format!("maximum_buffer_size_bytes must be at least {MIN_BUFFER_BYTES}, or 0 for no bound of its own");
            check.problem("maximum_buffer_size_bytes", message);
        }
        if self.explain.traces > MAX_EXPLAINED {
            check.problem("explain.traces", format!("explain.traces must be at most {MAX_EXPLAINED}"));
        }
        if self.tail_storage.is_some() {
            check.problem_with_help(
                "tail_storage",
                "tail_storage is not available: traces are buffered in memory",
                "remove it; maximum_buffer_size_bytes and memory_limiter bound the memory",
            );
        }
        let former =
            [("sampled_cache_size", self.sampled_cache_size), ("non_sampled_cache_size", self.non_sampled_cache_size)];
        for (key, _) in former.into_iter().filter(|(_, size)| size.is_some()) {
            check.warning(key, format!("{key} has moved: write decision_cache: {{{key}: …}}"));
        }
        if self.tracestate && self.sample_on_first_match {
            check.warning(
                "sample_on_first_match",
                "with sample_on_first_match, a policy that would have kept a trace under a lower threshold may not be asked, so the \
                 thresholds of tracestate may be too high",
            );
        }
        policy::check_all(&self.policies, self.sampling_strategy, check);
        if let Some(cx) = check.trial() {
            for fault in super::panel::try_out(self, cx) {
                check.fault(&fault);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_ticks() {
        for (wait, after_root, expected) in [
            (Duration::from_millis(200), Duration::default(), (1, None)),
            (Duration::from_millis(2900), Duration::from_millis(500), (2, Some(0))),
            (Duration::from_secs(30), Duration::from_secs(3), (30, Some(3))),
        ] {
            let settings =
                Settings { decision_wait: wait, decision_wait_after_root_received: after_root, ..Settings::default() };
            assert_eq!((settings.wait_s(), settings.wait_after_root_s()), expected);
        }
    }

    #[test]
    fn options_that_can_not_be_meant_are_named() {
        let problems = |options: &str| {
            let yaml = format!("{{{options}, policies: [{{name: a, type: always_sample}}]}}");
            crate::config::testing::settings::<Settings>(&yaml).1.to_string()
        };
        for (options, expected) in [
            ("sampling_strategy: whenever", "whenever"),
            ("num_shards: 257", "num_shards must be at most 256"),
            ("num_traces: 0", "num_traces must be at least 1"),
            ("tail_storage: pebble", "tail_storage is not available"),
            ("decision_wait: 30h", "decision_wait must be at most 65535s"),
            ("expected_new_traces_per_sec: -1", "expected_new_traces_per_sec"),
            ("maximum_buffer_size_bytes: 5", "maximum_buffer_size_bytes must be at least"),
            ("tracestate: true, sample_on_first_match: true", "the thresholds of tracestate may be too high"),
        ] {
            let found = problems(options);
            assert!(found.contains(expected), "{options}: {found}");
        }
        assert_eq!(
            problems(
                "num_shards: 0, expected_new_traces_per_sec: 10, tracestate: true, sampling_strategy: span-ingest"
            ),
            ""
        );
    }

    #[test]
    fn only_what_weighs_traces_is_decided_a_tick_at_a_time() {
        let weighs = |yaml: &str| serde_yaml::from_str::<Settings>(yaml).unwrap().weighs_traces();
        let limit = "{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 1}}";
        let composite = |mode: &str| {
            let block = format!("{{mode: {mode}, max_total_spans_per_second: 1, composite_sub_policy: [{limit}]}}");
            format!("policies: [{{name: c, type: composite, composite: {block}}}]")
        };
        assert!(!weighs(&format!("policies: [{limit}]")));
        assert!(weighs(&format!(
            "tracestate: true\npolicies: [{{name: b, type: and, and: {{and_sub_policy: [{limit}]}}}}]"
        )));
        assert!(!weighs("tracestate: true\npolicies: [{name: b, type: trace_flags}]"));
        assert!(!weighs(&composite("go")) && weighs(&composite("documented")));
    }

    #[test]
    fn an_explicit_zero_turns_a_memory_off() {
        let of = |yaml: &str| serde_yaml::from_str::<Settings>(yaml).unwrap().remembered();
        assert_eq!(of("{}"), (100_000, 400_000));
        assert_eq!(of("decision_cache: {sampled_cache_size: 0}"), (0, 400_000));
        assert_eq!(of("non_sampled_cache_size: 0"), (100_000, 0));
    }
}
