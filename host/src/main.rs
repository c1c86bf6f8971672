//! The one binary.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The one crypto provider; it fails only if there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tailrace::cli::run()
}
