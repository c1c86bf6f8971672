//! Points in time and spans of time.

mod civil;

pub(super) use civil::Civil;
