//! The command line, as the collector's users know it.
//!
//! ```text
//! tailrace                                     the embedded default configuration
//! tailrace --config gateway.yaml --set exporters.otlp.endpoint=backend:4317
//! tailrace validate --config gateway.yaml      every problem at once, exit code 1 on any
//! ```

mod args;
mod components;
mod print;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use self::args::{Args, Command, Inputs, Process, ReportFormat};
use crate::config::{self, Loaded, Problems, Source};
use crate::console;
use crate::pipeline::Cx;
use crate::pipeline::run::{self, Explain, Load, Options};

/// What runs when no `--config` is given.
const DEFAULT: &str = include_str!("cli/default.yaml");

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match dispatch(args) {
        Ok(code) => code,
        Err(error) => {
            console::err(format_args!("Error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: Args) -> anyhow::Result<ExitCode> {
    let before = args.inputs;
    match args.command {
        None => Ok(start(&before, &args.process)),
        Some(Command::Validate { inputs, format }) => validate(&before.and(inputs), format),
        Some(Command::PrintConfig { inputs, mode, format }) => {
            let Some(loaded) = load_or_explain(&before.and(inputs).sources()?) else { return Ok(ExitCode::FAILURE) };
            write_out(&print::config(&loaded.config, mode, format)?)
        }
        Some(Command::Components) => write_out(&components::list()?),
        Some(Command::Featuregate { id: None }) => write_out("ID  Enabled  Stage  Description\n"),
        Some(Command::Featuregate { id: Some(id) }) => anyhow::bail!("feature {id:?} not found"),
        Some(Command::Generate(generate)) => generate.run(),
        Some(Command::Capture(capture)) => capture.run(),
        Some(Command::Explain(explain)) => explain.run(),
        Some(Command::Plugin(plugin)) => plugin.run(),
        Some(Command::Completion { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "tailrace", &mut script);
            write_out(&String::from_utf8(script)?)
        }
    }
}

/// Runs until a signal ends it.
fn start(inputs: &Inputs, process: &Process) -> ExitCode {
    let next_command = inputs.config.is_empty().then(|| "tailrace generate traces".to_owned());
    let sources = inputs.sources_or_default();
    let tried = sources.clone();
    let load: Load = Box::new(move || config::load(&sources).map_err(|problems| as_one_error(&problems)));
    let explain: Explain =
        Box::new(move || config::load_and_try(&tried, &Cx::offline()).err().map(|problems| as_one_error(&problems)));
    run::run(&load, &explain, &Options { workers: process.workers, watch: process.watch_config, next_command })
}

/// The errors, without the `Error: ` that the caller puts in front of any.
fn as_one_error(problems: &Problems) -> String {
    let text = problems.only_errors().render(false);
    text.strip_prefix("Error: ").unwrap_or(&text).to_owned()
}

fn validate(inputs: &Inputs, format: ReportFormat) -> anyhow::Result<ExitCode> {
    let (problems, code) = match config::load_and_try(&inputs.sources()?, &Cx::offline()) {
        Ok(Loaded { warnings, .. }) => (warnings, ExitCode::SUCCESS),
        Err(problems) => (problems, ExitCode::FAILURE),
    };
    match format {
        ReportFormat::Text => explain(&problems),
        ReportFormat::Json => {
            write_out(&format!("{}\n", serde_json::to_string_pretty(&problems.to_json())?))?;
        }
    }
    Ok(code)
}

/// Loads a configuration, and says on stderr what is wrong with it.
fn load_or_explain(sources: &[Source]) -> Option<Loaded> {
    match config::load(sources) {
        Ok(loaded) => {
            explain(&loaded.warnings);
            Some(loaded)
        }
        Err(problems) => {
            explain(&problems);
            None
        }
    }
}

fn explain(problems: &Problems) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = problems.render(colour);
    if !text.is_empty() {
        console::err(text);
    }
}

fn write_out(text: &str) -> anyhow::Result<ExitCode> {
    console::out(text)?;
    Ok(ExitCode::SUCCESS)
}

impl Inputs {
    /// These, and those that stand behind the subcommand.
    fn and(mut self, behind: Self) -> Self {
        self.config.extend(behind.config);
        self.set.extend(behind.set);
        self.feature_gates.extend(behind.feature_gates);
        self
    }

    /// `--set` comes last whatever the order on the command line.
    fn sources(&self) -> anyhow::Result<Vec<Source>> {
        anyhow::ensure!(!self.config.is_empty(), "at least one config flag must be provided");
        Ok(self.config.iter().map(|uri| Source::Uri(uri.clone())).chain(self.set.iter().cloned()).collect())
    }

    fn sources_or_default(&self) -> Vec<Source> {
        let default = || vec![Source::Embedded { name: "default.yaml".to_owned(), text: DEFAULT.to_owned() }];
        self.sources().unwrap_or_else(|_| default().into_iter().chain(self.set.iter().cloned()).collect())
    }
}

#[cfg(test)]
mod tests;
