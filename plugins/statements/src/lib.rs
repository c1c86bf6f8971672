//! What ships with the host and runs statements and conditions of the OpenTelemetry Transformation Language, a file each, in one
//! component: the transforms `filter` and `transform`, and the policy `ottl_condition`.
//!
//! Each kind's configuration is the block that the Go collector has for it, and each does to data what that one does.

mod env;
mod errors;
mod filter;
mod ottl_condition;
#[cfg(test)]
mod testing;
mod texts;
mod transform;

pub use filter::Filter;
pub use ottl_condition::OttlCondition;
pub use transform::Statements;

tailrace_sdk::export!(policies: [OttlCondition], transforms: [Filter, Statements]);
