//! The receivers, a file each.

pub mod nop;
pub mod otlp;

use crate::pipeline::kind::{ReceiverRow, Stability, receiver};

/// All of them: a receiver is one file and one row here.
pub static RECEIVERS: &[ReceiverRow] = &[
    receiver::<nop::Nop>(Stability::Beta, "Receives nothing."),
    receiver::<otlp::Otlp>(Stability::Beta, "Receives traces, metrics and logs over OTLP, by gRPC and HTTP."),
];
