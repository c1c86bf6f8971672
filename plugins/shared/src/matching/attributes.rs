//! Attributes that have to be there, all of them.

use serde_json::Value as Json;
use tailrace_sdk::Diagnostics;
use tailrace_sdk::otlp::view::Value;

use super::{Attribute, MatchType, RegexpOptions, Texts};
use crate::any_value;

/// Keys and what their values have to be.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<(Vec<u8>, Wanted)>);

#[derive(Debug)]
enum Wanted {
    Anything,
    /// This value, of this type: the message `AnyValue`.
    Same(Vec<u8>),
    /// As text.
    Matching(Texts),
}

impl Attributes {
    /// From the list at `path`; adds what is wrong with it.
    pub(super) fn new(
        list: &[Attribute],
        how: MatchType,
        options: Option<&RegexpOptions>,
        path: &str,
        problems: &mut Diagnostics,
    ) -> Self {
        let wanted = list.iter().enumerate().map(|(place, Attribute { key, value })| {
            let path = format!("{path}/{place}");
            if key.is_empty() {
                problems.push(&path, "can't have empty key in the list of attributes");
            }
            let wanted = match (value, how) {
                (None, _) => Wanted::Anything,
                (Some(value), MatchType::Strict) => Wanted::Same(any_value::from_json(value)),
                (Some(Json::String(pattern)), MatchType::Regexp) => {
                    Wanted::Matching(Texts::one(pattern, how, options, &format!("{path}/value"), problems))
                }
                (Some(other), MatchType::Regexp) => {
                    let message = format!("match_type=regexp for {key:?} only supports strings, but found {other}");
                    problems.push(format!("{path}/value"), message);
                    Wanted::Anything
                }
            };
            (key.clone().into_bytes(), wanted)
        });
        Self(wanted.collect())
    }

    /// Whether all are there, where `get` gives the value of a key.
    pub(super) fn all_in<'a>(&self, get: impl Fn(&[u8]) -> Option<Value<'a>>) -> bool {
        self.0.iter().all(|(key, wanted)| get(key).is_some_and(|value| wanted.is(value)))
    }
}

impl Wanted {
    fn is(&self, value: Value<'_>) -> bool {
        match self {
            Self::Anything => true,
            Self::Same(wanted) => is_same(Value::parse(wanted), value),
            Self::Matching(texts) => match value {
                Value::Str(text) => texts.matches(text),
                Value::Bool(flag) => texts.matches(flag.to_string().as_bytes()),
                Value::Int(number) => texts.matches(number.to_string().as_bytes()),
                Value::Double(number) => texts.matches(decimal(number).as_bytes()),
                Value::Empty | Value::Bytes(_) | Value::Array(_) | Value::Map(_) => false,
            },
        }
    }
}

/// Lists and maps are the same if their JSON is.
fn is_same(wanted: Value<'_>, value: Value<'_>) -> bool {
    match (wanted, value) {
        (Value::Array(_), Value::Array(_)) | (Value::Map(_), Value::Map(_)) => wanted.as_json() == value.as_json(),
        _ => wanted == value,
    }
}

/// Without an exponent, as Go's `FormatFloat(f, 'f', -1, 64)`.
fn decimal(number: f64) -> String {
    match number {
        number if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}
