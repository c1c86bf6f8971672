//! The OpenTelemetry Transformation Language (OTTL) over OTLP wire bytes. No I/O, no async: the same crate runs in the host and
//! in plugins.
//!
//! A text is read ([`Condition::parse`], [`Statement::parse`], [`Group::infer`]), checked, and compiled once; every [`Problem`]
//! in it is told with its place, and with what may have been meant. What runs for each item decodes nothing but what it is asked
//! about: a condition on an attribute compares bytes, a statement that sets one moves bytes.
//!
//! ```
//! use tailrace_otlp::edit::{Keep, pass};
//! use tailrace_otlp::{Signal, view, wire};
//! use tailrace_ottl::{Condition, Context, Env, Item, Memory, Statement};
//! # let nest = |number, inner: &[u8]| { let mut out = Vec::new(); wire::put_bytes(&mut out, number, inner); out };
//! # let request = nest(1, &nest(2, &nest(2, &nest(5, b"GET /users/42"))));
//!
//! let condition = Condition::parse(r#"IsMatch(name, "^GET ") and attributes["http.route"] == nil"#, Context::Span).expect("valid");
//! let statement = Statement::parse(r#"set(attributes["http.route"], "/users/{id}")"#, Context::Span).expect("valid");
//!
//! // A request with a span GET /users/42.
//! let (env, mut memory) = (Env::default(), Memory::default());
//! let changed = pass(Signal::Traces, Context::Span.level(), &request, |place| {
//!     memory.forget();
//!     let mut item = Item::new(Context::Span, place, &mut memory);
//!     if condition.holds(&item, &env).expect("no error") {
//!         statement.run(&mut item, &env).expect("no error");
//!     }
//!     Keep::Yes
//! });
//! assert!(changed.expect("it changed").windows(11).any(|bytes| bytes == b"/users/{id}"));
//!
//! let problems = Condition::parse(r#"IsMtch(name, "^GET ")"#, Context::Span).expect_err("no such function");
//! assert_eq!(problems[0].to_string(), "undefined function \"IsMtch\"");
//! assert_eq!((problems[0].span.clone(), problems[0].hint.as_deref()), (0..6, Some("did you mean IsMatch?")));
//! ```
//!
//! # What differs from the collector
//! Where it keeps silent, panics or has no bound, this does not:
//! - A text has at most 64 KiB, is nested at most 48 deep, makes values nested at most 64 deep and lists padded by at most 1,024
//!   elements; of one metric at most 1,000 are made by a group that transforms its own additions too.
//! - A field that no statement can set (`metric.type`, `spanevent.event_index`, `otelcol.*`) is a problem of the text, a value of
//!   the wrong type a failure of the statement, in all contexts. `events`, `links`, `data_points` and `exemplars` can be emptied,
//!   and measured with `Len`.
//! - `limit` keeps the first entries that it need not keep, not any. The `replace_…` editors replace each match where it stands,
//!   also with a function. `aggregate_on_…` keep points apart whose buckets differ in number, and add zero counts up.
//!   `convert_summary_…_val_to_sum` on a data point makes a sum of that one.
//! - Calls on literals are made once, if neither the time nor chance has a part in them.
//! - Lambdas, the contexts of profiles and that of span links are not there: each is a problem that says so.

mod check;
mod codec;
mod compare;
mod condition;
mod context;
mod editors;
mod expr;
mod failure;
mod fields;
pub mod functions;
mod group;
mod item;
mod lexer;
mod math;
mod parser;
mod path;
mod problem;
pub mod re2;
mod source;
mod statement;
mod syntax;
#[cfg(test)]
mod testing;
mod value;

pub use condition::Condition;
pub use context::Context;
pub use failure::{Failure, What};
pub use group::{Group, Part, PartProblem, Then};
pub use item::{Item, Memory};
pub use path::{Field, Key, Path};
pub use problem::Problem;
pub use source::{Client, Env, Glance, Source};
pub use statement::Statement;
pub use value::{Map, Time, Value};
