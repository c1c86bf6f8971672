//! What the transforms do, in the plainest way.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use prost::Message;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tailrace_otlp::view;

use crate::model::Model;

fn any(json: &Json) -> Option<AnyValue> {
    let value = match json {
        Json::Bool(flag) => Value::BoolValue(*flag),
        Json::String(text) => Value::StringValue(text.clone()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::IntValue(whole),
            None => Value::DoubleValue(number.as_f64()?),
        },
        Json::Array(items) => Value::ArrayValue(ArrayValue { values: items.iter().filter_map(any).collect() }),
        _ => return None,
    };
    Some(AnyValue { value: Some(value) })
}

fn text(text: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text)) }
}

fn find<'a>(list: &'a [KeyValue], key: &str) -> Option<&'a KeyValue> {
    list.iter().find(|pair| pair.key == key)
}

fn set(list: &mut Vec<KeyValue>, key: &str, value: Option<AnyValue>) {
    match list.iter_mut().find(|pair| pair.key == key) {
        Some(pair) => pair.value = value,
        None => list.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() }),
    }
}

/// Runs actions of the configuration on a list.
pub(crate) fn act(actions: &[Json], list: &mut Vec<KeyValue>) {
    for action in actions {
        let option = |key: &str| action.get(key).and_then(Json::as_str);
        let key = option("key").unwrap_or_default();
        let matches = |name: &str| match option("pattern") {
            Some(".") => !name.is_empty(),
            Some("^c") => name.starts_with('c'),
            Some(_) => name.contains(['a', 'b']),
            None => false,
        };
        match option("action").expect("an action") {
            "delete" => list.retain(|pair| pair.key != key && !matches(&pair.key)),
            "hash" => {
                let which = list.iter_mut().filter(|pair| pair.key == key || matches(&pair.key));
                which.for_each(|pair| pair.value = Some(text(hash(pair.value.as_ref()))));
            }
            "extract" => extract(list, key),
            "convert" => convert(list, key, option("converted_type").expect("a type")),
            how => {
                let copied = option("from_attribute").and_then(|from| find(list, from)).map(|pair| pair.value.clone());
                let constant = |key: &str| action.get(key).filter(|value| !value.is_null()).map(any);
                let Some(value) = constant("value").or(copied).or_else(|| constant("default_value")) else { continue };
                // A value that is missing is an empty one, once it is copied.
                let value = Some(value.unwrap_or_default());
                let is_there = find(list, key).is_some();
                if how == "upsert" || (how == "update") == is_there {
                    let same = find(list, key).is_some_and(|pair| {
                        pair.value.clone().unwrap_or_default() == value.clone().unwrap_or_default()
                    });
                    if !same {
                        set(list, key, value);
                    }
                }
            }
        }
    }
}

fn hash(value: Option<&AnyValue>) -> String {
    let bytes = match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone().into_bytes(),
        Some(Value::BoolValue(flag)) => vec![u8::from(*flag)],
        Some(Value::IntValue(number)) => number.to_le_bytes().to_vec(),
        Some(Value::DoubleValue(number)) => number.to_le_bytes().to_vec(),
        _ => return String::new(),
    };
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// By `(?P<a>.)(?P<e>x)?`.
fn extract(list: &mut Vec<KeyValue>, key: &str) {
    let Some(Some(AnyValue { value: Some(Value::StringValue(from)) })) = find(list, key).map(|pair| pair.value.clone())
    else {
        return;
    };
    let Some(at) = from.find(|char| char != '\n') else { return };
    let mut rest = from[at..].chars();
    let first: String = rest.next().into_iter().collect();
    let second = if rest.next() == Some('x') { "x" } else { "" };
    set(list, "a", Some(text(first)));
    set(list, "e", Some(text(second.to_owned())));
}

fn convert(list: &mut [KeyValue], key: &str, to: &str) {
    let Some(pair) = list.iter_mut().find(|pair| pair.key == key) else { return };
    let value = pair.value.clone().unwrap_or_default();
    let converted = match (to, value.value.clone()) {
        ("string", Some(Value::StringValue(_))) => return,
        ("string", _) => Value::StringValue(view::Value::parse(&value.encode_to_vec()).as_text().into_owned()),
        ("int", Some(Value::DoubleValue(number))) => Value::IntValue(number as i64),
        ("int", Some(Value::BoolValue(flag))) => Value::IntValue(i64::from(flag)),
        ("double", Some(Value::IntValue(number))) => Value::DoubleValue(number as f64),
        ("double", Some(Value::BoolValue(flag))) => Value::DoubleValue(if flag { 1.0 } else { 0.0 }),
        (_, Some(Value::StringValue(text))) => match (to, text.parse::<i64>(), text.parse::<f64>()) {
            ("int", Ok(number), _) => Value::IntValue(number),
            ("double", _, Ok(number)) => Value::DoubleValue(number),
            _ => return,
        },
        _ => return,
    };
    pair.value = Some(AnyValue { value: Some(converted) });
}

/// Of the attributes a, b and c: b is masked, c left alone.
pub(crate) fn redact(list: &mut Vec<KeyValue>) {
    list.retain(|pair| ["a", "b", "c"].contains(&pair.key.as_str()));
    for pair in list.iter_mut().filter(|pair| pair.key == "b") {
        let lines = match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => text.split('\n').count(),
            _ => 1,
        };
        pair.value = Some(text(vec!["****"; lines].join("\n")));
    }
}

/// What is kept by the hash; spans with a trace state that can not be read, or that was marked before, are not.
pub(crate) fn sample(request: &Model, percentage: f32, seed: u32) -> Model {
    let share = (percentage.min(100.0) * 163.84) as u32;
    let keeps = |id: &[u8]| {
        let is_there = id.iter().any(|byte| *byte != 0);
        let bytes = seed.to_le_bytes().into_iter().chain(id.iter().copied());
        let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        is_there && hash & 0x3fff < share
    };
    match request {
        Model::Traces(request) => {
            let mut request = request.clone();
            request.resource_spans.retain_mut(|resource| {
                resource.scope_spans.retain_mut(|scope| {
                    // Of arbitrary texts only the empty one is a trace state.
                    scope.spans.retain(|span| keeps(&span.trace_id) && span.trace_state.is_empty());
                    !scope.spans.is_empty()
                });
                !resource.scope_spans.is_empty()
            });
            Model::Traces(request)
        }
        Model::Logs(request) => {
            let mut request = request.clone();
            request.resource_logs.retain_mut(|resource| {
                resource.scope_logs.retain_mut(|scope| {
                    scope.log_records.retain(|record| keeps(&record.trace_id));
                    !scope.log_records.is_empty()
                });
                !resource.scope_logs.is_empty()
            });
            Model::Logs(request)
        }
        Model::Metrics(_) => request.clone(),
    }
}
