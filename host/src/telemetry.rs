//! The host's own telemetry: metrics under the Go collector's names, logs.

pub mod metrics;

pub use metrics::{Counter, Gauge, Histogram, Metrics};
