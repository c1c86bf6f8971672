//! `tailrace plugin inspect`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::wasm::Inspected;

/// `tailrace plugin inspect FILE`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The component.
    file: PathBuf,
}

impl Inspect {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let Inspected { name, version, digest, bytes, imports, exports } = Inspected::read(&self.file)?;
        let unknown = || "unknown".to_owned();
        println!("name     {}", name.unwrap_or_else(unknown));
        println!("version  {}", version.unwrap_or_else(unknown));
        println!("digest   sha256:{digest}");
        println!("size     {bytes} bytes");
        println!("exports  {}", exports.join(", "));
        println!("imports  {}", imports.join(", "));
        Ok(ExitCode::SUCCESS)
    }
}
