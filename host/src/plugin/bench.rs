//! `tailrace plugin bench`: what a policy or a transform costs, split into what each trace or item and what each call costs.
//!
//! Batches of several sizes are handed to a policy ("load") and voted on ("evaluate"), as a gateway does once a second; requests of
//! several sizes are shown to a transform ("apply"). Through the medians goes a line, `cost = row * rows + call`. Nanoseconds are those of
//! the machine at hand, and of what else runs on it. Instructions are counted by a second engine (one a WebAssembly instruction, as
//! wasmtime's fuel has it): they are the same on every machine, and what a budget in CI should name.
//!
//! Traces and requests are those of `tailrace generate`, the same in each run, or a file's (`--input`), cut into the sizes. A budget on
//! the command line or under `budget` in `cases.yaml` is compared with the largest of them; beyond it the exit code is 1:
//!
//! ```yaml
//! budget: {ns_per_trace: 250, instructions_per_trace: 5000, memory: 16MiB}     # of a policy
//! budget: {ns_per_item: 250, instructions_per_item: 5000, memory: 16MiB}       # of a transform: an item is a span, point or record
//! ```

mod fit;
mod policies;
mod report;
mod transforms;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tailrace_otlp::Signal;

use super::budget::{Budget, Bytes, nanoseconds};
use super::test::cases::Cases;
use super::{Format, config_argument, locate};
use crate::console;
use crate::wasm::{Plugin, Wasm};

/// A batch larger than this is not decided at once anywhere.
const MAX_BATCH: u64 = 65_536;

/// What a guest may take while it is measured; it is the result that is judged.
const PATIENCE: Duration = Duration::from_secs(30);
const MEMORY_BYTES: usize = 1 << 30;

/// How long one size is measured, and how often at least and at most.
const TIME: Duration = Duration::from_millis(300);
const MIN_CALLS: usize = 5;
const MAX_CALLS: usize = 20_000;

/// Different batches or requests of one size, at most: enough that no cache knows them all, few enough to be held.
const MAX_VARIANTS: usize = 64;

/// Instances that are made to see how long that takes.
const STARTS: usize = 5;

/// When batches are decided, Unix nanoseconds.
const NOW: u64 = 1_700_000_000_000_000_000;

/// `tailrace plugin bench FILE`.
#[derive(Debug, Args)]
pub struct Bench {
    /// A component, or the folder of a project in which one was built.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,
    /// Which of the plugin's policies; may be left out if it has one.
    #[arg(long)]
    kind: Option<String>,
    /// A transform instead, by its name; may be left out if the plugin has one and no policies.
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    transform: Option<String>,
    /// Its configuration; by default that of cases.yaml, else {}.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Traces in a batch, or items in a transform's request, several sizes.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,16,256,1024",
          value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH))]
    batches: Vec<u64>,
    /// Spans of each trace that is made up.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    spans: u32,
    /// Of what a transform's requests are made up, or are in the file: traces, metrics or logs.
    #[arg(long, default_value = "traces", value_parser = signal)]
    signal: Signal,
    /// Traces, or a transform's requests, from a file of OTLP, JSON or protobuf, instead of made up ones.
    #[arg(long, value_name = "FILE", conflicts_with = "spans")]
    input: Option<PathBuf>,
    /// Time that a trace, or an item of a transform's request, may take (250ns).
    #[arg(long, value_name = "DURATION", value_parser = nanoseconds)]
    budget: Option<f64>,
    /// Instructions that it may take.
    #[arg(long, value_name = "N")]
    budget_instructions: Option<f64>,
    /// Memory that the plugin may hold (16MiB).
    #[arg(long, value_name = "SIZE")]
    budget_memory: Option<Bytes>,
    /// The cases whose policy or transform, config and budget hold where nothing else is said; by default as `plugin test` finds them.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn signal(name: &str) -> Result<Signal, String> {
    Signal::parse(name).ok_or_else(|| format!("{name:?} is no signal: traces, metrics or logs"))
}

impl Bench {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let component = locate::component(&self.path)?;
        let cases = self.cases.clone().or_else(|| locate::cases(&self.path));
        let cases = cases.map(|file| Cases::read(&file)).transpose()?.unwrap_or_default();
        let plugin = Wasm::default().load(&component, None)?;
        let counting = Wasm::counting().load(&component, None)?;
        let report = match self.transform_of(&plugin, &cases)? {
            Some(kind) => self.transform(&kind, &plugin, &counting, &cases)?,
            None => self.policy(&plugin, &counting, &cases)?,
        };
        console::out(&match self.format {
            Format::Text => report.text(),
            Format::Json => format!("{:#}\n", report.json()),
        })?;
        Ok(if report.is_over() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The transform that is meant, if it is not a policy.
    fn transform_of(&self, plugin: &Plugin, cases: &Cases) -> anyhow::Result<Option<String>> {
        let named = self.transform.as_deref().or(match (&self.kind, &cases.policy) {
            (None, None) => cases.transform.as_deref(),
            _ => None,
        });
        let is_meant = named.is_some() || (self.kind.is_none() && plugin.kinds.is_empty());
        Ok(if is_meant { Some(plugin.choose_transform(named)?.name.clone()) } else { None })
    }

    /// What is to be measured, the smallest first.
    fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.batches.iter().map(|size| *size as usize).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    fn config(&self, cases: &Cases) -> anyhow::Result<Value> {
        Ok(match &self.config {
            Some(argument) => config_argument(argument)?,
            None if cases.config.is_null() => json!({}),
            None => cases.config.clone(),
        })
    }

    /// That of the command line, and what the cases say where it says nothing.
    fn budget(&self, cases: &Cases) -> Budget {
        let own = Budget {
            ns_per_trace: self.budget,
            instructions_per_trace: self.budget_instructions,
            ns_per_item: self.budget,
            instructions_per_item: self.budget_instructions,
            memory: self.budget_memory,
        };
        own.or(cases.budget.unwrap_or_default())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
