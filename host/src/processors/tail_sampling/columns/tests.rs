use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData, span};
use prost::Message;

use super::*;
use crate::processors::tail_sampling::digest::Digest;
use crate::processors::tail_sampling::hash::TraceId;
use crate::processors::tail_sampling::index::Index;
use crate::wasm::policy::Attribute;

const NOW: u64 = 1_000_000;

fn attributes(pairs: &[(&str, Value)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(&str, Value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(value.clone()) }),
        ..KeyValue::default()
    };
    pairs.iter().map(pair).collect()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

/// A resource with `region`, a scope with `library`, spans.
fn headers(region: &str) -> (Vec<u8>, Vec<u8>) {
    let resource = Resource { attributes: attributes(&[("region", text(region))]), ..Resource::default() };
    let scope =
        InstrumentationScope { attributes: attributes(&[("library", text("x"))]), ..InstrumentationScope::default() };
    (
        ResourceSpans { resource: Some(resource), ..ResourceSpans::default() }.encode_to_vec(),
        ScopeSpans { scope: Some(scope), ..ScopeSpans::default() }.encode_to_vec(),
    )
}

fn framed(spans: Vec<Span>) -> Vec<u8> {
    ScopeSpans { spans, ..ScopeSpans::default() }.encode_to_vec()
}

fn needs(fields: Fields, wanted: &[(Scope, &str)]) -> Needs {
    let attribute = |(scope, key): &(Scope, &str)| Attribute { scope: *scope, key: (*key).to_owned() };
    Needs { fields, attributes: wanted.iter().map(attribute).collect(), whole_size: false }
}

/// The columns of one trace for each element: its pieces.
fn build(needs: &Needs, traces: &[Vec<Piece<'_>>]) -> Columns {
    let mut index = Index::with_capacity(0);
    let mut builder = Builder::new(needs, NOW, traces.len());
    for (number, pieces) in traces.iter().enumerate() {
        let slot = index.insert(TraceId { high: number as u64, low: 0 }, 0, 0, 1);
        index.entry_mut(slot).add(Digest { start: 400, end: 700, spans: 2, seen: 9 }, 50);
        builder.add(index.entry(slot), || pieces.iter().copied().collect());
    }
    builder.finish()
}

fn strings(columns: &Columns, codes: &[u32]) -> Vec<String> {
    let dictionary = &columns.dictionary;
    let of = |code: &u32| match (code >> 28, (code & 0x0fff_ffff) as usize) {
        (0, _) => "-".to_owned(),
        (1, at) => {
            let [from, to] = [at, at + 1].map(|at| dictionary.string_offsets[at] as usize);
            String::from_utf8(dictionary.string_pool[from..to].to_vec()).unwrap()
        }
        (2, at) => dictionary.ints[at].to_string(),
        (kind, _) => panic!("type {kind}"),
    };
    codes.iter().map(of).collect()
}

#[test]
fn traces_come_from_their_digests_alone() {
    let needs = Needs::default();
    let mut builder = Builder::new(&needs, NOW, 1);
    let mut index = Index::with_capacity(0);
    let slot = index.insert(TraceId::from_bytes(*b"0123456789abcdef"), 0, 0, 1);
    index.entry_mut(slot).add(Digest { start: 400, end: 700, spans: 2, seen: 9 }, 50);
    builder.add(index.entry(slot), || panic!("nobody asked for spans"));
    let columns = builder.finish();
    assert_eq!(columns.trace_ids, b"0123456789abcdef");
    assert_eq!((columns.start, columns.duration, columns.size), (vec![400 - NOW as i64], vec![300], vec![50]));
    assert_eq!((columns.seen, columns.span_count, columns.span_offsets), (vec![9], vec![2], Vec::new()));
}

#[test]
fn fields_of_spans_stand_in_order_of_arrival() {
    let span = |n: u8, parent: u8| Span {
        span_id: vec![n; 8],
        parent_span_id: vec![parent; 8],
        name: format!("name {}", n % 2),
        kind: 2,
        trace_state: "a=b".to_owned(),
        start_time_unix_nano: 100,
        end_time_unix_nano: 100 + u64::from(n),
        status: (n == 1).then(|| Status { code: 2, ..Status::default() }),
        ..Span::default()
    };
    let (resource, scope) = headers("eu");
    let [first, second, other] = [vec![span(1, 2)], vec![span(2, 9), span(3, 1)], vec![span(4, 1)]].map(framed);
    let piece = |spans| Piece { resource: &resource, scope: &scope, spans };
    let traces = [vec![piece(&first), piece(&second)], vec![piece(&other)]];
    let columns = build(&needs(Fields::all(), &[]), &traces);
    assert_eq!(columns.span_offsets, [0, 3, 4]);
    assert_eq!((columns.span_status.as_slice(), columns.span_kind.as_slice()), (&[2, 0, 0, 0][..], &[2; 4][..]));
    assert_eq!(columns.span_start, [100 - NOW as i64; 4]);
    assert_eq!(columns.span_duration, [1, 2, 3, 4]);
    assert_eq!(columns.span_parent, [2, 0, 1, 0], "places in the batch, of the same trace only");
    assert_eq!(strings(&columns, &columns.span_name), ["name 1", "name 0", "name 1", "name 0"]);
    assert_eq!(strings(&columns, &columns.span_trace_state), ["a=b"; 4]);
    let whole = TracesData::decode(&columns.otlp[..columns.otlp_offsets[1] as usize]).unwrap();
    assert_eq!(whole.resource_spans.len(), 1);
    assert_eq!(whole.resource_spans[0].scope_spans[0].spans, [span(1, 2), span(2, 9), span(3, 1)]);
}

#[test]
fn attributes_are_found_in_their_scope() {
    let event = |n: i64| span::Event { attributes: attributes(&[("n", Value::IntValue(n))]), ..span::Event::default() };
    let link = span::Link { attributes: attributes(&[("n", text("l"))]), ..span::Link::default() };
    let one = Span {
        attributes: attributes(&[("n", Value::IntValue(7)), ("n", Value::IntValue(8)), ("region", text("span"))]),
        events: vec![event(1), event(2)],
        ..Span::default()
    };
    let two = Span { events: vec![event(3)], links: vec![link], ..Span::default() };
    let spans = framed(vec![one, two]);
    let [(eu, scope), (us, _)] = ["eu", "us"].map(headers);
    let traces = [vec![
        Piece { resource: &eu, scope: &scope, spans: &spans },
        Piece { resource: &us, scope: &[], spans: &spans },
    ]];
    let wanted = [
        (Scope::Resource, "region"),
        (Scope::Instrumentation, "library"),
        (Scope::Span, "n"),
        (Scope::Event, "n"),
        (Scope::Link, "n"),
    ];
    let columns = build(&needs(Fields::empty(), &wanted), &traces);
    let column = |at: usize| strings(&columns, &columns.attributes[at].codes);
    assert_eq!(column(0), ["eu", "eu", "us", "us"]);
    assert_eq!(column(1), ["x", "x", "-", "-"]);
    assert_eq!(column(2), ["7", "-", "7", "-"], "the first of equal keys counts");
    assert_eq!(
        (column(3), columns.event_offsets.as_slice()),
        (["1", "2", "3", "1", "2", "3"].map(str::to_owned).to_vec(), &[0, 2, 3, 5, 6][..])
    );
    assert_eq!(
        (column(4), columns.link_offsets.as_slice()),
        (["l", "l"].map(str::to_owned).to_vec(), &[0, 0, 1, 1, 2][..])
    );
    assert_eq!(columns.span_offsets, [0, 4]);
    assert!(columns.span_status.is_empty());
}

/// For who needs it, the size of the message is there beside that of the spans.
#[test]
fn the_whole_size_is_that_of_the_message() {
    let (resource, scope) = headers("eu");
    let spans = framed(vec![Span { name: "x".repeat(300), ..Span::default() }]);
    let piece = Piece { resource: &resource, scope: &scope, spans: &spans };
    let mut message = Vec::new();
    output::write_trace(&mut message, &[piece, piece], &[]);
    let needs = Needs { whole_size: true, ..needs(Fields::empty(), &[]) };
    let columns = build(&needs, &[vec![piece, piece], vec![]]);
    assert_eq!(columns.whole_size, [message.len() as u32, 0]);
    assert_eq!(columns.size, [50, 50]);
    let given = |needs: &Needs| columns.part(needs, &[]).size.to_vec();
    assert_eq!((given(&needs), given(&Needs::default())), (columns.whole_size.clone(), columns.size.clone()));
}
