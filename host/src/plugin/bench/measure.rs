//! Measures a configured policy on batches of several sizes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use crate::pipeline::Cx;
use crate::processors::tail_sampling::offline::Offline;
use crate::wasm::policy::{Columns, Policies, PolicySpec};

/// How long one size of batch is measured, and how often at least and at most.
const TIME: Duration = Duration::from_millis(300);
const MIN_CALLS: usize = 5;
const MAX_CALLS: usize = 20_000;

/// Different batches of one size, at most: enough that no cache knows them all, few enough to be held.
const MAX_VARIANTS: usize = 64;

/// Instances that are made to see how long that takes.
const STARTS: usize = 5;

/// When batches are decided, Unix nanoseconds.
pub(super) const NOW: u64 = 1_700_000_000_000_000_000;

/// What one size of batch costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sample {
    /// Traces in a batch.
    pub(super) traces: usize,
    /// Handing the columns over, nanoseconds a batch.
    pub(super) load_ns: f64,
    /// Voting, nanoseconds a batch.
    pub(super) evaluate_ns: f64,
    /// Both, instructions a batch.
    pub(super) instructions: Option<f64>,
}

impl Sample {
    pub(super) fn ns(&self) -> f64 {
        self.load_ns + self.evaluate_ns
    }
}

/// What a policy costs beside its calls.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Upkeep {
    /// Linear memory, the most that there was.
    pub(super) memory_bytes: u64,
    /// To instantiate and configure it, seconds.
    pub(super) start_s: f64,
}

/// Times calls.
pub(super) fn time(spec: &PolicySpec, traces: &Offline, sizes: &[usize]) -> anyhow::Result<(Vec<Sample>, Upkeep)> {
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
pub(super) fn count(spec: &PolicySpec, traces: &Offline, samples: &mut [Sample]) -> anyhow::Result<()> {
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
