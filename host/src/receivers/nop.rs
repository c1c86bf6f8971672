//! Receives nothing: for pipelines that must have a receiver, as in a test of the configuration.
//!
//! ```yaml
//! receivers:
//!   nop:
//! ```

use crate::pipeline::{BuildError, Cx, NoSettings, Outputs, Receiver, Stop, idle};

/// The receiver.
pub struct Nop;

impl Receiver for Nop {
    const TYPE: &'static str = "nop";
    type Settings = NoSettings;

    fn new(_settings: NoSettings, _cx: &Cx) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn run(&self, _outputs: Outputs, stop: Stop) {
        idle(stop).await;
    }
}
