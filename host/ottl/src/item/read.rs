//! Fields to values.

use std::borrow::Cow;

use tailrace_otlp::{view, walk, wire};

use super::slot::{Codec, Slot};
use super::trace_state;
use crate::fields::{bytes, numbers, scalar};
use crate::{Key, Map, Time, Value, codec};

/// The value of a field of `message`.
pub(super) fn read<'s>(message: &'s [u8], slot: &Slot, keys: &[Key]) -> Result<Value<'s>, String> {
    let number = slot.number;
    Ok(match slot.codec {
        Codec::Map => return map(message, number, keys),
        Codec::Any => return any(bytes(message, number), keys),
        Codec::AnyText => Value::Str(view::Value::parse(bytes(message, number)).as_text()),
        Codec::Text => Value::Str(codec::text(bytes(message, number))),
        Codec::Flag => Value::Bool(scalar(message, number) != 0),
        Codec::Uint | Codec::Fixed32 => Value::Int((scalar(message, number) as u32).into()),
        Codec::Enum => Value::Int((scalar(message, number) as i32).into()),
        Codec::Sint => Value::Int(wire::unzigzag(scalar(message, number))),
        Codec::Count | Codec::Signed { .. } | Codec::TimeNs => Value::Int(scalar(message, number) as i64),
        Codec::Double { .. } => Value::Double(f64::from_bits(scalar(message, number))),
        Codec::Time => Value::Time(Time { unix_ns: scalar(message, number).into(), offset_seconds: 0 }),
        Codec::Id(len) => Value::Bytes(id(message, number, len)),
        Codec::IdText(len) => Value::Str(hex::encode(id(message, number, len)).into()),
        Codec::KindText => kind(scalar(message, number)).map_or("", |(_, name)| name).into(),
        Codec::OldKindText => kind(scalar(message, number)).map_or("", |(name, _)| name).into(),
        Codec::TraceState => return trace_state::get(bytes(message, number), keys),
        Codec::Counts => list(numbers(message, number, wire::FIXED64), |bits| Value::Int(bits as i64)),
        Codec::Varints => list(numbers(message, number, wire::VARINT), |bits| Value::Int(bits as i64)),
        Codec::Doubles => list(numbers(message, number, wire::FIXED64), |bits| Value::Double(f64::from_bits(bits))),
        Codec::Messages => {
            Value::List(walk::children(message, number).map(|(_, body)| Value::Bytes(Cow::Borrowed(body))).collect())
        }
        Codec::Status => status(bytes(message, number)),
        Codec::Buckets => buckets(bytes(message, number)),
        Codec::Quantiles => Value::List(walk::children(message, number).map(|(_, body)| quantile(body)).collect()),
    })
}

fn map<'s>(message: &'s [u8], number: u32, keys: &[Key]) -> Result<Value<'s>, String> {
    match keys {
        [] => Ok(Value::Map(codec::decode_map(view::attributes(message, number)))),
        [Key::Str(key), rest @ ..] => match codec::attribute(message, number, key.as_bytes()) {
            None => Ok(Value::Nil),
            Some(value) => codec::follow(value, rest),
        },
        [Key::Int(_), ..] => Err(codec::NO_STRING_KEY.to_owned()),
    }
}

fn any<'s>(body: &'s [u8], keys: &[Key]) -> Result<Value<'s>, String> {
    let value = view::Value::parse(body);
    match (value, keys) {
        (_, []) | (view::Value::Map(_) | view::Value::Array(_), _) => codec::follow(value, keys),
        _ => Err(format!("log bodies of type {} cannot be indexed", codec::type_name(value))),
    }
}

/// An id; zeros if there is none.
fn id(message: &[u8], number: u32, len: usize) -> Cow<'_, [u8]> {
    const ZEROS: [u8; 16] = [0; 16];
    match bytes(message, number) {
        [] => Cow::Borrowed(ZEROS.get(..len).unwrap_or_default()),
        id => Cow::Borrowed(id),
    }
}

/// The names of the kinds of spans, by number: as OTLP has them, and as Go does.
pub(super) const KINDS: [(&str, &str); 6] = [
    ("SPAN_KIND_UNSPECIFIED", "Unspecified"),
    ("SPAN_KIND_INTERNAL", "Internal"),
    ("SPAN_KIND_SERVER", "Server"),
    ("SPAN_KIND_CLIENT", "Client"),
    ("SPAN_KIND_PRODUCER", "Producer"),
    ("SPAN_KIND_CONSUMER", "Consumer"),
];

fn kind(number: u64) -> Option<&'static (&'static str, &'static str)> {
    usize::try_from(number).ok().and_then(|at| KINDS.get(at))
}

fn list(bits: Vec<u64>, value: impl Fn(u64) -> Value<'static>) -> Value<'static> {
    Value::List(bits.into_iter().map(value).collect())
}

fn status(body: &[u8]) -> Value<'_> {
    let mut map = Map::default();
    map.push("code", Value::Int((scalar(body, 3) as i32).into()));
    map.push("message", Value::Str(codec::text(bytes(body, 2))));
    Value::Map(map)
}

fn buckets(body: &[u8]) -> Value<'static> {
    let mut map = Map::default();
    map.push("offset", Value::Int(wire::unzigzag(scalar(body, 1))));
    map.push("bucket_counts", list(numbers(body, 2, wire::VARINT), |bits| Value::Int(bits as i64)));
    Value::Map(map)
}

fn quantile(body: &[u8]) -> Value<'static> {
    let mut map = Map::default();
    map.push("quantile", Value::Double(f64::from_bits(scalar(body, 1))));
    map.push("value", Value::Double(f64::from_bits(scalar(body, 2))));
    Value::Map(map)
}
