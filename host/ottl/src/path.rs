//! Paths: which field of what, and which entry of it.

mod fields;

use crate::Context;

use fields::name;
pub(crate) use fields::{Shape, fields, find, shape};

/// A path whose keys are known: what [`Source`](crate::Source) is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// What the field belongs to.
    pub context: Context,
    /// The field.
    pub field: Field,
    /// The way into the map or list that the field holds.
    pub keys: Vec<Key>,
}

/// A key into a map, or an index into a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Of a map.
    Str(Box<str>),
    /// Of a list.
    Int(i64),
}

impl Path {
    /// The key, if the path is an attribute (or another entry of a map) and goes no deeper.
    pub fn only_key(&self) -> Option<&str> {
        match self.keys.as_slice() {
            [Key::Str(key)] => Some(key),
            _ => None,
        }
    }
}

/// As it is written.
impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.context.name(), name(self.context, self.field))?;
        for key in &self.keys {
            match key {
                Key::Str(key) => write!(f, "[{key:?}]")?,
                Key::Int(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A field of something.
#[expect(missing_docs, reason = "each is called as it is written")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    AggregationTemporality,
    Attributes,
    Body,
    BodyString,
    BucketCounts,
    Cache,
    ClientAddr,
    ClientAuthAttributes,
    ClientMetadata,
    Count,
    DataPoints,
    Description,
    DroppedAttributesCount,
    DroppedEventsCount,
    DroppedLinksCount,
    EndTime,
    EndTimeUnixNano,
    EventIndex,
    EventName,
    Events,
    Exemplars,
    ExplicitBounds,
    FilteredAttributes,
    Flags,
    GrpcMetadata,
    IsMonotonic,
    Kind,
    KindDeprecatedString,
    KindString,
    Links,
    Metadata,
    Name,
    Negative,
    NegativeBucketCounts,
    NegativeOffset,
    ObservedTime,
    ObservedTimeUnixNano,
    ParentSpanId,
    ParentSpanIdString,
    Positive,
    PositiveBucketCounts,
    PositiveOffset,
    QuantileValues,
    Scale,
    SchemaUrl,
    SeverityNumber,
    SeverityText,
    SpanId,
    SpanIdString,
    StartTime,
    StartTimeUnixNano,
    Status,
    StatusCode,
    StatusMessage,
    Sum,
    Time,
    TimeUnixNano,
    TraceId,
    TraceIdString,
    TraceState,
    Type,
    Unit,
    ValueDouble,
    ValueInt,
    Version,
    ZeroCount,
}
