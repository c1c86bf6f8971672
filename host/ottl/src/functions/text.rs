//! Values as text: what `String`, `Concat` and `IsMatch` make of what is no string, and the JSON of lists and maps.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::time::Civil;
use crate::{Map, Time, Value};

/// Levels of lists and maps that are written; a request of OTLP has fewer.
const MAX_DEPTH: usize = 512;

/// The text of a value; none for nothing. Bytes are hexadecimal, and JSON is what else is not a string.
pub(super) fn text_of<'v>(value: &'v Value<'_>) -> Result<Option<Cow<'v, str>>, String> {
    Ok(Some(match value {
        Value::Nil => return Ok(None),
        Value::Str(text) => Cow::Borrowed(text),
        Value::Bytes(bytes) => Cow::Owned(hex::encode(bytes)),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        other => Cow::Owned(to_json(other)?),
    }))
}

/// The text of a value within another, where nothing is empty and bytes are in Base64: `AsString` of Go's `pcommon.Value`.
pub(super) fn as_string<'v>(value: &'v Value<'_>) -> Result<Cow<'v, str>, String> {
    match value {
        Value::Bytes(bytes) => Ok(Cow::Owned(STANDARD.encode(bytes))),
        other => Ok(text_of(other)?.unwrap_or_default()),
    }
}

/// As Go's `encoding/json` writes it: keys sorted, `<`, `>` and `&` escaped, bytes in Base64.
pub(super) fn to_json(value: &Value<'_>) -> Result<String, String> {
    let mut json = String::new();
    write(value, 0, &mut json)?;
    Ok(json)
}

fn write(value: &Value<'_>, depth: usize, json: &mut String) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("json: {} is nested deeper than {MAX_DEPTH} levels", value.type_name()));
    }
    match value {
        Value::Nil => json.push_str("null"),
        Value::Bool(boolean) => json.push_str(if *boolean { "true" } else { "false" }),
        Value::Int(int) | Value::Duration(int) => append(json, format_args!("{int}")),
        Value::Double(double) if double.is_finite() => json.push_str(&double_text(*double)),
        Value::Double(double) => return Err(format!("json: unsupported value: {}", unusual(*double))),
        Value::Str(text) => write_string(text, json),
        Value::Bytes(bytes) => append(json, format_args!("\"{}\"", STANDARD.encode(bytes))),
        Value::Time(time) => append(json, format_args!("\"{}\"", rfc3339(*time))),
        Value::List(list) => {
            json.push('[');
            for (index, element) in list.iter().enumerate() {
                json.push_str(if index > 0 { "," } else { "" });
                write(element, depth + 1, json)?;
            }
            json.push(']');
        }
        Value::Map(map) => write_map(map, depth, json)?,
    }
    Ok(())
}

fn write_map(map: &Map<'_>, depth: usize, json: &mut String) -> Result<(), String> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    json.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        json.push_str(if index > 0 { "," } else { "" });
        write_string(key, json);
        json.push(':');
        write(value, depth + 1, json)?;
    }
    json.push('}');
    Ok(())
}

fn write_string(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                append(json, format_args!("\\u{:04x}", c as u32));
            }
            _ => json.push(c),
        }
    }
    json.push('"');
}

/// Writing into a string does not fail.
pub(super) fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    _ = text.write_fmt(arguments);
}

/// The shortest digits that read back as the same number, with an exponent below 1e-6 and from 1e21 on.
pub(super) fn double_text(double: f64) -> String {
    let magnitude = double.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{double:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    double.to_string()
}

/// What numbers that JSON has not are called in Go.
pub(super) fn unusual(double: f64) -> &'static str {
    match double {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => "NaN",
    }
}

/// RFC 3339, with as many digits of the second as it needs.
fn rfc3339(time: Time) -> String {
    let Civil { year, month, day, hour, minute, second, nanosecond } = Civil::of(time);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanosecond > 0 {
        append(&mut text, format_args!(".{}", format!("{nanosecond:09}").trim_end_matches('0')));
    }
    match time.offset_seconds {
        0 => text.push('Z'),
        offset => {
            let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
            append(&mut text, format_args!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::{b, l, m, s};
    use super::*;

    #[test]
    fn writes_numbers_as_go_does() {
        for (double, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (5e-324, "5e-324"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
        ] {
            assert_eq!(double_text(double), text);
        }
    }

    #[test]
    fn writes_json_as_go_does() {
        let value = m([
            ("z", l([Value::Nil, Value::Bool(true), Value::Int(-1), Value::Double(2.0)])),
            ("a\"", s("<é&\u{1}\u{2028}\\\n>")),
            ("m", m([("bytes", b(&[0xff, 0xfe]))])),
        ]);
        let json = r#"{"a\"":"\u003cé\u0026\u0001\u2028\\\n\u003e","m":{"bytes":"//4="},"z":[null,true,-1,2]}"#;
        assert_eq!(to_json(&value).as_deref(), Ok(json));
        assert_eq!(to_json(&Value::Double(f64::INFINITY)), Err("json: unsupported value: +Inf".to_owned()));
    }

    #[test]
    fn writes_times() {
        for (unix_ns, offset_seconds, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1_500_000_000, 3600, "1970-01-01T01:00:01.5+01:00"),
            (1, -12_600, "1969-12-31T20:30:00.000000001-03:30"),
        ] {
            assert_eq!(rfc3339(Time { unix_ns, offset_seconds }), text);
        }
    }

    #[test]
    fn has_a_bound() {
        let mut value = Value::Nil;
        for _ in 0..=MAX_DEPTH {
            value = l([value]);
        }
        assert!(to_json(&value).is_err_and(|message| message.contains("nested deeper than 512")));
    }
}
