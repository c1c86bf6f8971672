//! The connectors, a file each.

pub mod forward;

use crate::pipeline::kind::{ConnectorRow, Stability, connector};

/// All of them: a connector is one file and one row here.
pub static CONNECTORS: &[ConnectorRow] =
    &[connector::<forward::Forward>(Stability::Beta, "Joins pipelines of the same signal.")];
