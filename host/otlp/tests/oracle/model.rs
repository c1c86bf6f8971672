//! Requests as prost sees them.

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::{DecodeError, Message};
use tailrace_otlp::view::{self, Value};
use tailrace_otlp::walk::{Header, Visit};
use tailrace_otlp::{Counts, Signal};

/// A request of any signal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Model {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// An item's encoding after the encodings of what it stands under.
pub(crate) type Item = Vec<Vec<u8>>;

impl Model {
    pub(crate) fn decode(signal: Signal, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match signal {
            Signal::Traces => Self::Traces(Message::decode(bytes)?),
            Signal::Metrics => Self::Metrics(Message::decode(bytes)?),
            Signal::Logs => Self::Logs(Message::decode(bytes)?),
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Traces(request) => request.encode_to_vec(),
            Self::Metrics(request) => request.encode_to_vec(),
            Self::Logs(request) => request.encode_to_vec(),
        }
    }

    pub(crate) fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Metrics(_) => Signal::Metrics,
            Self::Logs(_) => Signal::Logs,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let items = self.items().len();
        match self {
            Self::Traces(request) => Counts {
                items,
                resources: request.resource_spans.len(),
                scopes: request.resource_spans.iter().map(|resource| resource.scope_spans.len()).sum(),
                metrics: 0,
            },
            Self::Metrics(request) => {
                let scopes = || request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
                Counts {
                    items,
                    resources: request.resource_metrics.len(),
                    scopes: scopes().count(),
                    metrics: scopes().map(|scope| scope.metrics.len()).sum(),
                }
            }
            Self::Logs(request) => Counts {
                items,
                resources: request.resource_logs.len(),
                scopes: request.resource_logs.iter().map(|resource| resource.scope_logs.len()).sum(),
                metrics: 0,
            },
        }
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        match self {
            Self::Traces(request) => {
                for resource in &request.resource_spans {
                    for scope in &resource.scope_spans {
                        let under = under(
                            resource.resource.as_ref(),
                            &resource.schema_url,
                            scope.scope.as_ref(),
                            &scope.schema_url,
                        );
                        items.extend(scope.spans.iter().map(|span| with(&under, span.encode_to_vec())));
                    }
                }
            }
            Self::Metrics(request) => {
                for resource in &request.resource_metrics {
                    for scope in &resource.scope_metrics {
                        let under = under(
                            resource.resource.as_ref(),
                            &resource.schema_url,
                            scope.scope.as_ref(),
                            &scope.schema_url,
                        );
                        for metric in &scope.metrics {
                            let (empty, points) = points(metric);
                            let under = with(&under, empty.encode_to_vec());
                            items.extend(points.into_iter().map(|point| with(&under, point)));
                        }
                    }
                }
            }
            Self::Logs(request) => {
                for resource in &request.resource_logs {
                    for scope in &resource.scope_logs {
                        let under = under(
                            resource.resource.as_ref(),
                            &resource.schema_url,
                            scope.scope.as_ref(),
                            &scope.schema_url,
                        );
                        items.extend(scope.log_records.iter().map(|record| with(&under, record.encode_to_vec())));
                    }
                }
            }
        }
        items
    }
}

fn under(resource: Option<&impl Message>, url: &str, scope: Option<&impl Message>, scope_url: &str) -> Item {
    let resource = resource.map(Message::encode_to_vec).unwrap_or_default();
    let scope = scope.map(Message::encode_to_vec).unwrap_or_default();
    vec![resource, url.into(), scope, scope_url.into()]
}

fn with(under: &Item, last: Vec<u8>) -> Item {
    [&under[..], &[last]].concat()
}

/// The metric without its points, and those.
fn points(metric: &Metric) -> (Metric, Vec<Vec<u8>>) {
    let mut empty = metric.clone();
    let points = match &mut empty.data {
        None => Vec::new(),
        Some(metric::Data::Gauge(data)) => take(&mut data.data_points),
        Some(metric::Data::Sum(data)) => take(&mut data.data_points),
        Some(metric::Data::Histogram(data)) => take(&mut data.data_points),
        Some(metric::Data::ExponentialHistogram(data)) => take(&mut data.data_points),
        Some(metric::Data::Summary(data)) => take(&mut data.data_points),
    };
    (empty, points)
}

fn take(points: &mut Vec<impl Message>) -> Vec<Vec<u8>> {
    points.drain(..).map(|point| point.encode_to_vec()).collect()
}

/// What a walk over a trace request tells, in order, as text.
#[derive(Debug, Default)]
pub(crate) struct Seen(pub(crate) Vec<String>);

impl Visit for Seen {
    fn resource(&mut self, header: &Header<'_>) {
        let attributes: Vec<_> = view::resource_attributes(header).map(viewed).collect();
        self.0.push(format!("resource {attributes:?} {:?}", utf8(view::schema_url(header))));
    }

    fn scope(&mut self, header: &Header<'_>) {
        let attributes: Vec<_> = view::scope_attributes(header).map(viewed).collect();
        let (name, version) = (utf8(view::scope_name(header)), utf8(view::scope_version(header)));
        self.0.push(format!("scope {name:?} {version:?} {attributes:?} {:?}", utf8(view::schema_url(header))));
    }

    fn span(&mut self, framed: &[u8], body: &[u8]) {
        assert!(framed.ends_with(body));
        let (head, span) = (view::span_head(body), view::Span(body));
        let times = [span.start(), span.end()];
        assert_eq!(([head.start, head.end], head.status, head.flags), (times, span.status_code(), span.flags()));
        assert!(span.trace_id().is_empty() && head.trace_id == [0; 16] || head.trace_id[..] == *span.trace_id());
        assert_eq!(head.parent_is_empty, span.parent_span_id().iter().all(|byte| *byte == 0));
        let ids = [span.trace_id(), span.span_id(), span.parent_span_id()];
        let texts = [utf8(span.name()), utf8(span.trace_state()), utf8(span.status_message())];
        self.0.push(format!("{ids:?} {texts:?} {times:?} {} {} {}", span.kind(), span.status_code(), span.flags()));
        self.0.push(format!("{:?}", span.attributes().map(viewed).collect::<Vec<_>>()));
        for event in span.events() {
            let attributes: Vec<_> = event.attributes().map(viewed).collect();
            self.0.push(format!("event {} {:?} {attributes:?}", event.time(), utf8(event.name())));
        }
        for link in span.links() {
            let attributes: Vec<_> = link.attributes().map(viewed).collect();
            let ids = [link.trace_id(), link.span_id()];
            self.0.push(format!("link {ids:?} {:?} {attributes:?}", utf8(link.trace_state())));
        }
    }
}

/// What [`Seen`] must hold.
pub(crate) fn expected(request: &ExportTraceServiceRequest) -> Vec<String> {
    let mut seen = Vec::new();
    for resource in &request.resource_spans {
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        seen.push(format!("resource {:?} {:?}", decoded(attributes), resource.schema_url));
        for scope in &resource.scope_spans {
            let inner = scope.scope.clone().unwrap_or_default();
            let attributes = decoded(&inner.attributes);
            seen.push(format!("scope {:?} {:?} {attributes:?} {:?}", inner.name, inner.version, scope.schema_url));
            scope.spans.iter().for_each(|span| expected_span(span, &mut seen));
        }
    }
    seen
}

fn expected_span(span: &Span, seen: &mut Vec<String>) {
    let ids = [&span.trace_id, &span.span_id, &span.parent_span_id];
    let status = span.status.clone().unwrap_or_default();
    let texts = [&span.name, &span.trace_state, &status.message];
    let times = [span.start_time_unix_nano, span.end_time_unix_nano];
    seen.push(format!("{ids:?} {texts:?} {times:?} {} {} {}", span.kind, status.code, span.flags));
    seen.push(format!("{:?}", decoded(&span.attributes)));
    for event in &span.events {
        seen.push(format!("event {} {:?} {:?}", event.time_unix_nano, event.name, decoded(&event.attributes)));
    }
    for link in &span.links {
        let ids = [&link.trace_id, &link.span_id];
        seen.push(format!("link {ids:?} {:?} {:?}", link.trace_state, decoded(&link.attributes)));
    }
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("not UTF-8")
}

fn viewed((key, value): (&[u8], Value<'_>)) -> (String, any_value::Value) {
    (utf8(key).to_owned(), model(value).unwrap_or(NONE))
}

/// Stands for no value on both sides.
const NONE: any_value::Value = any_value::Value::StringValueStrindex(0);

fn decoded(attributes: &[KeyValue]) -> Vec<(String, any_value::Value)> {
    let value = |value: &Option<AnyValue>| value.as_ref().and_then(|value| value.value.clone()).unwrap_or(NONE);
    attributes.iter().map(|pair| (pair.key.clone(), value(&pair.value))).collect()
}

fn model(value: Value<'_>) -> Option<any_value::Value> {
    Some(match value {
        Value::Empty => return None,
        Value::Str(text) => any_value::Value::StringValue(utf8(text).to_owned()),
        Value::Bool(flag) => any_value::Value::BoolValue(flag),
        Value::Int(number) => any_value::Value::IntValue(number),
        Value::Double(number) => any_value::Value::DoubleValue(number),
        Value::Bytes(bytes) => any_value::Value::BytesValue(bytes.to_vec()),
        Value::Array(body) => any_value::Value::ArrayValue(Message::decode(body).expect("what prost wrote")),
        Value::Map(body) => any_value::Value::KvlistValue(Message::decode(body).expect("what prost wrote")),
    })
}
