//! Values, attributes and ids as the Go collector prints them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::Value as Json;

/// `Str(x)`, `Int(7)`, `Map({"a":1})`.
pub(super) fn typed(value: Option<&AnyValue>) -> String {
    let kind = match inner(value) {
        None => "Empty",
        Some(Value::StringValue(_) | Value::StringValueStrindex(_)) => "Str",
        Some(Value::BoolValue(_)) => "Bool",
        Some(Value::IntValue(_)) => "Int",
        Some(Value::DoubleValue(_)) => "Double",
        Some(Value::ArrayValue(_)) => "Slice",
        Some(Value::KvlistValue(_)) => "Map",
        Some(Value::BytesValue(_)) => "Bytes",
    };
    format!("{kind}({})", plain(value))
}

/// `x`, `7`, `{"a":1}`.
pub(super) fn plain(value: Option<&AnyValue>) -> String {
    match json(value) {
        Json::Null => String::new(),
        Json::String(text) => text,
        other => other.to_string(),
    }
}

fn json(value: Option<&AnyValue>) -> Json {
    match inner(value) {
        None => Json::Null,
        Some(Value::StringValue(text)) => text.as_str().into(),
        Some(Value::StringValueStrindex(index)) => (*index).into(),
        Some(Value::BoolValue(value)) => (*value).into(),
        Some(Value::IntValue(value)) => (*value).into(),
        Some(Value::DoubleValue(value)) if value.is_finite() => number(*value),
        Some(Value::DoubleValue(value)) => value.to_string().into(),
        Some(Value::BytesValue(bytes)) => STANDARD.encode(bytes).into(),
        Some(Value::ArrayValue(list)) => list.values.iter().map(|value| json(Some(value))).collect(),
        Some(Value::KvlistValue(map)) => {
            Json::Object(map.values.iter().map(|entry| (entry.key.clone(), json(entry.value.as_ref()))).collect())
        }
    }
}

/// Go prints whole numbers without decimals.
fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { value.into() }
}

fn inner(value: Option<&AnyValue>) -> Option<&Value> {
    value?.value.as_ref()
}

/// `k=v k2=v2`.
pub(super) fn pairs(attributes: &[KeyValue], separator: &str) -> String {
    let pair = |entry: &KeyValue| format!("{}={}", entry.key, plain(entry.value.as_ref()));
    attributes.iter().map(pair).collect::<Vec<_>>().join(separator)
}

/// ` text`, or nothing for an empty text.
pub(super) fn after_blank(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}") }
}
