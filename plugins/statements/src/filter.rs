//! Drops telemetry that a condition is true of.

mod config;
mod legacy;

use tailrace_ottl::{Context, Env, Group, Item, Memory};
use tailrace_sdk::otlp::edit::{Keep, pass};
use tailrace_sdk::otlp::{Signal, count_items};
use tailrace_sdk::{Diagnostics, Outcome, Transform, count};

use self::config::Config;
use self::legacy::Selector;
use crate::env::with_env;
use crate::errors::{ErrorMode, Failures};

/// `filter`
#[derive(Debug)]
pub struct Filter {
    /// Of traces, metrics and logs.
    steps: [Vec<Step>; 3],
    memory: Memory,
}

/// One pass over a request.
#[derive(Debug)]
enum Step {
    /// Drops what one of the conditions is true of; all are of one context.
    Conditions(Conditions),
    /// Drops what `include` and `exclude` do not select.
    Selector(Box<Selector>),
}

#[derive(Debug)]
struct Conditions {
    context: Context,
    groups: Vec<Group>,
    error_mode: ErrorMode,
}

/// Names of the counters, by signal.
const COUNTERS: [&str; 3] = ["spans.filtered", "datapoints.filtered", "logs.filtered"];

impl Transform for Filter {
    const KIND: &'static str = "filter";
    const SUMMARY: &'static str =
        "Drops spans, span events, metrics, data points and log records that a condition is true of.";
    const COUNTERS: &'static [&'static str] = &COUNTERS;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        let steps = config.steps(&mut problems);
        problems.or(Self { steps, memory: Memory::default() })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        let mut left: Option<Vec<u8>> = None;
        for step in &self.steps[signal as usize] {
            let input = left.as_deref().unwrap_or(request);
            let output = match step {
                Step::Conditions(conditions) => {
                    with_env(request, |env| conditions.run(signal, input, env, &mut self.memory))?
                }
                Step::Selector(selector) => selector.run(input),
            };
            left = output.or(left);
        }
        if let Some(left) = &left {
            let filtered = count_items(signal, request).saturating_sub(count_items(signal, left));
            count(COUNTERS[signal as usize], u32::try_from(filtered).unwrap_or(u32::MAX));
        }
        Ok(left.into())
    }
}

impl Conditions {
    /// One pass; `None` if nothing is dropped.
    fn run(
        &self,
        signal: Signal,
        request: &[u8],
        env: &Env<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Vec<u8>>, String> {
        let mut failures = Failures::new(self.error_mode);
        let output = pass(signal, self.context.level(), request, |place| {
            if failures.is_fatal() {
                return Keep::Yes;
            }
            memory.forget();
            let item = Item::new(self.context, place, memory);
            if self.are_true_of(&item, env, &mut failures) { Keep::No } else { Keep::Yes }
        });
        failures.finish()?;
        Ok(output)
    }

    fn are_true_of(&self, item: &Item<'_, '_>, env: &Env<'_>, failures: &mut Failures) -> bool {
        let mut conditions = self.groups.iter().flat_map(|group| &group.conditions);
        conditions.any(|condition| !failures.is_fatal() && failures.holds(condition, item, env))
    }
}

#[cfg(test)]
mod tests;
