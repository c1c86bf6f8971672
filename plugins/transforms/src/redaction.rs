//! Removes attributes that are not on a list, and masks values that look like what nobody should see.

mod body;
mod config;
mod mask;
mod presets;
mod rules;
mod summary;

use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{Draft, Keep, Level, NewValue, pass};
use tailrace_sdk::otlp::view::{self, Value};
use tailrace_sdk::{Diagnostics, Outcome, Transform};

use self::config::Config;
use self::rules::{Rules, Verdict};
use self::summary::{Summary, Tally};
use crate::attributes::point_attributes;
use crate::inner;

/// `redaction`
pub struct Redaction {
    rules: Rules,
    summary: Summary,
}

impl Transform for Redaction {
    const KIND: &'static str = "redaction";
    const SUMMARY: &'static str = "Removes attributes that are not on a list, and masks values.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        config.check(&mut problems);
        let rules = Rules::new(&config, &mut problems);
        let summary = Summary::parse(&config.summary, &mut problems);
        problems.or(Self { rules, summary })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        let mut now = None;
        for edit in [Self::resources, Self::scopes, Self::items] {
            let edited = edit(self, signal, now.as_deref().unwrap_or(request));
            now = edited.or(now);
        }
        Ok(now.into())
    }
}

/// Numbers of the fields that hold attributes, and what has them.
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_ATTRIBUTES: u32 = 3;
const SPAN_ATTRIBUTES: u32 = 9;
const SPAN_EVENTS: u32 = 11;
const EVENT_ATTRIBUTES: u32 = 3;
const RECORD_ATTRIBUTES: u32 = 6;

impl Redaction {
    fn resources(&self, signal: Signal, request: &[u8]) -> Option<Vec<u8>> {
        pass(signal, Level::Resource, request, |place| {
            inner::edit(&mut place.resource, |resource| self.attributes(resource, RESOURCE_ATTRIBUTES));
            Keep::Yes
        })
    }

    fn scopes(&self, signal: Signal, request: &[u8]) -> Option<Vec<u8>> {
        pass(signal, Level::Scope, request, |place| {
            inner::edit(&mut place.scope, |scope| self.attributes(scope, SCOPE_ATTRIBUTES));
            Keep::Yes
        })
    }

    fn items(&self, signal: Signal, request: &[u8]) -> Option<Vec<u8>> {
        let level = if signal == Signal::Metrics { Level::Part } else { Level::Item };
        pass(signal, level, request, |place| {
            match signal {
                Signal::Traces => {
                    self.attributes(&mut place.item, SPAN_ATTRIBUTES);
                    place.item.edit_each(SPAN_EVENTS, |event| self.attributes(event, EVENT_ATTRIBUTES));
                }
                Signal::Logs => {
                    self.attributes(&mut place.item, RECORD_ATTRIBUTES);
                    self.body(&mut place.item);
                }
                Signal::Metrics => self.attributes(&mut place.part, point_attributes(place.data)),
            }
            Keep::Yes
        })
    }

    /// The attributes under field `number` of a message.
    fn attributes(&self, message: &mut Draft<'_>, number: u32) {
        let mut tally = Tally::default();
        let (mut gone, mut set) = (Vec::new(), Vec::new());
        for (place, (key, value)) in view::attributes(message.body(), number).enumerate() {
            match self.attribute(key, value) {
                None => {}
                Some(verdict) => {
                    tally.add(&verdict, key);
                    match verdict {
                        Verdict::Remove => gone.push(place),
                        Verdict::Mask(masked) => set.push((place, masked)),
                        Verdict::Allow | Verdict::Ignore => {}
                    }
                }
            }
        }
        for (place, masked) in set {
            message.edit(number, place, |pair| pair.set_bytes(2, &NewValue::Str(masked).encode()));
        }
        if !gone.is_empty() {
            let mut place = 0..;
            message.retain(number, |_| !place.next().is_some_and(|place| gone.contains(&place)));
        }
        self.summary.write(message, number, &tally, summary::OF_ATTRIBUTES);
    }

    /// `None` if there is nothing to it.
    fn attribute(&self, key: &[u8], value: Value<'_>) -> Option<Verdict> {
        // What redactions before this one said of themselves is no data, unless this one is to be silent.
        if summary::is_summary(key) {
            return (!self.summary.is_on() && self.rules.removes(key)).then_some(Verdict::Remove);
        }
        self.rules.attribute(key, value)
    }
}

#[cfg(test)]
mod tests;
