//! Values from the wire's `AnyValue` and back.

use std::borrow::Cow;

use tailrace_otlp::{view, wire};

use crate::{Key, Map, Value};

/// How deeply lists and maps may lie in each other in what statements make. OTLP allows some more, of which the message around a
/// value needs its share.
pub(crate) const MAX_DEPTH: u32 = 64;

/// A string of the wire.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// A value of the wire.
#[inline]
pub(crate) fn decode(value: view::Value<'_>) -> Value<'_> {
    match value {
        view::Value::Empty => Value::Nil,
        view::Value::Str(bytes) => Value::Str(text(bytes)),
        view::Value::Bool(flag) => Value::Bool(flag),
        view::Value::Int(number) => Value::Int(number),
        view::Value::Double(number) => Value::Double(number),
        view::Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
        view::Value::Array(_) => Value::List(value.items().map(decode).collect()),
        view::Value::Map(_) => Value::Map(decode_map(value.entries())),
    }
}

/// A map of the wire. Of several entries with one key all are there, as in the Go collector.
pub(crate) fn decode_map<'a>(entries: impl Iterator<Item = (&'a [u8], view::Value<'a>)>) -> Map<'a> {
    let mut map = Map::default();
    for (key, value) in entries {
        map.push(text(key), decode(value));
    }
    map
}

/// The value of an attribute under field `number` of a message. Of several with one key the first counts, as in the Go collector.
/// Values beside the way are not read.
#[inline]
pub(crate) fn attribute<'a>(message: &'a [u8], number: u32, key: &[u8]) -> Option<view::Value<'a>> {
    encoded_attribute(message, number, key).map(view::Value::parse)
}

/// The same as the message `AnyValue`.
#[inline]
pub(crate) fn encoded_attribute<'a>(message: &'a [u8], number: u32, key: &[u8]) -> Option<&'a [u8]> {
    wire::fields(message)
        .filter(|field| field.number == number)
        .filter_map(|field| field.payload.bytes())
        .map(pair)
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

/// Key and value of a `KeyValue` that is written as everyone writes it.
#[inline]
fn plain_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, len @ 0..0x80, rest @ ..] = pair else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*len))?;
    match rest {
        [0x12, len @ 0..0x80, value @ ..] if value.len() == usize::from(*len) => Some((key, value)),
        _ => None,
    }
}

/// Key and value of any `KeyValue`, the value as the message `AnyValue`.
#[inline(never)]
fn any_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    let (mut key, mut value) = (&[][..], &[][..]);
    for field in wire::fields(pair) {
        match (field.number, field.payload) {
            (1, wire::Payload::Len(bytes)) => key = bytes,
            (2, wire::Payload::Len(bytes)) => value = bytes,
            _ => {}
        }
    }
    (key, value)
}

/// Key and value of a `KeyValue`, the value as the message `AnyValue`.
#[inline]
pub(crate) fn pair(pair: &[u8]) -> (&[u8], &[u8]) {
    plain_pair(pair).unwrap_or_else(|| any_pair(pair))
}

/// Follows keys into a value of the wire without decoding what lies beside the way.
pub(crate) fn follow<'a>(value: view::Value<'a>, keys: &[Key]) -> Result<Value<'a>, String> {
    let mut value = value;
    for key in keys {
        let next = match (value, key) {
            (view::Value::Map(_), Key::Str(key)) => value.entries().find(|(name, _)| *name == key.as_bytes()),
            (view::Value::Map(_), Key::Int(_)) => return Err(NO_STRING_KEY.to_owned()),
            (view::Value::Array(_), Key::Int(index)) => {
                let item = usize::try_from(*index).ok().and_then(|index| value.items().nth(index));
                Some((&[][..], item.ok_or_else(|| format!("index {index} out of bounds"))?))
            }
            (view::Value::Array(_), Key::Str(_)) => return Err(NO_INT_KEY.to_owned()),
            _ => return Err(format!("type {} does not support string indexing", type_name(value))),
        };
        match next {
            Some((_, inner)) => value = inner,
            None => return Ok(Value::Nil),
        }
    }
    Ok(decode(value))
}

pub(crate) const NO_STRING_KEY: &str = "unable to resolve a string index in map: invalid key type";
pub(crate) const NO_INT_KEY: &str = "unable to resolve an integer index in slice: invalid key type";

/// What the Go collector's messages call the type of a value of the wire.
pub(crate) fn type_name(value: view::Value<'_>) -> &'static str {
    match value {
        view::Value::Empty => "Empty",
        view::Value::Str(_) => "Str",
        view::Value::Bool(_) => "Bool",
        view::Value::Int(_) => "Int",
        view::Value::Double(_) => "Double",
        view::Value::Bytes(_) => "Bytes",
        view::Value::Array(_) => "Slice",
        view::Value::Map(_) => "Map",
    }
}

/// Appends the message `AnyValue` of a value.
pub(crate) fn encode(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), String> {
    encode_within(out, value, MAX_DEPTH)
}

/// The message `AnyValue` of a string, which may be no UTF-8.
pub(crate) fn encode_text(text: &[u8]) -> Vec<u8> {
    let mut any = Vec::with_capacity(text.len() + 6);
    wire::put_bytes(&mut any, 1, text);
    any
}

fn encode_within(out: &mut Vec<u8>, value: &Value<'_>, depth: u32) -> Result<(), String> {
    let inner_depth = || depth.checked_sub(1).ok_or_else(too_deep);
    match value {
        Value::Nil => {}
        Value::Str(text) => wire::put_bytes(out, 1, text.as_bytes()),
        Value::Bool(flag) => {
            wire::put_tag(out, 2, wire::VARINT);
            out.push(u8::from(*flag));
        }
        Value::Int(number) => {
            wire::put_tag(out, 3, wire::VARINT);
            wire::put_varint(out, number.cast_unsigned());
        }
        Value::Double(number) => {
            wire::put_tag(out, 4, wire::FIXED64);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Bytes(bytes) => wire::put_bytes(out, 7, bytes),
        Value::List(items) => {
            let depth = inner_depth()?;
            let (mut list, mut item) = (Vec::new(), Vec::new());
            for value in items {
                item.clear();
                encode_within(&mut item, value, depth)?;
                wire::put_bytes(&mut list, 1, &item);
            }
            wire::put_bytes(out, 5, &list);
        }
        Value::Map(map) => {
            let mut list = Vec::new();
            encode_entries(&mut list, 1, map, inner_depth()?)?;
            wire::put_bytes(out, 6, &list);
        }
        Value::Time(_) | Value::Duration(_) => return Err(unsupported(value)),
    }
    Ok(())
}

/// Appends the entries of a map as fields `number`, each a `KeyValue`.
pub(crate) fn encode_map(out: &mut Vec<u8>, number: u32, map: &Map<'_>) -> Result<(), String> {
    encode_entries(out, number, map, MAX_DEPTH)
}

fn encode_entries(out: &mut Vec<u8>, number: u32, map: &Map<'_>, depth: u32) -> Result<(), String> {
    let mut any = Vec::new();
    for (key, value) in map.iter() {
        any.clear();
        encode_within(&mut any, value, depth)?;
        wire::put_prefix(out, number, wire::framed_len(1, key.len()) + wire::framed_len(2, any.len()));
        wire::put_bytes(out, 1, key.as_bytes());
        wire::put_bytes(out, 2, &any);
    }
    Ok(())
}

/// Whether a value can be written.
pub(crate) fn check(value: &Value<'_>) -> Result<(), String> {
    check_within(value, MAX_DEPTH)
}

fn check_within(value: &Value<'_>, depth: u32) -> Result<(), String> {
    match (value, depth) {
        (Value::List(_) | Value::Map(_), 0) => Err(too_deep()),
        (Value::List(items), _) => items.iter().try_for_each(|item| check_within(item, depth - 1)),
        (Value::Map(map), _) => map.iter().try_for_each(|(_, value)| check_within(value, depth - 1)),
        (Value::Time(_) | Value::Duration(_), _) => Err(unsupported(value)),
        _ => Ok(()),
    }
}

fn too_deep() -> String {
    format!("a value nested more than {MAX_DEPTH} levels deep")
}

fn unsupported(value: &Value<'_>) -> String {
    format!("unsupported value type {}: turn it into a string or a number first", value.type_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&'static str, Value<'static>)]) -> Value<'static> {
        Value::Map(entries.iter().cloned().map(|(key, value)| (key.into(), value)).collect())
    }

    #[test]
    fn values_come_back_from_the_wire() {
        let values = [
            Value::Nil,
            Value::Bool(true),
            Value::Int(-5),
            Value::Double(0.1),
            "text".into(),
            Value::Bytes(vec![0, 255].into()),
            Value::List(vec![Value::Int(1), "a".into(), Value::Nil]),
            map(&[("k", Value::List(vec![map(&[("x", Value::Int(1))])])), ("", Value::Nil)]),
        ];
        for value in values {
            let mut bytes = Vec::new();
            encode(&mut bytes, &value).unwrap();
            assert_eq!(decode(view::Value::parse(&bytes)), value);
        }
    }

    #[test]
    fn what_no_attribute_can_hold_is_refused() {
        assert!(encode(&mut Vec::new(), &Value::Duration(1)).unwrap_err().contains("time.Duration"));
        let mut deep = Value::Nil;
        for _ in 0..=MAX_DEPTH {
            deep = Value::List(vec![deep]);
        }
        assert!(encode(&mut Vec::new(), &deep).unwrap_err().contains("nested"));
        assert!(check(&deep).unwrap_err().contains("nested"));
        let Value::List(mut items) = deep else { panic!("a list") };
        let inner = items.remove(0);
        assert_eq!(check(&inner), Ok(()));
        assert_eq!(encode(&mut Vec::new(), &inner), Ok(()));
        assert!(check(&Value::List(vec![Value::Duration(1)])).is_err());
    }

    #[test]
    fn keys_lead_into_values() {
        let mut bytes = Vec::new();
        let value = map(&[("a", Value::List(vec![Value::Int(1), map(&[("b", "deep".into())])])), ("s", "text".into())]);
        encode(&mut bytes, &value).unwrap();
        let (string, int) = (|key: &str| Key::Str(key.into()), Key::Int);
        let cases: [(&[Key], Result<Value<'_>, &str>); 8] = [
            (&[], Ok(value.clone())),
            (&[string("a"), int(0)], Ok(Value::Int(1))),
            (&[string("a"), int(1), string("b")], Ok("deep".into())),
            (&[string("x")], Ok(Value::Nil)),
            (&[string("a"), int(2)], Err("index 2 out of bounds")),
            (&[string("a"), int(-1)], Err("index -1 out of bounds")),
            (&[string("a"), string("b")], Err(NO_INT_KEY)),
            (&[string("s"), string("b")], Err("type Str does not support string indexing")),
        ];
        for (keys, expected) in cases {
            assert_eq!(follow(view::Value::parse(&bytes), keys), expected.map_err(str::to_owned), "{keys:?}");
        }
    }
}
