//! The OpenTelemetry Transformation Language (OTTL) over OTLP wire bytes. No I/O, no async: the same crate runs in the host and in
//! plugins.

pub mod functions;
pub mod re2;
mod value;

pub use value::{Map, Time, Value};
