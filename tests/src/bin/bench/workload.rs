//! What is sent: requests of 100 spans, 20 traces with 5 adjacent spans each; the 20 spans of a trace come in 4 requests with
//! others in between. Requests are encoded once; sending one copies it and writes fresh ids over the marks.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

/// Spans in a request.
pub(crate) const SPANS: usize = 100;
/// Spans in a trace.
pub(crate) const SPANS_PER_TRACE: usize = 20;
const TRACES: usize = 20;
const RUN: usize = SPANS / TRACES;
const PARTS: usize = SPANS_PER_TRACE / RUN;
/// Groups of 20 traces that are open at once: 1,280 traces, each spread over 256 requests.
const OPEN_GROUPS: u64 = 64;
/// Requests that differ in attribute values, in which traces fail (1 in 100) and which are slow (1 in 100).
const VARIANTS: usize = 5;
/// Bytes in front of a gRPC message.
const FRAME: usize = 5;
const TRACE_MARK: [u8; 14] = *b"\xf1\xf2trace--mark\xf3";
const SPAN_MARK: [u8; 6] = *b"\xf4\xf5sp\xf6\xf7";

/// How messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    None,
    /// As the Go collector's exporters do by default.
    Gzip,
    /// At its fastest level, as the Go collector does.
    Zstd,
}

impl Encoding {
    /// The value of `grpc-encoding` and of the exporters' `compression`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// All requests of a run, made ready.
pub(crate) struct Workload {
    templates: Vec<Template>,
    encoding: Encoding,
    /// So that runs of one process do not repeat trace ids.
    seed: u64,
}

struct Template {
    /// gRPC frame and message.
    framed: Bytes,
    /// Where ids stand, and of which trace they are.
    ids: Vec<Ids>,
    /// Bytes of the message before compression.
    len: usize,
}

struct Ids {
    trace_at: usize,
    span_at: usize,
    trace: u64,
}

impl Workload {
    /// Spans of about `span_len` bytes on the wire.
    pub(crate) fn new(span_len: usize, encoding: Encoding) -> Self {
        let templates = (0..VARIANTS * PARTS).map(|n| template(n / PARTS, n % PARTS, span_len, encoding)).collect();
        Self { templates, encoding, seed: u64::from(std::process::id()) << 32 | span_len as u64 }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Bytes that the nth request has on the wire before compression.
    pub(crate) fn message_len(&self, n: u64) -> usize {
        self.template(place(n)).len
    }

    /// Mean bytes of a span, its share of the headers included.
    pub(crate) fn span_len(&self) -> f64 {
        let all: usize = self.templates.iter().map(|template| template.len).sum();
        all as f64 / (self.templates.len() * SPANS) as f64
    }

    /// The nth request, framed. Compressed ones repeat their ids.
    pub(crate) fn request(&self, n: u64) -> Bytes {
        let (group, part) = place(n);
        let template = self.template((group, part));
        if self.encoding != Encoding::None {
            return template.framed.clone();
        }
        let mut framed = BytesMut::from(&template.framed[..]);
        for (at, ids) in template.ids.iter().enumerate() {
            let trace = mix(self.seed ^ (group * TRACES as u64 + ids.trace));
            let span = mix(trace ^ (part as u64 * SPANS as u64 + at as u64));
            framed[ids.trace_at..ids.trace_at + 8].copy_from_slice(&trace.to_le_bytes());
            framed[ids.trace_at + 8..ids.trace_at + 16].copy_from_slice(&mix(trace).to_le_bytes());
            framed[ids.span_at..ids.span_at + 8].copy_from_slice(&(span | 1).to_le_bytes());
        }
        framed.freeze()
    }

    fn template(&self, (group, part): (u64, usize)) -> &Template {
        &self.templates[group as usize % VARIANTS * PARTS + part]
    }
}

/// The group of traces of the nth request, and which part of them it has.
fn place(n: u64) -> (u64, usize) {
    let round = OPEN_GROUPS * PARTS as u64;
    (n / round * OPEN_GROUPS + n % OPEN_GROUPS, (n / OPEN_GROUPS) as usize % PARTS)
}

fn template(variant: usize, part: usize, span_len: usize, encoding: Encoding) -> Template {
    let spans = (0..SPANS).map(|n| span(variant, part, n, span_len)).collect();
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource(variant)),
            scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    };
    let message = request.encode_to_vec();
    let traces = positions(&message, &TRACE_MARK);
    let spans = positions(&message, &SPAN_MARK);
    let ids = traces.zip(spans).enumerate().map(|(n, (trace_at, span_at))| Ids {
        trace_at: FRAME + trace_at,
        span_at: FRAME + span_at,
        trace: (n / RUN) as u64,
    });
    let ids = ids.collect();
    let len = message.len();
    let (compressed, message) = match encoding {
        Encoding::None => (0, message),
        Encoding::Gzip => (1, gzip(&message)),
        Encoding::Zstd => (1, zstd::bulk::compress(&message, 1).expect("memory is enough")),
    };
    let mut framed = BytesMut::with_capacity(FRAME + message.len());
    framed.put_u8(compressed);
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(&message);
    Template { framed: framed.freeze(), ids, len }
}

fn span(variant: usize, part: usize, n: usize, span_len: usize) -> Span {
    let (trace, place) = (n / RUN, part * RUN + n % RUN);
    let failed = trace == 0 && variant == 0 && place == 17;
    let slow = trace == 1 && variant == 1 && place == 0;
    let start = 1_700_000_000_000_000_000 + n as u64 * 1_000_003;
    let mut id = vec![0; 16];
    id[..TRACE_MARK.len()].copy_from_slice(&TRACE_MARK);
    let mut span_id = vec![0; 8];
    span_id[..SPAN_MARK.len()].copy_from_slice(&SPAN_MARK);
    let mut random = mix((variant * 10_000 + part * 1000 + n) as u64);
    let mut span = Span {
        trace_id: id,
        span_id,
        parent_span_id: if place == 0 { Vec::new() } else { vec![place as u8; 8] },
        name: ["GET /api/orders/{id}", "SELECT orders", "POST /api/pay", "cache get"][n % 4].to_owned(),
        kind: [2, 3, 3, 1][n % 4],
        start_time_unix_nano: start,
        end_time_unix_nano: start + if slow { 2_000_000_000 } else { 3_000_000 + random % 9_000_000 },
        status: failed.then(|| Status { code: 2, message: "connection reset".to_owned() }),
        flags: 0x101,
        ..Span::default()
    };
    for (key, values) in ATTRIBUTES {
        random = mix(random);
        let attribute = text(key, values[random as usize % values.len()]);
        // Leaves room for the attribute that fills up the rest.
        if span.encoded_len() + attribute.encoded_len() + 32 < span_len {
            span.attributes.push(attribute);
        }
    }
    let missing = span_len.saturating_sub(span.encoded_len() + 24);
    if missing > 0 {
        span.attributes.push(text("app.request.id", &base36(random, missing)));
    }
    span
}

/// What web services report, with vocabularies as small as theirs.
const ATTRIBUTES: [(&str, &[&str]); 16] = [
    ("http.request.method", &["GET", "POST", "PUT", "DELETE"]),
    ("http.route", &["/api/orders/{id}", "/api/pay", "/api/users/{id}/cart", "/healthz"]),
    ("url.path", &["/api/orders/1842", "/api/pay", "/api/users/77/cart", "/api/orders/9921/items"]),
    ("http.response.status_code", &["200", "201", "404", "500"]),
    ("server.address", &["shop.example.com", "pay.example.com", "users.internal"]),
    ("network.peer.address", &["10.1.17.3", "10.1.22.140", "10.4.0.9", "10.9.81.44"]),
    ("user_agent.original", &["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "okhttp/4.12.0", "curl/8.5.0"]),
    ("db.system.name", &["postgresql", "redis", "mysql"]),
    ("db.query.text", &["SELECT id, total FROM orders WHERE id = $1", "UPDATE carts SET items = $2 WHERE user = $1"]),
    ("db.namespace", &["shop", "billing", "sessions"]),
    ("thread.name", &["http-nio-8080-exec-7", "http-nio-8080-exec-12", "scheduler-1"]),
    ("code.function.name", &["com.shop.orders.OrderService.find", "com.shop.pay.Gateway.charge"]),
    ("enduser.id", &["u-18442", "u-99127", "u-55310", "u-20871", "u-77164"]),
    ("feature_flag.key", &["new-checkout", "fast-search"]),
    ("network.protocol.version", &["1.1", "2"]),
    ("messaging.destination.name", &["orders.created", "payments.settled"]),
];

fn resource(variant: usize) -> Resource {
    let attributes = vec![
        text("service.name", ["checkout", "orders", "payment", "users", "search"][variant % 5]),
        text("service.namespace", "shop"),
        text("k8s.pod.name", &format!("checkout-7c9d8f6b5-x{variant}z2k")),
        text("k8s.node.name", "node-eu-west-1a-17"),
        text("telemetry.sdk.language", "java"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "io.opentelemetry.tomcat-10.0".to_owned(),
        version: "2.11.0".to_owned(),
        ..InstrumentationScope::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn base36(mut random: u64, len: usize) -> String {
    let mut next = || {
        random = mix(random);
        char::from_digit((random % 36) as u32, 36).unwrap_or('0')
    };
    (0..len).map(|_| next()).collect()
}

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(message).and_then(|()| encoder.finish()).expect("memory is enough")
}

fn positions<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = usize> {
    bytes.windows(mark.len()).enumerate().filter(move |(_, window)| *window == mark).map(|(at, _)| at)
}

/// The finalizer of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn traces_have_20_spans_in_4_requests_and_spans_their_size() {
        for span_len in [300, 1000] {
            let workload = Workload::new(span_len, Encoding::None);
            let mut traces: BTreeMap<Vec<u8>, Vec<u64>> = BTreeMap::new();
            for n in 0..OPEN_GROUPS * PARTS as u64 {
                let framed = workload.request(n);
                assert_eq!(framed.len(), workload.message_len(n) + FRAME);
                let request = ExportTraceServiceRequest::decode(framed.slice(FRAME..)).unwrap();
                for span in &request.resource_spans[0].scope_spans[0].spans {
                    assert!(span.encoded_len().abs_diff(span_len) <= 8, "{}", span.encoded_len());
                    traces.entry(span.trace_id.clone()).or_default().push(n);
                }
            }
            assert_eq!(traces.len(), OPEN_GROUPS as usize * TRACES);
            for requests in traces.values_mut() {
                assert_eq!(requests.len(), SPANS_PER_TRACE);
                requests.dedup();
                assert_eq!(requests.len(), PARTS);
            }
        }
    }
}
