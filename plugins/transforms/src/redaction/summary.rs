//! Attributes that say what was done.

use tailrace_sdk::Diagnostics;
use tailrace_sdk::otlp::edit::{Draft, NewValue};
use tailrace_sdk::otlp::view::Value;

use super::rules::Verdict;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summary {
    Silent,
    /// How many.
    Info,
    /// How many, and which.
    Debug,
}

/// What was done to a list of attributes, or to a body: keys by outcome.
#[derive(Debug, Default)]
pub(super) struct Tally {
    redacted: Vec<String>,
    masked: Vec<String>,
    allowed: Vec<String>,
    ignored: Vec<String>,
}

/// An outcome: the attributes with its keys and with its count.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Ignored ones are not listed.
    keys: Option<&'static str>,
    count: &'static str,
    /// Whether it adds to what an earlier redaction has said. What is gone, or masked already, is not seen again; what is
    /// allowed or ignored is.
    adds: bool,
}

/// Redacted, masked, allowed, ignored.
type Outcomes = [Outcome; 4];

pub(super) const OF_ATTRIBUTES: &Outcomes = &[
    Outcome { keys: Some("redaction.redacted.keys"), count: "redaction.redacted.count", adds: true },
    Outcome { keys: Some("redaction.masked.keys"), count: "redaction.masked.count", adds: true },
    Outcome { keys: Some("redaction.allowed.keys"), count: "redaction.allowed.count", adds: false },
    Outcome { keys: None, count: "redaction.ignored.count", adds: false },
];

pub(super) const OF_BODY: &Outcomes = &[
    Outcome { keys: Some("redaction.body.redacted.keys"), count: "redaction.body.redacted.count", adds: true },
    Outcome { keys: Some("redaction.body.masked.keys"), count: "redaction.body.masked.count", adds: true },
    Outcome { keys: Some("redaction.body.allowed.keys"), count: "redaction.body.allowed.count", adds: false },
    Outcome { keys: None, count: "redaction.body.ignored.count", adds: false },
];

/// Whether an attribute is one of these.
pub(super) fn is_summary(key: &[u8]) -> bool {
    key.starts_with(b"redaction.")
        && OF_ATTRIBUTES
            .iter()
            .chain(OF_BODY)
            .any(|outcome| outcome.count.as_bytes() == key || outcome.keys.is_some_and(|keys| keys.as_bytes() == key))
}

impl Tally {
    pub(super) fn add(&mut self, verdict: &Verdict, key: &[u8]) {
        let list = match verdict {
            Verdict::Remove => &mut self.redacted,
            Verdict::Mask(_) => &mut self.masked,
            Verdict::Allow => &mut self.allowed,
            Verdict::Ignore => &mut self.ignored,
        };
        list.push(String::from_utf8_lossy(key).into_owned());
    }
}

impl Summary {
    /// Adds what is wrong with it.
    pub(super) fn parse(name: &str, problems: &mut Diagnostics) -> Self {
        match name {
            "debug" => Self::Debug,
            "info" => Self::Info,
            "silent" | "" => Self::Silent,
            other => {
                problems.push("/summary", format!("unknown summary {other:?}: it is debug, info or silent"));
                Self::Silent
            }
        }
    }

    /// Whether anything is said.
    pub(super) fn is_on(self) -> bool {
        self != Self::Silent
    }

    /// Writes it to the attributes under field `number` of a message.
    pub(super) fn write(self, message: &mut Draft<'_>, number: u32, tally: &Tally, outcomes: &Outcomes) {
        if !self.is_on() {
            return;
        }
        let lists = [&tally.redacted, &tally.masked, &tally.allowed, &tally.ignored];
        for (outcome, keys) in outcomes.iter().zip(lists) {
            if keys.is_empty() {
                outcome.forget(message, number);
            } else {
                self.write_one(message, number, keys, outcome);
            }
        }
    }

    fn write_one(self, message: &mut Draft<'_>, number: u32, keys: &[String], outcome: &Outcome) {
        if let Some(attribute) = outcome.keys.filter(|_| self == Self::Debug) {
            let before = outcome.before(message, number, attribute);
            let before = match &before {
                Some(Value::Str(text)) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            };
            let mut all: Vec<_> = keys.iter().map(String::as_str).collect();
            all.extend(before.split(',').filter(|_| !before.is_empty()));
            all.sort_unstable();
            message.set_attribute(number, attribute.as_bytes(), &NewValue::Str(all.join(",")).encode());
        }
        let before = match outcome.before(message, number, outcome.count) {
            Some(Value::Int(count)) => count,
            _ => 0,
        };
        let count = before.saturating_add(i64::try_from(keys.len()).unwrap_or(i64::MAX));
        message.set_attribute(number, outcome.count.as_bytes(), &NewValue::Int(count).encode());
    }
}

impl Outcome {
    /// What an earlier redaction has said, where this one adds to it.
    fn before<'a>(&self, message: &'a Draft<'_>, number: u32, attribute: &str) -> Option<Value<'a>> {
        if self.adds { message.attribute(number, attribute.as_bytes()) } else { None }
    }

    /// What an earlier redaction has said does not hold any more.
    fn forget(&self, message: &mut Draft<'_>, number: u32) {
        if self.adds {
            return;
        }
        for attribute in self.keys.into_iter().chain([self.count]) {
            message.remove_attribute(number, attribute.as_bytes());
        }
    }
}
