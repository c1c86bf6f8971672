//! Values to fields.

mod expect;
mod put;

use tailrace_otlp::edit::Draft;
use tailrace_otlp::{view, wire};

use super::read;
use super::slot::{Codec, Slot};
use super::trace_state;
use crate::{Key, Value, codec, fields};
use expect::{bytes, double, entries, flag, int, list, text, time};

pub(super) use put::put;

/// Gives a field of a message a value.
pub(super) fn write(draft: &mut Draft<'_>, slot: &Slot, keys: &[Key], value: &Value<'_>) -> Result<(), String> {
    let number = slot.number;
    match slot.codec {
        Codec::Map => return map(draft, number, keys, value),
        Codec::Any => return any(draft, number, keys, value),
        Codec::AnyText => {
            let mut encoded = Vec::new();
            codec::encode(&mut encoded, &Value::Str(text(value)?.into()))?;
            draft.set_bytes(number, &encoded);
        }
        Codec::Text => set_bytes(draft, number, text(value)?.as_bytes()),
        Codec::Flag => set_varint(draft, number, flag(value)?.into()),
        Codec::Uint => set_varint(draft, number, (int(value)? as u32).into()),
        Codec::Enum => set_varint(draft, number, i64::from(int(value)? as i32).cast_unsigned()),
        Codec::Sint => set_varint(draft, number, wire::zigzag((int(value)? as i32).into())),
        Codec::Fixed32 => draft.set_fixed32(number, int(value)? as u32),
        Codec::Count | Codec::TimeNs => draft.set_fixed64(number, int(value)?.cast_unsigned()),
        Codec::Signed { rival } => {
            draft.set_fixed64(number, int(value)?.cast_unsigned());
            draft.remove(rival);
        }
        Codec::Double { rival } => {
            draft.set_fixed64(number, double(value)?.to_bits());
            rival.map(|rival| draft.remove(rival));
        }
        Codec::Time => draft.set_fixed64(number, time(value)?),
        Codec::Id(len) => set_id(draft, number, len, bytes(value)?)?,
        Codec::IdText(len) => {
            let id = hex::decode(text(value)?).map_err(|error| error.to_string())?;
            set_id(draft, number, len, &id)?;
        }
        Codec::KindText => set_varint(draft, number, kind(text(value)?, "", |names| names.1)?),
        Codec::OldKindText => set_varint(draft, number, kind(text(value)?, "deprecated ", |names| names.0)?),
        Codec::TraceState => set_trace_state(draft, number, keys, text(value)?)?,
        Codec::Counts => {
            set_numbers(draft, number, value, |out, value| {
                let _: () = out.extend_from_slice(&int(value)?.to_le_bytes());
                Ok(())
            })?;
        }
        Codec::Varints => {
            set_numbers(draft, number, value, |out, value| {
                wire::put_varint(out, int(value)?.cast_unsigned());
                Ok(())
            })?;
        }
        Codec::Doubles => {
            set_numbers(draft, number, value, |out, value| {
                let _: () = out.extend_from_slice(&double(value)?.to_bits().to_le_bytes());
                Ok(())
            })?;
        }
        Codec::Messages => clear(draft, number, value)?,
        Codec::Status => set_status(draft, number, value)?,
        Codec::Buckets => set_buckets(draft, number, value)?,
        Codec::Quantiles => set_quantiles(draft, number, value)?,
    }
    Ok(())
}

/// An empty string is not written, as protobuf has it.
fn set_bytes(draft: &mut Draft<'_>, number: u32, bytes: &[u8]) {
    match bytes {
        [] => _ = draft.remove(number),
        _ => draft.set_bytes(number, bytes),
    }
}

fn set_varint(draft: &mut Draft<'_>, number: u32, bits: u64) {
    match bits {
        0 => _ = draft.remove(number),
        _ => draft.set_varint(number, bits),
    }
}

fn set_id(draft: &mut Draft<'_>, number: u32, len: usize, id: &[u8]) -> Result<(), String> {
    if id.len() != len {
        let what = if len == 16 { "traces" } else { "spans" };
        return Err(format!(
            "{what} ids must be {} hex characters, that is {len} bytes; got {} bytes",
            2 * len,
            id.len()
        ));
    }
    match id.iter().all(|byte| *byte == 0) {
        true => _ = draft.remove(number),
        false => draft.set_bytes(number, id),
    }
    Ok(())
}

fn kind(text: &str, which: &str, name: fn(&(&'static str, &'static str)) -> &'static str) -> Result<u64, String> {
    let number = read::KINDS.iter().position(|names| name(names) == text);
    number.map(|number| number as u64).ok_or_else(|| format!("unknown span kind {which}string, {text}"))
}

fn set_trace_state(draft: &mut Draft<'_>, number: u32, keys: &[Key], value: &str) -> Result<(), String> {
    match trace_state::only(keys)? {
        None => set_bytes(draft, number, value.as_bytes()),
        Some(key) => {
            if let Some(new) = trace_state::with(fields::bytes(draft.body(), number), key, value) {
                draft.set_bytes(number, new.as_bytes());
            }
        }
    }
    Ok(())
}

fn set_numbers(
    draft: &mut Draft<'_>,
    number: u32,
    value: &Value<'_>,
    put: impl Fn(&mut Vec<u8>, &Value<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut packed = Vec::new();
    for item in list(value)? {
        put(&mut packed, item)?;
    }
    set_bytes(draft, number, &packed);
    Ok(())
}

/// Events, links, data points and exemplars are taken away all at once, and by no statement made.
fn clear(draft: &mut Draft<'_>, number: u32, value: &Value<'_>) -> Result<(), String> {
    match list(value)? {
        [] => {
            draft.remove(number);
            Ok(())
        }
        _ => Err("can only be set to an empty list or nil".to_owned()),
    }
}

fn set_status(draft: &mut Draft<'_>, number: u32, value: &Value<'_>) -> Result<(), String> {
    let map = entries(value)?;
    let mut status = Draft::default();
    if let Some(message) = map.get("message") {
        set_bytes(&mut status, 2, text(message)?.as_bytes());
    }
    if let Some(code) = map.get("code") {
        set_varint(&mut status, 3, i64::from(int(code)? as i32).cast_unsigned());
    }
    draft.set_bytes(number, status.body());
    Ok(())
}

fn set_buckets(draft: &mut Draft<'_>, number: u32, value: &Value<'_>) -> Result<(), String> {
    let map = entries(value)?;
    let mut buckets = Draft::default();
    if let Some(offset) = map.get("offset") {
        set_varint(&mut buckets, 1, wire::zigzag((int(offset)? as i32).into()));
    }
    let counts = map.get("bucket_counts").unwrap_or(&Value::Nil);
    set_numbers(&mut buckets, 2, counts, |out, value| {
        wire::put_varint(out, int(value)?.cast_unsigned());
        Ok(())
    })?;
    draft.set_bytes(number, buckets.body());
    Ok(())
}

fn set_quantiles(draft: &mut Draft<'_>, number: u32, value: &Value<'_>) -> Result<(), String> {
    let mut all = Vec::new();
    for item in list(value)? {
        let map = entries(item)?;
        let mut quantile = Draft::default();
        for (field, name) in [(1, "quantile"), (2, "value")] {
            quantile.set_fixed64(field, double(map.get(name).unwrap_or(&Value::Nil))?.to_bits());
        }
        wire::put_bytes(&mut all, number, quantile.body());
    }
    draft.remove(number);
    draft.append(&all);
    Ok(())
}

fn map(draft: &mut Draft<'_>, number: u32, keys: &[Key], value: &Value<'_>) -> Result<(), String> {
    match keys {
        [] => {
            let mut all = Vec::new();
            match value {
                Value::Nil => {}
                value => codec::encode_map(&mut all, number, entries(value)?)?,
            }
            draft.remove(number);
            draft.append(&all);
            Ok(())
        }
        [Key::Str(key), rest @ ..] => {
            let mut encoded = Vec::new();
            match rest {
                [] => codec::encode(&mut encoded, value)?,
                _ => {
                    let old = codec::attribute(draft.body(), number, key.as_bytes());
                    let mut whole = old.map_or(Value::Nil, codec::decode);
                    put(&mut whole, rest, value.by_ref())?;
                    codec::encode(&mut encoded, &whole)?;
                }
            }
            draft.set_attribute(number, key.as_bytes(), &encoded);
            Ok(())
        }
        [Key::Int(_), ..] => Err(codec::NO_STRING_KEY.to_owned()),
    }
}

fn any(draft: &mut Draft<'_>, number: u32, keys: &[Key], value: &Value<'_>) -> Result<(), String> {
    let mut encoded = Vec::new();
    if keys.is_empty() {
        codec::encode(&mut encoded, value)?;
    } else {
        let old = view::Value::parse(fields::bytes(draft.body(), number));
        if !matches!(old, view::Value::Map(_) | view::Value::Array(_)) {
            return Err(format!("log bodies of type {} cannot be indexed", codec::type_name(old)));
        }
        let mut whole = codec::decode(old);
        put(&mut whole, keys, value.by_ref())?;
        codec::encode(&mut encoded, &whole)?;
    }
    draft.set_bytes(number, &encoded);
    Ok(())
}
