//! Changes attributes of spans, log records and data points.

use serde::Deserialize;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{Keep, Level, Place, pass};
use tailrace_sdk::{Diagnostics, JsonSchema, Outcome, Transform};
use tailrace_shared::matching::{Item, Properties, Selection};

use crate::actions::{ActionConfig, Actions};

/// `attributes`
pub struct Attributes {
    selection: Selection,
    actions: Actions,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is changed; without it, everything.
    pub include: Option<Properties>,
    /// What is left as it is, of that.
    pub exclude: Option<Properties>,
    /// What is done, in order.
    pub actions: Vec<ActionConfig>,
}

impl Transform for Attributes {
    const KIND: &'static str = "attributes";
    const SUMMARY: &'static str = "Changes attributes of spans, log records and data points.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        let selection = Selection::new(config.include.as_ref(), config.exclude.as_ref(), &mut problems);
        let actions = Actions::new(&config.actions, "actions", &mut problems);
        problems.or(Self { selection, actions })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        self.selection.accepts(signal)?;
        self.actions.begin();
        Ok(match signal {
            Signal::Traces => self.items(signal, SPAN_ATTRIBUTES, request),
            Signal::Logs => self.items(signal, RECORD_ATTRIBUTES, request),
            Signal::Metrics => self.points(request),
        }
        .into())
    }
}

const SPAN_ATTRIBUTES: u32 = 9;
const RECORD_ATTRIBUTES: u32 = 6;

/// The field of a data point that holds its attributes; the point is of the metric's field `data`.
pub(crate) fn point_attributes(data: u32) -> u32 {
    match data {
        9 => 9,
        10 => 1,
        _ => 7,
    }
}

impl Attributes {
    fn items(&self, signal: Signal, number: u32, request: &[u8]) -> Option<Vec<u8>> {
        pass(signal, Level::Item, request, |place| {
            if self.selects(signal, place) {
                self.actions.apply(&mut place.item, number);
            }
            Keep::Yes
        })
    }

    fn points(&self, request: &[u8]) -> Option<Vec<u8>> {
        // What is selected are metrics: their first point settles it for all.
        let mut is_selected = false;
        pass(Signal::Metrics, Level::Part, request, |place| {
            if place.part_index == 0 {
                is_selected = self.selects(Signal::Metrics, place);
            }
            if is_selected {
                self.actions.apply(&mut place.part, point_attributes(place.data));
            }
            Keep::Yes
        })
    }

    fn selects(&self, signal: Signal, place: &Place<'_>) -> bool {
        if self.selection.is_all() {
            return true;
        }
        let Place { resource, scope, item, .. } = place;
        let item = Item { signal, body: item.body(), scope: scope.body(), resource: resource.body() };
        self.selection.selects(item)
    }
}

#[cfg(test)]
mod tests;
