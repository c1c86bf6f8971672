//! The receivers, a file each.
