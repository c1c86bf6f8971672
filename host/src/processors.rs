//! The processors, a file each.

pub mod attributes;
pub mod batch;
pub mod embedded;
pub mod filter;
pub mod memory_limiter;
mod pooled;
pub mod probabilistic_sampler;
pub mod redaction;
pub mod resource;
pub mod tail_sampling;
pub mod transform;
pub mod wasm;

use self::embedded::Transforming;
use crate::pipeline::kind::{ProcessorRow, Stability, processor};

/// All of them: a processor is one file and one row here.
pub static PROCESSORS: &[ProcessorRow] = &[
    processor::<Transforming<attributes::Attributes>>(
        Stability::Beta,
        "Changes attributes of spans, log records and data points.",
    ),
    processor::<batch::Batcher>(Stability::Beta, "Joins small requests into larger ones, and splits large ones."),
    processor::<Transforming<filter::Filter>>(
        Stability::Beta,
        "Drops telemetry that a condition of the OpenTelemetry Transformation Language is true of.",
    ),
    processor::<memory_limiter::MemoryLimiter>(
        Stability::Beta,
        "Refuses data while the process holds too much memory.",
    ),
    processor::<Transforming<probabilistic_sampler::ProbabilisticSampler>>(
        Stability::Beta,
        "Keeps a share of the spans or log records.",
    ),
    processor::<Transforming<redaction::Redaction>>(
        Stability::Beta,
        "Removes attributes that are not on a list, and masks values.",
    ),
    processor::<Transforming<resource::Resource>>(Stability::Beta, "Changes attributes of resources."),
    processor::<tail_sampling::TailSampling>(
        Stability::Beta,
        "Holds traces until they are likely whole, then keeps or drops each as policies decide.",
    ),
    processor::<Transforming<transform::Transform>>(
        Stability::Beta,
        "Runs statements of the OpenTelemetry Transformation Language on telemetry.",
    ),
    processor::<wasm::WasmProcessor>(
        Stability::Alpha,
        "Shows every request to a plugin, which leaves it, changes it or discards it.",
    ),
];
