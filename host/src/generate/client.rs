//! Sends one request over gRPC or HTTP and says how it was answered. Both are a POST over the same HTTP client: a unary gRPC
//! call is one with five bytes in front of the message and the status in the trailers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tailrace_otlp::Signal;
use tonic::Code;

use super::options::{Common, Compression};

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 * 1024;
/// Characters of an error text that go into the summary.
const MAX_WHY: usize = 200;

/// How a request was answered.
pub(super) enum Answer {
    /// Taken, but for `rejected` items.
    Accepted { rejected: u64, message: String },
    /// Not now; the other side may have said when.
    Retry { why: String, after: Option<Duration> },
    /// Never.
    Refused(String),
    /// Nobody answered.
    Unreachable(String),
}

/// A client of one endpoint. Cloning shares the connection.
#[derive(Clone)]
pub(super) struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Arc<Target>,
}

struct Target {
    signal: Signal,
    endpoint: String,
    uri: Uri,
    grpc: bool,
    headers: HeaderMap,
    compression: Compression,
    timeout: Duration,
}

impl Client {
    pub(super) fn new(signal: Signal, common: &Common) -> anyhow::Result<Self> {
        let grpc = !common.otlp_http;
        let endpoint = endpoint(common);
        let path = if grpc { grpc_path(signal).to_owned() } else { http_path(signal, common) };
        let uri = format!("{endpoint}{path}").parse().with_context(|| format!("bad endpoint {endpoint:?}"))?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(common)?).https_or_http();
        let connector = if grpc { connector.enable_http2().build() } else { connector.enable_http1().build() };
        let http = HttpClient::builder(TokioExecutor::new()).http2_only(grpc).build(connector);
        let target = Target {
            signal,
            endpoint,
            uri,
            grpc,
            headers: headers(grpc, common)?,
            compression: common.compression,
            timeout: common.timeout,
        };
        Ok(Self { http, target: Arc::new(target) })
    }

    pub(super) fn signal(&self) -> Signal {
        self.target.signal
    }

    /// The endpoint with its scheme.
    pub(super) fn endpoint(&self) -> &str {
        &self.target.endpoint
    }

    /// One attempt.
    pub(super) async fn send(&self, message: Bytes) -> Answer {
        let body = match self.target.body(&message) {
            Ok(body) => body,
            Err(error) => return Answer::Refused(format!("cannot compress: {error}")),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = self.target.headers.clone();
        let answered = async {
            match self.http.request(request).await {
                Ok(response) => self.target.answer(response).await,
                Err(error) if error.is_connect() => Answer::Unreachable(causes(&error)),
                Err(error) => Answer::Retry { why: causes(&error), after: None },
            }
        };
        let late = || Answer::Retry { why: format!("no answer within {:?}", self.target.timeout), after: None };
        tokio::time::timeout(self.target.timeout, answered).await.unwrap_or_else(|_| late())
    }
}

impl Target {
    fn body(&self, message: &Bytes) -> std::io::Result<Bytes> {
        let compressed = match self.compression {
            Compression::None => message.clone(),
            Compression::Gzip => gzip(message)?,
            Compression::Zstd => zstd::bulk::compress(message, 0)?.into(),
        };
        if !self.grpc {
            return Ok(compressed);
        }
        let mut framed = BytesMut::with_capacity(compressed.len() + 5);
        framed.put_u8(u8::from(self.compression != Compression::None));
        framed.put_u32(compressed.len() as u32);
        framed.put(compressed);
        Ok(framed.freeze())
    }

    async fn answer(&self, response: Response<Incoming>) -> Answer {
        let (head, body) = response.into_parts();
        let collected = match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(collected) => collected,
            Err(error) => return Answer::Retry { why: format!("answer cut off: {error}"), after: None },
        };
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let body = collected.to_bytes();
        if self.grpc {
            let status =
                tonic::Status::from_header_map(&trailers).or_else(|| tonic::Status::from_header_map(&head.headers));
            return grpc_answer(self.signal, head.status, status, &body);
        }
        http_answer(self.signal, head.status, &head.headers, &body)
    }
}

fn grpc_answer(signal: Signal, http: StatusCode, status: Option<tonic::Status>, body: &[u8]) -> Answer {
    let Some(status) = status else {
        return Answer::Retry { why: format!("no gRPC status in an HTTP {http} answer"), after: None };
    };
    let after = retry_delay(status.details());
    let why = cut(&format!("{:?}: {}", status.code(), status.message()));
    match status.code() {
        Code::Ok => accepted(signal, body.get(5..).unwrap_or_default()),
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Answer::Retry { why, after },
        Code::ResourceExhausted if after.is_some() => Answer::Retry { why, after },
        _ => Answer::Refused(why),
    }
}

fn http_answer(signal: Signal, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    if status.is_success() {
        return accepted(signal, body);
    }
    let message =
        RpcStatus::decode(body).map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |rpc| rpc.message);
    let why = cut(&format!("HTTP {status}: {message}"));
    let after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    match status.as_u16() {
        429 | 502 | 503 | 504 => Answer::Retry { why, after: after.map(Duration::from_secs) },
        _ => Answer::Refused(why),
    }
}

fn accepted(signal: Signal, body: &[u8]) -> Answer {
    let partial = match signal {
        Signal::Traces => ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|response| response.partial_success)
            .map(|partial| (partial.rejected_spans, partial.error_message)),
        Signal::Metrics => ExportMetricsServiceResponse::decode(body)
            .ok()
            .and_then(|response| response.partial_success)
            .map(|partial| (partial.rejected_data_points, partial.error_message)),
        Signal::Logs => ExportLogsServiceResponse::decode(body)
            .ok()
            .and_then(|response| response.partial_success)
            .map(|partial| (partial.rejected_log_records, partial.error_message)),
    };
    let (rejected, message) = partial.unwrap_or_default();
    Answer::Accepted { rejected: u64::try_from(rejected).unwrap_or(0), message: cut(&message) }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The wait that a gRPC status asks for.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status.details.iter().find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}

fn endpoint(common: &Common) -> String {
    let default = if common.otlp_http { "localhost:4318" } else { "localhost:4317" };
    let endpoint = common.otlp_endpoint.as_deref().unwrap_or(default).trim_end_matches('/');
    match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false if common.otlp_insecure => format!("http://{endpoint}"),
        false => format!("https://{endpoint}"),
    }
}

fn grpc_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

fn http_path(signal: Signal, common: &Common) -> String {
    let path = common.otlp_http_url_path.clone().unwrap_or_else(|| format!("/v1/{signal}"));
    if path.starts_with('/') { path } else { format!("/{path}") }
}

fn headers(grpc: bool, common: &Common) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let encoding = match common.compression {
        Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
    };
    let (content_type, encoding_name) =
        if grpc { ("application/grpc", "grpc-encoding") } else { ("application/x-protobuf", "content-encoding") };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if grpc {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(encoding) = encoding {
        headers.insert(HeaderName::from_static(encoding_name), HeaderValue::from_static(encoding));
    }
    for (name, value) in &common.otlp_header {
        let value = HeaderValue::from_str(value).map_err(|_| anyhow!("bad value of header {name:?}"))?;
        headers.append(HeaderName::try_from(name).map_err(|_| anyhow!("bad header name {name:?}"))?, value);
    }
    Ok(headers)
}

fn tls(common: &Common) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = &common.ca_cert {
        let certificates =
            CertificateDer::pem_file_iter(file).with_context(|| format!("cannot read {}", file.display()))?;
        for certificate in certificates {
            roots.add(certificate.with_context(|| format!("bad certificate in {}", file.display()))?)?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn gzip(message: &[u8]) -> std::io::Result<Bytes> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    cut(&text)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_WHY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_statuses_are_retried_as_otlp_says() {
        let delay = RetryInfo { retry_delay: Some(RetryDelay { seconds: 1, nanos: 500_000_000 }) };
        let any = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value: delay.encode_to_vec() };
        let details = RpcStatus { message: String::new(), details: vec![any] }.encode_to_vec();
        let throttled = tonic::Status::with_details(Code::ResourceExhausted, "slow down", details.into());
        let cases = [
            (tonic::Status::unavailable("x"), true, None),
            (tonic::Status::resource_exhausted("x"), false, None),
            (throttled, true, Some(Duration::from_millis(1500))),
            (tonic::Status::invalid_argument("x"), false, None),
        ];
        for (status, retried, wait) in cases {
            match grpc_answer(Signal::Traces, StatusCode::OK, Some(status.clone()), &[]) {
                Answer::Retry { after, .. } => assert_eq!((true, wait), (retried, after), "{status}"),
                Answer::Refused(_) => assert!(!retried, "{status}"),
                Answer::Accepted { .. } | Answer::Unreachable(_) => panic!("{status}"),
            }
        }
    }

    #[test]
    fn http_statuses_are_retried_as_otlp_says() {
        for (code, retried) in [(429, true), (502, true), (503, true), (504, true), (400, false), (500, false)] {
            let status = StatusCode::from_u16(code).unwrap();
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static("3"))]);
            match http_answer(Signal::Logs, status, &headers, b"text") {
                Answer::Retry { after, .. } => assert_eq!((retried, after), (true, Some(Duration::from_secs(3)))),
                Answer::Refused(_) => assert!(!retried, "{code}"),
                Answer::Accepted { .. } | Answer::Unreachable(_) => panic!("{code}"),
            }
        }
    }
}
