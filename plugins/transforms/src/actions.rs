//! What `attributes` and `resource` do to a list of attributes: a sequence of actions.

mod client;
mod config;
mod convert;
mod hash;

use regex::bytes::Regex;
use tailrace_sdk::Diagnostics;
use tailrace_sdk::otlp::edit::Draft;
use tailrace_sdk::otlp::view::Value;
use tailrace_sdk::otlp::wire;
use tailrace_shared::any_value;

use self::client::FromClient;
pub(crate) use self::config::ActionConfig;
use self::convert::Target;
pub(crate) use self::convert::double;

/// What is done, in order.
#[derive(Debug)]
pub(crate) struct Actions(Vec<Action>);

#[derive(Debug)]
enum Action {
    Set { key: Vec<u8>, when: When, source: Source },
    Delete(Which),
    Hash(Which),
    Extract { key: Vec<u8>, pattern: Regex, names: Vec<Vec<u8>> },
    Convert { key: Vec<u8>, to: Target },
}

/// When a value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// `insert`
    Missing,
    /// `update`
    There,
    /// `upsert`
    Always,
}

/// Where a value comes from: the first that there is.
#[derive(Debug, Default)]
struct Source {
    value: Option<Constant>,
    from_client: Option<FromClient>,
    from_attribute: Option<Vec<u8>>,
    default: Option<Constant>,
}

/// A value that is written as it stands here.
#[derive(Debug)]
struct Constant {
    /// The message `AnyValue`.
    value: Vec<u8>,
    /// The message `KeyValue` of the action's key and this value.
    pair: Vec<u8>,
}

/// The attributes that an action is about: that of a key, those whose keys match, or both, in this order.
#[derive(Debug)]
struct Which {
    key: Option<Vec<u8>>,
    pattern: Option<Regex>,
}

impl Actions {
    /// From the list under the key `name`; adds what is wrong with it.
    pub(crate) fn new(list: &[ActionConfig], name: &str, problems: &mut Diagnostics) -> Self {
        if list.is_empty() {
            problems.push("", format!("missing required field \"{name}\""));
        }
        let compiled = list.iter().enumerate();
        Self(compiled.filter_map(|(place, action)| action.compile(&format!("/{name}/{place}"), problems)).collect())
    }

    /// Gets from the client of the request that follows what actions set.
    pub(crate) fn begin(&mut self) {
        for action in &mut self.0 {
            if let Action::Set { key, source: Source { from_client: Some(from), .. }, .. } = action {
                from.read(key);
            }
        }
    }

    /// Runs them on the attributes under field `number` of a message.
    pub(crate) fn apply(&self, message: &mut Draft<'_>, number: u32) {
        for action in &self.0 {
            action.apply(message, number);
        }
    }
}

impl Action {
    fn apply(&self, message: &mut Draft<'_>, number: u32) {
        match self {
            Self::Set { key, when, source } => set(message, number, key, *when, source),
            Self::Delete(which) => which.delete(message, number),
            Self::Hash(which) => which.hash(message, number),
            Self::Extract { key, pattern, names } => extract(message, number, key, pattern, names),
            Self::Convert { key, to } => {
                if let Some(converted) = message.attribute(number, key).and_then(|value| to.convert(value)) {
                    message.set_attribute(number, key, &converted);
                }
            }
        }
    }
}

fn set(message: &mut Draft<'_>, number: u32, key: &[u8], when: When, source: &Source) {
    let present = message.attribute(number, key);
    if !(when == When::Always || (when == When::There) == present.is_some()) {
        return;
    }
    let copied = source.from_attribute.as_ref().and_then(|from| message.attribute(number, from)).map(encoded);
    let constant = source.constant();
    match (copied, constant, present) {
        // The value is a copy of its own.
        (Some(value), _, Some(present)) if Value::parse(&value) == present => {}
        (Some(value), ..) => message.set_attribute(number, key, &value),
        (None, Some(constant), None) => message.push(number, &constant.pair),
        (None, Some(constant), Some(present)) if Value::parse(&constant.value) == present => {}
        (None, Some(constant), Some(_)) => message.set_attribute(number, key, &constant.value),
        (None, None, _) => {}
    }
}

/// The message `AnyValue`.
fn encoded(value: Value<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    any_value::put(&mut message, value);
    message
}

fn extract(message: &mut Draft<'_>, number: u32, key: &[u8], pattern: &Regex, names: &[Vec<u8>]) {
    let Some(Value::Str(text)) = message.attribute(number, key) else { return };
    let Some(found) = pattern.captures(text) else { return };
    // A group that took no part in the match is the empty text.
    let groups = found.iter().skip(1).map(|group| group.map_or(&[][..], |group| group.as_bytes()));
    let values: Vec<Vec<u8>> = groups.map(|group| encoded(Value::Str(group))).collect();
    for (name, value) in names.iter().zip(&values) {
        message.set_attribute(number, name, value);
    }
}

impl Source {
    /// What needs no other attribute.
    fn constant(&self) -> Option<&Constant> {
        let from_client = || self.from_client.as_ref()?.value();
        self.value.as_ref().or_else(from_client).or(self.default.as_ref())
    }
}

impl Constant {
    /// Of an attribute of this key; `value` is the message `AnyValue`.
    fn new(key: &[u8], value: Vec<u8>) -> Self {
        let mut pair = Vec::new();
        wire::put_bytes(&mut pair, 1, key);
        wire::put_bytes(&mut pair, 2, &value);
        Self { value, pair }
    }
}

impl Which {
    fn delete(&self, message: &mut Draft<'_>, number: u32) {
        if let Some(key) = &self.key {
            message.remove_attribute(number, key);
        }
        if let Some(pattern) = &self.pattern {
            message.retain(number, |pair| !pattern.is_match(key_of(pair)));
        }
    }

    /// What the key and the pattern both name is hashed twice, as by the Go collector.
    fn hash(&self, message: &mut Draft<'_>, number: u32) {
        if let Some(key) = &self.key
            && let Some(hashed) = message.attribute(number, key).map(hash::hashed)
        {
            message.set_attribute(number, key, &hashed);
        }
        if let Some(pattern) = &self.pattern {
            message.edit_each(number, |pair| {
                if pattern.is_match(key_of(pair.body())) {
                    let hashed = hash::hashed(value_of(pair.body()));
                    pair.set_bytes(2, &hashed);
                }
            });
        }
    }
}

/// The key in a `KeyValue`.
fn key_of(pair: &[u8]) -> &[u8] {
    last(pair, 1)
}

/// The value in a `KeyValue`.
fn value_of(pair: &[u8]) -> Value<'_> {
    Value::parse(last(pair, 2))
}

fn last(message: &[u8], number: u32) -> &[u8] {
    let all = wire::fields(message).filter(|field| field.number == number);
    all.filter_map(|field| field.payload.bytes()).last().unwrap_or_default()
}

#[cfg(test)]
mod tests;
