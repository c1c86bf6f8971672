//! The transforms that ship with the host and need no OTTL, a file each, in one component.
//!
//! Each kind's configuration is the block of the Go collector's processor of that name, and each does to data what that one does.

mod actions;
mod attributes;
mod inner;
mod probabilistic_sampler;
mod redaction;
mod resource;
#[cfg(test)]
mod testing;

pub use attributes::Attributes;
pub use probabilistic_sampler::ProbabilisticSampler;
pub use redaction::Redaction;
pub use resource::Resource;

tailrace_sdk::export!(transforms: [Attributes, ProbabilisticSampler, Redaction, Resource]);
