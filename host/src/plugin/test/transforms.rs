//! Cases of transforms: a request goes in, and what comes out is compared as OTLP/JSON.

use bytes::Bytes;
use serde_json::{Value, json};
use tailrace_otlp::{Rope, Signal, json as otlp_json};

use super::cases::Case;
use super::diff::diff;
use super::expect::Expect;
use super::run::Runner;
use crate::config::Check;
use crate::pipeline::Cx;
use crate::plugin::otlp;
use crate::wasm::transform::{Outcome, Transform, TransformLimits, TransformSpec};

/// What a transform may take in a test; the rest as on a gateway.
const LOG_LINES_PER_SECOND: u32 = 10_000;

/// Says what the types can not express.
pub(super) fn check(case: &Case, path: &str, check: &mut Check<'_>) {
    if let Err(why) = signal(case) {
        check.problem(&format!("{path}.signal"), why);
    }
    match (&case.output, &case.expect) {
        (Some(Value::Object(_)), None) | (None, Some(Expect::Error(_))) => {}
        (Some(Value::String(word)), None) if ["unchanged", "discarded"].contains(&word.as_str()) => {}
        (Some(_), None) => check.problem(&format!("{path}.output"), "an output is a request, unchanged or discarded"),
        (None, Some(_)) => {
            check.problem(&format!("{path}.expect"), "of a transform only an error is expected: write output");
        }
        (Some(_), Some(_)) => check.problem(path, "of output and expect a case has one"),
        (None, None) => check.problem(path, "a case with an input needs an output"),
    }
}

/// Of what it is a request: as the case says, or as its fields show.
fn signal(case: &Case) -> Result<Signal, String> {
    if let Some(name) = &case.signal {
        return Signal::parse(name).ok_or_else(|| format!("{name:?} is no signal: traces, metrics or logs"));
    }
    let has = |key: &str| case.input.as_ref().is_some_and(|input| input.get(key).is_some());
    let known =
        [("resourceSpans", Signal::Traces), ("resourceMetrics", Signal::Metrics), ("resourceLogs", Signal::Logs)];
    let found = known.into_iter().find(|(key, _)| has(key)).map(|(_, signal)| signal);
    found.ok_or_else(|| "say of what the input is a request: traces, metrics or logs".to_owned())
}

impl Runner<'_> {
    /// What is not as expected. An error is a mistake in the case.
    pub(super) fn transform(&self, case: &Case, cx: &Cx) -> anyhow::Result<Vec<String>> {
        let signal = signal(case).map_err(anyhow::Error::msg)?;
        let name = case.transform.as_deref().or(self.cases.transform.as_deref());
        let kind = self.plugin.choose_transform(name)?.name.clone();
        let input = self.input(case, signal)?;
        let spec = TransformSpec {
            name: kind.clone(),
            plugin: self.plugin.clone(),
            kind,
            config: self.config(case),
            limits: TransformLimits { log_lines_per_second: LOG_LINES_PER_SECOND, ..TransformLimits::default() },
            series: &[],
        };
        let outcome = match Transform::new(spec, cx) {
            Ok(transform) => transform.apply(signal, &input).map_err(|failure| failure.to_string()),
            Err(problems) => {
                let said = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message));
                Err(format!("the configuration is refused: {}", said.collect::<Vec<_>>().join("; ").trim()))
            }
        };
        match (outcome, &case.expect, &case.output) {
            (Err(error), Some(Expect::Error(text)), _) if error.contains(text) => Ok(Vec::new()),
            (Err(error), Some(Expect::Error(text)), _) => {
                Ok(vec![format!("expected an error with {text:?}, got: {error}")])
            }
            (Err(error), ..) => Ok(vec![format!("expected an output, got an error: {error}")]),
            (Ok(outcome), _, Some(expected)) => compare(signal, &input, &outcome, expected),
            (Ok(outcome), ..) => Ok(vec![format!("expected an error, got {}", word(&outcome))]),
        }
    }

    fn input(&self, case: &Case, signal: Signal) -> anyhow::Result<Bytes> {
        match case.input.as_ref().unwrap_or(&Value::Null) {
            Value::String(file) => {
                let requests = otlp::read(&self.folder.join(file), signal)?;
                // By protobuf's rule that repeated fields concatenate, one after the other is one request.
                Ok(requests.concat().into())
            }
            input => Ok(otlp_json::decode(signal, input.to_string().as_bytes())?.into()),
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Discarded => "discarded",
        Outcome::Replaced { .. } => "another request",
    }
}

fn compare(signal: Signal, input: &Bytes, outcome: &Outcome, expected: &Value) -> anyhow::Result<Vec<String>> {
    let got = match (outcome, expected) {
        (Outcome::Unchanged, Value::String(word)) if word == "unchanged" => return Ok(Vec::new()),
        (Outcome::Discarded, Value::String(word)) if word == "discarded" => return Ok(Vec::new()),
        (outcome, Value::String(expected)) => return Ok(vec![format!("expected {expected}, got {}", word(outcome))]),
        (Outcome::Discarded, _) => return Ok(vec!["expected a request, got discarded".to_owned()]),
        (Outcome::Unchanged, _) => input,
        (Outcome::Replaced { data, .. }, _) => data,
    };
    // Both through one encoder: ways to write the same are no difference.
    let canonical = |bytes: Bytes| -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&otlp_json::encode(signal, &Rope::from(bytes))?)?)
    };
    let expected = canonical(otlp_json::decode(signal, json!(expected).to_string().as_bytes())?.into())?;
    Ok(diff(&expected, &canonical(got.clone())?))
}
