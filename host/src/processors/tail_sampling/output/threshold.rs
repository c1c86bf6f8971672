//! Spans that say under which threshold they were kept: in their `tracestate`, so that whoever counts them can tell how many there were.

use tailrace_otlp::edit::Draft;
use tailrace_otlp::tracestate::{Threshold, with_threshold};
use tailrace_otlp::view::Span;
use tailrace_otlp::{walk, wire};

use super::super::shard::Piece;

/// `ScopeSpans.spans`, the tag that framed spans have.
const SPANS: u32 = 2;
/// `Span.trace_state`.
const TRACE_STATE: u32 = 3;

/// Spans with their new trace states.
#[derive(Default)]
pub(in super::super) struct Restated {
    /// Of each piece.
    spans: Vec<Vec<u8>>,
    /// Spans whose trace state can not be read, so it stays as it is.
    pub(in super::super) unparseable: u64,
}

impl Restated {
    /// The spans of some pieces, kept under this threshold. A stricter one that a span has already stands.
    pub(in super::super) fn new(pieces: &[Piece<'_>], threshold: Threshold) -> Self {
        let mut restated = Self::default();
        // Spans of a trace mostly have the same.
        let mut last = None;
        for piece in pieces {
            let mut spans = Vec::with_capacity(piece.spans.len() + piece.spans.len() / 8);
            for (framed, body) in walk::children(piece.spans, SPANS) {
                let state = Span(body).trace_state();
                let new = match &last {
                    Some((known, new)) if *known == state => new,
                    _ => &last.insert((state, with_threshold(state, threshold))).1,
                };
                match new {
                    Ok(Some(new)) => {
                        let mut span = Draft::new(body);
                        span.set_bytes(TRACE_STATE, new.as_bytes());
                        wire::put_bytes(&mut spans, SPANS, span.body());
                    }
                    Ok(None) => spans.extend_from_slice(framed),
                    Err(_) => {
                        restated.unparseable += 1;
                        spans.extend_from_slice(framed);
                    }
                }
            }
            restated.spans.push(spans);
        }
        restated
    }

    /// The pieces with these spans.
    pub(in super::super) fn pieces<'a>(&'a self, pieces: &[Piece<'a>]) -> Vec<Piece<'a>> {
        pieces.iter().zip(&self.spans).map(|(piece, spans)| Piece { spans, ..*piece }).collect()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
    use prost::Message;

    use super::*;

    #[test]
    fn each_span_gets_the_threshold_and_keeps_the_rest() {
        let span = |state: &str| Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "x".repeat(200),
            trace_state: state.to_owned(),
            ..Span::default()
        };
        let states = ["", "", "a=b", "ot=th:c", "ot=th:4;rv:00000000000001", "broken"];
        let spans = ScopeSpans { spans: states.map(span).to_vec(), ..ScopeSpans::default() };
        let framed = spans.encode_to_vec();
        let piece = Piece { resource: b"r", scope: b"s", spans: &framed };
        let restated = Restated::new(&[piece, piece], Threshold::of_share(0.5));
        assert_eq!(restated.unparseable, 2);
        for piece in restated.pieces(&[piece, piece]) {
            let found = ScopeSpans::decode(piece.spans).unwrap().spans;
            let expected = ["ot=th:8", "ot=th:8", "ot=th:8,a=b", "ot=th:c", "ot=rv:00000000000001;th:8", "broken"];
            assert_eq!(found, expected.map(span));
            assert_eq!((piece.resource, piece.scope), (&b"r"[..], &b"s"[..]));
        }
    }
}
