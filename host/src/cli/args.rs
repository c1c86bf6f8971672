//! The flags, and what is said about wrong ones: in the words of the collector's.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::capture::Capture;
use crate::config::Source;
use crate::config::types::{Duration, DurationError};
use crate::console;
use crate::explain::Explain;
use crate::generate::Generate;
use crate::plugin::Plugin;

/// `tailrace version 0.1.0`, then what a plugin's behaviour depends on.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), "\nwasmtime ", "48.0.8");

/// An OpenTelemetry collector host whose sampling policies run as sandboxed WebAssembly components.
///
/// Without --config it runs an embedded configuration: OTLP on localhost:4317 and localhost:4318, tail sampling, and
/// the kept traces on stdout.
#[derive(Debug, Parser)]
#[command(name = "tailrace", version = VERSION, disable_version_flag = true, subcommand_value_name = "COMMAND")]
pub(super) struct Args {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub process: Process,
    /// Print the version.
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Where the configuration comes from.
#[derive(Debug, Default, ClapArgs)]
pub(super) struct Inputs {
    /// A file, or file:, env:, yaml:, http:, https: and what follows. Repeatable: later ones are merged over earlier ones.
    #[arg(long, value_name = "URI")]
    pub config: Vec<String>,
    /// Sets one value, last of all: processors.batch.timeout=2s. Repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Source::set)]
    pub set: Vec<Source>,
    /// Turns feature gates on, or off with a - in front. There are none at present.
    #[arg(long, value_name = "GATES", value_delimiter = ',', allow_hyphen_values = true)]
    pub feature_gates: Vec<FeatureGate>,
}

/// How the process runs.
#[derive(Debug, ClapArgs)]
pub(super) struct Process {
    /// Threads that move data; without it one per core that the process may use.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(usize))]
    pub workers: Option<usize>,
    /// Reads the configuration this often (10s) and takes it over if it changed. SIGHUP does it at once.
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    pub watch_config: Option<std::time::Duration>,
}

fn interval(text: &str) -> Result<std::time::Duration, String> {
    let interval: Duration = text.parse().map_err(|error: DurationError| error.to_string())?;
    if interval.is_zero() { Err("must be positive".to_owned()) } else { Ok(interval.0) }
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Says everything that is wrong with a configuration; exit code 1 if anything is.
    Validate {
        #[command(flatten)]
        inputs: Inputs,
        /// How to say it.
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Lists the component types, as YAML.
    Components,
    /// Prints the configuration with all defaults filled in.
    #[command(alias = "print-initial-config")]
    PrintConfig {
        #[command(flatten)]
        inputs: Inputs,
        /// Whether secrets are shown.
        #[arg(long, value_enum, default_value_t = Mode::Redacted)]
        mode: Mode,
        /// In which syntax.
        #[arg(long, value_enum, default_value_t = TreeFormat::Yaml)]
        format: TreeFormat,
    },
    /// Lists the feature gates.
    Featuregate {
        /// Only this one.
        id: Option<String>,
    },
    /// Sends traces, metrics or logs for a trial.
    #[command(subcommand)]
    Generate(Box<Generate>),
    /// Records what a running host decides, for `plugin replay`.
    Capture(Box<Capture>),
    /// Says why a running host decided about a trace as it did.
    Explain(Explain),
    /// Works on plugins: what their authors need.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Prints a script that completes commands and flags in a shell.
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

/// How `validate` reports.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people, on stderr.
    Text,
    /// For programs, on stdout.
    Json,
}

/// How `print-config` treats secrets.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Mode {
    /// `[REDACTED]`.
    Redacted,
    /// As they are.
    Unredacted,
}

/// The syntax of `print-config`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum TreeFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// A feature gate. There are none, so nothing is one.
#[derive(Clone, Debug)]
pub(super) enum FeatureGate {}

impl std::str::FromStr for FeatureGate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix(['-', '+']).unwrap_or(text);
        Err(format!("no such feature gate {name:?}. valid gates: []"))
    }
}

/// The flags, or the exit code after help, a version or a complaint was printed.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, ExitCode> {
    Args::try_parse_from(args).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Where stdout is closed there is nobody to tell.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => {
            console::err(format_args!("Error: {}", complaint(&error)));
            ExitCode::FAILURE
        }
    })
}

/// One line, in the collector's words where it has some.
pub(super) fn complaint(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // `--set <KEY=VALUE>` is the name of the flag with its value's.
    let flag = text(ContextKind::InvalidArg).split(' ').next().unwrap_or_default();
    let value = text(ContextKind::InvalidValue);
    let mut line = match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with("--") => format!("unknown flag: {flag}"),
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            format!("unknown shorthand flag: {:?} in {flag}", flag.chars().nth(1).unwrap_or('-'))
        }
        ErrorKind::UnknownArgument => format!("unknown command {flag:?} for \"tailrace\""),
        ErrorKind::InvalidSubcommand => {
            format!("unknown command {:?} for \"tailrace\"", text(ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("flag needs an argument: {flag}"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("invalid argument {value:?} for {flag:?} flag: {why}")
        }
        ErrorKind::InvalidValue => {
            let valid = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(valid)) => valid.join(", "),
                _ => String::new(),
            };
            format!("invalid argument {value:?} for {flag:?} flag: must be one of {valid}")
        }
        _ => {
            let said = error.to_string();
            let first = said.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    };
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand].map(|kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    });
    if let Some(suggested) = suggested.into_iter().flatten().next() {
        line.extend(["\ndid you mean ", &format!("{suggested:?}"), "?"]);
    }
    line
}
