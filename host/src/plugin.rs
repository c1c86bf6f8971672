//! `tailrace plugin`: what authors of plugins do beside writing code.

mod bench;
mod budget;
mod build;
mod capture;
mod inspect;
mod locate;
mod new;
mod otlp;
mod reload;
mod replay;
mod sdk;
mod test;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};

/// The commands below `tailrace plugin`.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Starts a project: a sampling policy that builds and whose tests pass.
    New(new::New),
    /// Makes a component of a project.
    Build(build::Build),
    /// Says what a plugin's file holds, without running it unless it has to.
    Inspect(inspect::Inspect),
    /// Measures what a policy or a transform costs; fails over a budget.
    Bench(bench::Bench),
    /// Asks a plugin about traces and compares its verdicts with those that cases.yaml expects.
    Test(test::Test),
    /// Has a running host look at its plugins' files at once, and says what came of it.
    Reload(reload::Reload),
    /// Asks a policy again about recorded traces, and compares.
    Replay(Box<replay::Replay>),
}

impl Plugin {
    /// Does it; the exit code is a failure where the answer is bad news.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::New(command) => command.run(),
            Self::Build(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Test(command) => command.run(),
            Self::Reload(command) => command.run(),
            Self::Replay(command) => command.run(),
        }
    }
}

/// How a command says what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A policy's configuration on the command line: JSON, or a file of it behind an `@`.
fn config_argument(argument: &str) -> anyhow::Result<serde_json::Value> {
    match argument.strip_prefix('@') {
        None => serde_json::from_str(argument).context("the configuration is not JSON"),
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("can not read {path}"))?;
            serde_json::from_slice(&text).with_context(|| format!("{path} is not JSON"))
        }
    }
}
