//! The harness of the end-to-end tests and of the benchmark: the real binary as a process ([`host`]), an OTLP server that
//! plays the backend ([`backend`]), a client for what an SDK would never send ([`client`]), and telemetry to send
//! ([`telemetry`]).
//!
//! The binary is `$TAILRACE_BIN`, or `target/release/tailrace`; nothing here builds it.

#![expect(clippy::missing_panics_doc, reason = "a harness fails by panicking")]

pub mod backend;
pub mod client;
pub mod dns;
pub mod gate;
pub mod host;
pub mod kubernetes;
pub mod metrics;
pub mod net;
pub mod pki;
pub mod prometheus;
pub mod proxy;
pub mod registry;
pub mod telemetry;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything is waited for before a test fails. Nothing takes near that long; machines may be slow.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks `look` until it gives something.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}
