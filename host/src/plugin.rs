//! `tailrace plugin`: what authors of plugins do beside writing code.

mod inspect;

use std::process::ExitCode;

use clap::Subcommand;

/// The commands below `tailrace plugin`.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Says what a plugin's file holds, without running it.
    Inspect(inspect::Inspect),
}

impl Plugin {
    /// Does it; the exit code is a failure where the answer is bad news.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Inspect(command) => command.run(),
        }
    }
}
