//! The receivers, a file each.

pub mod nop;

use crate::pipeline::kind::{ReceiverRow, Stability, receiver};

/// All of them: a receiver is one file and one row here.
pub static RECEIVERS: &[ReceiverRow] = &[receiver::<nop::Nop>(Stability::Beta, "Receives nothing.")];
