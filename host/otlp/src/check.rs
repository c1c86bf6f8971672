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
    let mut checker = Checker::default();
    checker.message(request(signal), bytes, wire::MAX_DEPTH);
    checker.fault.map_or(Ok(checker.counts), Err)
}

/// Counts, and keeps the first fault aside: passing it through every return costs a third more.
#[derive(Default)]
struct Checker {
    counts: Counts,
    fault: Option<Malformed>,
}

impl Checker {
    /// None if there is a fault.
    fn message(&mut self, kind: &'static Message, body: &[u8], depth: u32) -> Option<()> {
        match kind.role {
            Role::Pair if depth > 0 && plain(body) => return Some(()),
            Role::Pair | Role::Detail | Role::Request | Role::Data => {}
            Role::Item => self.counts.items += 1,
            Role::Metric => self.counts.metrics += 1,
            Role::Scope => self.counts.scopes += 1,
            Role::Resource => self.counts.resources += 1,
        }
        let mut rest = body;
        while !rest.is_empty() {
            let Some(after) = self.field(kind, rest, depth) else {
                self.fault.get_or_insert(Malformed::Framing { message: kind.name, left: rest.len() });
                return None;
            };
            rest = after;
        }
        Some(())
    }

    /// Checks the field at the start of `bytes`; gives what follows it.
    #[inline]
    fn field<'a>(&mut self, within: &'static Message, bytes: &'a [u8], depth: u32) -> Option<&'a [u8]> {
        let (number, wire, value) = wire::tag(bytes)?;
        match (within.rule(number), wire) {
            (Rule::Message(inner), wire::LEN) => {
                let (body, after) = wire::delimited(value)?;
                let Some(depth) = depth.checked_sub(1) else {
                    return self.fail(Malformed::Depth { message: within.name });
                };
                self.message(inner, body, depth)?;
                Some(after)
            }
            (Rule::Id(len), wire::LEN) => {
                let (id, after) = wire::delimited(value)?;
                if id.len() != len && !id.is_empty() {
                    let field = name(within, number);
                    return self.fail(Malformed::IdLength { message: within.name, field, found: id.len() });
                }
                Some(after)
            }
            (Rule::Packed(of), wire::LEN) => {
                let (body, after) = wire::delimited(value)?;
                packed(of, body).then_some(after)
            }
            (Rule::Plain(of) | Rule::Packed(of), _) if of == wire => wire::skip(number, wire, value, depth),
            (Rule::Unknown, _) => wire::skip(number, wire, value, depth),
            _ => self.fail(Malformed::WireType { message: within.name, field: name(within, number), found: wire }),
        }
    }

    #[cold]
    fn fail<T>(&mut self, fault: Malformed) -> Option<T> {
        self.fault.get_or_insert(fault);
        None
    }
}

/// Whether an attribute is one of those that almost all are: of a short string or a small integer. All others take the long way.
#[inline]
fn plain(pair: &[u8]) -> bool {
    const INT_VALUE: u8 = 0x18;
    wire::plain_pair(pair).is_some_and(|(_, value)| {
        wire::plain_text(value).is_some() || matches!(value, [INT_VALUE, 0..0x80] | [INT_VALUE, 0x80..=0xff, 0..0x80])
    })
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

fn name(message: &'static Message, number: u32) -> &'static str {
    message.field(number).map_or("", |field| field.name)
}

/// How many items a request holds that passed [`check`].
pub fn count(signal: Signal, data: &Rope) -> usize {
    data.chunks().iter().map(|chunk| count_items(signal, chunk)).sum()
}

/// How many items a request in one piece holds that passed [`check`].
pub fn count_items(signal: Signal, request_bytes: &[u8]) -> usize {
    items(request(signal), request_bytes)
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

#[cfg(test)]
mod tests;
