//! Attribute values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::wire::{self, Payload};
use crate::{literal, walk};

/// Lists and maps in lists and maps beyond which [`Value::as_json`] gives `null`; what passed the check stays below.
const MAX_NESTING: u32 = wire::MAX_DEPTH;

/// An `AnyValue`. Strings are UTF-8 if the sender is honest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Empty,
    /// A string.
    Str(&'a [u8]),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// The message of a list: see [`Value::items`].
    Array(&'a [u8]),
    /// The message of a map: see [`Value::entries`].
    Map(&'a [u8]),
}

/// Reads a `KeyValue`.
#[inline]
pub(crate) fn key_value(pair: &[u8]) -> (&[u8], Value<'_>) {
    match wire::plain_pair(pair) {
        Some((key, value)) => (key, Value::parse(value)),
        None => any_key_value(pair),
    }
}

#[inline(never)]
fn any_key_value(pair: &[u8]) -> (&[u8], Value<'_>) {
    let (mut key, mut value) = (&[][..], Value::Empty);
    for field in wire::fields(pair) {
        match (field.number, field.payload) {
            (1, Payload::Len(bytes)) => key = bytes,
            (2, Payload::Len(bytes)) => value = Value::parse(bytes),
            _ => {}
        }
    }
    (key, value)
}

impl<'a> Value<'a> {
    /// Reads the message `AnyValue`.
    #[inline]
    pub fn parse(any_value: &'a [u8]) -> Self {
        wire::plain_text(any_value).map_or_else(|| Self::parse_any(any_value), Self::Str)
    }

    #[inline(never)]
    fn parse_any(any_value: &'a [u8]) -> Self {
        let mut value = Self::Empty;
        for field in wire::fields(any_value) {
            value = match (field.number, field.payload) {
                (1, Payload::Len(bytes)) => Self::Str(bytes),
                (2, Payload::Varint(bits)) => Self::Bool(bits != 0),
                (3, Payload::Varint(bits)) => Self::Int(bits as i64),
                (4, Payload::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
                (5, Payload::Len(bytes)) => Self::Array(bytes),
                (6, Payload::Len(bytes)) => Self::Map(bytes),
                (7, Payload::Len(bytes)) => Self::Bytes(bytes),
                _ => value,
            };
        }
        value
    }

    /// The elements of an array; nothing for any other value.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let body = if let Self::Array(body) = self { body } else { &[] };
        walk::children(body, 1).map(|(_, any_value)| Self::parse(any_value))
    }

    /// The entries of a map, in wire order; nothing for any other value.
    pub fn entries(self) -> impl Iterator<Item = (&'a [u8], Self)> {
        let body = if let Self::Map(body) = self { body } else { &[] };
        super::attributes(body, 1)
    }

    /// As the Go collector turns a value into a string: strings as they are, bytes in base64, lists and maps as JSON.
    pub fn as_text(self) -> Cow<'a, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Str(text) => String::from_utf8_lossy(text),
            Self::Bytes(bytes) => STANDARD.encode(bytes).into(),
            Self::Double(number) if !number.is_finite() => go_non_finite(number).into(),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Array(_) | Self::Map(_) => self.as_json().into(),
        }
    }

    /// As the Go collector writes it: keys sorted, the last of equal ones, nothing escaped for HTML's sake. A list or map that
    /// holds NaN or an infinity is the empty string, as there.
    pub fn as_json(self) -> String {
        let mut out = String::new();
        match self.write_json(&mut out, MAX_NESTING) {
            Some(()) => out,
            None => String::new(),
        }
    }

    fn write_json(self, out: &mut String, depth: u32) -> Option<()> {
        let Some(depth) = depth.checked_sub(1) else {
            out.push_str("null");
            return Some(());
        };
        match self {
            Self::Empty => out.push_str("null"),
            Self::Str(text) => literal::plain_string(out, &String::from_utf8_lossy(text)),
            Self::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
            Self::Int(number) => _ = write!(out, "{number}"),
            Self::Double(number) => literal::number(out, number)?,
            Self::Bytes(bytes) => literal::string(out, &STANDARD.encode(bytes)),
            Self::Array(_) => {
                out.push('[');
                for (at, item) in self.items().enumerate() {
                    literal::separate(out, at);
                    item.write_json(out, depth)?;
                }
                out.push(']');
            }
            Self::Map(_) => {
                out.push('{');
                for (at, (key, value)) in self.entries().collect::<BTreeMap<_, _>>().into_iter().enumerate() {
                    literal::separate(out, at);
                    literal::plain_string(out, &String::from_utf8_lossy(key));
                    out.push(':');
                    value.write_json(out, depth)?;
                }
                out.push('}');
            }
        }
        Some(())
    }
}

fn go_non_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(number: u32, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, body);
        out
    }

    fn pair(key: &str, value: &[u8]) -> Vec<u8> {
        [any(1, key.as_bytes()), any(2, value)].concat()
    }

    #[test]
    fn texts_are_those_of_the_go_collector() {
        let cases = [
            (Value::Empty, ""),
            (Value::Str(b"a<b"), "a<b"),
            (Value::Bool(true), "true"),
            (Value::Int(-5), "-5"),
            (Value::Double(1.0), "1"),
            (Value::Double(0.1), "0.1"),
            (Value::Double(1e21), "1e+21"),
            (Value::Double(123_456_789_012_345_680_000.0), "123456789012345680000"),
            (Value::Double(-1.5e-7), "-1.5e-7"),
            (Value::Double(0.000_001), "0.000001"),
            (Value::Double(f64::NAN), "NaN"),
            (Value::Double(f64::NEG_INFINITY), "-Infinity"),
            (Value::Bytes(&[1, 2, 255]), "AQL/"),
        ];
        for (value, text) in cases {
            assert_eq!(value.as_text(), text);
        }
    }

    #[test]
    fn lists_and_maps_are_json_with_sorted_keys() {
        let list = [any(1, &any(1, b"x\"<\n")), any(1, &[]), any(1, &[0x18, 7])].concat();
        assert_eq!(Value::Array(&list).as_json(), r#"["x\"<\n",null,7]"#);
        let map =
            [any(1, &pair("b", &any(5, &list))), any(1, &pair("a", &[0x10, 1])), any(1, &pair("b", &any(6, &[])))];
        assert_eq!(Value::Map(&map.concat()).as_text(), r#"{"a":true,"b":{}}"#);
        let nan = [&[0x21][..], &f64::NAN.to_bits().to_le_bytes()].concat();
        assert_eq!(Value::Array(&any(1, &nan)).as_json(), "", "Go's encoder fails on NaN");
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = any(1, b"core");
        for _ in 0..1000 {
            value = any(5, &any(1, &value));
        }
        assert!(Value::parse(&value).as_json().starts_with("[[[["));
    }
}
