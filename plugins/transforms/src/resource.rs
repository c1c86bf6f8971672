//! Changes attributes of resources.

use serde::Deserialize;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{Keep, Level, pass};
use tailrace_sdk::{Diagnostics, JsonSchema, Outcome, Transform};

use crate::actions::{ActionConfig, Actions};
use crate::inner;

/// `resource`
pub struct Resource {
    actions: Actions,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is done, in order.
    pub attributes: Vec<ActionConfig>,
}

const RESOURCE_ATTRIBUTES: u32 = 1;

impl Transform for Resource {
    const KIND: &'static str = "resource";
    const SUMMARY: &'static str = "Changes attributes of resources.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        let actions = Actions::new(&config.attributes, "attributes", &mut problems);
        problems.or(Self { actions })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        self.actions.begin();
        let edited = pass(signal, Level::Resource, request, |place| {
            inner::edit(&mut place.resource, |resource| self.actions.apply(resource, RESOURCE_ATTRIBUTES));
            Keep::Yes
        });
        Ok(edited.into())
    }
}

#[cfg(test)]
mod tests;
