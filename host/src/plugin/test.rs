//! `tailrace plugin test`: asks a plugin about the traces of `cases.yaml` and compares its verdicts.
//!
//! ```yaml
//! policy: keep_vip            # may be left out if the plugin has one kind
//! config: {tier: gold}        # of the cases that give none
//! cases:
//!   - name: keeps gold
//!     trace:                  # times are durations, or milliseconds since the trace began, 10 s before it is decided
//!       - {name: checkout, duration: 120ms, status: error, kind: server, attributes: {customer.tier: gold}, resource: {service.name: shop}}
//!       - {name: pay, start: 20, parent: checkout, events: [{name: retry, time: 30}], links: [{attributes: {a: 1}}]}
//!     expect: sample          # sample, no, drop; error, or {error: part of its text}
//!   - {name: two at once, traces: [[{}], [{attributes: {customer.tier: gold}}]], expect: [no, sample]}
//!   - {name: a file, otlp: traces.json, expect: {sample: 3, no: 7}}     # or a map from trace id to verdict
//!   - {name: a transform, signal: logs, input: {resourceLogs: […]}, output: {resourceLogs: […]}}   # or unchanged, or discarded
//! ```
//!
//! A transform's `input` is OTLP/JSON, or a file's name; its `output` is compared field by field. Which of several transforms is meant
//! says `transform`, as `policy` does of policies.
//!
//! Spans go the way of live data: OTLP bytes, cut into traces, laid out as columns, shown to the sandboxed guest in batches of at
//! most 1,024 traces. Each case has an instance of its own. `budget` in the same file is for `tailrace plugin bench`.

pub(super) mod cases;
mod diff;
mod expect;
mod report;
mod run;
mod spans;
mod transforms;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use self::cases::Cases;
use self::report::Report;
use self::run::Runner;
use super::capture::Capture;
use super::{Format, locate};
use crate::console;
use crate::wasm::Wasm;

/// `tailrace plugin test [DIR|FILE.wasm]`.
#[derive(Debug, Args)]
pub struct Test {
    /// A component, or the folder of a project in which one was built.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,
    /// The cases; by default cases.yaml in the folder, beside the component, or here.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// How to say what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes a report in the form of `JUnit`, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Test {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let file = self.cases.clone().or_else(|| locate::cases(&self.path));
        let file = file.context("there is no cases.yaml: write one, or name another file with --cases")?;
        let cases = Cases::read(&file)?;
        let component = locate::component(&self.path)?;
        let capture = Capture::start();
        let plugin = Wasm::default().load(&component, None).with_context(|| component.display().to_string())?;
        let name = format!("{} {}", plugin.name, plugin.version).trim_end().to_owned();
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        let outcomes = Runner { plugin, cases: &cases, folder: &folder, capture }.run();
        let report = Report { plugin: name, file: file.display().to_string(), outcomes };
        if let Some(path) = &self.junit {
            std::fs::write(path, report.junit()).with_context(|| format!("can not write {}", path.display()))?;
        }
        console::out(&match self.format {
            Format::Text => report.text(),
            Format::Json => report.json(),
        })?;
        Ok(if report.failed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
