//! What receivers and exporters share: settings of servers and clients, compression with hard bounds, TLS, and the one
//! place where a refusal becomes a gRPC or HTTP status and back.

pub mod compression;
pub mod settings;
pub mod status;
pub mod tls;
