//! Reading spans and attributes where they lie.
//!
//! Nothing is decoded ahead and nothing is kept: each getter walks the message's fields. Where a field that should stand once stands
//! several times, the last one counts, as in every protobuf decoder. On bytes that are no protobuf the getters give what comes before.

mod value;

pub use value::Value;
pub(crate) use value::key_value;

use crate::walk::{self, Header};
use crate::wire::{self, Payload};

/// The fixed-size facts of a span, read in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanHead {
    /// The trace id; zeros if the span has none.
    pub trace_id: [u8; 16],
    /// Whether there is no parent: the id is absent, empty or zeros.
    pub parent_is_empty: bool,
    /// Start, Unix ns.
    pub start: u64,
    /// End, Unix ns.
    pub end: u64,
    /// Status: 0 unset, 1 ok, 2 error; 3 stands for any number that OTLP does not have.
    pub status: u8,
    /// W3C trace flags in the low byte, and OTLP's own bits.
    pub flags: u32,
}

/// Numbers of the fields of a span.
mod span {
    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const TRACE_STATE: u32 = 3;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START: u32 = 7;
    pub(super) const END: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const EVENTS: u32 = 11;
    pub(super) const LINKS: u32 = 13;
    pub(super) const STATUS: u32 = 15;
    pub(super) const FLAGS: u32 = 16;
}

/// Reads a span's head.
#[inline]
pub fn span_head(body: &[u8]) -> SpanHead {
    let mut head = SpanHead { parent_is_empty: true, ..SpanHead::default() };
    for field in wire::fields(body) {
        match (field.number, field.payload) {
            (span::TRACE_ID, Payload::Len(id)) => head.trace_id = id.try_into().unwrap_or_default(),
            (span::PARENT_SPAN_ID, Payload::Len(id)) => head.parent_is_empty = id.iter().all(|byte| *byte == 0),
            (span::START, Payload::Fixed64(time)) => head.start = time,
            (span::END, Payload::Fixed64(time)) => head.end = time,
            (span::STATUS, Payload::Len(status)) => head.status = status_code(status, head.status),
            (span::FLAGS, Payload::Fixed32(flags)) => head.flags = flags,
            _ => {}
        }
    }
    head
}

/// The code in a `Status`, or `before` if it has none.
fn status_code(status: &[u8], before: u8) -> u8 {
    const CODE: u32 = 3;
    wire::fields(status).fold(before, |code, field| match (field.number, field.payload) {
        (CODE, Payload::Varint(value)) => value.min(3) as u8,
        _ => code,
    })
}

/// A span: the bytes of its message.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a>(pub &'a [u8]);

impl<'a> Span<'a> {
    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        last_bytes(self.0, span::TRACE_ID)
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        last_bytes(self.0, span::SPAN_ID)
    }

    /// 8 bytes, or none.
    pub fn parent_span_id(self) -> &'a [u8] {
        last_bytes(self.0, span::PARENT_SPAN_ID)
    }

    /// The W3C `tracestate`, UTF-8 if the sender is honest.
    pub fn trace_state(self) -> &'a [u8] {
        last_bytes(self.0, span::TRACE_STATE)
    }

    /// The name, UTF-8 if the sender is honest.
    pub fn name(self) -> &'a [u8] {
        last_bytes(self.0, span::NAME)
    }

    /// The number of the `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kind(self) -> i32 {
        last_varint(self.0, span::KIND) as i32
    }

    /// Start, Unix ns.
    pub fn start(self) -> u64 {
        span_head(self.0).start
    }

    /// End, Unix ns.
    pub fn end(self) -> u64 {
        span_head(self.0).end
    }

    /// As in [`SpanHead::status`].
    pub fn status_code(self) -> u8 {
        span_head(self.0).status
    }

    /// The status's message.
    pub fn status_message(self) -> &'a [u8] {
        const MESSAGE: u32 = 2;
        walk::children(self.0, span::STATUS)
            .flat_map(|(_, status)| walk::children(status, MESSAGE))
            .last()
            .map_or(&[], |(_, message)| message)
    }

    /// As in [`SpanHead::flags`].
    pub fn flags(self) -> u32 {
        span_head(self.0).flags
    }

    /// The attributes, in wire order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        attributes(self.0, span::ATTRIBUTES)
    }

    /// The events, in wire order.
    pub fn events(self) -> impl Iterator<Item = Event<'a>> {
        walk::children(self.0, span::EVENTS).map(|(_, body)| Event(body))
    }

    /// The links, in wire order.
    pub fn links(self) -> impl Iterator<Item = Link<'a>> {
        walk::children(self.0, span::LINKS).map(|(_, body)| Link(body))
    }
}

/// An event of a span: the bytes of its message.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a>(pub &'a [u8]);

impl<'a> Event<'a> {
    /// When, Unix ns.
    pub fn time(self) -> u64 {
        last_fixed64(self.0, 1)
    }

    /// The name.
    pub fn name(self) -> &'a [u8] {
        last_bytes(self.0, 2)
    }

    /// The attributes, in wire order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        attributes(self.0, 3)
    }
}

/// A link of a span: the bytes of its message.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a>(pub &'a [u8]);

impl<'a> Link<'a> {
    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        last_bytes(self.0, 1)
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        last_bytes(self.0, 2)
    }

    /// The W3C `tracestate`.
    pub fn trace_state(self) -> &'a [u8] {
        last_bytes(self.0, 3)
    }

    /// The attributes, in wire order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        attributes(self.0, 4)
    }
}

/// The Go collector's name of a number of [`Span::kind`]; empty for one that it does not know.
pub fn span_kind_name(kind: i32) -> &'static str {
    match kind {
        0 => "Unspecified",
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "",
    }
}

/// The attributes under field `number` of a message, in wire order: key and value.
#[inline]
pub fn attributes(message: &[u8], number: u32) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    walk::children(message, number).map(|(_, pair)| key_value(pair))
}

/// The attributes of the resource in the header of a `ResourceSpans` or its like.
pub fn resource_attributes<'a>(header: &Header<'a>) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
    inside(header).flat_map(|resource| attributes(resource, 1))
}

/// The attributes of the scope in the header of a `ScopeSpans` or its like.
pub fn scope_attributes<'a>(header: &Header<'a>) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
    inside(header).flat_map(|scope| attributes(scope, 3))
}

/// The name of the scope in the header of a `ScopeSpans` or its like.
pub fn scope_name<'a>(header: &Header<'a>) -> &'a [u8] {
    inside(header).flat_map(|scope| walk::children(scope, 1)).last().map_or(&[], |(_, name)| name)
}

/// The version of the scope in the header of a `ScopeSpans` or its like.
pub fn scope_version<'a>(header: &Header<'a>) -> &'a [u8] {
    inside(header).flat_map(|scope| walk::children(scope, 2)).last().map_or(&[], |(_, version)| version)
}

/// The schema URL in the header of a resource or scope.
pub fn schema_url<'a>(header: &Header<'a>) -> &'a [u8] {
    parts(header, 3).last().unwrap_or(&[])
}

/// The resource or scope in a header. (A sender may write it in several pieces, which a decoder merges.)
fn inside<'a>(header: &Header<'a>) -> impl Iterator<Item = &'a [u8]> {
    parts(header, 1)
}

fn parts<'a>(header: &Header<'a>, number: u32) -> impl Iterator<Item = &'a [u8]> {
    let parts: smallvec::SmallVec<[&'a [u8]; 2]> = header.parts().iter().copied().collect();
    parts.into_iter().flat_map(move |part| walk::children(part, number)).map(|(_, body)| body)
}

fn last_bytes(message: &[u8], number: u32) -> &[u8] {
    walk::children(message, number).last().map_or(&[], |(_, body)| body)
}

fn last_varint(message: &[u8], number: u32) -> u64 {
    wire::fields(message).fold(0, |last, field| match field.payload {
        Payload::Varint(value) if field.number == number => value,
        _ => last,
    })
}

fn last_fixed64(message: &[u8], number: u32) -> u64 {
    wire::fields(message).fold(0, |last, field| match field.payload {
        Payload::Fixed64(value) if field.number == number => value,
        _ => last,
    })
}
