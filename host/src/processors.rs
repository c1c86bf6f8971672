//! The processors, a file each.
