//! `tailrace plugin bench`: what a policy costs, split into what each trace and what each call costs.
//!
//! Batches of several sizes are handed to the guest ("load") and voted on ("evaluate"), as a gateway does once a second; through
//! the medians goes a line, `cost = row * traces + call`. Nanoseconds are those of the machine at hand, and of what else runs on
//! it. Instructions are counted by a second engine (one a WebAssembly instruction, as wasmtime's fuel has it): they are the same on
//! every machine, and what a budget in CI should name.
//!
//! The traces are those of `tailrace generate traces`, the same in each run, or a file's (`--input`). A budget on the command line
//! or under `budget` in `cases.yaml` is compared with the largest batch; beyond it the exit code is 1:
//!
//! ```yaml
//! budget: {ns_per_trace: 250, instructions_per_trace: 5000, memory: 16MiB}
//! ```

mod fit;
mod measure;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};
use tailrace_otlp::Signal;

use self::fit::{Fit, fit};
use self::measure::{Sample, Upkeep};
use super::budget::{Budget, Bytes, nanoseconds};
use super::test::cases::Cases;
use super::{Format, config_argument, locate, otlp};
use crate::console;
use crate::generate;
use crate::processors::tail_sampling::offline::Offline;
use crate::wasm::policy::{Limits, OnError, PolicySpec};
use crate::wasm::{Plugin, Wasm};

/// Traces that are made up, unless the largest batch has more.
const MIN_TRACES: usize = 1024;

/// A batch larger than this is not decided at once anywhere.
const MAX_BATCH: u64 = 65_536;

/// What a guest may take while it is measured; it is the result that is judged.
const PATIENCE: Duration = Duration::from_secs(30);

/// `tailrace plugin bench FILE`.
#[derive(Debug, Args)]
pub struct Bench {
    /// A component, or the folder of a project in which one was built.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,
    /// Which of the plugin's policies; may be left out if it has one.
    #[arg(long)]
    kind: Option<String>,
    /// Its configuration; by default that of cases.yaml, else {}.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Traces in a batch, several sizes.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,16,256,1024",
          value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH))]
    batches: Vec<u64>,
    /// Spans of each trace that is made up.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    spans: u32,
    /// Traces from a file of OTLP, JSON or protobuf, instead of made up ones.
    #[arg(long, value_name = "FILE", conflicts_with = "spans")]
    input: Option<PathBuf>,
    /// Time that a trace may take (250ns).
    #[arg(long, value_name = "DURATION", value_parser = nanoseconds)]
    budget: Option<f64>,
    /// Instructions that a trace may take.
    #[arg(long, value_name = "N")]
    budget_instructions: Option<f64>,
    /// Memory that it may hold (16MiB).
    #[arg(long, value_name = "SIZE")]
    budget_memory: Option<Bytes>,
    /// The cases whose policy, config and budget hold where nothing else is said; by default as `plugin test` finds them.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Bench {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let component = locate::component(&self.path)?;
        let cases = self.cases.clone().or_else(|| locate::cases(&self.path));
        let cases = cases.map(|file| Cases::read(&file)).transpose()?.unwrap_or_default();
        let mut sizes: Vec<usize> = self.batches.iter().map(|size| *size as usize).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let traces = self.traces(sizes.last().copied().unwrap_or(1))?;
        // More than there is can not be in a batch.
        for size in &mut sizes {
            *size = (*size).min(traces.len());
        }
        sizes.dedup();

        let plugin = Wasm::default().load(&component, None)?;
        let spec = self.spec(plugin.clone(), &cases)?;
        let (mut samples, upkeep) = measure::time(&spec, &traces, &sizes)?;
        let counting = PolicySpec { plugin: Wasm::counting().load(&component, None)?, ..spec.clone() };
        measure::count(&counting, &traces, &mut samples)?;

        let budget = self.budget().or(cases.budget.unwrap_or_default());
        let report = Report { plugin, kind: spec.kind, samples, upkeep, budget };
        console::out(&match self.format {
            Format::Text => report.text(),
            Format::Json => format!("{:#}\n", report.json()),
        })?;
        Ok(if report.verdicts().iter().any(Verdict::is_over) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn traces(&self, largest: usize) -> anyhow::Result<Offline> {
        let requests = match &self.input {
            Some(file) => otlp::read(file, Signal::Traces)?,
            None => vec![generate::traces(largest.max(MIN_TRACES), self.spans as usize, measure::NOW)?.into()],
        };
        let traces = Offline::new(&requests);
        ensure!(!traces.is_empty(), "the input has no traces");
        Ok(traces)
    }

    fn spec(&self, plugin: Arc<Plugin>, cases: &Cases) -> anyhow::Result<PolicySpec> {
        let kind = plugin.choose(self.kind.as_deref().or(cases.policy.as_deref()))?.name.clone();
        let config = match &self.config {
            Some(argument) => config_argument(argument)?,
            None if cases.config.is_null() => json!({}),
            None => cases.config.clone(),
        };
        let limits = Limits {
            evaluate: PATIENCE,
            load: PATIENCE,
            configure: PATIENCE,
            memory_bytes: 1 << 30,
            ..Limits::default()
        };
        Ok(PolicySpec {
            policy: kind.clone(),
            plugin,
            kind,
            config,
            limits,
            on_error: OnError::default(),
            canary_of: None,
        })
    }

    fn budget(&self) -> Budget {
        Budget {
            ns_per_trace: self.budget,
            instructions_per_trace: self.budget_instructions,
            memory: self.budget_memory,
        }
    }
}

struct Report {
    plugin: Arc<Plugin>,
    kind: String,
    /// By size; at least one.
    samples: Vec<Sample>,
    upkeep: Upkeep,
    budget: Budget,
}

/// What was measured beside what was allowed.
struct Verdict {
    name: &'static str,
    measured: f64,
    allowed: f64,
}

impl Verdict {
    fn is_over(&self) -> bool {
        self.measured > self.allowed
    }
}

impl Report {
    fn fit(&self, of: impl Fn(&Sample) -> Option<f64>) -> Option<Fit> {
        let points: Option<Vec<_>> = self.samples.iter().map(|sample| Some((sample.traces, of(sample)?))).collect();
        fit(&points?)
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let Budget { ns_per_trace, instructions_per_trace, memory } = self.budget;
        let largest = self.samples.last();
        let a_trace = |of: fn(&Sample) -> Option<f64>| largest.and_then(|last| Some(of(last)? / last.traces as f64));
        let verdicts = [
            ("ns_per_trace", a_trace(|sample| Some(sample.ns())), ns_per_trace),
            ("instructions_per_trace", a_trace(|sample| sample.instructions), instructions_per_trace),
            ("memory", Some(self.upkeep.memory_bytes as f64), memory.map(|bytes| bytes.0 as f64)),
        ];
        let bounded = verdicts.into_iter().filter_map(|(name, measured, allowed)| Some((name, measured?, allowed?)));
        bounded.map(|(name, measured, allowed)| Verdict { name, measured, allowed }).collect()
    }

    fn text(&self) -> String {
        let Plugin { name, version, .. } = &*self.plugin;
        let mut text = format!("{} of {name} {version} (sha256:{})\n\n", self.kind, self.plugin.short_digest());
        let _ = writeln!(
            text,
            "{:>8} {:>14} {:>14} {:>14} {:>14}",
            "batch", "load", "evaluate", "together", "instructions"
        );
        let _ =
            writeln!(text, "{:>8} {:>14} {:>14} {:>14} {:>14}", "traces", "ns/trace", "ns/trace", "ns/trace", "/trace");
        for sample in &self.samples {
            let a_trace = |cost: f64| cost / sample.traces as f64;
            let _ = writeln!(
                text,
                "{:>8} {:>14.1} {:>14.1} {:>14.1} {:>14.0}",
                sample.traces,
                a_trace(sample.load_ns),
                a_trace(sample.evaluate_ns),
                a_trace(sample.ns()),
                sample.instructions.map_or(f64::NAN, a_trace)
            );
        }
        text.push('\n');
        for (what, unit, fit) in self.fits() {
            if let Some(Fit { row, call }) = fit {
                let _ = writeln!(text, "{what:<12} {row:.1} {unit} a trace + {call:.0} {unit} a call");
            }
        }
        let Upkeep { memory_bytes, start_s } = self.upkeep;
        let _ = writeln!(text, "{:<12} {:.2} MiB at most", "memory", memory_bytes as f64 / f64::from(1 << 20));
        let _ = writeln!(text, "{:<12} {:.2} ms to instantiate and configure", "start", start_s * 1e3);
        let (took, cached) = self.plugin.compiled();
        let how = if cached { "to read compiled code from the cache" } else { "to compile" };
        let _ = writeln!(text, "{:<12} {:.0} ms {how}", "code", took.as_secs_f64() * 1e3);
        for verdict in self.verdicts() {
            let Verdict { name, measured, allowed } = &verdict;
            let said = if verdict.is_over() { "OVER" } else { "ok" };
            let _ = writeln!(text, "{:<12} {name}: {measured:.0} of {allowed:.0}: {said}", "budget");
        }
        text.push_str("\nNanoseconds are those of this machine; instructions are the same on every one.\n");
        text
    }

    fn fits(&self) -> [(&'static str, &'static str, Option<Fit>); 4] {
        [
            ("load", "ns", self.fit(|sample| Some(sample.load_ns))),
            ("evaluate", "ns", self.fit(|sample| Some(sample.evaluate_ns))),
            ("together", "ns", self.fit(|sample| Some(sample.ns()))),
            ("executed", "instructions", self.fit(|sample| sample.instructions)),
        ]
    }

    fn json(&self) -> Value {
        let (took, cached) = self.plugin.compiled();
        let fits = self.fits().map(|(what, _, fit)| (what.to_owned(), json!(fit)));
        let verdict = |verdict: &Verdict| {
            let Verdict { name, measured, allowed } = verdict;
            json!({"name": name, "measured": measured, "allowed": allowed, "ok": !verdict.is_over()})
        };
        json!({
            "plugin": self.plugin.name,
            "version": self.plugin.version,
            "digest": format!("sha256:{}", self.plugin.digest),
            "kind": self.kind,
            "batches": self.samples,
            "fit": fits.into_iter().collect::<serde_json::Map<_, _>>(),
            "memory_bytes": self.upkeep.memory_bytes,
            "start_seconds": self.upkeep.start_s,
            "code_seconds": took.as_secs_f64(),
            "code_cached": cached,
            "budget": self.verdicts().iter().map(verdict).collect::<Vec<_>>(),
        })
    }
}
