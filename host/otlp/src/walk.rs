//! Visiting the spans of a request without decoding them.

use smallvec::SmallVec;

use crate::wire;

/// The field under which a request holds its resources.
pub const RESOURCES: u32 = 1;
/// The field under which a resource holds its scopes, and a scope its items.
pub const CHILDREN: u32 = 2;

/// What a `ResourceSpans` says besides its scopes, or a `ScopeSpans` besides its spans: resource or scope, schema URL, and
/// whatever fields a later version adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    parts: SmallVec<[&'a [u8]; 2]>,
}

impl<'a> Header<'a> {
    /// The header of a `ResourceSpans` or `ScopeSpans`.
    #[inline]
    pub fn of(container: &'a [u8]) -> Self {
        let mut parts = SmallVec::<[&[u8]; 2]>::new();
        for field in wire::fields(container) {
            if field.number != CHILDREN {
                parts.push(field.framed);
            }
        }
        Self { parts }
    }

    /// Whole fields, in wire order.
    #[inline]
    pub fn parts(&self) -> &[&'a [u8]] {
        &self.parts
    }

    /// Total bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Whether it says nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Appends all parts.
    #[inline]
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for part in &self.parts {
            out.extend_from_slice(part);
        }
    }
}

/// What [`spans`] calls, in wire order.
pub trait Visit {
    /// A `ResourceSpans` begins.
    fn resource(&mut self, header: &Header<'_>);
    /// A `ScopeSpans` of it begins.
    fn scope(&mut self, header: &Header<'_>);
    /// A span of that: the field with tag and length, and the span alone.
    fn span(&mut self, framed: &[u8], body: &[u8]);
}

/// Visits all spans of a trace request, or of one chunk of it, that passed [`check`](crate::check()).
pub fn spans(request: &[u8], visit: &mut impl Visit) {
    for (_, resource) in children(request, RESOURCES) {
        visit.resource(&Header::of(resource));
        for (_, scope) in children(resource, CHILDREN) {
            visit.scope(&Header::of(scope));
            for (framed, span) in children(scope, CHILDREN) {
                visit.span(framed, span);
            }
        }
    }
}

/// The length-delimited fields of that number: each with tag and length, and without.
#[inline]
pub fn children(message: &[u8], number: u32) -> impl Iterator<Item = (&[u8], &[u8])> {
    wire::fields(message)
        .filter(move |field| field.number == number)
        .filter_map(|field| Some((field.framed, field.payload.bytes()?)))
}
