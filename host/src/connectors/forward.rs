//! Joins pipelines of one signal: what ends in it begins again in every pipeline that has it as receiver.
//!
//! ```yaml
//! connectors:
//!   forward:
//! service:
//!   pipelines:
//!     traces/in: {receivers: [otlp], exporters: [forward]}
//!     traces/out: {receivers: [forward], exporters: [debug]}
//! ```

use crate::pipeline::{Batch, BuildError, Connector, Cx, NoSettings, Outputs, Refusal, Signal};

/// The connector.
pub struct Forward;

impl Connector for Forward {
    const TYPE: &'static str = "forward";
    const PAIRS: &'static [(Signal, Signal)] =
        &[(Signal::Traces, Signal::Traces), (Signal::Metrics, Signal::Metrics), (Signal::Logs, Signal::Logs)];
    type Settings = NoSettings;

    fn new(_settings: NoSettings, _cx: &Cx) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn connect(&self, batch: Batch, outputs: &Outputs) -> Result<(), Refusal> {
        outputs.of(batch.signal).consume(batch).await
    }
}
