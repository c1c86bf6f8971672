//! Traces out of requests and recordings, as policies see them.

use bytes::Bytes;
use hashbrown::HashMap;

use super::digest::Digest;
use super::hash::TraceId;
use super::index::Entry;
use super::intake::Intake;
use super::output;
use super::shard::{Piece, Pieces};
use crate::recording::Trace;

/// The traces of a request that passed the check, each as `TracesData`, in the order of their first spans.
pub(crate) fn traces(request: &[u8]) -> Vec<([u8; 16], Vec<u8>)> {
    let opened = Opened::new(request.to_vec());
    let mut places = HashMap::new();
    let mut traces: Vec<(TraceId, Pieces<'_>)> = Vec::new();
    for (id, _, piece) in opened.runs() {
        let at = *places.entry(id).or_insert_with(|| {
            traces.push((id, Pieces::new()));
            traces.len() - 1
        });
        traces[at].1.push(piece);
    }
    let written = |(id, pieces): (TraceId, Pieces<'_>)| {
        let mut otlp = Vec::new();
        output::write_trace(&mut otlp, &pieces, &[]);
        (id.to_bytes(), otlp)
    };
    traces.into_iter().map(written).collect()
}

/// Fills in what policies see of a trace that is new here: its spans are all that there is.
pub(crate) fn digest(trace: &mut Trace) {
    let opened = Opened::new(std::mem::take(&mut trace.otlp));
    let mut bytes = 0_usize;
    let mut all: Option<Digest> = None;
    for (_, digest, piece) in opened.runs() {
        bytes += piece.spans.len();
        match &mut all {
            Some(all) => all.merge(digest),
            None => all = Some(digest),
        }
    }
    if let Some(Digest { start, end, spans, seen }) = all {
        (trace.start, trace.end, trace.spans, trace.seen) = (start, end, spans, seen.into());
    }
    trace.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    trace.otlp = opened.into_otlp();
}

/// The entry that a recorded trace had.
pub(super) fn entry(trace: &Trace) -> Entry {
    let id: [u8; 16] = trace.id.as_slice().try_into().unwrap_or_default();
    let Trace { start, end, spans, seen, bytes, .. } = *trace;
    Entry::recorded(TraceId::from_bytes(id), Digest { start, end, spans, seen: seen as u8 }, bytes)
}

/// A request cut into runs.
pub(super) struct Opened {
    intake: Intake,
    chunk: [Bytes; 1],
}

impl Opened {
    pub(super) fn new(otlp: Vec<u8>) -> Self {
        let chunk = [Bytes::from(otlp)];
        Self { intake: Intake::cut(&chunk, 1), chunk }
    }

    fn runs(&self) -> impl Iterator<Item = (TraceId, Digest, Piece<'_>)> {
        self.intake.runs().iter().map(|run| {
            let (resource, scope) = self.intake.header(run.header);
            let spans = run.spans(&self.chunk);
            (run.id, run.digest, Piece { resource: resource.bytes, scope: scope.bytes, spans })
        })
    }

    /// All spans, in the order of the bytes.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        self.runs().map(|(_, _, piece)| piece).collect()
    }

    fn into_otlp(self) -> Vec<u8> {
        let [chunk] = self.chunk;
        self.intake.recycle();
        chunk.into()
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::tests::{failed, names, span, under};
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

    #[test]
    fn a_request_falls_into_its_traces() {
        let resource_spans =
            vec![under(1, vec![span(1, "a"), span(2, "b"), failed(span(1, "c"))]), under(2, vec![span(1, "d")])];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let traces = traces(&request);
        assert_eq!(traces.len(), 2);
        let decoded = |otlp: &[u8]| names(&ExportTraceServiceRequest::decode(otlp).unwrap().resource_spans);
        assert_eq!(
            (decoded(&traces[0].1), decoded(&traces[1].1)),
            (vec!["a".into(), "c".into(), "d".into()], vec!["b".into()])
        );

        let mut trace = Trace { id: traces[0].0.to_vec(), otlp: traces[0].1.clone(), ..Trace::default() };
        digest(&mut trace);
        assert_eq!((trace.spans, trace.start, trace.end, trace.seen), (3, 1_000, 2_000, 1 | 4));
        assert_eq!(trace.otlp, traces[0].1, "unchanged");
        let mut again = Vec::new();
        output::write_trace(&mut again, &Opened::new(trace.otlp.clone()).pieces(), &[]);
        assert_eq!(again, trace.otlp, "what was written is read and written the same");
    }
}
