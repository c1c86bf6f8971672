//! One policy: a name, a type, and a block of options under a key equal to the type.

mod blocks;
mod check;
mod composite;
mod wasm;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use blocks::{
    And, BooleanAttribute, BytesLimiting, Drop, Dynamic, Latency, Not, Novelty, NumericAttribute, OttlCondition,
    Probabilistic, RateLimiting, SpanCount, StatusCode, StringAttribute, TraceState,
};

pub(super) use check::check_all;
pub(in super::super) use composite::{Composite, CompositeMode};
pub(in super::super) use wasm::{CanaryPolicy, Mode, WasmPolicy};

/// A policy, or a member of one that combines others. Of the blocks, the one named like the type is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Names it in metrics, logs and on kept spans.
    pub name: String,
    /// What it does; one of [`Kind`].
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) latency: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) numeric_attribute: Option<NumericAttribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) probabilistic: Option<Probabilistic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) status_code: Option<StatusCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) string_attribute: Option<StringAttribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) rate_limiting: Option<RateLimiting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) bytes_limiting: Option<BytesLimiting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) span_count: Option<SpanCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) trace_state: Option<TraceState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) boolean_attribute: Option<BooleanAttribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) dynamic: Option<Dynamic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) novelty: Option<Novelty>,
    /// Samples what all members sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub and: Option<And>,
    /// Samples what its member does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Not>>,
    /// Drops what all members sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    /// Samples so many spans a second of what its members sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) composite: Option<Composite>,
    /// A plugin from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) wasm: Option<WasmPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) ottl_condition: Option<OttlCondition>,
}

/// How a type of policy is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By the plugin that comes with the host, under the same name.
    Standard,
    /// By a user's plugin.
    Wasm,
    /// By combining the votes of others.
    And,
    /// See [`Kind::And`].
    Not,
    /// See [`Kind::And`].
    Drop,
    /// See [`Kind::And`].
    Composite,
}

const KINDS: [(&str, Kind); 20] = [
    ("always_sample", Kind::Standard),
    ("latency", Kind::Standard),
    ("numeric_attribute", Kind::Standard),
    ("probabilistic", Kind::Standard),
    ("status_code", Kind::Standard),
    ("string_attribute", Kind::Standard),
    ("span_count", Kind::Standard),
    ("trace_state", Kind::Standard),
    ("trace_flags", Kind::Standard),
    ("boolean_attribute", Kind::Standard),
    ("rate_limiting", Kind::Standard),
    ("bytes_limiting", Kind::Standard),
    ("ottl_condition", Kind::Standard),
    ("dynamic", Kind::Standard),
    ("novelty", Kind::Standard),
    ("and", Kind::And),
    ("not", Kind::Not),
    ("drop", Kind::Drop),
    ("composite", Kind::Composite),
    ("wasm", Kind::Wasm),
];

/// Types that spend tokens.
const LIMITERS: [&str; 2] = ["rate_limiting", "bytes_limiting"];

/// Types that go by a trace's randomness, where thresholds count.
const GO_BY_RANDOMNESS: [&str; 4] = ["probabilistic", "rate_limiting", "bytes_limiting", "dynamic"];

/// Types that have no options.
const BARE: [&str; 2] = ["always_sample", "trace_flags"];

impl Policy {
    /// How its type is evaluated; `None` if there is no such type.
    pub fn evaluated(&self) -> Option<Kind> {
        KINDS.iter().find(|(name, _)| *name == self.kind).map(|(_, kind)| *kind)
    }

    /// The policies that it combines.
    pub fn members(&self) -> &[Self] {
        match self.evaluated() {
            Some(Kind::And) => self.and.as_ref().map_or(&[], |block| &block.and_sub_policy),
            Some(Kind::Drop) => self.drop.as_ref().map_or(&[], |block| &block.drop_sub_policy),
            Some(Kind::Composite) => self.composite.as_ref().map_or(&[], |block| &block.composite_sub_policy),
            Some(Kind::Not) => self.not.as_ref().map_or(&[], |block| block.not_sub_policy.as_slice()),
            _ => &[],
        }
    }

    /// The options of a standard type, as its plugin takes them.
    pub(in super::super) fn config(&self, frame: Frame) -> Value {
        let block = serde_json::to_value(self).ok().and_then(|mut policy| policy.get_mut(&self.kind).map(Value::take));
        let mut config = block.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        if let Value::Object(options) = &mut config {
            if frame.tracestate && GO_BY_RANDOMNESS.contains(&self.kind.as_str()) {
                options.insert("tracestate".to_owned(), true.into());
            }
            if frame.shards > 1 && self.is_limiter() {
                options.insert("shards".to_owned(), frame.shards.into());
            }
        }
        config
    }

    /// The keys under which blocks stand.
    fn blocks(&self) -> Vec<String> {
        let Ok(Value::Object(policy)) = serde_json::to_value(self) else { return Vec::new() };
        policy.into_iter().map(|(key, _)| key).filter(|key| !["name", "type"].contains(&key.as_str())).collect()
    }

    /// Whether it shares a budget out among the traces of a tick.
    pub(in super::super) fn is_limiter(&self) -> bool {
        LIMITERS.contains(&self.kind.as_str())
    }

    /// Whether its decisions depend on which traces are decided together.
    pub(super) fn weighs_traces(&self, tracestate: bool) -> bool {
        let shares_out = self.composite.as_ref().is_some_and(|block| block.mode == CompositeMode::Documented);
        shares_out
            || (tracestate && self.is_limiter())
            || self.members().iter().any(|one| one.weighs_traces(tracestate))
    }

    /// Whether its votes do not count.
    pub(in super::super) fn is_shadow(&self) -> bool {
        self.evaluated() == Some(Kind::Wasm) && self.wasm.as_ref().is_some_and(|block| block.mode == Mode::Shadow)
    }

    /// Whether it can not be asked as spans come: it keeps state, or a later span can turn a vote to sample.
    fn needs_whole_traces(&self) -> bool {
        self.is_limiter()
            || matches!(self.kind.as_str(), "dynamic" | "novelty")
            || self.latency.as_ref().is_some_and(|block| block.upper_threshold_ms > 0)
            || self.span_count.as_ref().is_some_and(|block| block.max_spans > 0)
            || self.members().iter().any(Self::needs_whole_traces)
    }
}

/// What the processor's own options mean for policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Frame {
    /// Among how many shards limits are divided, as in the Go processor; 0 and 1: not at all.
    pub(in super::super) shards: u32,
    /// Whether thresholds count.
    pub(in super::super) tracestate: bool,
}

#[cfg(test)]
mod tests;
