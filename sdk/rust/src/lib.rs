//! Write a sampling policy for tailrace in Rust: implement [`Policy`] (or, to change what passes, [`Transform`]), name it in
//! [`export!`], build with
//! `cargo build --release --target wasm32-wasip2`. The `.wasm` file is the plugin.
//!
//! ```
//! use serde::Deserialize;
//! use tailrace_sdk::{Diagnostics, Needs, Policy, Trace, Verdict};
//!
//! /// Keeps traces with at least so many failed spans.
//! struct Failures {
//!     at_least: usize,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     at_least: usize,
//! }
//!
//! impl Policy for Failures {
//!     const KIND: &'static str = "failures";
//!     type Config = Config;
//!
//!     fn new(config: Config) -> Result<Self, Diagnostics> {
//!         Ok(Self { at_least: config.at_least })
//!     }
//!     fn needs(&self) -> Needs {
//!         Needs::nothing().status()
//!     }
//!     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
//!         (trace.spans().filter(|span| span.is_error()).count() >= self.at_least).into()
//!     }
//! }
//!
//! tailrace_sdk::export!(Failures);
//!
//! // Policies are plain Rust: test them natively.
//! use tailrace_sdk::testing::{self, TestSpan};
//! let traces = [vec![TestSpan::default()], vec![TestSpan::default().error(), TestSpan::default().error()]];
//! let verdicts = testing::evaluate::<Failures>(r#"{"at_least": 2}"#, &traces).unwrap();
//! assert_eq!(verdicts, [Verdict::No, Verdict::Sample]);
//! ```
//!
//! - Only columns that [`Policy::needs`] asks for are filled; figures of the whole trace ([`Trace::duration`],
//!   [`Trace::seen_error`], [`Trace::span_count`]) always are, and cost nothing per span.
//! - Policies that want the arrays implement [`Policy::evaluate_batch`] instead of `evaluate`.
//! - A policy has no clock, no randomness, no files and no network: [`Batch::now`] is the tick's time. That is why a
//!   recording evaluates to the same decisions.
//! - A panic costs the policy its vote; its text is in the host's log.
//!
//! # A schema that is derived
//! A configuration that derives [`JsonSchema`] brings its schema along: the host checks what stands in YAML against it before it asks the
//! policy, and `tailrace plugin inspect` shows it with the fields' comments.
//!
//! ```
//! use serde::Deserialize;
//! use tailrace_sdk::testing::{evaluate, schema};
//! use tailrace_sdk::{Diagnostics, JsonSchema, Policy, Trace, Verdict};
//!
//! struct Large {
//!     spans: u32,
//! }
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[schemars(crate = "tailrace_sdk::schemars")]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// Traces with at least so many spans are kept.
//!     #[schemars(range(min = 1))]
//!     spans: u32,
//! }
//!
//! impl Policy for Large {
//!     const KIND: &'static str = "large";
//!     type Config = Config;
//!
//!     fn new(config: Config) -> Result<Self, Diagnostics> {
//!         Ok(Self { spans: config.spans })
//!     }
//!     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
//!         (trace.span_count() >= self.spans).into()
//!     }
//! }
//!
//! let schema = schema::<Config>();
//! assert_eq!(schema["properties"]["spans"]["description"], "Traces with at least so many spans are kept.");
//! assert_eq!(schema["properties"]["spans"]["minimum"], 1);
//! // What does not fit the type is told with its place, without a line of code.
//! let problems = evaluate::<Large>(r#"{"spans": "many"}"#, &[]).unwrap_err();
//! assert_eq!(problems.iter().next(), Some(("/spans", r#"invalid type: string "many", expected u32"#)));
//! ```
//!
//! A derived schema is made by code that runs, and the manifest that the compiler writes is a constant: what `cargo build` leaves lacks the
//! schema, and whoever reads it has to ask the guest (`plugin inspect` does, and says so). `tailrace plugin build` asks once and appends the
//! whole manifest. A schema written by hand, in [`Policy::SCHEMA`], is there either way.

mod batch;
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]
#[doc(hidden)]
pub mod bindings;
mod component;
mod config;
mod host;
#[doc(hidden)]
pub mod manifest;
mod policy;
pub mod request;
mod schema;
pub mod testing;
mod transform;

pub use batch::{Attribute, Batch, Code, Memo, Scope, Span, Trace, Value};
pub use host::{Level, count, log};
pub use policy::{Diagnostics, Needs, Policy, Verdict, Votes};
pub use schemars::{self, JsonSchema};
pub use tailrace_otlp as otlp;
pub use transform::{Outcome, Transform};

/// What [`export!`] expands to names; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::component::{Component, Exports, Kind, TransformComponent, TransformKind};
    pub use crate::manifest;
    pub use crate::schema::{Derive, Fallback, Probe};
}
