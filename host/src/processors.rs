//! The processors, a file each.

pub mod batch;
pub mod memory_limiter;
pub mod tail_sampling;
pub mod wasm;

use crate::pipeline::kind::{ProcessorRow, Stability, processor};

/// All of them: a processor is one file and one row here.
pub static PROCESSORS: &[ProcessorRow] = &[
    processor::<batch::Batcher>(Stability::Beta, "Joins small requests into larger ones, and splits large ones."),
    processor::<memory_limiter::MemoryLimiter>(
        Stability::Beta,
        "Refuses data while the process holds too much memory.",
    ),
    processor::<tail_sampling::TailSampling>(
        Stability::Beta,
        "Holds traces until they are likely whole, then keeps or drops each as policies decide.",
    ),
    processor::<wasm::WasmProcessor>(
        Stability::Alpha,
        "Shows every request to a plugin, which leaves it, changes it or discards it.",
    ),
];
