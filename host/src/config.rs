//! The collector's YAML: one spanned tree, every problem at once.

pub mod decode;
pub mod node;
pub mod problem;
pub mod types;
pub mod yaml;

pub use decode::{decode, parse};
pub use node::{Location, Node};
pub use problem::{Check, Path, Problems};
pub use types::{ComponentId, Duration, PipelineId, Secret};
