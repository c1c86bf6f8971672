//! Exporters, a file each.

pub mod queue;
