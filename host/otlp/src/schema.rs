//! The OTLP messages as tables: `check` and JSON are driven by them, so a field exists here and nowhere else.

use crate::Signal;

/// A message type.
#[derive(Debug)]
pub(crate) struct Message {
    /// As in the protobuf files, without package.
    pub(crate) name: &'static str,
    /// In the order of the protobuf files.
    pub(crate) fields: &'static [Field],
    /// Where it stands between request and item.
    pub(crate) role: Role,
    /// By field number.
    rules: [Rule; 17],
}

/// One field of a message type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// The number on the wire.
    pub(crate) number: u32,
    /// The name in JSON, lowerCamelCase.
    pub(crate) name: &'static str,
    /// The type.
    pub(crate) kind: Kind,
    /// Whether it is a list.
    pub(crate) repeated: bool,
    /// Whether it is one of several fields of which only one is set; no message has two such groups.
    pub(crate) alternative: bool,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    /// The values' names, by number.
    Enum(&'static [&'static str]),
    String,
    Bytes,
    /// Bytes of that length or none, in JSON as hex.
    Id(usize),
    Message(&'static Message),
}

/// Where a message stands between request and item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Beside or below the items.
    Detail,
    /// An attribute.
    Pair,
    /// The whole.
    Request,
    /// `ResourceSpans` and its like.
    Resource,
    /// `ScopeSpans` and its like.
    Scope,
    /// A metric.
    Metric,
    /// The data of a metric: gauge, sum and so on.
    Data,
    /// A span, a data point, a log record.
    Item,
}

/// How a field's bytes are checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Not in the schema: skipped by its wire type.
    Unknown,
    /// One value of that wire type.
    Plain(u8),
    /// Repeated numbers of that wire type, packed or one by one.
    Packed(u8),
    /// An id of that length, or empty.
    Id(usize),
    /// A message.
    Message(&'static Message),
}

impl Message {
    const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self::placed(name, Role::Detail, fields)
    }

    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses a number out of range")]
    const fn placed(name: &'static str, role: Role, fields: &'static [Field]) -> Self {
        let mut rules = [Rule::Unknown; 17];
        let mut at = 0;
        while at < fields.len() {
            rules[fields[at].number as usize] = fields[at].rule();
            at += 1;
        }
        Self { name, fields, role, rules }
    }

    /// How a field of that number is checked.
    #[inline]
    pub(crate) fn rule(&self, number: u32) -> Rule {
        self.rules.get(number as usize).copied().unwrap_or(Rule::Unknown)
    }

    /// The field of that number.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

impl Message {
    /// The type of field `number` if that is one under which items lie, or an item itself.
    #[inline]
    pub(crate) fn container(&self, number: u32) -> Option<&'static Self> {
        match self.rule(number) {
            Rule::Message(message) if !matches!(message.role, Role::Detail | Role::Pair) => Some(message),
            _ => None,
        }
    }
}

impl Field {
    const fn rule(&self) -> Rule {
        match self.kind {
            Kind::Message(message) => Rule::Message(message),
            Kind::Id(len) => Rule::Id(len),
            Kind::String | Kind::Bytes => Rule::Plain(crate::wire::LEN),
            _ if self.repeated => Rule::Packed(self.kind.wire()),
            _ => Rule::Plain(self.kind.wire()),
        }
    }
}

impl Kind {
    /// The wire type of one value.
    pub(crate) const fn wire(self) -> u8 {
        match self {
            Self::Bool | Self::Int32 | Self::Int64 | Self::Uint32 | Self::Uint64 | Self::Sint32 | Self::Enum(_) => {
                crate::wire::VARINT
            }
            Self::Fixed64 | Self::Sfixed64 | Self::Double => crate::wire::FIXED64,
            Self::Fixed32 => crate::wire::FIXED32,
            Self::String | Self::Bytes | Self::Id(_) | Self::Message(_) => crate::wire::LEN,
        }
    }
}

/// The request that carries a signal.
pub(crate) const fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

/// The answer to a request of a signal.
pub(crate) const fn response(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES_RESPONSE,
        Signal::Metrics => &METRICS_RESPONSE,
        Signal::Logs => &LOGS_RESPONSE,
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false, alternative: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true, alternative: false }
}

const fn either(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false, alternative: true }
}

const TRACE_ID: Kind = Kind::Id(16);
const SPAN_ID: Kind = Kind::Id(8);

const SPAN_KIND: Kind = Kind::Enum(&[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
]);
const STATUS_CODE: Kind = Kind::Enum(&["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]);
const TEMPORALITY: Kind = Kind::Enum(&[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
]);
const SEVERITY: Kind = Kind::Enum(&[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
]);

static TRACES: Message = Message::placed(
    "ExportTraceServiceRequest",
    Role::Request,
    &[many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))],
);
static METRICS: Message = Message::placed(
    "ExportMetricsServiceRequest",
    Role::Request,
    &[many(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))],
);
static LOGS: Message = Message::placed(
    "ExportLogsServiceRequest",
    Role::Request,
    &[many(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))],
);

static RESOURCE_SPANS: Message = Message::placed(
    "ResourceSpans",
    Role::Resource,
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
        one(3, "schemaUrl", Kind::String),
    ],
);
static RESOURCE_METRICS: Message = Message::placed(
    "ResourceMetrics",
    Role::Resource,
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
        one(3, "schemaUrl", Kind::String),
    ],
);
static RESOURCE_LOGS: Message = Message::placed(
    "ResourceLogs",
    Role::Resource,
    &[
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
        one(3, "schemaUrl", Kind::String),
    ],
);
static SCOPE_SPANS: Message = Message::placed(
    "ScopeSpans",
    Role::Scope,
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "spans", Kind::Message(&SPAN)),
        one(3, "schemaUrl", Kind::String),
    ],
);
static SCOPE_METRICS: Message = Message::placed(
    "ScopeMetrics",
    Role::Scope,
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "metrics", Kind::Message(&METRIC)),
        one(3, "schemaUrl", Kind::String),
    ],
);
static SCOPE_LOGS: Message = Message::placed(
    "ScopeLogs",
    Role::Scope,
    &[
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "logRecords", Kind::Message(&LOG_RECORD)),
        one(3, "schemaUrl", Kind::String),
    ],
);

static RESOURCE: Message = Message::new(
    "Resource",
    &[
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "droppedAttributesCount", Kind::Uint32),
        many(3, "entityRefs", Kind::Message(&ENTITY_REF)),
    ],
);
static ENTITY_REF: Message = Message::new(
    "EntityRef",
    &[
        one(1, "schemaUrl", Kind::String),
        one(2, "type", Kind::String),
        many(3, "idKeys", Kind::String),
        many(4, "descriptionKeys", Kind::String),
    ],
);
static SCOPE: Message = Message::new(
    "InstrumentationScope",
    &[
        one(1, "name", Kind::String),
        one(2, "version", Kind::String),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "droppedAttributesCount", Kind::Uint32),
    ],
);
static KEY_VALUE: Message = Message::placed(
    "KeyValue",
    Role::Pair,
    &[one(1, "key", Kind::String), one(2, "value", Kind::Message(&ANY_VALUE)), one(3, "keyStrindex", Kind::Int32)],
);
static ANY_VALUE: Message = Message::new(
    "AnyValue",
    &[
        either(1, "stringValue", Kind::String),
        either(2, "boolValue", Kind::Bool),
        either(3, "intValue", Kind::Int64),
        either(4, "doubleValue", Kind::Double),
        either(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
        either(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        either(7, "bytesValue", Kind::Bytes),
        either(8, "stringValueStrindex", Kind::Int32),
    ],
);
static ARRAY_VALUE: Message = Message::new("ArrayValue", &[many(1, "values", Kind::Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message::new("KeyValueList", &[many(1, "values", Kind::Message(&KEY_VALUE))]);

static SPAN: Message = Message::placed(
    "Span",
    Role::Item,
    &[
        one(1, "traceId", TRACE_ID),
        one(2, "spanId", SPAN_ID),
        one(3, "traceState", Kind::String),
        one(4, "parentSpanId", SPAN_ID),
        one(16, "flags", Kind::Fixed32),
        one(5, "name", Kind::String),
        one(6, "kind", SPAN_KIND),
        one(7, "startTimeUnixNano", Kind::Fixed64),
        one(8, "endTimeUnixNano", Kind::Fixed64),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "droppedAttributesCount", Kind::Uint32),
        many(11, "events", Kind::Message(&EVENT)),
        one(12, "droppedEventsCount", Kind::Uint32),
        many(13, "links", Kind::Message(&LINK)),
        one(14, "droppedLinksCount", Kind::Uint32),
        one(15, "status", Kind::Message(&STATUS)),
    ],
);
static EVENT: Message = Message::new(
    "Span.Event",
    &[
        one(1, "timeUnixNano", Kind::Fixed64),
        one(2, "name", Kind::String),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "droppedAttributesCount", Kind::Uint32),
    ],
);
static LINK: Message = Message::new(
    "Span.Link",
    &[
        one(1, "traceId", TRACE_ID),
        one(2, "spanId", SPAN_ID),
        one(3, "traceState", Kind::String),
        many(4, "attributes", Kind::Message(&KEY_VALUE)),
        one(5, "droppedAttributesCount", Kind::Uint32),
        one(6, "flags", Kind::Fixed32),
    ],
);
static STATUS: Message = Message::new("Status", &[one(2, "message", Kind::String), one(3, "code", STATUS_CODE)]);

static LOG_RECORD: Message = Message::placed(
    "LogRecord",
    Role::Item,
    &[
        one(1, "timeUnixNano", Kind::Fixed64),
        one(11, "observedTimeUnixNano", Kind::Fixed64),
        one(2, "severityNumber", SEVERITY),
        one(3, "severityText", Kind::String),
        one(5, "body", Kind::Message(&ANY_VALUE)),
        many(6, "attributes", Kind::Message(&KEY_VALUE)),
        one(7, "droppedAttributesCount", Kind::Uint32),
        one(8, "flags", Kind::Fixed32),
        one(9, "traceId", TRACE_ID),
        one(10, "spanId", SPAN_ID),
        one(12, "eventName", Kind::String),
    ],
);

static METRIC: Message = Message::placed(
    "Metric",
    Role::Metric,
    &[
        one(1, "name", Kind::String),
        one(2, "description", Kind::String),
        one(3, "unit", Kind::String),
        either(5, "gauge", Kind::Message(&GAUGE)),
        either(7, "sum", Kind::Message(&SUM)),
        either(9, "histogram", Kind::Message(&HISTOGRAM)),
        either(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        either(11, "summary", Kind::Message(&SUMMARY)),
        many(12, "metadata", Kind::Message(&KEY_VALUE)),
    ],
);
static GAUGE: Message = Message::placed("Gauge", Role::Data, &[many(1, "dataPoints", Kind::Message(&NUMBER_POINT))]);
static SUM: Message = Message::placed(
    "Sum",
    Role::Data,
    &[
        many(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
        one(2, "aggregationTemporality", TEMPORALITY),
        one(3, "isMonotonic", Kind::Bool),
    ],
);
static HISTOGRAM: Message = Message::placed(
    "Histogram",
    Role::Data,
    &[many(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)), one(2, "aggregationTemporality", TEMPORALITY)],
);
static EXPONENTIAL_HISTOGRAM: Message = Message::placed(
    "ExponentialHistogram",
    Role::Data,
    &[many(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT)), one(2, "aggregationTemporality", TEMPORALITY)],
);
static SUMMARY: Message =
    Message::placed("Summary", Role::Data, &[many(1, "dataPoints", Kind::Message(&SUMMARY_POINT))]);
static NUMBER_POINT: Message = Message::placed(
    "NumberDataPoint",
    Role::Item,
    &[
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "startTimeUnixNano", Kind::Fixed64),
        one(3, "timeUnixNano", Kind::Fixed64),
        either(4, "asDouble", Kind::Double),
        either(6, "asInt", Kind::Sfixed64),
        many(5, "exemplars", Kind::Message(&EXEMPLAR)),
        one(8, "flags", Kind::Uint32),
    ],
);
static HISTOGRAM_POINT: Message = Message::placed(
    "HistogramDataPoint",
    Role::Item,
    &[
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "startTimeUnixNano", Kind::Fixed64),
        one(3, "timeUnixNano", Kind::Fixed64),
        one(4, "count", Kind::Fixed64),
        one(5, "sum", Kind::Double),
        many(6, "bucketCounts", Kind::Fixed64),
        many(7, "explicitBounds", Kind::Double),
        many(8, "exemplars", Kind::Message(&EXEMPLAR)),
        one(10, "flags", Kind::Uint32),
        one(11, "min", Kind::Double),
        one(12, "max", Kind::Double),
    ],
);
static EXPONENTIAL_POINT: Message = Message::placed(
    "ExponentialHistogramDataPoint",
    Role::Item,
    &[
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "startTimeUnixNano", Kind::Fixed64),
        one(3, "timeUnixNano", Kind::Fixed64),
        one(4, "count", Kind::Fixed64),
        one(5, "sum", Kind::Double),
        one(6, "scale", Kind::Sint32),
        one(7, "zeroCount", Kind::Fixed64),
        one(8, "positive", Kind::Message(&BUCKETS)),
        one(9, "negative", Kind::Message(&BUCKETS)),
        one(10, "flags", Kind::Uint32),
        many(11, "exemplars", Kind::Message(&EXEMPLAR)),
        one(12, "min", Kind::Double),
        one(13, "max", Kind::Double),
        one(14, "zeroThreshold", Kind::Double),
    ],
);
static BUCKETS: Message =
    Message::new("Buckets", &[one(1, "offset", Kind::Sint32), many(2, "bucketCounts", Kind::Uint64)]);
static SUMMARY_POINT: Message = Message::placed(
    "SummaryDataPoint",
    Role::Item,
    &[
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "startTimeUnixNano", Kind::Fixed64),
        one(3, "timeUnixNano", Kind::Fixed64),
        one(4, "count", Kind::Fixed64),
        one(5, "sum", Kind::Double),
        many(6, "quantileValues", Kind::Message(&QUANTILE)),
        one(8, "flags", Kind::Uint32),
    ],
);
static QUANTILE: Message =
    Message::new("ValueAtQuantile", &[one(1, "quantile", Kind::Double), one(2, "value", Kind::Double)]);
static EXEMPLAR: Message = Message::new(
    "Exemplar",
    &[
        many(7, "filteredAttributes", Kind::Message(&KEY_VALUE)),
        one(2, "timeUnixNano", Kind::Fixed64),
        either(3, "asDouble", Kind::Double),
        either(6, "asInt", Kind::Sfixed64),
        one(4, "spanId", SPAN_ID),
        one(5, "traceId", TRACE_ID),
    ],
);

static TRACES_RESPONSE: Message =
    Message::new("ExportTraceServiceResponse", &[one(1, "partialSuccess", Kind::Message(&TRACES_PARTIAL))]);
static TRACES_PARTIAL: Message = Message::new(
    "ExportTracePartialSuccess",
    &[one(1, "rejectedSpans", Kind::Int64), one(2, "errorMessage", Kind::String)],
);

static METRICS_RESPONSE: Message =
    Message::new("ExportMetricsServiceResponse", &[one(1, "partialSuccess", Kind::Message(&METRICS_PARTIAL))]);
static METRICS_PARTIAL: Message = Message::new(
    "ExportMetricsPartialSuccess",
    &[one(1, "rejectedDataPoints", Kind::Int64), one(2, "errorMessage", Kind::String)],
);

static LOGS_RESPONSE: Message =
    Message::new("ExportLogsServiceResponse", &[one(1, "partialSuccess", Kind::Message(&LOGS_PARTIAL))]);
static LOGS_PARTIAL: Message = Message::new(
    "ExportLogsPartialSuccess",
    &[one(1, "rejectedLogRecords", Kind::Int64), one(2, "errorMessage", Kind::String)],
);
