//! Exporters, a file each.

pub mod nop;
pub mod queue;

use crate::pipeline::kind::{ExporterRow, Stability, exporter};

/// All of them: an exporter is one file and one row here.
pub static EXPORTERS: &[ExporterRow] = &[exporter::<nop::Nop>(Stability::Beta, "Takes everything and sends nothing.")];
