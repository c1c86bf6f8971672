//! The extensions, a file each.

pub mod health_check;

use crate::pipeline::kind::{ExtensionRow, Stability, extension};

/// All of them: an extension is one file and one row here.
pub static EXTENSIONS: &[ExtensionRow] =
    &[extension::<health_check::HealthCheck>(Stability::Beta, "Tells over HTTP whether the host is ready.")];
