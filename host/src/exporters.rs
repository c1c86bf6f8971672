//! Exporters, a file each.

pub mod debug;
pub mod load_balancing;
pub mod nop;
pub mod otlp_grpc;
pub mod otlp_http;
mod partial;
pub mod queue;

use crate::pipeline::kind::{ExporterRow, Stability, exporter};

/// All of them: an exporter is one file and one row here.
pub static EXPORTERS: &[ExporterRow] = &[
    exporter::<debug::Debug>(Stability::Beta, "Writes what arrives to the log."),
    exporter::<load_balancing::LoadBalancing>(
        Stability::Beta,
        "Spreads data over several backends; what has one key, such as a trace, goes to one of them.",
    ),
    exporter::<nop::Nop>(Stability::Beta, "Takes everything and sends nothing."),
    exporter::<otlp_grpc::OtlpGrpc>(Stability::Beta, "Sends traces, metrics and logs over OTLP/gRPC."),
    exporter::<otlp_http::OtlpHttp>(Stability::Beta, "Sends traces, metrics and logs over OTLP/HTTP."),
];
