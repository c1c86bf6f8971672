//! Keeps traces that a condition is true of.
//!
//! Conditions on spans that read no more than attributes, names, kinds, status codes, trace states and times are answered from the
//! batch's columns, once for each combination of values that a batch has; all others walk the trace's OTLP bytes.

mod columns;
mod whole;

use serde::Deserialize;
use tailrace_ottl::functions::World;
use tailrace_ottl::{Condition, Context, Env};
use tailrace_sdk::{Batch, Diagnostics, JsonSchema, Needs, Policy, Votes};

use self::columns::Rows;
use crate::errors::{ErrorMode, Failures};
use crate::texts;

/// `ottl_condition`
#[derive(Debug)]
pub struct OttlCondition {
    error_mode: ErrorMode,
    span: Vec<Condition>,
    span_event: Vec<Condition>,
    /// Where the conditions on spans find what they read; `None` if that takes the whole trace.
    rows: Option<Rows>,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What becomes of a condition that fails: `silent` (the default), `ignore` (which logs it) or `propagate` (which logs it as an error).
    /// It counts as false in any case.
    error_mode: Option<ErrorMode>,
    /// Conditions on spans, of which one is enough.
    span: Vec<String>,
    /// Conditions on events of spans, of which one is enough.
    spanevent: Vec<String>,
}

impl Policy for OttlCondition {
    const KIND: &'static str = "ottl_condition";
    const SUMMARY: &'static str = "Samples traces with a span or span event that a condition is true of.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        if config.span.is_empty() && config.spanevent.is_empty() {
            problems.push("", "expected at least one OTTL condition to filter on");
        }
        let span = conditions(Context::Span, &config.span, "/span", &mut problems);
        let span_event = conditions(Context::SpanEvent, &config.spanevent, "/spanevent", &mut problems);
        let rows = Rows::serving(&span).filter(|_| span_event.is_empty());
        let error_mode = config.error_mode.unwrap_or(ErrorMode::Silent);
        problems.or(Self { error_mode, span, span_event, rows })
    }

    fn needs(&self) -> Needs {
        match &self.rows {
            Some(rows) => rows.needs(),
            None => Needs::nothing().otlp(),
        }
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let now = i64::try_from(batch.now()).unwrap_or(i64::MAX);
        let env = Env { world: World { now_unix_ns: now, random: &|| 0 }, client: &() };
        let mut failures = Failures::new(self.error_mode);
        if let Some(rows) = &mut self.rows {
            rows.forget();
            for &place in candidates {
                votes.push(rows.any(batch, place, &self.span, &env, &mut failures));
            }
        } else {
            for &place in candidates {
                let otlp = batch.trace(place).otlp();
                votes.push(whole::any(otlp, &self.span, &self.span_event, &env, &mut failures));
            }
        }
        failures.report();
        Ok(())
    }
}

fn conditions(context: Context, list: &[String], path: &str, problems: &mut Diagnostics) -> Vec<Condition> {
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let place = |at| format!("{path}/{at}");
    let groups = texts::conditions(tailrace_sdk::otlp::Signal::Traces, Some(context), &list, &place, problems);
    groups.into_iter().flat_map(|group| group.conditions).collect()
}

#[cfg(test)]
mod tests;
