//! OTLP on wire bytes: check, count, walk, split, join, edit and JSON, without decoding a request into structs. No I/O, no async.
//!
//! An `ExportTraceServiceRequest`, an `ExportMetricsServiceRequest` and an `ExportLogsServiceRequest` have one shape: field 1
//! repeats the resources, field 2 of each repeats the scopes, field 2 of each of those repeats the items. What is written
//! here once therefore serves all three. Joining requests is [`Rope::append`].

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod check;
pub mod deal;
pub mod edit;
#[cfg(feature = "json")]
pub mod json;
mod literal;
pub mod response;
mod rope;
#[cfg_attr(not(feature = "json"), expect(dead_code, reason = "what only JSON needs to know of a field"))]
mod schema;
mod signal;
mod split;
pub mod tracestate;
pub mod view;
pub mod walk;
pub mod wire;

pub use check::{Counts, Malformed, check, count, count_items};
pub use rope::Rope;
pub use signal::Signal;
pub use split::{Cutter, split, split_front};
