//! `tailrace plugin`: what authors of plugins do beside writing code.

mod build;
mod inspect;
mod new;
mod sdk;

use std::process::ExitCode;

use clap::Subcommand;

/// The commands below `tailrace plugin`.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Starts a project: a sampling policy that builds and whose tests pass.
    New(new::New),
    /// Makes a component of a project.
    Build(build::Build),
    /// Says what a plugin's file holds, without running it.
    Inspect(inspect::Inspect),
}

impl Plugin {
    /// Does it; the exit code is a failure where the answer is bad news.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::New(command) => command.run(),
            Self::Build(command) => command.run(),
            Self::Inspect(command) => command.run(),
        }
    }
}
