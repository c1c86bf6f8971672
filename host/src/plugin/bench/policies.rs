//! Measures a configured policy on batches of several sizes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::json;
use tailrace_otlp::Signal;

use super::fit::fit;
use super::report::{Line, Report, Upkeep, Verdict};
use super::{Bench, MAX_CALLS, MAX_VARIANTS, MEMORY_BYTES, MIN_CALLS, NOW, PATIENCE, STARTS, TIME, median};
use crate::generate;
use crate::pipeline::Cx;
use crate::plugin::otlp;
use crate::plugin::test::cases::Cases;
use crate::processors::tail_sampling::offline::Offline;
use crate::wasm::Plugin;
use crate::wasm::policy::{Columns, Limits, Policies, PolicySpec};

/// Traces that are made up, unless the largest batch has more.
const MIN_TRACES: usize = 1024;

/// What one size of batch costs.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sample {
    /// Traces in a batch.
    traces: usize,
    /// Handing the columns over, nanoseconds a batch.
    load_ns: f64,
    /// Voting, nanoseconds a batch.
    evaluate_ns: f64,
    /// Both, instructions a batch.
    instructions: Option<f64>,
}

impl Sample {
    fn ns(&self) -> f64 {
        self.load_ns + self.evaluate_ns
    }

    fn a_trace(&self, cost: f64) -> f64 {
        cost / self.traces as f64
    }
}

impl Bench {
    /// Of a policy; `counting` is the plugin in an engine that counts instructions.
    pub(super) fn policy(&self, plugin: &Arc<Plugin>, counting: &Arc<Plugin>, cases: &Cases) -> anyhow::Result<Report> {
        let mut sizes = self.sizes();
        let traces = self.traces(sizes.last().copied().unwrap_or(1))?;
        // More than there is can not be in a batch.
        for size in &mut sizes {
            *size = (*size).min(traces.len());
        }
        sizes.dedup();

        let spec = self.policy_spec(plugin.clone(), cases)?;
        let (mut samples, upkeep) = time(&spec, &traces, &sizes)?;
        let counted = PolicySpec { plugin: counting.clone(), ..spec.clone() };
        count(&counted, &traces, &mut samples)?;

        let budget = self.budget(cases);
        let largest = |of: fn(&Sample) -> Option<f64>| samples.last().and_then(|last| Some(last.a_trace(of(last)?)));
        let verdicts = Verdict::all([
            ("ns_per_trace", largest(|sample| Some(sample.ns())), budget.ns_per_trace),
            ("instructions_per_trace", largest(|sample| sample.instructions), budget.instructions_per_trace),
            ("memory", Some(upkeep.memory_bytes as f64), budget.memory.map(|bytes| bytes.0 as f64)),
        ]);
        Ok(Report {
            plugin: plugin.clone(),
            kind: spec.kind,
            row: "a trace",
            table: table(&samples),
            lines: lines(&samples),
            samples: ("batches", json!(samples)),
            upkeep,
            verdicts,
        })
    }

    fn traces(&self, largest: usize) -> anyhow::Result<Offline> {
        let requests = match &self.input {
            Some(file) => otlp::read(file, Signal::Traces)?,
            None => {
                let traces = largest.max(MIN_TRACES);
                vec![generate::request(Signal::Traces, traces, self.spans as usize, NOW)?.into()]
            }
        };
        let traces = Offline::new(&requests);
        ensure!(!traces.is_empty(), "the input has no traces");
        Ok(traces)
    }

    fn policy_spec(&self, plugin: Arc<Plugin>, cases: &Cases) -> anyhow::Result<PolicySpec> {
        let kind = plugin.choose(self.kind.as_deref().or(cases.policy.as_deref()))?.name.clone();
        let spec = PolicySpec::new(kind.clone(), plugin, kind, self.config(cases)?);
        let limits = Limits {
            evaluate: PATIENCE,
            load: PATIENCE,
            configure: PATIENCE,
            memory_bytes: MEMORY_BYTES,
            ..Limits::default()
        };
        Ok(PolicySpec { limits, ..spec })
    }
}

fn table(samples: &[Sample]) -> String {
    let mut text = String::new();
    for [size, load, evaluate, together, instructions] in [
        ["batch", "load", "evaluate", "together", "instructions"],
        ["traces", "ns/trace", "ns/trace", "ns/trace", "/trace"],
    ] {
        let _ = writeln!(text, "{size:>8} {load:>14} {evaluate:>14} {together:>14} {instructions:>14}");
    }
    for sample in samples {
        let (load, evaluate) = (sample.a_trace(sample.load_ns), sample.a_trace(sample.evaluate_ns));
        let (together, executed) =
            (sample.a_trace(sample.ns()), sample.instructions.map_or(f64::NAN, |n| sample.a_trace(n)));
        let size = sample.traces;
        let _ = writeln!(text, "{size:>8} {load:>14.1} {evaluate:>14.1} {together:>14.1} {executed:>14.0}");
    }
    text
}

fn lines(samples: &[Sample]) -> Vec<Line> {
    let line = |what, unit, of: fn(&Sample) -> Option<f64>| {
        let points: Option<Vec<_>> = samples.iter().map(|sample| Some((sample.traces, of(sample)?))).collect();
        Line { what, unit, fit: points.and_then(|points| fit(&points)) }
    };
    vec![
        line("load", "ns", |sample| Some(sample.load_ns)),
        line("evaluate", "ns", |sample| Some(sample.evaluate_ns)),
        line("together", "ns", |sample| Some(sample.ns())),
        line("executed", "instructions", |sample| sample.instructions),
    ]
}

/// Times calls.
fn time(spec: &PolicySpec, traces: &Offline, sizes: &[usize]) -> anyhow::Result<(Vec<Sample>, Upkeep)> {
    let cx = Cx::offline();
    let start_s = (0..STARTS).map(|_| {
        let begun = Instant::now();
        configured(spec, &cx).map(|_| begun.elapsed().as_secs_f64())
    });
    let start_s = start_s.collect::<Result<Vec<_>, _>>()?.into_iter().fold(f64::MAX, f64::min);
    let mut policies = configured(spec, &cx)?;
    let mut memory_bytes = 0;
    let mut samples = Vec::new();
    for size in sizes {
        let batches = batches(&policies, traces, *size);
        let (mut both, mut evaluates) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        for batch in batches.iter().cycle().take(MAX_CALLS) {
            if begun.elapsed() > TIME && both.len() >= MIN_CALLS {
                break;
            }
            // The guest gets the batch when it is first asked; asked again, it has it.
            policies.load(batch.clone());
            both.push(ask(&mut policies, batch)?);
            evaluates.push(ask(&mut policies, batch)?);
            memory_bytes = memory_bytes.max(cx.host.memory.outside_bytes());
        }
        let (both, evaluate_ns) = (median(both), median(evaluates));
        samples.push(Sample { traces: *size, load_ns: (both - evaluate_ns).max(0.0), evaluate_ns, instructions: None });
    }
    Ok((samples, Upkeep { memory_bytes, start_s }))
}

/// Counts the instructions of one pass over each size of batch. The plugin of `spec` must come from an engine that counts.
fn count(spec: &PolicySpec, traces: &Offline, samples: &mut [Sample]) -> anyhow::Result<()> {
    let mut policies = configured(spec, &Cx::offline())?;
    for sample in samples {
        let batches = batches(&policies, traces, sample.traces);
        let mut counted = 0;
        for batch in &batches {
            let before = policies.instructions();
            policies.load(batch.clone());
            ask(&mut policies, batch)?;
            counted += policies.instructions().saturating_sub(before);
        }
        sample.instructions = Some(counted as f64 / batches.len() as f64);
    }
    Ok(())
}

fn configured(spec: &PolicySpec, cx: &Cx) -> anyhow::Result<Policies> {
    Policies::new(vec![spec.clone()], cx).map_err(|problems| {
        let said = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message));
        let said = said.collect::<Vec<_>>().join("; ");
        anyhow::anyhow!("{} refuses the configuration (give one with --config): {}", spec.kind, said.trim())
    })
}

/// Different batches of one size.
fn batches(policies: &Policies, traces: &Offline, size: usize) -> Vec<Arc<Columns>> {
    let variants = (traces.len() / size).clamp(1, MAX_VARIANTS);
    let columns = |at: usize| traces.columns(at * size..(at + 1) * size, policies.needs(), NOW);
    (0..variants).map(|at| Arc::new(columns(at))).collect()
}

/// One call, nanoseconds.
fn ask(policies: &mut Policies, batch: &Columns) -> anyhow::Result<f64> {
    let candidates: Vec<u32> = (0..batch.len() as u32).collect();
    let begun = Instant::now();
    let votes = policies.evaluate(0, &candidates);
    let took = begun.elapsed();
    let votes = votes.with_context(|| format!("asked about {} traces it gives no votes", batch.len()))?;
    ensure!(votes.verdicts.len() == batch.len(), "there are {} votes", votes.verdicts.len());
    Ok(took.as_nanos() as f64)
}
