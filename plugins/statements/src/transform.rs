//! Runs statements on telemetry.

use serde::Deserialize;
use tailrace_ottl::{Env, Group, Memory};
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{Keep, pass};
use tailrace_sdk::{Diagnostics, JsonSchema, Outcome, Transform};

use crate::env::with_env;
use crate::errors::{ErrorMode, Failures};
use crate::texts::{self, Entry, Style};

/// `transform`
#[derive(Debug)]
pub struct Statements {
    /// Of traces, metrics and logs.
    steps: [Vec<Step>; 3],
    memory: Memory,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What becomes of a statement that fails: `ignore` (the default), `silent` or `propagate`.
    error_mode: Option<ErrorMode>,
    /// On traces: statements, or groups of them.
    trace_statements: Vec<Entry<Statement>>,
    /// On metrics.
    metric_statements: Vec<Entry<Statement>>,
    /// On logs.
    log_statements: Vec<Entry<Statement>>,
    /// On profiles, of which there are none.
    profile_statements: Vec<Entry<Statement>>,
    /// Behind a feature gate of the Go collector.
    flatten_data: bool,
    /// The same.
    flatten: Flatten,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Flatten {
    /// Behind a feature gate of the Go collector.
    log: bool,
}

/// A group of statements.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Statement {
    /// What they run on; without it, what their paths say.
    context: Option<String>,
    /// In the place of that of all groups.
    error_mode: Option<ErrorMode>,
    /// One of them must hold for the statements to run.
    conditions: Vec<String>,
    /// What is done, in order.
    statements: Vec<String>,
    /// Whether `cache` lives through the whole request, instead of an item.
    shared_cache: bool,
}

/// One pass over a request.
#[derive(Debug)]
struct Step {
    group: Group,
    error_mode: ErrorMode,
    shares_cache: bool,
}

impl Transform for Statements {
    const KIND: &'static str = "transform";
    const SUMMARY: &'static str =
        "Runs statements of the OpenTelemetry Transformation Language on traces, metrics and logs.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        let lists = [
            (Signal::Traces, &config.trace_statements, "/trace_statements"),
            (Signal::Metrics, &config.metric_statements, "/metric_statements"),
            (Signal::Logs, &config.log_statements, "/log_statements"),
        ];
        let steps = lists.map(|(signal, entries, path)| steps(signal, entries, path, config.error_mode, &mut problems));
        texts::no_profiles(&config.profile_statements, "profile_statements", &mut problems);
        for (key, is_set) in [("flatten_data", config.flatten_data), ("flatten/log", config.flatten.log)] {
            if is_set {
                let message =
                    "flattening is behind the feature gate 'transform.flatten.logs', which this host does not have";
                problems.push(format!("/{key}"), message);
            }
        }
        problems.or(Self { steps, memory: Memory::default() })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        let mut changed: Option<Vec<u8>> = None;
        for step in &self.steps[signal as usize] {
            let input = changed.as_deref().unwrap_or(request);
            let output = with_env(request, |env| step.run(signal, input, env, &mut self.memory))?;
            changed = output.or(changed);
        }
        Ok(changed.into())
    }
}

fn steps(
    signal: Signal,
    entries: &[Entry<Statement>],
    path: &str,
    of_all: Option<ErrorMode>,
    problems: &mut Diagnostics,
) -> Vec<Step> {
    match Style::of(entries, path, problems) {
        Style::Texts(texts) if texts.is_empty() => Vec::new(),
        Style::Texts(texts) => {
            let group = Group::infer(signal, &texts, &[]);
            let place = |at| format!("{path}/{at}");
            let group = group.map_err(|found| texts::explain(found, &place, &place, problems)).ok();
            group
                .map(|group| Step { group, error_mode: texts::mode(None, of_all), shares_cache: false })
                .into_iter()
                .collect()
        }
        Style::Groups(groups) => {
            let groups = groups.into_iter().enumerate();
            groups.filter_map(|(at, group)| group.step(signal, &format!("{path}/{at}"), of_all, problems)).collect()
        }
    }
}

impl Statement {
    fn step(&self, signal: Signal, path: &str, of_all: Option<ErrorMode>, problems: &mut Diagnostics) -> Option<Step> {
        let statements: Vec<&str> = self.statements.iter().map(String::as_str).collect();
        let conditions: Vec<&str> = self.conditions.iter().map(String::as_str).collect();
        let group = match self.context.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => {
                let context = texts::context(name, signal, &format!("{path}/context"), problems)?;
                Group::on(context, &statements, &conditions)
            }
            None => Group::infer(signal, &statements, &conditions),
        };
        let statement_at = |at| format!("{path}/statements/{at}");
        let condition_at = |at| format!("{path}/conditions/{at}");
        let group = group.map_err(|found| texts::explain(found, &statement_at, &condition_at, problems)).ok()?;
        Some(Step { group, error_mode: texts::mode(self.error_mode, of_all), shares_cache: self.shared_cache })
    }
}

impl Step {
    /// One pass; `None` if nothing changed.
    fn run(
        &self,
        signal: Signal,
        request: &[u8],
        env: &Env<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Vec<u8>>, String> {
        let mut failures = Failures::new(self.error_mode);
        memory.forget();
        let output = pass(signal, self.group.context.level(), request, |place| {
            if !self.shares_cache {
                memory.forget();
            }
            if !failures.is_fatal() {
                self.group.run(place, memory, env, &mut |failure| failures.take(failure));
            }
            Keep::Yes
        });
        failures.finish()?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests;
