//! The entries of maps on the wire, changed without decoding those that stay.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_otlp::{view, wire};

use crate::codec;

/// What becomes of an entry.
pub(crate) enum Change {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
    /// It gets another value, the message `AnyValue`.
    Value(Vec<u8>),
    /// It gets another key.
    Key(Vec<u8>),
}

/// Says what becomes of an entry, by its key and value.
type Judge<'j> = dyn FnMut(&[u8], view::Value<'_>) -> Result<Change, String> + 'j;

/// Asks about each entry under field `number` of a message; gives the message that comes of it, none if it is the same. An
/// entry that gets the key of another takes its place.
pub(crate) fn rewrite(message: &[u8], number: u32, change: &mut Judge<'_>) -> Result<Option<Vec<u8>>, String> {
    let mut out: Option<Vec<u8>> = None;
    let (mut read, mut written) = (0, 0);
    let mut renamed: Vec<Vec<u8>> = Vec::new();
    for field in wire::fields(message) {
        let begin = read;
        read += field.framed.len();
        let (true, Some(pair)) = (field.number == number, field.payload.bytes()) else { continue };
        let (key, any) = codec::pair(pair);
        let changed = change(key, view::Value::parse(any))?;
        if matches!(changed, Change::Keep) {
            continue;
        }
        let out = out.get_or_insert_with(|| Vec::with_capacity(message.len()));
        out.extend_from_slice(message.get(written..begin).unwrap_or_default());
        written = read;
        match changed {
            Change::Keep | Change::Remove => {}
            Change::Value(any) => append(out, number, key, &any),
            Change::Key(new) => {
                append(out, number, &new, any);
                renamed.push(new);
            }
        }
    }
    let Some(mut out) = out else { return Ok(None) };
    out.extend_from_slice(message.get(written..).unwrap_or_default());
    Ok(Some(if renamed.is_empty() { out } else { without_older(&out, number, &renamed) }))
}

/// Appends an entry.
fn append(out: &mut Vec<u8>, number: u32, key: &[u8], any_value: &[u8]) {
    wire::put_prefix(out, number, wire::framed_len(1, key.len()) + wire::framed_len(2, any_value.len()));
    wire::put_bytes(out, 1, key);
    wire::put_bytes(out, 2, any_value);
}

/// The message with only the last of several entries with one of these keys.
fn without_older(message: &[u8], number: u32, keys: &[Vec<u8>]) -> Vec<u8> {
    let key_of = |field: &wire::Field<'_>| match field.payload {
        wire::Payload::Len(pair) if field.number == number => Some(codec::pair(pair).0.to_vec()),
        _ => None,
    };
    let fields: Vec<_> = wire::fields(message).map(|field| (key_of(&field), field.framed)).collect();
    let mut out = Vec::with_capacity(message.len());
    let mut last = BTreeMap::new();
    for (at, (key, _)) in fields.iter().enumerate() {
        if let Some(key) = key.as_ref().filter(|key| keys.contains(key)) {
            last.insert(key.clone(), at);
        }
    }
    for (at, (key, framed)) in fields.iter().enumerate() {
        let is_older = key.as_ref().and_then(|key| last.get(key)).is_some_and(|last| *last != at);
        if !is_older {
            out.extend_from_slice(framed);
        }
    }
    out
}

/// The message with entries put in: for each, whether it may take the place of one of its key, and whether it may be new.
pub(crate) fn merge(
    message: &[u8],
    number: u32,
    entries: &[(String, Vec<u8>)],
    replaces: bool,
    adds: bool,
) -> Result<Option<Vec<u8>>, String> {
    let by_key: BTreeMap<&[u8], &Vec<u8>> = entries.iter().map(|(key, any)| (key.as_bytes(), any)).collect();
    let mut seen = BTreeSet::new();
    let replaced = rewrite(message, number, &mut |key, _| {
        let Some((key, any)) = by_key.get_key_value(key) else { return Ok(Change::Keep) };
        seen.insert(*key);
        Ok(if replaces { Change::Value((*any).clone()) } else { Change::Keep })
    })?;
    let new: Vec<_> = entries.iter().filter(|(key, _)| adds && !seen.contains(key.as_bytes())).collect();
    if new.is_empty() {
        return Ok(replaced);
    }
    let mut out = replaced.unwrap_or_else(|| message.to_vec());
    for (key, any) in new {
        append(&mut out, number, key.as_bytes(), any);
    }
    Ok(Some(out))
}
