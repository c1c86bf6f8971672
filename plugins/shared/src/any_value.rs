//! Values of attributes from a configuration, as the message `AnyValue`.

use serde_json::Value as Json;
use tailrace_sdk::otlp::view::Value;
use tailrace_sdk::otlp::wire;

/// The message for what stands in a configuration, as the Go collector takes it: numbers with a point are doubles, others
/// integers.
pub fn from_json(json: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    match json {
        Json::Null => {}
        Json::Bool(flag) => put(&mut out, Value::Bool(*flag)),
        Json::String(text) => put(&mut out, Value::Str(text.as_bytes())),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => put(&mut out, Value::Int(whole)),
            None => put(&mut out, Value::Double(number.as_f64().unwrap_or_default())),
        },
        Json::Array(items) => {
            let mut body = Vec::new();
            for item in items {
                wire::put_bytes(&mut body, 1, &from_json(item));
            }
            put(&mut out, Value::Array(&body));
        }
        Json::Object(entries) => {
            let mut body = Vec::new();
            for (key, value) in entries {
                let mut pair = Vec::new();
                wire::put_bytes(&mut pair, 1, key.as_bytes());
                wire::put_bytes(&mut pair, 2, &from_json(value));
                wire::put_bytes(&mut body, 1, &pair);
            }
            put(&mut out, Value::Map(&body));
        }
    }
    out
}

/// Appends the message for a value.
pub fn put(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Empty => {}
        Value::Str(text) => wire::put_bytes(out, 1, text),
        Value::Bool(flag) => put_varint(out, 2, u64::from(flag)),
        Value::Int(number) => put_varint(out, 3, number.cast_unsigned()),
        Value::Double(number) => {
            wire::put_tag(out, 4, wire::FIXED64);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Array(body) => wire::put_bytes(out, 5, body),
        Value::Map(body) => wire::put_bytes(out, 6, body),
        Value::Bytes(bytes) => wire::put_bytes(out, 7, bytes),
    }
}

fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    wire::put_tag(out, number, wire::VARINT);
    wire::put_varint(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back_as_they_were_written() {
        for (json, text) in [
            ("null", ""),
            ("true", "true"),
            ("\"a\"", "a"),
            ("-5", "-5"),
            ("9223372036854775807", "9223372036854775807"),
            ("1.5", "1.5"),
            ("[1, \"a\", [null]]", r#"[1,"a",[null]]"#),
            (r#"{"b": 1, "a": {"c": false}}"#, r#"{"a":{"c":false},"b":1}"#),
        ] {
            let message = from_json(&serde_json::from_str(json).expect("it is JSON"));
            assert_eq!(Value::parse(&message).as_text(), text, "{json}");
        }
        assert_eq!(Value::parse(&from_json(&serde_json::json!(2))), Value::Int(2));
        assert_eq!(Value::parse(&from_json(&serde_json::json!(2.0))), Value::Double(2.0));
    }
}
