//! Spans written short, and what they are in OTLP.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{Check, Duration};

/// The time at which cases are decided, Unix nanoseconds: that of the SDK's own tests.
pub(super) const NOW: u64 = 1_700_000_000_000_000_000;

/// Traces begin so long before they are decided.
const AGE_NS: u64 = 10_000_000_000;

/// How long a span lasts that does not say so.
const DEFAULT_DURATION_NS: u64 = 1_000_000;

/// A span. What it does not say is as in most spans.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ShortSpan {
    name: String,
    /// Of its trace; what counts is the first span's.
    trace_id: Option<TraceId>,
    /// Since the beginning of the trace.
    start: Time,
    duration: Option<Time>,
    status: StatusCode,
    kind: Kind,
    /// The name of another span of the trace, or `none`. Without it the first span is the root and the parent of the others.
    parent: Option<String>,
    attributes: Map<String, Value>,
    resource: Map<String, Value>,
    /// Attributes of the instrumentation scope.
    scope: Map<String, Value>,
    trace_state: String,
    /// The W3C flag.
    sampled: bool,
    events: Vec<Event>,
    links: Vec<Link>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Event {
    name: String,
    /// Since the beginning of the trace.
    time: Time,
    attributes: Map<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Link {
    trace_id: Option<TraceId>,
    trace_state: String,
    attributes: Map<String, Value>,
}

/// Nanoseconds; written as a duration (`1.5s`), or as a number of milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
struct Time(u64);

impl TryFrom<Value> for Time {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::String(text) => match text.parse::<Duration>() {
                Ok(duration) => Ok(Self(u64::try_from(duration.0.as_nanos()).unwrap_or(u64::MAX))),
                Err(error) => Err(error.to_string()),
            },
            Value::Number(number) => match number.as_f64() {
                Some(ms) if (0.0..=1e12).contains(&ms) => Ok(Self((ms * 1e6) as u64)),
                _ => Err(format!("{number} is no number of milliseconds")),
            },
            other => Err(format!("{other} is no time: a number of milliseconds, or 1.5s")),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct TraceId([u8; 16]);

impl TryFrom<String> for TraceId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut id = [0; 16];
        let decoded = hex::decode_to_slice(&text, &mut id);
        match decoded {
            Ok(()) if id != [0; 16] => Ok(Self(id)),
            _ => Err(format!("{text:?} is no trace id, which has 32 hexadecimal digits, not all 0")),
        }
    }
}

/// OTLP's number.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
struct StatusCode(i32);

impl TryFrom<String> for StatusCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = ["unset", "ok", "error"].iter().position(|name| name.eq_ignore_ascii_case(&text));
        known.map(|code| Self(code as i32)).ok_or_else(|| format!("{text:?} is no status: unset, ok or error"))
    }
}

/// OTLP's number.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Kind(i32);

impl Default for Kind {
    fn default() -> Self {
        Self(span::SpanKind::Internal as i32)
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const NAMES: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
        let known = NAMES.iter().position(|name| name.eq_ignore_ascii_case(&text));
        known.map(|kind| Self(kind as i32)).ok_or_else(|| format!("{text:?} is no kind of span: {}", NAMES.join(", ")))
    }
}

/// Says what the types can not express.
pub(super) fn check(trace: &[ShortSpan], path: &str, check: &mut Check<'_>) {
    if trace.is_empty() {
        check.problem(path, "a trace needs a span");
    }
    for (at, span) in trace.iter().enumerate() {
        if let Some(parent) = span.parent.as_deref().filter(|parent| *parent != "none")
            && !trace.iter().any(|other| other.name == parent)
        {
            let message = format!("no span {parent:?} in this trace: its parent is the name of another span, or none");
            check.problem(&format!("{path}.{at}.parent"), message);
        }
    }
}

/// A request with these traces, in order, and their ids.
pub(super) fn request<'a>(traces: impl Iterator<Item = &'a [ShortSpan]>) -> (Bytes, Vec<[u8; 16]>) {
    let mut ids = Vec::new();
    let mut resource_spans = Vec::new();
    for (number, trace) in traces.enumerate() {
        let id = trace.first().and_then(|span| span.trace_id).map_or_else(|| made_up_id(number), |id| id.0);
        ids.push(id);
        resource_spans.extend(trace.iter().enumerate().map(|(at, span)| span.encode(at, id, trace)));
    }
    (ExportTraceServiceRequest { resource_spans }.encode_to_vec().into(), ids)
}

/// Spread evenly, so that policies on the id see about what they see in production; the same in each run.
fn made_up_id(number: usize) -> [u8; 16] {
    (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

fn span_id(at: usize) -> Vec<u8> {
    (at as u64 + 1).to_be_bytes().to_vec()
}

impl ShortSpan {
    fn encode(&self, at: usize, trace_id: [u8; 16], trace: &[Self]) -> ResourceSpans {
        let parent = match self.parent.as_deref() {
            Some("none") => None,
            Some(name) => trace.iter().position(|other| other.name == name),
            None => (at > 0).then_some(0),
        };
        let begin = NOW - AGE_NS;
        let start = begin.saturating_add(self.start.0);
        let duration = self.duration.map_or(DEFAULT_DURATION_NS, |duration| duration.0);
        let event = |event: &Event| span::Event {
            name: event.name.clone(),
            time_unix_nano: begin.saturating_add(event.time.0),
            attributes: key_values(&event.attributes),
            ..span::Event::default()
        };
        let link = |link: &Link| span::Link {
            trace_id: link.trace_id.map_or([0xff; 16], |id| id.0).to_vec(),
            span_id: vec![0xff; 8],
            trace_state: link.trace_state.clone(),
            attributes: key_values(&link.attributes),
            ..span::Link::default()
        };
        let span = Span {
            trace_id: trace_id.to_vec(),
            span_id: span_id(at),
            parent_span_id: parent.map(span_id).unwrap_or_default(),
            trace_state: self.trace_state.clone(),
            flags: u32::from(self.sampled),
            name: self.name.clone(),
            kind: self.kind.0,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(duration),
            attributes: key_values(&self.attributes),
            events: self.events.iter().map(event).collect(),
            links: self.links.iter().map(link).collect(),
            status: (self.status.0 != 0).then(|| Status { code: self.status.0, ..Status::default() }),
            ..Span::default()
        };
        let scope = InstrumentationScope { attributes: key_values(&self.scope), ..InstrumentationScope::default() };
        let scope = ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() };
        let resource = Resource { attributes: key_values(&self.resource), ..Resource::default() };
        ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() }
    }
}

fn key_values(map: &Map<String, Value>) -> Vec<KeyValue> {
    let pair =
        |(key, value): (&String, &Value)| KeyValue { key: key.clone(), value: Some(any(value)), ..KeyValue::default() };
    map.iter().map(pair).collect()
}

fn any(value: &Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(value) => Some(Any::BoolValue(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Some(Any::IntValue(value)),
            None => number.as_f64().map(Any::DoubleValue),
        },
        Value::String(text) => Some(Any::StringValue(text.clone())),
        Value::Array(list) => Some(Any::ArrayValue(ArrayValue { values: list.iter().map(any).collect() })),
        Value::Object(map) => Some(Any::KvlistValue(KeyValueList { values: key_values(map) })),
    };
    AnyValue { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spans_become_whole_ones() {
        let yaml = "
- {name: root, duration: 1.5s, status: error, kind: server, resource: {service.name: shop}, sampled: true}
- {name: child, start: 20, attributes: {n: 3, f: 0.5, list: [a, true]}, events: [{name: e, time: 1s}], trace_state: a=b}
- {name: leaf, parent: child}
- {name: stray, parent: none}
";
        let trace: Vec<ShortSpan> = serde_yaml::from_str(yaml).expect("good");
        let (request, ids) = request([trace.as_slice()].into_iter());
        let request = ExportTraceServiceRequest::decode(request).expect("OTLP");
        let spans: Vec<_> = request.resource_spans.iter().map(|resource| &resource.scope_spans[0].spans[0]).collect();
        let begin = NOW - AGE_NS;
        assert!(spans.iter().all(|span| span.trace_id == ids[0]));
        assert_eq!((spans[0].status.as_ref().map(|s| s.code), spans[0].kind, spans[0].flags), (Some(2), 2, 1));
        assert_eq!(spans[0].end_time_unix_nano, begin + 1_500_000_000);
        assert_eq!(spans[1].start_time_unix_nano, begin + 20_000_000);
        assert_eq!(spans[1].events[0].time_unix_nano, begin + 1_000_000_000);
        assert_eq!(spans[1].attributes.len(), 3);
        let parents: Vec<_> = spans.iter().map(|span| span.parent_span_id.clone()).collect();
        assert_eq!(parents, [Vec::new(), span_id(0), span_id(1), Vec::new()]);
    }
}
