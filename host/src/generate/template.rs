//! Wire-level templates: an item is encoded once, with marks where ids and times stand; a copy of it is the bytes with the
//! marks overwritten. A request is such copies behind one resource and one scope.

use prost::Message;

const TRACE_ID: [u8; 16] = *b"\xf1trace-id-mark\xf2\xf3";
const SPAN_ID: [u8; 8] = *b"\xf4span-id";
const PARENT_ID: [u8; 8] = *b"\xf5parent\xf6";
const START: u64 = 0xf7f8_7374_6172_74f9;
const END: u64 = 0xfafb_656e_642d_74fc;

/// What to give an item as the value that its copies replace.
pub(super) struct Marks;

impl Marks {
    pub(super) fn trace_id() -> Vec<u8> {
        TRACE_ID.to_vec()
    }
    pub(super) fn span_id() -> Vec<u8> {
        SPAN_ID.to_vec()
    }
    pub(super) fn parent_id() -> Vec<u8> {
        PARENT_ID.to_vec()
    }
    pub(super) const fn start() -> u64 {
        START
    }
    pub(super) const fn end() -> u64 {
        END
    }
}

/// What a copy has in place of the marks. Times are Unix nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) parent_id: [u8; 8],
    pub(super) start: u64,
    pub(super) end: u64,
}

/// An encoded item with its tag and length, ready to be copied.
pub(super) struct Template {
    framed: Vec<u8>,
    trace_id: Option<usize>,
    span_id: Option<usize>,
    parent_id: Option<usize>,
    start: Vec<usize>,
    end: Vec<usize>,
}

impl Template {
    pub(super) fn new(item: &impl Message) -> Self {
        let mut framed = Vec::with_capacity(item.encoded_len() + 8);
        field(&mut framed, 2, &item.encode_to_vec());
        let one = |mark: &[u8]| positions(&framed, mark).next();
        Self {
            trace_id: one(&TRACE_ID),
            span_id: one(&SPAN_ID),
            parent_id: one(&PARENT_ID),
            start: positions(&framed, &START.to_le_bytes()).collect(),
            end: positions(&framed, &END.to_le_bytes()).collect(),
            framed,
        }
    }

    /// Bytes of a copy.
    pub(super) fn len(&self) -> usize {
        self.framed.len()
    }

    /// Appends a copy to `out`.
    pub(super) fn copy_to(&self, out: &mut Vec<u8>, values: &Values) {
        let base = out.len();
        out.extend_from_slice(&self.framed);
        let copy = &mut out[base..];
        let mut put = |at: usize, bytes: &[u8]| copy[at..at + bytes.len()].copy_from_slice(bytes);
        self.trace_id.iter().for_each(|&at| put(at, &values.trace_id));
        self.span_id.iter().for_each(|&at| put(at, &values.span_id));
        self.parent_id.iter().for_each(|&at| put(at, &values.parent_id));
        self.start.iter().for_each(|&at| put(at, &values.start.to_le_bytes()));
        self.end.iter().for_each(|&at| put(at, &values.end.to_le_bytes()));
    }
}

/// An export request of any signal: all three have the same shape down to the item.
pub(super) struct Envelope {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Envelope {
    pub(super) fn new(resource: &impl Message, scope: &impl Message) -> Self {
        let mut envelope = Self { resource: Vec::new(), scope: Vec::new() };
        field(&mut envelope.resource, 1, &resource.encode_to_vec());
        field(&mut envelope.scope, 1, &scope.encode_to_vec());
        envelope
    }

    /// The request that holds these items (each with its tag and length).
    pub(super) fn seal(&self, items: &[u8]) -> Vec<u8> {
        let scope_len = self.scope.len() + items.len();
        let resource_len = self.resource.len() + 1 + prost::length_delimiter_len(scope_len) + scope_len;
        let mut request = Vec::with_capacity(resource_len + 11);
        header(&mut request, 1, resource_len);
        request.extend_from_slice(&self.resource);
        header(&mut request, 2, scope_len);
        request.extend_from_slice(&self.scope);
        request.extend_from_slice(items);
        request
    }
}

fn field(out: &mut Vec<u8>, number: u8, body: &[u8]) {
    header(out, number, body.len());
    out.extend_from_slice(body);
}

/// Tag and length of a length-delimited field with a number below 16.
fn header(out: &mut Vec<u8>, number: u8, mut len: usize) {
    out.push(number << 3 | 2);
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

fn positions<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(mark.len()).enumerate().filter(move |(_, window)| *window == mark).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::Span;

    use super::*;

    #[test]
    fn copies_decode_to_the_item_with_their_values() {
        let span = Span {
            trace_id: Marks::trace_id(),
            span_id: Marks::span_id(),
            parent_span_id: Marks::parent_id(),
            name: "n".repeat(200),
            start_time_unix_nano: Marks::start(),
            end_time_unix_nano: Marks::end(),
            ..Span::default()
        };
        let template = Template::new(&span);
        let mut items = Vec::new();
        for n in 1..=3_u8 {
            let values = Values {
                trace_id: [n; 16],
                span_id: [n; 8],
                parent_id: [n + 1; 8],
                start: u64::from(n),
                end: u64::from(n) + 10,
            };
            template.copy_to(&mut items, &values);
        }
        assert_eq!(items.len(), 3 * template.len());

        let envelope = Envelope::new(&Resource::default(), &InstrumentationScope::default());
        let request = ExportTraceServiceRequest::decode(envelope.seal(&items).as_slice()).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        let expected: Vec<Span> = (1..=3_u8)
            .map(|n| Span {
                trace_id: vec![n; 16],
                span_id: vec![n; 8],
                parent_span_id: vec![n + 1; 8],
                start_time_unix_nano: u64::from(n),
                end_time_unix_nano: u64::from(n) + 10,
                ..span.clone()
            })
            .collect();
        assert_eq!(spans, &expected);
    }
}
