//! The extensions, a file each.

use crate::pipeline::kind::ExtensionRow;

/// All of them: an extension is one file and one row here.
pub static EXTENSIONS: &[ExtensionRow] = &[];
