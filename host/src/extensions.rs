//! The extensions, a file each.
