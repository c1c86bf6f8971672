//! Traces as batches for policies outside a running processor: taken in, put together and laid out in columns as a gateway does it.

use std::ops::Range;

use bytes::Bytes;

use super::columns::Builder;
use super::core::Core;
use super::hash::TraceId;
use super::settings::Settings;
use crate::pipeline::Cx;
use crate::wasm::policy::{Columns, Needs};

/// The traces of some requests, in the order of their arrival.
pub struct Offline {
    core: Core,
    /// Where each trace is in the only shard.
    places: Vec<(u32, TraceId)>,
}

/// Traces that a gateway shows its policies at once, at most.
pub const MAX_BATCH: usize = super::judge::SLICE;

impl Offline {
    /// Takes in requests that have passed the check of their framing.
    pub fn new(requests: &[Bytes]) -> Self {
        // One shard, and nothing decided before all is there.
        let settings = Settings { num_traces: u64::from(u32::MAX), num_shards: Some(1), ..Settings::default() };
        let core = Core::new(&settings, &Cx::offline());
        for request in requests {
            core.take_in(std::slice::from_ref(request));
        }
        let mut places = Vec::new();
        core.shard(0).take_due(u32::MAX, usize::MAX, |slot, entry| places.push((slot, entry.id)));
        Self { core, places }
    }

    /// How many traces there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The traces at these places as a batch that is decided at `now`, Unix nanoseconds.
    pub fn columns(&self, places: Range<usize>, needs: &Needs, now: u64) -> Columns {
        let shard = self.core.shard(0);
        let places = self.places.get(places).unwrap_or_default();
        let mut builder = Builder::new(needs, now, places.len());
        for (slot, id) in places {
            if let Some(entry) = shard.trace(*slot, *id) {
                builder.add(entry, || shard.pieces(entry));
            }
        }
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;

    use super::*;

    fn request(ids: &[u8]) -> Bytes {
        let span = |id: &u8| Span { trace_id: vec![*id; 16], span_id: vec![*id; 8], ..Span::default() };
        let scope = ScopeSpans { spans: ids.iter().map(span).collect(), ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec().into()
    }

    #[test]
    fn traces_are_whole_and_in_order_of_arrival() {
        let offline = Offline::new(&[request(&[9, 3]), request(&[5, 9])]);
        assert_eq!(offline.len(), 3);
        let columns = offline.columns(0..2, &Needs::default(), 0);
        assert_eq!(columns.trace_ids, [[9; 16], [3; 16]].concat());
        assert_eq!(columns.span_count, [2, 1]);
        assert_eq!(offline.columns(2..3, &Needs::default(), 0).trace_ids, [5; 16]);
    }
}
