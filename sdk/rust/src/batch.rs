//! Lazy views over a batch's columns. A view is a place and a reference: nothing is decoded or copied.

use std::ops::Range;

use crate::bindings::exports::tailrace::plugin::sampling::{Columns, Scope as WitScope};

/// Where an attribute sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The resource of the span.
    Resource,
    /// The instrumentation scope of the span.
    Instrumentation,
    /// The span.
    Span,
    /// Events of the span.
    Event,
    /// Links of the span.
    Link,
}

impl From<Scope> for WitScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Resource => Self::Resource,
            Scope::Instrumentation => Self::Instrumentation,
            Scope::Span => Self::Span,
            Scope::Event => Self::Event,
            Scope::Link => Self::Link,
        }
    }
}

/// An attribute that a policy looks at; [`crate::Needs`] makes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Where it sits.
    pub scope: Scope,
    /// Its key.
    pub key: String,
}

/// A value in a batch's dictionary; equal values of one batch have equal codes. Compare codes, not values, and look a value up
/// once a batch: see [`Memo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Code(pub u32);

impl Code {
    /// The attribute is not there.
    pub const ABSENT: Self = Self(0);

    /// Whether the attribute is there, with any value.
    #[inline]
    pub fn is_present(self) -> bool {
        self.0 >> 28 != 0
    }

    /// Whether it is a string.
    #[inline]
    pub fn is_string(self) -> bool {
        self.0 >> 28 == 1
    }

    #[inline]
    fn index(self) -> usize {
        (self.0 & 0x0fff_ffff) as usize
    }
}

/// An attribute's value.
///
/// ```
/// # use tailrace_sdk::Value;
/// assert_eq!(Value::Str(b"gold").as_str(), Some("gold"));
/// assert_eq!(Value::Int(3).as_f64(), Some(3.0));
/// assert_eq!(Value::Bool(true).as_int(), None);
/// assert_eq!(Value::Absent.as_str(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The attribute is not there.
    Absent,
    /// A string's bytes; OTLP says that they are UTF-8, the wire does not make sure.
    Str(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An array or map, as JSON.
    Json(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The string, if it is one (and UTF-8).
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is an integer or a double.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as any conversion of a large integer to a double")]
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }
}

/// The traces of one decision tick, as the policy that is asked sees them.
///
/// ```
/// use tailrace_sdk::{Batch, Code, Diagnostics, Needs, Policy, Votes};
/// use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};
///
/// /// Compares codes: the value is looked up once a batch, not once a span.
/// struct Same;
///
/// impl Policy for Same {
///     const KIND: &'static str = "same";
///     type Config = ();
///
///     fn new((): ()) -> Result<Self, Diagnostics> {
///         Ok(Self)
///     }
///     fn needs(&self) -> Needs {
///         Needs::nothing().span("tenant")
///     }
///     /// Keeps traces whose spans all have the tenant of the first.
///     fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
///         let tenants = batch.column(0);
///         for &trace in candidates {
///             let codes = &tenants[batch.span_range(trace)];
///             let first = codes.first().copied().unwrap_or(0);
///             votes.push(Code(first).is_present() && codes.iter().all(|code| *code == first));
///         }
///         Ok(())
///     }
/// }
///
/// let of = |tenant: &str| TestSpan::default().attribute("tenant", TestValue::Str(tenant.to_owned()));
/// let traces = [vec![of("a"), of("a")], vec![of("a"), of("b")], vec![TestSpan::default()]];
/// assert_eq!(evaluate::<Same>("null", &traces).unwrap(), [true.into(), false.into(), false.into()]);
/// ```
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) generation: u64,
    pub(crate) attributes: &'a [Attribute],
    /// Which of `columns.attributes` holds each of `attributes`.
    pub(crate) bound: &'a [u32],
}

impl<'a> Batch<'a> {
    /// The tick's time, nanoseconds since 1970.
    pub fn now(&self) -> u64 {
        self.columns.now
    }

    /// Traces in the batch.
    pub fn len(&self) -> usize {
        self.columns.trace_ids.len() / 16
    }

    /// Whether the batch has no traces.
    pub fn is_empty(&self) -> bool {
        self.columns.trace_ids.is_empty()
    }

    /// The trace at a place below [`Batch::len`].
    #[inline]
    pub fn trace(&self, place: u32) -> Trace<'a> {
        Trace { batch: *self, place: place as usize }
    }

    /// The arrays themselves, for work that is to be vectorised. What nobody asked for is empty.
    pub fn columns(&self) -> &'a Columns {
        self.columns
    }

    /// The codes of the attribute at this place of [`crate::Needs`]: one per span (or event, or link) of the batch. Cast with
    /// [`Code`].
    pub fn column(&self, place: usize) -> &'a [u32] {
        let column = self.bound.get(place).and_then(|&column| self.columns.attributes.get(column as usize));
        column.map_or(&[], |column| &column.codes)
    }

    /// The spans of a trace, as places in the columns of spans.
    #[inline]
    pub fn span_range(&self, trace: u32) -> Range<usize> {
        let at = |place: usize| self.columns.span_offsets.get(place).map_or(0, |&offset| offset as usize);
        at(trace as usize)..at(trace as usize + 1)
    }

    /// What a code stands for.
    pub fn value(&self, code: Code) -> Value<'a> {
        let dictionary = &self.columns.dictionary;
        let bytes = || {
            let offsets = &dictionary.string_offsets;
            let (from, to) = (offsets.get(code.index()), offsets.get(code.index() + 1));
            let range = from.zip(to).map(|(&from, &to)| from as usize..to as usize);
            range.and_then(|range| dictionary.string_pool.get(range))
        };
        let value = match code.0 >> 28 {
            1 => bytes().map(Value::Str),
            2 => dictionary.ints.get(code.index()).copied().map(Value::Int),
            3 => dictionary.doubles.get(code.index()).copied().map(Value::Double),
            4 => Some(Value::Bool(code.index() != 0)),
            5 => bytes().map(Value::Bytes),
            6 => bytes().map(Value::Json),
            _ => None,
        };
        value.unwrap_or(Value::Absent)
    }

    fn find(&self, scope: Scope, key: &str) -> &'a [u32] {
        let place = self.attributes.iter().position(|attribute| attribute.scope == scope && attribute.key == key);
        place.map_or(&[], |place| self.column(place))
    }
}

/// A whole trace.
///
/// ```
/// use tailrace_sdk::testing::{TestSpan, evaluate};
/// use tailrace_sdk::{Diagnostics, Needs, Policy, Trace, Verdict};
///
/// /// Keeps what is slow, and of which a span is a server's.
/// struct SlowServers;
///
/// impl Policy for SlowServers {
///     const KIND: &'static str = "slow_servers";
///     type Config = ();
///
///     fn new((): ()) -> Result<Self, Diagnostics> {
///         Ok(Self)
///     }
///     fn needs(&self) -> Needs {
///         Needs::nothing().kind()
///     }
///     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
///         // The duration is there without a need, and no span is looked at where it is short.
///         (trace.duration() > 2_000_000_000 && trace.spans().any(|span| span.kind() == 2)).into()
///     }
/// }
///
/// let of = |duration, kind| vec![TestSpan { duration, kind, ..TestSpan::default() }];
/// let traces = [of(3_000_000_000, 2), of(3_000_000_000, 3), of(1_000_000, 2)];
/// assert_eq!(evaluate::<SlowServers>("null", &traces).unwrap(), [Verdict::Sample, Verdict::No, Verdict::No]);
/// ```
#[derive(Clone, Copy)]
pub struct Trace<'a> {
    batch: Batch<'a>,
    place: usize,
}

impl<'a> Trace<'a> {
    /// The batch it is in.
    pub fn batch(&self) -> &Batch<'a> {
        &self.batch
    }

    /// Its id.
    pub fn id(&self) -> [u8; 16] {
        let ids = self.batch.columns.trace_ids.as_chunks().0;
        ids.get(self.place).copied().unwrap_or_default()
    }

    /// Its earliest start, nanoseconds relative to [`Batch::now`] (negative: before).
    pub fn start(&self) -> i64 {
        self.batch.columns.start.get(self.place).copied().unwrap_or(0)
    }

    /// From its earliest start to its latest end, nanoseconds.
    pub fn duration(&self) -> u64 {
        self.batch.columns.duration.get(self.place).copied().unwrap_or(0)
    }

    /// Bytes of its spans on the wire.
    pub fn size(&self) -> u32 {
        self.batch.columns.size.get(self.place).copied().unwrap_or(0)
    }

    /// Spans received so far, those decided before included.
    pub fn span_count(&self) -> u32 {
        self.batch.columns.span_count.get(self.place).copied().unwrap_or(0)
    }

    /// Whether a span has the status unset.
    pub fn seen_unset(&self) -> bool {
        self.seen() & 1 != 0
    }

    /// Whether a span has the status ok.
    pub fn seen_ok(&self) -> bool {
        self.seen() & 2 != 0
    }

    /// Whether a span has the status error.
    pub fn seen_error(&self) -> bool {
        self.seen() & 4 != 0
    }

    /// Whether a span without parent arrived.
    pub fn seen_root(&self) -> bool {
        self.seen() & 8 != 0
    }

    /// Whether a span has the W3C sampled flag.
    pub fn seen_sampled_flag(&self) -> bool {
        self.seen() & 16 != 0
    }

    fn seen(&self) -> u8 {
        self.batch.columns.seen.get(self.place).copied().unwrap_or(0)
    }

    /// Its spans in the order of arrival. Empty unless [`crate::Needs`] asks for a column of spans.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = Span<'a>> + use<'a> {
        let batch = self.batch;
        let range = batch.span_range(u32::try_from(self.place).unwrap_or(u32::MAX));
        range.map(move |place| Span { batch, place })
    }

    /// The OTLP `TracesData` message; empty unless [`crate::Needs::otlp`].
    pub fn otlp(&self) -> &'a [u8] {
        let at = |place: usize| self.batch.columns.otlp_offsets.get(place).map_or(0, |&offset| offset as usize);
        self.batch.columns.otlp.get(at(self.place)..at(self.place + 1)).unwrap_or_default()
    }
}

/// A span. A getter whose column [`crate::Needs`] did not ask for gives 0, absent or false.
///
/// ```
/// use tailrace_sdk::{Diagnostics, Needs, Policy, Span, Trace, Verdict};
/// use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};
///
/// struct Retries;
///
/// impl Policy for Retries {
///     const KIND: &'static str = "retries";
///     type Config = ();
///
///     fn new((): ()) -> Result<Self, Diagnostics> {
///         Ok(Self)
///     }
///     fn needs(&self) -> Needs {
///         Needs::nothing().name().span("retry").resource("service.name")
///     }
///     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
///         let retried = |span: Span<'_>| {
///             let shop = span.resource("service.name").as_str() == Some("shop");
///             shop && span.name().starts_with("GET") && span.attribute("retry").as_int().unwrap_or(0) > 1
///         };
///         trace.spans().any(retried).into()
///     }
/// }
///
/// let span = TestSpan { name: "GET /".to_owned(), ..TestSpan::default() }
///     .attribute("retry", TestValue::Int(2))
///     .resource("service.name", TestValue::Str("shop".to_owned()));
/// assert_eq!(evaluate::<Retries>("null", &[vec![span]]).unwrap(), [Verdict::Sample]);
/// ```
#[derive(Clone, Copy)]
pub struct Span<'a> {
    batch: Batch<'a>,
    place: usize,
}

impl<'a> Span<'a> {
    /// 0 unset, 1 ok, 2 error.
    pub fn status(&self) -> u8 {
        self.batch.columns.span_status.get(self.place).copied().unwrap_or(0)
    }

    /// Whether its status is error.
    pub fn is_error(&self) -> bool {
        self.status() == 2
    }

    /// OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kind(&self) -> u8 {
        self.batch.columns.span_kind.get(self.place).copied().unwrap_or(0)
    }

    /// Nanoseconds relative to [`Batch::now`].
    pub fn start(&self) -> i64 {
        self.batch.columns.span_start.get(self.place).copied().unwrap_or(0)
    }

    /// Nanoseconds.
    pub fn duration(&self) -> u64 {
        self.batch.columns.span_duration.get(self.place).copied().unwrap_or(0)
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.code_in(&self.batch.columns.span_name).as_str().unwrap_or("")
    }

    /// Its W3C trace state.
    pub fn trace_state(&self) -> &'a str {
        self.code_in(&self.batch.columns.span_trace_state).as_str().unwrap_or("")
    }

    /// Its parent, if that is in the batch.
    pub fn parent(&self) -> Option<Span<'a>> {
        let parent = self.batch.columns.span_parent.get(self.place).copied().unwrap_or(0);
        let place = (parent as usize).checked_sub(1)?;
        Some(Span { batch: self.batch, place })
    }

    /// An attribute of the span.
    pub fn attribute(&self, key: &str) -> Value<'a> {
        self.code_in(self.batch.find(Scope::Span, key))
    }

    /// An attribute of its resource.
    pub fn resource(&self, key: &str) -> Value<'a> {
        self.code_in(self.batch.find(Scope::Resource, key))
    }

    /// An attribute of its instrumentation scope.
    pub fn instrumentation(&self, key: &str) -> Value<'a> {
        self.code_in(self.batch.find(Scope::Instrumentation, key))
    }

    /// An attribute of its events, one value per event.
    pub fn events(&self, key: &str) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.owned(&self.batch.columns.event_offsets, self.batch.find(Scope::Event, key))
    }

    /// An attribute of its links, one value per link.
    pub fn links(&self, key: &str) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.owned(&self.batch.columns.link_offsets, self.batch.find(Scope::Link, key))
    }

    fn owned(&self, offsets: &[u32], codes: &'a [u32]) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let at = |place: usize| offsets.get(place).map_or(0, |&offset| offset as usize);
        let codes = codes.get(at(self.place)..at(self.place + 1)).unwrap_or_default();
        let batch = self.batch;
        codes.iter().map(move |&code| batch.value(Code(code)))
    }

    fn code_in(&self, codes: &[u32]) -> Value<'a> {
        codes.get(self.place).map_or(Value::Absent, |&code| self.batch.value(Code(code)))
    }
}

/// Remembers a yes or no for each string of a batch's dictionary, so that a costly test runs once per distinct string and
/// not once per span.
///
/// ```
/// use tailrace_sdk::{Batch, Code, Diagnostics, Memo, Needs, Policy, Votes};
/// use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};
///
/// struct Internal {
///     memo: Memo,
/// }
///
/// impl Policy for Internal {
///     const KIND: &'static str = "internal";
///     type Config = ();
///
///     fn new((): ()) -> Result<Self, Diagnostics> {
///         Ok(Self { memo: Memo::default() })
///     }
///     fn needs(&self) -> Needs {
///         Needs::nothing().span("client.address")
///     }
///     fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
///         self.memo.start(batch);
///         let addresses = batch.column(0);
///         for &trace in candidates {
///             let mut codes = addresses[batch.span_range(trace)].iter();
///             votes.push(codes.any(|&code| self.memo.is(batch, Code(code), |address| address.starts_with(b"10."))));
///         }
///         Ok(())
///     }
/// }
///
/// let of = |address: &str| vec![TestSpan::default().attribute("client.address", TestValue::Str(address.to_owned()))];
/// assert_eq!(evaluate::<Internal>("null", &[of("10.1.2.3"), of("8.8.8.8")]).unwrap(), [true.into(), false.into()]);
/// ```
#[derive(Debug, Default)]
pub struct Memo {
    generation: u64,
    /// A byte per string of the dictionary: 0 not tested, 1 no, 2 yes.
    answers: Vec<u8>,
}

impl Memo {
    /// Makes the memo fit the batch; the first thing that [`crate::Policy::evaluate_batch`] does with it.
    pub fn start(&mut self, batch: &Batch<'_>) {
        if self.generation != batch.generation {
            self.generation = batch.generation;
            self.answers.clear();
            self.answers.resize(batch.columns.dictionary.string_offsets.len().saturating_sub(1), 0);
        }
    }

    /// `test(bytes of the string)`, remembered. `false` if the code is no string.
    #[inline]
    pub fn is(&mut self, batch: &Batch<'_>, code: Code, test: impl FnOnce(&[u8]) -> bool) -> bool {
        if !code.is_string() {
            return false;
        }
        match self.answers.get_mut(code.index()) {
            Some(1) | None => false,
            Some(2) => true,
            Some(answer) => {
                let Value::Str(bytes) = batch.value(code) else { return false };
                let yes = test(bytes);
                *answer = 1 + u8::from(yes);
                yes
            }
        }
    }
}
