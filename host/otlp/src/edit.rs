//! Changing a request without decoding it: what is not touched is copied as it lies, lengths around what is are written anew.
//!
//! ```
//! use tailrace_otlp::{Signal, edit::{self, Change, NewValue}, view::Value, wire};
//! # let pair = [&[0x0a, 8][..], b"password", &[0x12, 5, 0x0a, 3], b"abc"].concat();
//! # let mut resource = Vec::new(); wire::put_bytes(&mut resource, 1, &pair);
//! # let mut spans = Vec::new(); wire::put_bytes(&mut spans, 1, &resource);
//! # let mut request = Vec::new(); wire::put_bytes(&mut request, 1, &spans);
//! // A request whose resource has the attribute password: abc.
//! let masked = edit::attributes(Signal::Traces, &request, |key, _value| {
//!     if key == b"password" { Change::Set(NewValue::Str("***".into())) } else { Change::Keep }
//! });
//! let masked = masked.expect("it changed");
//! assert!(masked.windows(3).any(|bytes| bytes == b"***"));
//! // Nothing changed: no copy was made.
//! assert_eq!(edit::attributes(Signal::Traces, &masked, |_, _| Change::Keep), None);
//! ```

mod draft;
mod pass;

pub use draft::Draft;
pub use pass::{Keep, Level, Place, pass};

use crate::schema::{Message, Role, Rule, request as message_of};
use crate::view::{self, Value};
use crate::{Signal, wire};

/// What is to become of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It stays as it is; entries of a map are asked about one by one.
    Keep,
    /// It goes.
    Remove,
    /// It gets this value.
    Set(NewValue),
}

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum NewValue {
    /// A string.
    Str(String),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl NewValue {
    /// The message `AnyValue`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Str(text) => wire::put_bytes(&mut out, 1, text.as_bytes()),
            Self::Bool(flag) => {
                wire::put_tag(&mut out, 2, wire::VARINT);
                out.push(u8::from(*flag));
            }
            Self::Int(number) => {
                wire::put_tag(&mut out, 3, wire::VARINT);
                wire::put_varint(&mut out, number.cast_unsigned());
            }
            Self::Double(number) => {
                wire::put_tag(&mut out, 4, wire::FIXED64);
                out.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Self::Bytes(bytes) => wire::put_bytes(&mut out, 7, bytes),
        }
        out
    }
}

/// Asks about every attribute of a request that passed [`check`](crate::check()): of resources, scopes, items, events, links,
/// exemplars, and the entries of maps in attributes and log bodies. Gives the request that comes of it, `None` if nothing changes.
pub fn attributes(
    signal: Signal,
    request: &[u8],
    mut change: impl FnMut(&[u8], Value<'_>) -> Change,
) -> Option<Vec<u8>> {
    rewrite(message_of(signal), request, wire::MAX_DEPTH, &mut |kind, body, depth| match kind.role {
        Role::Pair => Some(pair(kind, body, depth, &mut change)),
        _ => None,
    })
}

/// Asks about every span, data point or log record of a request that passed [`check`](crate::check()): the bytes of its message.
/// Those that are not kept go, and with them what is left without items. Gives the request that comes of it, which is empty
/// if no item is kept; `None` if all are.
pub fn retain(signal: Signal, request: &[u8], mut keep: impl FnMut(&[u8]) -> bool) -> Option<Vec<u8>> {
    let edited = rewrite(message_of(signal), request, wire::MAX_DEPTH, &mut |kind, body, _| match kind.role {
        Role::Item => Some(if keep(body) { Edited::Same } else { Edited::Gone }),
        Role::Detail | Role::Pair => Some(Edited::Same),
        _ => None,
    })?;
    // What lost its last item is left as a shell, wherever it stands.
    Some(without_shells(message_of(signal), &edited).unwrap_or(edited))
}

/// A message after editing.
enum Edited {
    Same,
    Gone,
    New(Vec<u8>),
}

/// Says what becomes of a message, or `None`: of those in it.
type Edit<'a> = dyn FnMut(&'static Message, &[u8], u32) -> Option<Edited> + 'a;

/// The message after its inner messages were edited, `None` if it is the same.
fn rewrite(kind: &'static Message, body: &[u8], depth: u32, edit: &mut Edit<'_>) -> Option<Vec<u8>> {
    let depth = depth.checked_sub(1)?;
    let mut out: Option<Vec<u8>> = None;
    // Up to here `body` is in `out`, and up to here it was read.
    let (mut written, mut read) = (0, 0);
    for field in wire::fields(body) {
        let begin = read;
        read += field.framed.len();
        let (Rule::Message(inner), Some(bytes)) = (kind.rule(field.number), field.payload.bytes()) else { continue };
        let edited = edit(inner, bytes, depth)
            .unwrap_or_else(|| rewrite(inner, bytes, depth, edit).map_or(Edited::Same, Edited::New));
        if matches!(edited, Edited::Same) {
            continue;
        }
        let out = out.get_or_insert_with(|| Vec::with_capacity(body.len()));
        out.extend_from_slice(body.get(written..begin).unwrap_or_default());
        if let Edited::New(new) = edited {
            wire::put_bytes(out, field.number, &new);
        }
        written = read;
    }
    let mut out = out?;
    out.extend_from_slice(body.get(written..).unwrap_or_default());
    Some(out)
}

fn pair(kind: &'static Message, body: &[u8], depth: u32, change: &mut dyn FnMut(&[u8], Value<'_>) -> Change) -> Edited {
    let (key, value) = view::key_value(body);
    match change(key, value) {
        Change::Remove => Edited::Gone,
        Change::Set(value) => {
            let mut out = Vec::with_capacity(body.len());
            wire::put_bytes(&mut out, 1, key);
            wire::put_bytes(&mut out, 2, &value.encode());
            Edited::New(out)
        }
        Change::Keep => match value {
            Value::Array(_) | Value::Map(_) => {
                let inner = rewrite(kind, body, depth, &mut |kind, body, depth| match kind.role {
                    Role::Pair => Some(pair(kind, body, depth, change)),
                    _ => None,
                });
                inner.map_or(Edited::Same, Edited::New)
            }
            _ => Edited::Same,
        },
    }
}

/// Without resources, scopes and metrics that hold no item. Run only on what [`retain`] has changed.
fn without_shells(kind: &'static Message, body: &[u8]) -> Option<Vec<u8>> {
    rewrite(kind, body, wire::MAX_DEPTH, &mut |inner, body, _| match inner.role {
        Role::Resource | Role::Scope | Role::Metric if crate::check::items(inner, body) == 0 => Some(Edited::Gone),
        Role::Resource | Role::Scope => None,
        _ => Some(Edited::Same),
    })
}

#[cfg(test)]
mod tests;
