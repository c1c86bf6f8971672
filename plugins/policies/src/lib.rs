//! The sampling policies that ship with the host, a file each, in one component: they share one copy of a tick's columns.
//!
//! Each kind's configuration is its block of the collector's `tail_sampling` YAML, and each votes as the Go collector's policy of
//! that name does. `dynamic` and `novelty` are ours.

mod always_sample;
mod boolean_attribute;
mod bucket;
mod bytes_limiting;
mod dynamic;
pub mod keys;
mod latency;
mod limiter;
mod novelty;
mod numeric_attribute;
mod probabilistic;
mod randomness;
mod rate_limiting;
mod span_count;
mod span_or_resource;
mod status_code;
mod string_attribute;
mod trace_flags;
mod trace_state;

pub use always_sample::AlwaysSample;
pub use boolean_attribute::BooleanAttribute;
pub use bytes_limiting::BytesLimiting;
pub use dynamic::Dynamic;
pub use latency::Latency;
pub use novelty::Novelty;
pub use numeric_attribute::NumericAttribute;
pub use probabilistic::Probabilistic;
pub use rate_limiting::RateLimiting;
pub use span_count::SpanCount;
pub use status_code::StatusCode;
pub use string_attribute::StringAttribute;
pub use trace_flags::TraceFlags;
pub use trace_state::TraceState;

tailrace_sdk::export!(
    AlwaysSample,
    BooleanAttribute,
    BytesLimiting,
    Dynamic,
    Latency,
    Novelty,
    NumericAttribute,
    Probabilistic,
    RateLimiting,
    SpanCount,
    StatusCode,
    StringAttribute,
    TraceFlags,
    TraceState,
);
