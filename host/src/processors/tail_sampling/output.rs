//! Kept traces as OTLP requests again: their spans, byte for byte, under the headers they came with. Adjacent runs under equal
//! headers share one; several traces share a request.

pub(super) mod threshold;

use bytes::Bytes;
use tailrace_otlp::wire::{self, Payload};

use super::shard::Piece;

/// Bytes at which a request is closed. One trace may exceed it. Larger ones were not cheaper for the next component.
const FULL_BYTES: usize = 1 << 20;

/// A request that is ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) data: Bytes,
    pub(super) spans: usize,
}

/// What is noted on the scopes of a kept trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    /// The policy that won.
    pub(super) policy: &'a str,
    /// The member that sampled, if that policy is a composite.
    pub(super) member: Option<&'a str>,
    /// Whether the spans came late and follow an earlier decision.
    pub(super) cached: bool,
}

/// Collects kept traces into requests.
#[derive(Default)]
pub(super) struct Output {
    open: Vec<u8>,
    spans: usize,
    full: Vec<Parcel>,
}

impl Output {
    /// Adds all that is there of a trace.
    pub(super) fn add(&mut self, pieces: &[Piece<'_>], spans: usize, mark: Option<Mark<'_>>) {
        let mark = mark.map(attributes).unwrap_or_default();
        let len = |piece: &Piece<'_>| piece.spans.len() + piece.resource.len() + piece.scope.len() + mark.len();
        let len: usize = pieces.iter().map(len).sum();
        if !self.open.is_empty() && self.open.len() + len > FULL_BYTES {
            self.close();
        }
        if self.open.is_empty() {
            // A little more than the content, for tags and lengths.
            self.open.reserve(FULL_BYTES.max(len + len / 8));
        }
        write_trace(&mut self.open, pieces, &mark);
        self.spans += spans;
    }

    fn close(&mut self) {
        let mut data = std::mem::take(&mut self.open);
        let spans = std::mem::take(&mut self.spans);
        // The rest of the buffer would be held, and not counted, until the request is sent.
        data.shrink_to_fit();
        self.full.push(Parcel { data: data.into(), spans });
    }

    /// The requests that are full.
    pub(super) fn take_full(&mut self) -> Vec<Parcel> {
        std::mem::take(&mut self.full)
    }

    /// All requests.
    pub(super) fn finish(&mut self) -> Vec<Parcel> {
        if !self.open.is_empty() {
            self.close();
        }
        self.take_full()
    }
}

/// A trace as the content of an OTLP request, with the fields in `mark` added to each scope.
pub(super) fn write_trace(out: &mut Vec<u8>, pieces: &[Piece<'_>], mark: &[u8]) {
    for resource in pieces.chunk_by(|a, b| a.resource == b.resource) {
        write_resource(out, resource, mark);
    }
}

/// One `ResourceSpans` of pieces with equal resources.
fn write_resource(out: &mut Vec<u8>, pieces: &[Piece<'_>], mark: &[u8]) {
    let scopes = || pieces.chunk_by(|a, b| a.scope == b.scope);
    let resource = pieces[0].resource;
    let len = scopes().map(|scope| wire::framed_len(CHILDREN, scope_len(scope, mark))).sum::<usize>();
    wire::put_prefix(out, RESOURCES, resource.len() + len);
    out.extend_from_slice(resource);
    for scope in scopes() {
        wire::put_prefix(out, CHILDREN, scope_len(scope, mark));
        if mark.is_empty() {
            out.extend_from_slice(scope[0].scope);
        } else {
            write_marked_scope(out, scope[0].scope, mark);
        }
        for piece in scope {
            out.extend_from_slice(piece.spans);
        }
    }
}

const RESOURCES: u32 = 1;
const CHILDREN: u32 = 2;
/// `ScopeSpans.scope`.
const SCOPE: u32 = 1;
/// `InstrumentationScope.attributes`.
const SCOPE_ATTRIBUTES: u32 = 3;

/// How many bytes [`write_trace`] writes without a mark.
pub(super) fn trace_len(pieces: &[Piece<'_>]) -> usize {
    let resource_len = |pieces: &[Piece<'_>]| {
        let scopes = pieces.chunk_by(|a, b| a.scope == b.scope);
        let scopes: usize = scopes.map(|scope| wire::framed_len(CHILDREN, scope_len(scope, &[]))).sum();
        wire::framed_len(RESOURCES, pieces[0].resource.len() + scopes)
    };
    pieces.chunk_by(|a, b| a.resource == b.resource).map(resource_len).sum()
}

fn scope_len(pieces: &[Piece<'_>], mark: &[u8]) -> usize {
    let header = pieces[0].scope;
    let spans: usize = pieces.iter().map(|piece| piece.spans.len()).sum();
    if mark.is_empty() {
        return header.len() + spans;
    }
    let (rest, scope) = split_scope(header);
    rest + wire::framed_len(SCOPE, scope + mark.len()) + spans
}

/// Bytes of a scope header beside the scope, and of the scope itself.
fn split_scope(header: &[u8]) -> (usize, usize) {
    wire::fields(header).fold((0, 0), |(rest, scope), field| match (field.number, field.payload) {
        (SCOPE, Payload::Len(body)) => (rest, scope + body.len()),
        _ => (rest + field.framed.len(), scope),
    })
}

/// A scope header with further attributes in the scope. A scope in several parts, which protobuf allows, becomes one.
fn write_marked_scope(out: &mut Vec<u8>, header: &[u8], mark: &[u8]) {
    wire::put_prefix(out, SCOPE, split_scope(header).1 + mark.len());
    let is_scope = |field: &wire::Field<'_>| field.number == SCOPE && matches!(field.payload, Payload::Len(_));
    for field in wire::fields(header).filter(is_scope) {
        out.extend_from_slice(field.payload.bytes().unwrap_or_default());
    }
    out.extend_from_slice(mark);
    for field in wire::fields(header).filter(|field| !is_scope(field)) {
        out.extend_from_slice(field.framed);
    }
}

/// The attributes that a mark amounts to, as fields of a scope.
fn attributes(mark: Mark<'_>) -> Vec<u8> {
    const STRING: u32 = 1;
    const BOOL: u32 = 2;
    let mut out = Vec::new();
    let mut value = Vec::new();
    wire::put_bytes(&mut value, STRING, mark.policy.as_bytes());
    put_attribute(&mut out, "tailsampling.policy", &value);
    if let Some(member) = mark.member {
        value.clear();
        wire::put_bytes(&mut value, STRING, member.as_bytes());
        put_attribute(&mut out, "tailsampling.composite_policy", &value);
    }
    if mark.cached {
        value.clear();
        wire::put_tag(&mut value, BOOL, wire::VARINT);
        wire::put_varint(&mut value, 1);
        put_attribute(&mut out, "tailsampling.cached_decision", &value);
    }
    out
}

fn put_attribute(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    const KEY: u32 = 1;
    const VALUE: u32 = 2;
    wire::put_prefix(out, SCOPE_ATTRIBUTES, wire::framed_len(KEY, key.len()) + wire::framed_len(VALUE, value.len()));
    wire::put_bytes(out, KEY, key.as_bytes());
    wire::put_bytes(out, VALUE, value);
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, any_value::Value};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    use super::*;

    fn header(resource: u32) -> Vec<u8> {
        let resource = Resource { dropped_attributes_count: resource, ..Resource::default() };
        ResourceSpans { resource: Some(resource), schema_url: "r".into(), ..ResourceSpans::default() }.encode_to_vec()
    }

    fn scope(name: &str) -> Vec<u8> {
        let scope = InstrumentationScope { name: name.into(), version: "1".into(), ..InstrumentationScope::default() };
        ScopeSpans { scope: Some(scope), schema_url: "s".into(), ..ScopeSpans::default() }.encode_to_vec()
    }

    fn span(name: &str) -> Vec<u8> {
        let span = Span { name: name.into(), ..Span::default() };
        ScopeSpans { spans: vec![span], ..ScopeSpans::default() }.encode_to_vec()
    }

    fn decode(parcels: Vec<Parcel>) -> ExportTraceServiceRequest {
        let [parcel] = parcels.try_into().unwrap();
        ExportTraceServiceRequest::decode(parcel.data).unwrap()
    }

    /// Of each resource a number, of each of its scopes the name and the names of the spans.
    type Shape = Vec<(u32, Vec<(String, Vec<String>)>)>;

    fn shape(request: &ExportTraceServiceRequest) -> Shape {
        let resource = |resource: &ResourceSpans| {
            assert_eq!(resource.schema_url, "r");
            let scopes = resource.scope_spans.iter().map(|scope| {
                assert_eq!(scope.schema_url, "s");
                let spans = scope.spans.iter().map(|span| span.name.clone()).collect();
                (scope.scope.as_ref().unwrap().name.clone(), spans)
            });
            (resource.resource.as_ref().unwrap().dropped_attributes_count, scopes.collect())
        };
        request.resource_spans.iter().map(resource).collect()
    }

    #[test]
    fn adjacent_pieces_share_their_headers() {
        let (r1, r2, a, b) = (header(1), header(2), scope("a"), scope("b"));
        let names = ["1", "2", "3", "4", "5"].map(span);
        let piece = |resource, scope, spans| Piece { resource, scope, spans };
        let pieces = [
            piece(&r1, &a, &names[0]),
            piece(&r1, &a, &names[1]),
            piece(&r1, &b, &names[2]),
            piece(&r2, &b, &names[3]),
            piece(&r1, &a, &names[4]),
        ];
        let mut written = Vec::new();
        write_trace(&mut written, &pieces, &[]);
        assert_eq!(trace_len(&pieces), written.len());
        let mut output = Output::default();
        output.add(&pieces, 5, None);
        let request = decode(output.finish());
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            shape(&request),
            [
                (1, vec![("a".to_owned(), strings(&["1", "2"])), ("b".to_owned(), strings(&["3"]))]),
                (2, vec![("b".to_owned(), strings(&["4"]))]),
                (1, vec![("a".to_owned(), strings(&["5"]))]),
            ]
        );
        assert!(output.finish().is_empty());
    }

    #[test]
    fn requests_are_closed_when_full() {
        let (resource, scope, spans) = (header(1), scope("a"), span("x").repeat(100_000));
        let piece = Piece { resource: &resource, scope: &scope, spans: &spans };
        let mut output = Output::default();
        for _ in 0..5 {
            output.add(&[piece], 100_000, None);
        }
        output.add(&[piece, piece, piece], 300_000, None);
        let sizes: Vec<_> = output.finish().iter().map(|parcel| parcel.spans).collect();
        assert_eq!(sizes, [200_000, 200_000, 100_000, 300_000]);
    }

    #[test]
    fn the_policy_is_noted_on_the_scope() {
        let resource = header(1);
        let spans = span("x");
        for (scope, name) in [(scope("a"), "a"), (Vec::new(), "")] {
            let piece = Piece { resource: &resource, scope: &scope, spans: &spans };
            let mut output = Output::default();
            output.add(&[piece], 1, Some(Mark { policy: "errors", member: Some("first"), cached: true }));
            let request = decode(output.finish());
            let scope_spans = &request.resource_spans[0].scope_spans[0];
            let scope = scope_spans.scope.as_ref().unwrap();
            assert_eq!((scope.name.as_str(), scope_spans.spans.len()), (name, 1));
            let attributes: Vec<_> = scope
                .attributes
                .iter()
                .map(|attribute| (attribute.key.as_str(), attribute.value.clone().unwrap().value.unwrap()))
                .collect();
            assert_eq!(
                attributes,
                [
                    ("tailsampling.policy", Value::StringValue("errors".into())),
                    ("tailsampling.composite_policy", Value::StringValue("first".into())),
                    ("tailsampling.cached_decision", Value::BoolValue(true)),
                ]
            );
        }
    }
}
