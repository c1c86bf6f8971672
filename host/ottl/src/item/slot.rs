//! Where each field lies on the wire.

use crate::{Context, Field};

/// Where a field lies in the message of its context, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The field that holds the message in which it lies, if that is not the context's own.
    pub(super) inner: Option<u32>,
    /// Its number.
    pub(super) number: u32,
    /// How it is written.
    pub(super) codec: Codec,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// A string.
    Text,
    /// A boolean.
    Flag,
    /// `uint32`.
    Uint,
    /// An enum or `int32`.
    Enum,
    /// `sint32`.
    Sint,
    /// `fixed32`.
    Fixed32,
    /// `fixed64`: a count.
    Count,
    /// `sfixed64`, an alternative to another field.
    Signed { rival: u32 },
    /// `double`, an alternative to another field.
    Double { rival: Option<u32> },
    /// `fixed64`: ns, as a time.
    Time,
    /// The same as a number.
    TimeNs,
    /// An id of so many bytes.
    Id(usize),
    /// The same as hexadecimal digits.
    IdText(usize),
    /// A span kind as `Server`.
    KindText,
    /// A span kind as `SPAN_KIND_SERVER`.
    OldKindText,
    /// A W3C `tracestate`.
    TraceState,
    /// Repeated `KeyValue`.
    Map,
    /// An `AnyValue`.
    Any,
    /// The same as a string.
    AnyText,
    /// Packed `fixed64`.
    Counts,
    /// Packed `uint64`.
    Varints,
    /// Packed `double`.
    Doubles,
    /// Repeated messages that the language does not look into.
    Messages,
    /// A span's status.
    Status,
    /// Buckets of an exponential histogram.
    Buckets,
    /// Quantiles of a summary.
    Quantiles,
}

/// Where a field lies. `data` is the field of the metric that holds its data points.
pub(super) fn slot(context: Context, field: Field, data: u32) -> Option<Slot> {
    match context {
        Context::Span => span(field),
        Context::Resource => resource(field),
        Context::Scope => scope(field),
        Context::SpanEvent => span_event(field),
        Context::Log => log(field),
        Context::Metric => metric(field, data),
        Context::DataPoint => match data {
            GAUGE | SUM => number_point(field),
            HISTOGRAM => histogram_point(field),
            EXPONENTIAL => exponential_point(field),
            SUMMARY => summary_point(field),
            _ => None,
        },
        Context::Exemplar => exemplar(field),
        Context::Request => None,
    }
}

pub(crate) const GAUGE: u32 = 5;
pub(crate) const SUM: u32 = 7;
pub(crate) const HISTOGRAM: u32 = 9;
pub(crate) const EXPONENTIAL: u32 = 10;
pub(crate) const SUMMARY: u32 = 11;

/// The number of `METRIC_DATA_TYPE_…`.
pub(super) fn data_type(data: u32) -> i64 {
    match data {
        GAUGE => 1,
        SUM => 2,
        HISTOGRAM => 3,
        EXPONENTIAL => 4,
        SUMMARY => 5,
        _ => 0,
    }
}

const fn own(number: u32, codec: Codec) -> Slot {
    Slot { inner: None, number, codec }
}

const fn inside(inner: u32, number: u32, codec: Codec) -> Slot {
    Slot { inner: Some(inner), number, codec }
}

const TRACE_ID: usize = 16;
const SPAN_ID: usize = 8;

fn resource(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Attributes => inside(1, 1, Codec::Map),
        Field::DroppedAttributesCount => inside(1, 2, Codec::Uint),
        Field::SchemaUrl => own(3, Codec::Text),
        _ => return None,
    })
}

fn scope(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Name => inside(1, 1, Codec::Text),
        Field::Version => inside(1, 2, Codec::Text),
        Field::Attributes => inside(1, 3, Codec::Map),
        Field::DroppedAttributesCount => inside(1, 4, Codec::Uint),
        Field::SchemaUrl => own(3, Codec::Text),
        _ => return None,
    })
}

fn span(field: Field) -> Option<Slot> {
    const STATUS: u32 = 15;
    Some(match field {
        Field::Attributes => own(9, Codec::Map),
        Field::Name => own(5, Codec::Text),
        Field::Kind => own(6, Codec::Enum),
        Field::KindString => own(6, Codec::KindText),
        Field::KindDeprecatedString => own(6, Codec::OldKindText),
        Field::StatusCode => inside(STATUS, 3, Codec::Enum),
        Field::StatusMessage => inside(STATUS, 2, Codec::Text),
        Field::Status => own(STATUS, Codec::Status),
        Field::StartTime => own(7, Codec::Time),
        Field::StartTimeUnixNano => own(7, Codec::TimeNs),
        Field::EndTime => own(8, Codec::Time),
        Field::EndTimeUnixNano => own(8, Codec::TimeNs),
        Field::TraceId => own(1, Codec::Id(TRACE_ID)),
        Field::TraceIdString => own(1, Codec::IdText(TRACE_ID)),
        Field::SpanId => own(2, Codec::Id(SPAN_ID)),
        Field::SpanIdString => own(2, Codec::IdText(SPAN_ID)),
        Field::TraceState => own(3, Codec::TraceState),
        Field::ParentSpanId => own(4, Codec::Id(SPAN_ID)),
        Field::ParentSpanIdString => own(4, Codec::IdText(SPAN_ID)),
        Field::DroppedAttributesCount => own(10, Codec::Uint),
        Field::Events => own(11, Codec::Messages),
        Field::DroppedEventsCount => own(12, Codec::Uint),
        Field::Links => own(13, Codec::Messages),
        Field::DroppedLinksCount => own(14, Codec::Uint),
        Field::Flags => own(16, Codec::Fixed32),
        _ => return None,
    })
}

fn span_event(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Time => own(1, Codec::Time),
        Field::TimeUnixNano => own(1, Codec::TimeNs),
        Field::Name => own(2, Codec::Text),
        Field::Attributes => own(3, Codec::Map),
        Field::DroppedAttributesCount => own(4, Codec::Uint),
        _ => return None,
    })
}

fn log(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Attributes => own(6, Codec::Map),
        Field::Body => own(5, Codec::Any),
        Field::BodyString => own(5, Codec::AnyText),
        Field::SeverityNumber => own(2, Codec::Enum),
        Field::SeverityText => own(3, Codec::Text),
        Field::Time => own(1, Codec::Time),
        Field::TimeUnixNano => own(1, Codec::TimeNs),
        Field::ObservedTime => own(11, Codec::Time),
        Field::ObservedTimeUnixNano => own(11, Codec::TimeNs),
        Field::DroppedAttributesCount => own(7, Codec::Uint),
        Field::Flags => own(8, Codec::Fixed32),
        Field::TraceId => own(9, Codec::Id(TRACE_ID)),
        Field::TraceIdString => own(9, Codec::IdText(TRACE_ID)),
        Field::SpanId => own(10, Codec::Id(SPAN_ID)),
        Field::SpanIdString => own(10, Codec::IdText(SPAN_ID)),
        Field::EventName => own(12, Codec::Text),
        _ => return None,
    })
}

fn metric(field: Field, data: u32) -> Option<Slot> {
    Some(match (field, data) {
        (Field::Name, _) => own(1, Codec::Text),
        (Field::Description, _) => own(2, Codec::Text),
        (Field::Unit, _) => own(3, Codec::Text),
        (Field::Metadata, _) => own(12, Codec::Map),
        (Field::AggregationTemporality, SUM | HISTOGRAM | EXPONENTIAL) => inside(data, 2, Codec::Enum),
        (Field::IsMonotonic, SUM) => inside(data, 3, Codec::Flag),
        (Field::DataPoints, 1..) => inside(data, 1, Codec::Messages),
        _ => return None,
    })
}

/// What all data points have at the same place.
fn point(field: Field) -> Option<Slot> {
    Some(match field {
        Field::StartTime => own(2, Codec::Time),
        Field::StartTimeUnixNano => own(2, Codec::TimeNs),
        Field::Time => own(3, Codec::Time),
        Field::TimeUnixNano => own(3, Codec::TimeNs),
        _ => return None,
    })
}

const DOUBLE: Codec = Codec::Double { rival: None };

fn number_point(field: Field) -> Option<Slot> {
    Some(match field {
        Field::ValueDouble => own(4, Codec::Double { rival: Some(6) }),
        Field::Exemplars => own(5, Codec::Messages),
        Field::ValueInt => own(6, Codec::Signed { rival: 4 }),
        Field::Attributes => own(7, Codec::Map),
        Field::Flags => own(8, Codec::Uint),
        _ => return point(field),
    })
}

fn histogram_point(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Count => own(4, Codec::Count),
        Field::Sum => own(5, DOUBLE),
        Field::BucketCounts => own(6, Codec::Counts),
        Field::ExplicitBounds => own(7, Codec::Doubles),
        Field::Exemplars => own(8, Codec::Messages),
        Field::Attributes => own(9, Codec::Map),
        Field::Flags => own(10, Codec::Uint),
        _ => return point(field),
    })
}

fn exponential_point(field: Field) -> Option<Slot> {
    const POSITIVE: u32 = 8;
    const NEGATIVE: u32 = 9;
    Some(match field {
        Field::Attributes => own(1, Codec::Map),
        Field::Count => own(4, Codec::Count),
        Field::Sum => own(5, DOUBLE),
        Field::Scale => own(6, Codec::Sint),
        Field::ZeroCount => own(7, Codec::Count),
        Field::Positive => own(POSITIVE, Codec::Buckets),
        Field::PositiveOffset => inside(POSITIVE, 1, Codec::Sint),
        Field::PositiveBucketCounts => inside(POSITIVE, 2, Codec::Varints),
        Field::Negative => own(NEGATIVE, Codec::Buckets),
        Field::NegativeOffset => inside(NEGATIVE, 1, Codec::Sint),
        Field::NegativeBucketCounts => inside(NEGATIVE, 2, Codec::Varints),
        Field::Flags => own(10, Codec::Uint),
        Field::Exemplars => own(11, Codec::Messages),
        _ => return point(field),
    })
}

fn summary_point(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Count => own(4, Codec::Count),
        Field::Sum => own(5, DOUBLE),
        Field::QuantileValues => own(6, Codec::Quantiles),
        Field::Attributes => own(7, Codec::Map),
        Field::Flags => own(8, Codec::Uint),
        _ => return point(field),
    })
}

fn exemplar(field: Field) -> Option<Slot> {
    Some(match field {
        Field::Time => own(2, Codec::Time),
        Field::TimeUnixNano => own(2, Codec::TimeNs),
        Field::ValueDouble => own(3, Codec::Double { rival: Some(6) }),
        Field::SpanId => own(4, Codec::Id(SPAN_ID)),
        Field::SpanIdString => own(4, Codec::IdText(SPAN_ID)),
        Field::TraceId => own(5, Codec::Id(TRACE_ID)),
        Field::TraceIdString => own(5, Codec::IdText(TRACE_ID)),
        Field::ValueInt => own(6, Codec::Signed { rival: 3 }),
        Field::FilteredAttributes => own(7, Codec::Map),
        _ => return None,
    })
}
