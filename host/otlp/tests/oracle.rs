//! Properties of the wire readers, with prost as the oracle: what it encodes is read back equal, what it refuses is refused, and nothing panics.

#[path = "oracle/arbitrary.rs"]
mod arbitrary;
#[path = "oracle/model.rs"]
mod model;

use std::hint::black_box;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use tailrace_otlp::edit::{self, Keep, Level};
use tailrace_otlp::{Rope, Signal, check, count, json, response, split, split_front, view, walk, wire};

use arbitrary::{damage, request, signal, traces};
use model::Model;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn check_counts_what_prost_sees(request in request()) {
        let bytes = request.encode();
        prop_assert_eq!(check(request.signal(), &bytes), Ok(request.counts()));
        prop_assert_eq!(count(request.signal(), &bytes.into()), request.counts().items);
    }

    #[test]
    fn passes_change_what_they_are_told_to_and_nothing_else(request in request(), which in 1_usize..4) {
        // A field that OTLP does not have: decoders skip it.
        const UNKNOWN: &[u8] = &[0xc0, 0xbb, 0x01, 0x01];
        let signal = request.signal();
        let bytes = request.encode();
        for level in [Level::Resource, Level::Scope, Level::Item, Level::Part, Level::Exemplar] {
            prop_assert_eq!(edit::pass(signal, level, &bytes, |_| Keep::Yes), None);
            let mut seen = 0;
            let changed = edit::pass(signal, level, &bytes, |place| {
                seen += 1;
                if seen % which == 0 {
                    let drafts = [&mut place.resource, &mut place.scope, &mut place.item, &mut place.part, &mut place.exemplar];
                    drafts.into_iter().take(level as usize + 1).for_each(|draft| draft.append(UNKNOWN));
                }
                Keep::Yes
            });
            prop_assert_eq!(changed.is_some(), seen >= which);
            if let Some(changed) = changed {
                prop_assert_eq!(check(signal, &changed), Ok(request.counts()), "{:?}", level);
                prop_assert_eq!(&Model::decode(signal, &changed).unwrap(), &request, "{:?}", level);
            }
        }
    }

    #[test]
    fn concatenation_joins(signal in signal(), seed in prop::collection::vec(request(), 1..4)) {
        let same: Vec<_> = seed.into_iter().filter(|request| request.signal() == signal).collect();
        let mut rope = Rope::new();
        for request in &same {
            rope.append(request.encode().into());
        }
        let joined = Model::decode(signal, &rope.clone().into_bytes()).unwrap();
        prop_assert_eq!(joined.items(), same.iter().flat_map(Model::items).collect::<Vec<_>>());
        prop_assert_eq!(count(signal, &rope), joined.counts().items);
    }

    #[test]
    fn pieces_hold_the_items_under_their_headers(request in request(), second in request(), max in 1_usize..6) {
        let mut rope = Rope::from(request.encode());
        if second.signal() == request.signal() {
            rope.append(second.encode().into());
        }
        let signal = request.signal();
        let whole = Model::decode(signal, &rope.clone().into_bytes()).unwrap();
        let total = whole.counts().items;
        let pieces = split(signal, rope.clone(), total, max);
        let mut items = Vec::new();
        for (at, (piece, held)) in pieces.iter().enumerate() {
            let bytes = piece.clone().into_bytes();
            prop_assert_eq!(check(signal, &bytes).map(|counts| counts.items), Ok(*held));
            for chunk in piece.chunks() {
                prop_assert!(check(signal, chunk).is_ok(), "a chunk holds whole fields");
            }
            prop_assert!(*held == max || at + 1 == pieces.len() && (*held > 0 || total == 0));
            items.extend(Model::decode(signal, &bytes).unwrap().items());
        }
        // Each item carries the encoded resource, scope, schema URLs and metric it stands under.
        prop_assert_eq!(items, whole.items());

        let (front, rest) = split_front(signal, rope.clone(), max);
        prop_assert_eq!(&pieces[0].0.clone().into_bytes(), &front.into_bytes());
        prop_assert_eq!(count(signal, &rest), total - total.min(max));
        prop_assert!(total <= max || count(signal, &rest) > 0);
        prop_assert!(total > max || rest.is_empty());
    }

    #[test]
    fn views_read_what_prost_wrote(request in traces()) {
        let mut seen = model::Seen::default();
        walk::spans(&request.encode_to_vec(), &mut seen);
        prop_assert_eq!(seen.0, model::expected(&request));
    }

    #[test]
    fn json_is_the_same_request(request in request()) {
        let signal = request.signal();
        let text = json::encode(signal, &request.encode().into()).unwrap();
        let bytes = json::decode(signal, text.as_bytes()).unwrap();
        prop_assert_eq!(Model::decode(signal, &bytes).unwrap(), request);
    }

    #[test]
    fn json_of_others_is_read_as_they_read_it(request in traces()) {
        let text = serde_json::to_string(&request).unwrap();
        // Not the request itself: that writer loses infinities.
        let expected: ExportTraceServiceRequest = serde_json::from_str(&text).unwrap();
        let bytes = json::decode(Signal::Traces, text.as_bytes()).unwrap();
        prop_assert_eq!(ExportTraceServiceRequest::decode(&bytes[..]).unwrap(), expected);
    }

    #[test]
    fn what_check_admits_prost_decodes(request in request(), changes in damage()) {
        let bytes = changes.apply(request.encode());
        let signal = request.signal();
        match (check(signal, &bytes), Model::decode(signal, &bytes)) {
            (Ok(_), Err(error)) => {
                let error = error.to_string();
                // Neither the Go collector nor we look at what is in a string, and prost takes a uint32 beyond 32 bits.
                prop_assert!(error.contains("UTF-8"), "{}", error);
            }
            (Err(refusal), Ok(_)) => {
                let refusal = refusal.to_string();
                prop_assert!(refusal.contains("invalid length"), "{}", refusal);
            }
            _ => {}
        }
    }

    #[test]
    fn damaged_json_is_refused_or_a_request(request in request(), changes in damage()) {
        let signal = request.signal();
        let text = json::encode(signal, &request.encode().into()).unwrap();
        if let Ok(decoded) = json::decode(signal, &changes.apply(text.into_bytes())) {
            prop_assert!(check(signal, &decoded).is_ok());
        }
    }

    #[test]
    fn nothing_panics(request in request(), changes in damage(), noise in prop::collection::vec(any::<u8>(), 0..200), max in 0_usize..5) {
        for bytes in [changes.apply(request.encode()), noise] {
            for signal in Signal::ALL {
                exercise(signal, &bytes, max);
            }
        }
    }
}

/// The bound of nesting is prost's, for lists and maps alike.
#[test]
fn nesting_ends_where_prost_ends() {
    let field = |number: u32, body: &[u8]| {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, body);
        out
    };
    let list = |inner: Vec<u8>| field(5, &field(1, &inner));
    let map = |inner: Vec<u8>| field(6, &field(1, &[field(1, b"key"), field(2, &inner)].concat()));
    for levels in 20..60 {
        for (of, innermost) in
            [(&list as &dyn Fn(Vec<u8>) -> Vec<u8>, vec![]), (&list, field(1, b"x")), (&map, field(1, b"x"))]
        {
            let value = (0..levels).fold(innermost, |inner, _| of(inner));
            let request = field(1, &field(2, &field(2, &field(5, &value))));
            let decoded = Model::decode(Signal::Logs, &request);
            assert_eq!(check(Signal::Logs, &request).is_ok(), decoded.is_ok(), "{levels}");
        }
    }
}

/// Everything that reads bytes, on bytes that may be anything.
fn exercise(signal: Signal, bytes: &[u8], max: usize) {
    let admitted = check(signal, bytes);
    let rope = Rope::from(bytes.to_vec());
    let items = count(signal, &rope);
    if let Ok(counts) = admitted {
        assert_eq!(items, counts.items);
    }
    let pieces = split(signal, rope.clone(), items, max);
    assert_eq!(pieces.iter().map(|(_, held)| held).sum::<usize>(), items);
    drop(split_front(signal, rope, max));
    walk::spans(bytes, &mut Everything);
    for level in [Level::Resource, Level::Scope, Level::Item, Level::Part, Level::Exemplar] {
        let edited = edit::pass(signal, level, bytes, |place| {
            place.item.set_attribute(9, b"k", b"\x0a\x01v");
            place.part.remove(3);
            place.resource.edit_each(1, |resource| resource.set_varint(2, max as u64));
            if max == 0 { Keep::No } else { Keep::Yes }
        });
        black_box(edited);
    }
    drop(response::partial_success(bytes));
    assert_eq!(json::encode(signal, &bytes.to_vec().into()).is_ok(), admitted.is_ok());
    if let Ok(decoded) = json::decode(signal, bytes) {
        assert!(check(signal, &decoded).is_ok());
    }
}

struct Everything;

impl walk::Visit for Everything {
    fn resource(&mut self, header: &walk::Header<'_>) {
        view::resource_attributes(header).for_each(|(_, value)| drop(value.as_json()));
    }

    fn scope(&mut self, header: &walk::Header<'_>) {
        view::scope_attributes(header).for_each(|(_, value)| drop(value.as_text().into_owned()));
        black_box((view::scope_name(header), view::scope_version(header), view::schema_url(header)));
    }

    fn span(&mut self, _framed: &[u8], body: &[u8]) {
        black_box(view::span_head(body));
        let span = view::Span(body);
        black_box((
            span.trace_id(),
            span.span_id(),
            span.parent_span_id(),
            span.trace_state(),
            span.name(),
            span.kind(),
        ));
        span.attributes().for_each(|(_, value)| drop(value.as_text().into_owned()));
        span.events().flat_map(view::Event::attributes).for_each(|(_, value)| drop(value.as_json()));
        span.links().flat_map(view::Link::attributes).for_each(|(_, value)| drop(value.as_json()));
    }
}
