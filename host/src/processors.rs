//! The processors, a file each.

use crate::pipeline::kind::ProcessorRow;

/// All of them: a processor is one file and one row here.
pub static PROCESSORS: &[ProcessorRow] = &[];
