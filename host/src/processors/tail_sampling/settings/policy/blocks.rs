//! The blocks of options that types of policies have.

use serde::{Deserialize, Serialize};

use super::Policy;

/// `latency`: longer than a bound, and not longer than another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct Latency {
    pub(super) threshold_ms: i64,
    pub(super) upper_threshold_ms: i64,
}

/// `numeric_attribute`: an integer within bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct NumericAttribute {
    pub(super) key: String,
    pub(super) min_value: i64,
    pub(super) max_value: i64,
    pub(super) invert_match: bool,
}

/// `probabilistic`: a share of the trace ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct Probabilistic {
    pub(super) hash_salt: String,
    pub(super) sampling_percentage: f64,
}

/// `status_code`: a span with one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct StatusCode {
    pub(super) status_codes: Vec<String>,
}

/// `string_attribute`: one of these values, or a match of one of these expressions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct StringAttribute {
    pub(super) key: String,
    pub(super) values: Vec<String>,
    pub(super) enabled_regex_matching: bool,
    pub(super) cache_max_size: i64,
    pub(super) invert_match: bool,
}

/// `span_count`: so many spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct SpanCount {
    pub(super) min_spans: i32,
    pub(super) max_spans: i32,
}

/// `trace_state`: a member with one of these values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct TraceState {
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// `boolean_attribute`: this value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct BooleanAttribute {
    pub(super) key: String,
    pub(super) value: bool,
    pub(super) invert_match: bool,
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

/// `rate_limiting`: up to so many spans a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct RateLimiting {
    pub(super) spans_per_second: i64,
    /// 0: twice as many.
    pub(super) burst_capacity: i64,
}

/// `bytes_limiting`: up to so many bytes a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct BytesLimiting {
    pub(super) bytes_per_second: i64,
    /// 0: twice as many.
    pub(super) burst_capacity: i64,
}

/// `ottl_condition`: what a condition of the OpenTelemetry Transformation Language is true of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct OttlCondition {
    /// `silent` by default, as in Go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_mode: Option<String>,
    pub(super) span: Vec<String>,
    pub(super) spanevent: Vec<String>,
}

/// `dynamic`: ours; so many traces a second, shared out over kinds of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct Dynamic {
    pub(super) keys: Vec<String>,
    pub(super) traces_per_second: f64,
    pub(super) window_seconds: u32,
    pub(super) max_keys: u32,
}

impl Default for Dynamic {
    fn default() -> Self {
        Self { keys: Vec::new(), traces_per_second: 0.0, window_seconds: 15, max_keys: 1_000 }
    }
}

/// `novelty`: ours; the first traces of each new combination of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct Novelty {
    pub(super) keys: Vec<String>,
    pub(super) traces: u16,
    pub(super) window_seconds: u32,
    pub(super) max_keys: u32,
}

impl Default for Novelty {
    fn default() -> Self {
        Self { keys: Vec::new(), traces: 1, window_seconds: 3600, max_keys: 10_000 }
    }
}
