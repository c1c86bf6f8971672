//! Takes everything and sends nothing.
//!
//! ```yaml
//! exporters:
//!   nop:
//! ```

use crate::pipeline::{Batch, BuildError, Cx, Exporter, NoSettings, Refusal};

/// The exporter.
pub struct Nop;

impl Exporter for Nop {
    const TYPE: &'static str = "nop";
    type Settings = NoSettings;

    fn new(_settings: NoSettings, _cx: &Cx) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn send(&self, _batch: Batch) -> Result<(), Refusal> {
        Ok(())
    }
}
