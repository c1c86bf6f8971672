//! Admission: is this a request that whoever comes after can decode, and how many items does it hold?
//!
//! The whole message is walked, attributes included, as a decoder would, only that nothing is kept: tags, wire types, lengths, the
//! lengths of ids, nesting. What passes is trusted by everything else in this crate. Strings are not checked for UTF-8,
//! as the Go collector does not.

use crate::schema::{Message, Role, Rule, request};
use crate::{Rope, Signal, wire};

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans, data points or log records.
    pub items: usize,
    /// `ResourceSpans` and their like.
    pub resources: usize,
    /// `ScopeSpans` and their like.
    pub scopes: usize,
    /// Metrics, 0 for other signals.
    pub metrics: usize,
}

/// Why a request can not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside a field, or what should be a tag is none.
    #[error("{message}: truncated or not protobuf, {left} bytes before its end")]
    Framing {
        /// The type of the message that holds the field.
        message: &'static str,
        /// How many bytes before the message's end the field begins.
        left: usize,
    },
    /// A known field has another wire type than its type has.
    #[error("{message}: wrong wireType = {found} for field {field}")]
    WireType {
        /// The type of the message that holds the field.
        message: &'static str,
        /// The field, named as in JSON.
        field: &'static str,
        /// The wire type found.
        found: u8,
    },
    /// A trace id or span id that has neither its length nor none.
    #[error("{message}: invalid length {found} for {field}")]
    IdLength {
        /// The type of the message that holds the field.
        message: &'static str,
        /// The field, named as in JSON.
        field: &'static str,
        /// The length found, in bytes.
        found: usize,
    },
    /// Messages nested deeper than [`wire::MAX_DEPTH`].
    #[error("{message}: nested more than {} levels deep", wire::MAX_DEPTH)]
    Depth {
        /// The type of the message that nests too deeply.
        message: &'static str,
    },
}

/// Checks a request and counts what is in it.
pub fn check(signal: Signal, bytes: &[u8]) -> Result<Counts, Malformed> {
    let mut counts = Counts::default();
    message(request(signal), bytes, wire::MAX_DEPTH, &mut counts)?;
    Ok(counts)
}

fn message(message: &'static Message, body: &[u8], depth: u32, counts: &mut Counts) -> Result<(), Malformed> {
    match message.role {
        Role::Detail | Role::Request | Role::Data => {}
        Role::Item => counts.items += 1,
        Role::Metric => counts.metrics += 1,
        Role::Scope => counts.scopes += 1,
        Role::Resource => counts.resources += 1,
    }
    let mut rest = body;
    while !rest.is_empty() {
        rest = field(message, rest, depth, counts)?;
    }
    Ok(())
}

/// Checks the field at the start of `bytes`; gives what follows it.
#[inline]
fn field<'a>(
    within: &'static Message,
    bytes: &'a [u8],
    depth: u32,
    counts: &mut Counts,
) -> Result<&'a [u8], Malformed> {
    let framing = || Malformed::Framing { message: within.name, left: bytes.len() };
    let (number, wire, value) = wire::tag(bytes).ok_or_else(framing)?;
    let after = match (within.rule(number), wire) {
        (Rule::Message(inner), wire::LEN) => {
            let (body, after) = wire::delimited(value).ok_or_else(framing)?;
            let depth = depth.checked_sub(1).ok_or(Malformed::Depth { message: within.name })?;
            message(inner, body, depth, counts)?;
            Some(after)
        }
        (Rule::Id(len), wire::LEN) => {
            let (id, after) = wire::delimited(value).ok_or_else(framing)?;
            if id.len() != len && !id.is_empty() {
                return Err(id_length(within, number, id.len()));
            }
            Some(after)
        }
        (Rule::Packed(of), wire::LEN) => {
            wire::delimited(value).and_then(|(body, after)| packed(of, body).then_some(after))
        }
        (Rule::Plain(of) | Rule::Packed(of), _) if of == wire => wire::skip(number, wire, value, depth),
        (Rule::Unknown, _) => wire::skip(number, wire, value, depth),
        _ => return Err(wire_type(within, number, wire)),
    };
    after.ok_or_else(framing)
}

/// Whether `body` is a list of values of that wire type.
fn packed(wire: u8, body: &[u8]) -> bool {
    match wire {
        wire::FIXED64 => body.len().is_multiple_of(8),
        wire::FIXED32 => body.len().is_multiple_of(4),
        _ => {
            let mut rest = body;
            while let Some((_, after)) = wire::varint(rest) {
                rest = after;
            }
            rest.is_empty()
        }
    }
}

#[cold]
fn wire_type(message: &'static Message, number: u32, found: u8) -> Malformed {
    Malformed::WireType { message: message.name, field: name(message, number), found }
}

#[cold]
fn id_length(message: &'static Message, number: u32, found: usize) -> Malformed {
    Malformed::IdLength { message: message.name, field: name(message, number), found }
}

fn name(message: &'static Message, number: u32) -> &'static str {
    message.field(number).map_or("", |field| field.name)
}

/// How many items a request holds that passed [`check`].
pub fn count(signal: Signal, data: &Rope) -> usize {
    data.chunks().iter().map(|chunk| items(request(signal), chunk)).sum()
}

/// How many items lie in a message; goes no deeper than to their boundaries.
pub(crate) fn items(within: &'static Message, body: &[u8]) -> usize {
    if within.role == Role::Item {
        return 1;
    }
    let mut sum = 0;
    for field in wire::fields(body) {
        if let (Some(inner), Some(bytes)) = (within.container(field.number), field.payload.bytes()) {
            sum += items(inner, bytes);
        }
    }
    sum
}
