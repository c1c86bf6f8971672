//! What receivers and exporters share: connections and their end, compression with hard bounds, TLS, headers, and the one
//! place where a refusal becomes a gRPC or HTTP status and back.

pub mod auth;
pub mod compression;
pub mod exposure;
pub mod extensions;
pub mod fetch;
pub mod headers;
pub mod listen;
pub mod status;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;

/// `tailrace/<version> (<os>/<arch>)`.
pub fn user_agent() -> String {
    format!("tailrace/{} ({}/{})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, go_arch())
}

/// The architecture by Go's name, which is what such strings are searched for.
fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
