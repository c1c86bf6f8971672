//! A new version of a plugin beside the old one, over the last recorded batches: before it votes on anything that counts.

use std::sync::Arc;

use super::{Columns, Failure, Needs, Policies, PolicyProblem, PolicySpec, Votes};
use crate::pipeline::Cx;
use crate::telemetry::Metrics;
use crate::wasm::reload::Refused;

/// A batch and what its columns hold.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) needs: Arc<Needs>,
    pub(super) columns: Arc<Columns>,
}

/// What came of a trial that the new version stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trial {
    /// Votes that both gave.
    pub(super) compared: u64,
    /// Those that differ.
    pub(super) disagreements: u64,
}

/// Configures the policies `new` and asks them about `batches`. They fail by any vote that is missing, for whatever reason. Where
/// the policies `old`, which begin with no state as the new ones do, vote otherwise, that is counted. Must not run on a
/// worker of the async runtime.
pub(super) fn run(
    old: &[PolicySpec],
    new: &[PolicySpec],
    batches: &[Recorded],
    cx: &Cx,
) -> Result<Vec<Trial>, Refused> {
    // What is tried is not counted as if it had voted.
    let cx = Cx { metrics: Metrics::default(), ..cx.clone() };
    let mut fresh = Policies::configure(new.to_vec(), &cx).map_err(|problems| misconfigured(new, &problems))?;
    let mut running = Policies::configure(old.to_vec(), &cx).ok();
    let mut trials = vec![Trial::default(); new.len()];
    for batch in batches {
        let all = show(&mut fresh, batch);
        if let Some(running) = &mut running {
            show(running, batch);
        }
        // Without a column that was not kept, its votes would be others.
        let comparable = batch.needs.covers(fresh.needs());
        for (spec, trial) in trials.iter_mut().enumerate() {
            let votes = ask(&mut fresh, spec, &all, &new[spec])?;
            if let Some(before) = running.as_mut().and_then(|running| running.evaluate(spec, &all).ok())
                && comparable
            {
                trial.compared += all.len() as u64;
                trial.disagreements += differing(&before, &votes);
            }
        }
    }
    hand_over(&mut fresh, running, batches, new)?;
    Ok(trials)
}

/// The state of the old version, which the new one will be given when it takes over, must not break it.
fn hand_over(
    fresh: &mut Policies,
    running: Option<Policies>,
    batches: &[Recorded],
    specs: &[PolicySpec],
) -> Result<(), Refused> {
    let (Some(mut running), Some(last)) = (running, batches.last()) else { return Ok(()) };
    fresh.adopt(&mut running);
    let all = show(fresh, last);
    (0..specs.len()).try_for_each(|spec| ask(fresh, spec, &all, &specs[spec]).map(drop))
}

/// Loads a batch; the places of its traces.
fn show(policies: &mut Policies, batch: &Recorded) -> Vec<u32> {
    let columns = batch.columns.fitted(&batch.needs, policies.needs());
    let all = (0..columns.len() as u32).collect();
    policies.load(columns.into());
    all
}

fn ask(policies: &mut Policies, spec: usize, all: &[u32], of: &PolicySpec) -> Result<Votes, Refused> {
    let failed = |what: String| Refused { reason: "trial", message: format!("policy {}: {what}", of.policy) };
    let votes = policies.evaluate(spec, all).map_err(|Failure { reason, message, .. }| {
        failed(format!("it gave no votes on {} recorded traces: {reason}: {message}", all.len()))
    })?;
    if policies.failures(spec) > 0 {
        return Err(failed("it could not save its state".to_owned()));
    }
    Ok(votes)
}

fn differing(one: &Votes, other: &Votes) -> u64 {
    one.verdicts.iter().zip(&other.verdicts).filter(|(one, other)| one != other).count() as u64
}

pub(super) fn misconfigured(specs: &[PolicySpec], problems: &[PolicyProblem]) -> Refused {
    let said = problems.iter().map(|PolicyProblem { spec, path, message }| {
        let space = if path.is_empty() { "" } else { " " };
        format!("policy {}: {path}{space}{message}", specs[*spec].policy)
    });
    Refused { reason: "configure", message: said.collect::<Vec<_>>().join("; ") }
}

#[cfg(test)]
mod tests;
