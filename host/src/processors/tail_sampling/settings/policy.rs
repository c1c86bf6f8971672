//! One policy: a name, a type, and a block of options under a key equal to the type.

mod wasm;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Strategy;
use crate::config::Check;

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
    pub(in super::super) span_count: Option<SpanCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) trace_state: Option<TraceState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) boolean_attribute: Option<BooleanAttribute>,
    /// Samples what all members sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub and: Option<And>,
    /// Samples what its member does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Not>>,
    /// Drops what all members sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    /// A plugin from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) wasm: Option<WasmPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    composite: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ottl_condition: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limiting: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_limiting: Option<Value>,
}

/// `latency`: longer than a bound, and not longer than another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Latency {
    threshold_ms: i64,
    upper_threshold_ms: i64,
}

/// `numeric_attribute`: an integer within bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct NumericAttribute {
    key: String,
    min_value: i64,
    max_value: i64,
    invert_match: bool,
}

/// `probabilistic`: a share of the trace ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Probabilistic {
    hash_salt: String,
    sampling_percentage: f64,
}

/// `status_code`: a span with one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct StatusCode {
    status_codes: Vec<String>,
}

/// `string_attribute`: one of these values, or a match of one of these expressions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct StringAttribute {
    key: String,
    values: Vec<String>,
    enabled_regex_matching: bool,
    cache_max_size: i64,
    invert_match: bool,
}

/// `span_count`: so many spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct SpanCount {
    min_spans: i32,
    max_spans: i32,
}

/// `trace_state`: a member with one of these values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct TraceState {
    key: String,
    values: Vec<String>,
}

/// `boolean_attribute`: this value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct BooleanAttribute {
    key: String,
    value: bool,
    invert_match: bool,
}

/// `and`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct And {
    /// Asked in order; a trace that one does not sample is not shown to the next.
    pub and_sub_policy: Vec<Policy>,
}

/// `not`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Not {
    /// The policy whose answer is turned round.
    pub not_sub_policy: Option<Policy>,
}

/// `drop`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drop {
    /// As in `and`.
    pub drop_sub_policy: Vec<Policy>,
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
    /// Not yet.
    Later,
}

const KINDS: [(&str, Kind); 18] = [
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
    ("and", Kind::And),
    ("not", Kind::Not),
    ("drop", Kind::Drop),
    ("wasm", Kind::Wasm),
    ("composite", Kind::Later),
    ("ottl_condition", Kind::Later),
    ("rate_limiting", Kind::Later),
    ("bytes_limiting", Kind::Later),
];

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
            Some(Kind::Not) => self.not.as_ref().map_or(&[], |block| block.not_sub_policy.as_slice()),
            _ => &[],
        }
    }

    /// The options of a standard type, as its plugin takes them.
    pub(in super::super) fn config(&self) -> Value {
        fn json(block: Option<&impl Serialize>) -> Value {
            block
                .and_then(|block| serde_json::to_value(block).ok())
                .unwrap_or_else(|| Value::Object(serde_json::Map::new()))
        }
        match self.kind.as_str() {
            "latency" => json(self.latency.as_ref()),
            "numeric_attribute" => json(self.numeric_attribute.as_ref()),
            "probabilistic" => json(self.probabilistic.as_ref()),
            "status_code" => json(self.status_code.as_ref()),
            "string_attribute" => json(self.string_attribute.as_ref()),
            "span_count" => json(self.span_count.as_ref()),
            "trace_state" => json(self.trace_state.as_ref()),
            "boolean_attribute" => json(self.boolean_attribute.as_ref()),
            _ => json(None::<&()>),
        }
    }

    /// The keys under which blocks stand.
    fn blocks(&self) -> impl Iterator<Item = &'static str> {
        [
            ("latency", self.latency.is_some()),
            ("numeric_attribute", self.numeric_attribute.is_some()),
            ("probabilistic", self.probabilistic.is_some()),
            ("status_code", self.status_code.is_some()),
            ("string_attribute", self.string_attribute.is_some()),
            ("span_count", self.span_count.is_some()),
            ("trace_state", self.trace_state.is_some()),
            ("boolean_attribute", self.boolean_attribute.is_some()),
            ("and", self.and.is_some()),
            ("not", self.not.is_some()),
            ("drop", self.drop.is_some()),
            ("wasm", self.wasm.is_some()),
            ("composite", self.composite.is_some()),
            ("ottl_condition", self.ottl_condition.is_some()),
            ("rate_limiting", self.rate_limiting.is_some()),
            ("bytes_limiting", self.bytes_limiting.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_there)| is_there.then_some(key))
    }

    /// Whether its votes do not count.
    pub(in super::super) fn is_shadow(&self) -> bool {
        self.evaluated() == Some(Kind::Wasm) && self.wasm.as_ref().is_some_and(|block| block.mode == Mode::Shadow)
    }

    /// Whether a later span can turn a vote to sample, so that it can not be asked as spans come.
    fn waits_for_the_whole_trace(&self) -> bool {
        self.latency.as_ref().is_some_and(|block| block.upper_threshold_ms > 0)
            || self.span_count.as_ref().is_some_and(|block| block.max_spans > 0)
            || self.members().iter().any(Self::waits_for_the_whole_trace)
    }
}

/// Checks the list of policies.
pub(super) fn check_all(policies: &[Policy], strategy: Strategy, check: &mut Check<'_>) {
    if policies.is_empty() {
        check.problem("policies", "no policies: without one, no trace would be kept");
    }
    let mut names = HashSet::new();
    for (place, policy) in policies.iter().enumerate() {
        let path = format!("policies.{place}");
        if policy.name.is_empty() {
            check.problem(&path, "policy name cannot be empty");
        } else if !names.insert(policy.name.as_str()) {
            check.problem(&format!("{path}.name"), format!("duplicate policy name {:?}", policy.name));
        }
        if strategy == Strategy::SpanIngest && policy.waits_for_the_whole_trace() {
            let message =
                format!("policy {:?} needs the whole trace, which span-ingest does not wait for", policy.name);
            check.problem(&path, message);
        }
        check_one(policy, None, &path, check);
    }
    wasm::check_references(policies, strategy, check);
}

fn check_one(policy: &Policy, parent: Option<Kind>, path: &str, check: &mut Check<'_>) {
    let Policy { name, kind, .. } = policy;
    let evaluated = check_kind(policy, parent, path, check);
    let known = evaluated.is_some();
    for block in policy.blocks().filter(|block| known && *block != kind) {
        check.problem_with_help(
            &format!("{path}.{block}"),
            format!("policy {name:?} is of type {kind:?} and has options for {block:?}"),
            if BARE.contains(&kind.as_str()) {
                format!("remove them: {kind} has no options")
            } else {
                format!("put the options under {kind}:, or make the type {block}")
            },
        );
    }
    let wants_block = known && evaluated != Some(Kind::Later) && !BARE.contains(&kind.as_str());
    if wants_block && !policy.blocks().any(|block| block == kind) {
        check.problem(path, format!("policy {name:?} is of type {kind:?} and has no {kind}: block"));
        return;
    }
    check_values(policy, path, check);
    for (member, path) in policy.members().iter().zip(member_paths(policy, path)) {
        check_one(member, evaluated, &path, check);
    }
}

/// Checks the type and whether it may stand here.
fn check_kind(policy: &Policy, parent: Option<Kind>, path: &str, check: &mut Check<'_>) -> Option<Kind> {
    let Policy { name, kind, .. } = policy;
    let at = format!("{path}.type");
    if kind.is_empty() {
        check.problem(path, format!("policy {name:?} has no type"));
        return None;
    }
    let Some(evaluated) = policy.evaluated() else {
        let known = || KINDS.iter().filter(|(_, kind)| *kind != Kind::Later).map(|(name, _)| *name);
        let help = match crate::config::problem::closest(kind, known()) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!(
                "the types are {}; a policy of your own is of type wasm",
                known().collect::<Vec<_>>().join(", ")
            ),
        };
        check.problem_with_help(&at, format!("unknown sampling policy type {kind}"), help);
        return None;
    };
    if evaluated == Kind::Later {
        check.problem(&at, format!("policy {name:?}: the type {kind} is not available yet"));
    }
    let nested = matches!(evaluated, Kind::And | Kind::Drop | Kind::Not);
    let allowed = match parent {
        None => true,
        Some(Kind::Not) => !nested,
        Some(_) => !nested || evaluated == Kind::Not,
    };
    if !allowed {
        check.problem(&at, format!("policy {name:?}: a policy of type {kind} can not be a member of another here"));
    }
    Some(evaluated)
}

/// Values that mean nothing, or what nobody wants.
fn check_values(policy: &Policy, path: &str, check: &mut Check<'_>) {
    let Policy { name, .. } = policy;
    match policy.evaluated() {
        Some(Kind::And) if policy.members().is_empty() => {
            let message = format!("policy {name:?}: and without members would sample every trace");
            check.problem(&format!("{path}.and"), message);
        }
        Some(Kind::Drop) if policy.members().is_empty() => {
            let message = format!("policy {name:?}: drop without members would drop every trace");
            check.problem(&format!("{path}.drop"), message);
        }
        Some(Kind::Not) if policy.members().is_empty() => {
            check.problem(&format!("{path}.not"), format!("policy {name:?}: not without not_sub_policy"));
        }
        Some(Kind::Wasm) => {
            if let Some(block) = &policy.wasm {
                block.check(name, &format!("{path}.wasm"), check);
            }
        }
        _ => {}
    }
    let no_key = [
        ("numeric_attribute", policy.numeric_attribute.as_ref().is_some_and(|block| block.key.is_empty())),
        ("string_attribute", policy.string_attribute.as_ref().is_some_and(|block| block.key.is_empty())),
        ("boolean_attribute", policy.boolean_attribute.as_ref().is_some_and(|block| block.key.is_empty())),
        ("trace_state", policy.trace_state.as_ref().is_some_and(|block| block.key.is_empty())),
    ];
    for (block, _) in no_key.into_iter().filter(|(_, is_empty)| *is_empty) {
        check.problem(&format!("{path}.{block}"), format!("policy {name:?}: {block} without a key"));
    }
    if policy.numeric_attribute.as_ref().is_some_and(|block| block.min_value == 0 && block.max_value == 0) {
        let message = format!("policy {name:?}: at least one of min_value and max_value must be set and not 0");
        check.problem(&format!("{path}.numeric_attribute"), message);
    }
    if let Some(StatusCode { status_codes }) = &policy.status_code {
        check_status_codes(name, status_codes, &format!("{path}.status_code"), check);
    }
}

fn check_status_codes(name: &str, codes: &[String], path: &str, check: &mut Check<'_>) {
    if codes.is_empty() {
        check.problem(path, format!("policy {name:?}: expected at least one status code to filter on"));
    }
    for (place, code) in codes.iter().enumerate() {
        if !["OK", "ERROR", "UNSET"].contains(&code.as_str()) {
            let message = format!("policy {name:?}: unknown status code {code:?}, supported: OK, ERROR, UNSET");
            check.problem(&format!("{path}.status_codes.{place}"), message);
        }
    }
}

fn member_paths(policy: &Policy, path: &str) -> impl Iterator<Item = String> {
    let (block, list) = match policy.evaluated() {
        Some(Kind::And) => ("and.and_sub_policy", true),
        Some(Kind::Drop) => ("drop.drop_sub_policy", true),
        _ => ("not.not_sub_policy", false),
    };
    let path = path.to_owned();
    (0..).map(move |place| if list { format!("{path}.{block}.{place}") } else { format!("{path}.{block}") })
}

#[cfg(test)]
mod tests;
