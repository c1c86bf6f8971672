//! A batch as arrays, and which of them a guest is given.

use crate::wasm::bindings::exports::tailrace::plugin::sampling::{self as wit, Attribute, Fields, Scope};

/// What policies look at beside the figures of whole traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs {
    /// Columns of spans.
    pub fields: Fields,
    /// Columns of attributes.
    pub attributes: Vec<Attribute>,
    /// [`Columns::whole_size`].
    pub whole_size: bool,
}

impl Default for Needs {
    fn default() -> Self {
        Self { fields: Fields::empty(), attributes: Vec::new(), whole_size: false }
    }
}

impl Needs {
    /// Adds what `other` needs; the places of its attributes in the union.
    pub(super) fn add(&mut self, other: &Self) -> Vec<u32> {
        self.fields |= other.fields;
        self.whole_size |= other.whole_size;
        other.attributes.iter().map(|attribute| self.place(attribute)).collect()
    }

    fn place(&mut self, attribute: &Attribute) -> u32 {
        let place = self.attributes.iter().position(|known| known == attribute).unwrap_or_else(|| {
            self.attributes.push(attribute.clone());
            self.attributes.len() - 1
        });
        place as u32
    }

    /// Whether who needs this has all that `other` needs.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.fields.contains(other.fields)
            && self.whole_size >= other.whole_size
            && other.attributes.iter().all(|attribute| self.attributes.contains(attribute))
    }

    fn any_of_spans(&self) -> bool {
        self.fields != Fields::empty() || !self.attributes.is_empty()
    }
}

/// Arrays over the traces of one tick, as `wit/plugin.wit` describes them. What nobody needs may be empty; what belongs to whole
/// traces is always there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The tick's time, nanoseconds since 1970.
    pub now: u64,
    /// 16 bytes a trace.
    pub trace_ids: Vec<u8>,
    /// Earliest start, nanoseconds relative to `now`.
    pub start: Vec<i64>,
    /// From the earliest start to the latest end, nanoseconds.
    pub duration: Vec<u64>,
    /// Bytes of the trace's spans on the wire.
    pub size: Vec<u32>,
    /// Bytes of the trace as a message, resources and scopes included, for those that are shown this instead.
    pub whole_size: Vec<u32>,
    /// A bit each: 1 status unset, 2 ok, 4 error, 8 a root span, 16 the sampled flag.
    pub seen: Vec<u8>,
    /// Spans received so far, those decided before included.
    pub span_count: Vec<u32>,
    /// Trace t has the spans `span_offsets[t] .. span_offsets[t + 1]`.
    pub span_offsets: Vec<u32>,
    /// 0 unset, 1 ok, 2 error.
    pub span_status: Vec<u8>,
    /// OTLP's number.
    pub span_kind: Vec<u8>,
    /// Nanoseconds relative to `now`.
    pub span_start: Vec<i64>,
    /// Nanoseconds.
    pub span_duration: Vec<u64>,
    /// Codes.
    pub span_name: Vec<u32>,
    /// Place in the batch + 1; 0: not here.
    pub span_parent: Vec<u32>,
    /// Codes.
    pub span_trace_state: Vec<u32>,
    /// Span s has the events `event_offsets[s] .. event_offsets[s + 1]`.
    pub event_offsets: Vec<u32>,
    /// Span s has the links `link_offsets[s] .. link_offsets[s + 1]`.
    pub link_offsets: Vec<u32>,
    /// Trace t is `otlp[otlp_offsets[t] .. otlp_offsets[t + 1]]`.
    pub otlp_offsets: Vec<u32>,
    /// A `TracesData` message a trace.
    pub otlp: Vec<u8>,
    /// In the order of [`Needs::attributes`].
    pub attributes: Vec<Column>,
    /// What the codes mean.
    pub dictionary: Dictionary,
}

/// One attribute: a code for each span (scopes resource, instrumentation, span), event or link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Top 4 bits the type: 0 absent, 1 string, 2 int, 3 double, 4 bool, 5 bytes, 6 other as JSON; low 28 bits the index.
    pub codes: Vec<u32>,
}

/// The values of a batch. Equal values have equal codes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictionary {
    /// String i is `string_pool[string_offsets[i] .. string_offsets[i + 1]]`.
    pub string_offsets: Vec<u32>,
    /// The strings, one after the other.
    pub string_pool: Vec<u8>,
    /// The integers.
    pub ints: Vec<i64>,
    /// The doubles.
    pub doubles: Vec<f64>,
}

impl Columns {
    /// Traces in the batch.
    pub fn len(&self) -> usize {
        self.trace_ids.len() / 16
    }

    /// Whether the batch has no traces.
    pub fn is_empty(&self) -> bool {
        self.trace_ids.is_empty()
    }

    /// What it holds, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let bytes = [
            self.trace_ids.len() + self.seen.len() + self.span_status.len() + self.span_kind.len() + self.otlp.len(),
            8 * (self.start.len() + self.duration.len() + self.span_start.len() + self.span_duration.len()),
            4 * (self.size.len()
                + self.whole_size.len()
                + self.span_count.len()
                + self.span_offsets.len()
                + self.span_name.len()),
            4 * (self.span_parent.len() + self.span_trace_state.len() + self.event_offsets.len()),
            4 * (self.link_offsets.len() + self.otlp_offsets.len() + self.dictionary.string_offsets.len()),
            self.attributes.iter().map(|column| 4 * column.codes.len()).sum(),
            self.dictionary.string_pool.len() + 8 * (self.dictionary.ints.len() + self.dictionary.doubles.len()),
        ];
        bytes.into_iter().sum()
    }

    /// The same traces for policies that need something else than these columns were made for: what is missing is as if no span had
    /// it.
    pub(super) fn fitted(&self, made_for: &Needs, needs: &Needs) -> Self {
        fn fill<T: Clone + Default>(column: &mut Vec<T>, len: usize) {
            if column.len() != len {
                *column = vec![T::default(); len];
            }
        }
        if made_for == needs {
            return self.clone();
        }
        let mut columns = self.clone();
        let spans = self.span_offsets.last().map_or(0, |last| *last as usize);
        let last = |offsets: &[u32]| offsets.last().map_or(0, |last| *last as usize);
        let (events, links) = (last(&self.event_offsets), last(&self.link_offsets));
        if columns.whole_size.is_empty() {
            columns.whole_size.clone_from(&self.size);
        }
        fill(&mut columns.span_offsets, self.len() + 1);
        fill(&mut columns.otlp_offsets, self.len() + 1);
        fill(&mut columns.event_offsets, spans + 1);
        fill(&mut columns.link_offsets, spans + 1);
        fill(&mut columns.span_status, spans);
        fill(&mut columns.span_kind, spans);
        fill(&mut columns.span_start, spans);
        fill(&mut columns.span_duration, spans);
        fill(&mut columns.span_name, spans);
        fill(&mut columns.span_parent, spans);
        fill(&mut columns.span_trace_state, spans);
        fill(&mut columns.dictionary.string_offsets, self.dictionary.string_offsets.len().max(1));
        let attribute = |wanted: &Attribute| {
            let known = made_for.attributes.iter().position(|attribute| attribute == wanted);
            let len = match wanted.scope {
                Scope::Event => events,
                Scope::Link => links,
                _ => spans,
            };
            let absent = || Column { codes: vec![0; len] };
            known.and_then(|place| self.attributes.get(place)).cloned().unwrap_or_else(absent)
        };
        columns.attributes = needs.attributes.iter().map(attribute).collect();
        columns
    }

    /// The part that a guest needs, borrowed: what only other guests need is empty. `attributes` are places in
    /// [`Columns::attributes`].
    pub(crate) fn part<'a>(&'a self, needs: &Needs, attributes: &'a [wit::Column<'a>]) -> wit::Columns<'a> {
        fn only<T>(needed: bool, column: &[T]) -> &[T] {
            if needed { column } else { &[] }
        }
        let field = |field| needs.fields.contains(field);
        let scope = |scope| needs.attributes.iter().any(|attribute| attribute.scope == scope);
        let codes = !needs.attributes.is_empty() || needs.fields.intersects(Fields::NAME | Fields::TRACE_STATE);
        let dictionary = &self.dictionary;
        wit::Columns {
            now: self.now,
            trace_ids: &self.trace_ids,
            start: &self.start,
            duration: &self.duration,
            size: if needs.whole_size { &self.whole_size } else { &self.size },
            seen: &self.seen,
            span_count: &self.span_count,
            span_offsets: only(needs.any_of_spans(), &self.span_offsets),
            span_status: only(field(Fields::STATUS), &self.span_status),
            span_kind: only(field(Fields::KIND), &self.span_kind),
            span_start: only(field(Fields::START), &self.span_start),
            span_duration: only(field(Fields::DURATION), &self.span_duration),
            span_name: only(field(Fields::NAME), &self.span_name),
            span_parent: only(field(Fields::PARENT), &self.span_parent),
            span_trace_state: only(field(Fields::TRACE_STATE), &self.span_trace_state),
            event_offsets: only(scope(Scope::Event), &self.event_offsets),
            link_offsets: only(scope(Scope::Link), &self.link_offsets),
            otlp_offsets: only(field(Fields::OTLP), &self.otlp_offsets),
            otlp: only(field(Fields::OTLP), &self.otlp),
            attributes,
            dictionary: wit::Dictionary {
                string_offsets: only(codes, &dictionary.string_offsets),
                string_pool: only(codes, &dictionary.string_pool),
                ints: only(codes, &dictionary.ints),
                doubles: only(codes, &dictionary.doubles),
            },
        }
    }
}
