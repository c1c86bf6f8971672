//! A new version of a transform beside the old one, over the last requests: before it is shown any that counts.

use bytes::Bytes;

use super::{About, Outcome, Transform, TransformProblem, TransformSpec};
use crate::pipeline::{Cx, Signal};
use crate::telemetry::Metrics;
use crate::wasm::reload::Refused;

/// A request that was answered.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) signal: Signal,
    pub(super) data: Bytes,
    pub(super) about: About,
}

/// What came of a trial that the new version stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trial {
    /// Requests that both answered.
    pub(super) compared: u64,
    /// Those of which they made different things.
    pub(super) disagreements: u64,
}

/// Configures `new` and shows it `requests`. It fails by any answer that is missing, for whatever reason: the version before it
/// had one. Where `old` makes something else of a request, that is counted. Must not run on a worker of the async runtime.
pub(super) fn run(old: &TransformSpec, new: &TransformSpec, requests: &[Recorded], cx: &Cx) -> Result<Trial, Refused> {
    // What is tried is not counted as if it ran.
    let cx = Cx { metrics: Metrics::default(), ..cx.clone() };
    let fresh = Transform::new(new.clone(), &cx).map_err(|problems| misconfigured(&problems))?;
    let running = Transform::new(old.clone(), &cx).ok();
    let mut trial = Trial::default();
    for Recorded { signal, data, about } in requests {
        let answer = fresh.apply_to(*signal, data, about).map_err(|failure| Refused {
            reason: "trial",
            message: format!("it gave no answer to a recorded request of {signal} of {} bytes: {failure}", data.len()),
        })?;
        if let Some(Ok(before)) = running.as_ref().map(|running| running.apply_to(*signal, data, about)) {
            trial.compared += 1;
            trial.disagreements += u64::from(made(&before, data) != made(&answer, data));
        }
    }
    Ok(trial)
}

/// What goes on.
fn made<'a>(outcome: &'a Outcome, request: &'a [u8]) -> &'a [u8] {
    match outcome {
        Outcome::Unchanged => request,
        Outcome::Replaced { data, .. } => data,
        Outcome::Discarded => &[],
    }
}

pub(super) fn misconfigured(problems: &[TransformProblem]) -> Refused {
    let said = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message).trim().to_owned());
    Refused { reason: "configure", message: said.collect::<Vec<_>>().join("; ") }
}

#[cfg(test)]
mod tests;
