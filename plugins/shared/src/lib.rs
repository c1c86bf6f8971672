//! What several of the plugins that ship with the host have in common.

pub mod any_value;
pub mod matching;
pub use tailrace_ottl::re2;
