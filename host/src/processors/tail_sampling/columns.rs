//! The batch that policies see: arrays over the traces of one slice of a tick. What describes whole traces comes from their
//! digests. Only if a policy asks for more are the traces' spans read again, in order of arrival.

use hashbrown::HashMap;
use smallvec::SmallVec;
use tailrace_otlp::view::{self, Span, Value};
use tailrace_otlp::walk;

use super::dictionary::{ABSENT, Codes};
use super::index::Entry;
use super::output;
use super::shard::{Piece, Pieces};
use crate::wasm::policy::{Column, Columns, Fields, Needs, Scope};

/// `ScopeSpans.spans`, the tag that framed spans have.
const SPANS: u32 = 2;

/// A batch in the making.
pub(super) struct Builder<'a> {
    needs: &'a Needs,
    reads_spans: bool,
    reads_events: bool,
    reads_links: bool,
    spans: u32,
    events: u32,
    links: u32,
    /// `now` as the difference to it is taken.
    now: i64,
    columns: Columns,
    codes: Codes,
    resource: Known,
    scope: Known,
    /// Ids of the trace's spans, and their places in the batch.
    places: HashMap<[u8; 8], u32>,
    /// Parents of the trace's spans, in order.
    parents: Vec<[u8; 8]>,
}

/// The codes that the last header gave, one for each attribute asked of it.
#[derive(Default)]
struct Known {
    header: Option<Vec<u8>>,
    codes: Vec<Option<u32>>,
}

impl<'a> Builder<'a> {
    /// A batch for about `traces` traces at `now`, Unix nanoseconds.
    pub(super) fn new(needs: &'a Needs, now: u64, traces: usize) -> Self {
        let reads = |scope| needs.attributes.iter().any(|attribute| attribute.scope == scope);
        let offsets = |is_needed: bool| if is_needed { vec![0] } else { Vec::new() };
        let reads_spans = needs.fields != Fields::empty() || !needs.attributes.is_empty();
        let (reads_events, reads_links) = (reads(Scope::Event), reads(Scope::Link));
        let columns = Columns {
            now,
            trace_ids: Vec::with_capacity(16 * traces),
            start: Vec::with_capacity(traces),
            duration: Vec::with_capacity(traces),
            size: Vec::with_capacity(traces),
            seen: Vec::with_capacity(traces),
            span_count: Vec::with_capacity(traces),
            span_offsets: offsets(reads_spans),
            event_offsets: offsets(reads_events),
            link_offsets: offsets(reads_links),
            otlp_offsets: offsets(needs.fields.contains(Fields::OTLP)),
            attributes: vec![Column::default(); needs.attributes.len()],
            ..Columns::default()
        };
        Self {
            needs,
            reads_spans,
            reads_events,
            reads_links,
            spans: 0,
            events: 0,
            links: 0,
            now: now as i64,
            columns,
            codes: Codes::new(),
            resource: Known::default(),
            scope: Known::default(),
            places: HashMap::new(),
            parents: Vec::new(),
        }
    }

    /// Whether some policy looks at spans.
    pub(super) fn reads_spans(&self) -> bool {
        self.reads_spans
    }

    /// Adds a trace; `pieces` is asked only if some policy looks at spans.
    pub(super) fn add<'p>(&mut self, entry: &Entry, pieces: impl FnOnce() -> Pieces<'p>) {
        let digest = entry.digest();
        let columns = &mut self.columns;
        columns.trace_ids.extend_from_slice(&entry.id.to_bytes());
        columns.start.push((digest.start as i64).wrapping_sub(self.now));
        columns.duration.push(digest.end.saturating_sub(digest.start));
        columns.size.push(entry.bytes);
        columns.seen.push(digest.seen);
        columns.span_count.push(digest.spans);
        if !self.reads_spans && !self.needs.whole_size {
            return;
        }
        let pieces = pieces();
        if self.needs.whole_size {
            columns.whole_size.push(u32::try_from(output::trace_len(&pieces)).unwrap_or(u32::MAX));
        }
        if !self.reads_spans {
            return;
        }
        if self.needs.fields.contains(Fields::OTLP) {
            output::write_trace(&mut columns.otlp, &pieces, &[]);
            columns.otlp_offsets.push(columns.otlp.len() as u32);
        }
        for piece in &pieces {
            self.read(piece);
        }
        self.link_parents();
        self.columns.span_offsets.push(self.spans);
    }

    pub(super) fn finish(mut self) -> Columns {
        self.columns.dictionary = self.codes.finish();
        self.columns
    }

    fn read(&mut self, piece: &Piece<'_>) {
        let Self { needs, codes, .. } = self;
        self.resource.read(piece.resource, Scope::Resource, needs, codes);
        self.scope.read(piece.scope, Scope::Instrumentation, needs, codes);
        for (_, body) in walk::children(piece.spans, SPANS) {
            self.spans += 1;
            self.read_fields(Span(body));
            if !self.needs.attributes.is_empty() {
                self.read_attributes(Span(body));
            }
        }
    }

    fn read_fields(&mut self, span: Span<'_>) {
        let Self { needs, columns, codes, .. } = self;
        let needs = |field| needs.fields.contains(field);
        if needs(Fields::STATUS) || needs(Fields::START) || needs(Fields::DURATION) {
            let head = view::span_head(span.0);
            if needs(Fields::STATUS) {
                columns.span_status.push(head.status);
            }
            if needs(Fields::START) {
                columns.span_start.push((head.start as i64).wrapping_sub(self.now));
            }
            if needs(Fields::DURATION) {
                columns.span_duration.push(head.end.saturating_sub(head.start));
            }
        }
        if needs(Fields::KIND) {
            columns.span_kind.push(u8::try_from(span.kind()).unwrap_or(0));
        }
        if needs(Fields::NAME) {
            columns.span_name.push(codes.string(span.name()));
        }
        if needs(Fields::TRACE_STATE) {
            columns.span_trace_state.push(codes.string(span.trace_state()));
        }
        if needs(Fields::PARENT) {
            if let Ok(id) = span.span_id().try_into() {
                self.places.insert(id, self.spans);
            }
            self.parents.push(span.parent_span_id().try_into().unwrap_or_default());
        }
    }

    fn read_attributes(&mut self, span: Span<'_>) {
        let Self { needs, columns, codes, .. } = self;
        for (column, known) in columns
            .attributes
            .iter_mut()
            .zip(&self.resource.codes)
            .zip(&self.scope.codes)
            .map(|((column, resource), scope)| (column, resource.or(*scope)))
        {
            column.codes.extend(known);
        }
        read_into(columns, needs, codes, Scope::Span, span.attributes());
        if self.reads_events {
            for event in span.events() {
                self.events += 1;
                read_into(columns, needs, codes, Scope::Event, event.attributes());
            }
            columns.event_offsets.push(self.events);
        }
        if self.reads_links {
            for link in span.links() {
                self.links += 1;
                read_into(columns, needs, codes, Scope::Link, link.attributes());
            }
            columns.link_offsets.push(self.links);
        }
    }

    /// Turns the trace's parent ids into places.
    fn link_parents(&mut self) {
        let Self { columns, parents, places, .. } = self;
        columns.span_parent.extend(parents.drain(..).map(|id| places.get(&id).copied().unwrap_or(0)));
        places.clear();
    }
}

/// Adds one code to each column over `scope`: the first attribute of that key counts, as in Go's maps.
fn read_into<'v>(
    columns: &mut Columns,
    needs: &Needs,
    codes: &mut Codes,
    scope: Scope,
    attributes: impl Iterator<Item = (&'v [u8], Value<'v>)>,
) {
    let mut found = SmallVec::<[(u32, bool); 8]>::from_elem((ABSENT, false), needs.attributes.len());
    for (key, value) in attributes {
        for (wanted, found) in needs.attributes.iter().zip(&mut found) {
            if wanted.scope == scope && wanted.key.as_bytes() == key && !found.1 {
                *found = (codes.value(value), true);
            }
        }
    }
    for ((wanted, column), (code, _)) in needs.attributes.iter().zip(&mut columns.attributes).zip(found) {
        if wanted.scope == scope {
            column.codes.push(code);
        }
    }
}

impl Known {
    /// Makes `codes` those of this header: a code for each attribute of `scope`, `None` for the others.
    fn read(&mut self, header: &[u8], scope: Scope, needs: &Needs, codes: &mut Codes) {
        if self.header.as_deref() == Some(header) {
            return;
        }
        self.header = Some(header.to_vec());
        self.codes = needs.attributes.iter().map(|wanted| (wanted.scope == scope).then_some(ABSENT)).collect();
        let mut found = vec![false; self.codes.len()];
        // Resource and scope are field 1 of their headers, their attributes fields 1 and 3.
        let number = if scope == Scope::Resource { 1 } else { 3 };
        let bodies = walk::children(header, 1).flat_map(|(_, body)| view::attributes(body, number));
        for (key, value) in bodies {
            for ((wanted, code), found) in needs.attributes.iter().zip(&mut self.codes).zip(&mut found) {
                if wanted.scope == scope && wanted.key.as_bytes() == key && !*found {
                    *found = true;
                    *code = Some(codes.value(value));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
