//! The connectors, a file each.
