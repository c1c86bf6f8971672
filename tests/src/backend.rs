//! An OTLP server that plays the backend: gRPC and HTTP on one port, replies as scripted, all that arrives is kept.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message as _;
use tailrace_otlp::Signal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Status;

use crate::net::Authority;
use crate::{eventually, telemetry};

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Taken.
    Ok,
    /// Taken but for so many items.
    Partial {
        /// Items not taken.
        rejected: i64,
        /// Why not.
        message: String,
    },
    /// Refused over gRPC (over HTTP with the status that fits).
    Refuse(Status),
    /// Refused over HTTP with this status and these headers.
    RefuseHttp(u16, Vec<(&'static str, String)>),
    /// First waits, then answers so.
    After(Duration, Box<Reply>),
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// What it holds.
    pub signal: Signal,
    /// Its message, decompressed.
    pub message: Bytes,
    /// `gzip`, `zstd`, or empty.
    pub encoding: String,
    /// HTTP headers or gRPC metadata.
    pub headers: HeaderMap,
    /// Whether it was taken, at least in part.
    pub accepted: bool,
}

type Script = Box<dyn FnMut() -> Reply + Send>;

struct State {
    received: Mutex<Vec<Received>>,
    script: Mutex<Script>,
}

/// A running backend. Stops when dropped.
pub struct Backend {
    address: String,
    state: Arc<State>,
    tasks: Option<JoinSet<()>>,
}

impl Backend {
    /// Plaintext, takes everything.
    pub async fn start() -> Self {
        Self::listen("127.0.0.1:0", None).await
    }

    /// Speaks TLS.
    pub async fn start_tls(authority: &Authority) -> Self {
        Self::listen("127.0.0.1:0", Some(authority)).await
    }

    /// At this address, which may be one that another backend has left.
    pub async fn start_at(address: &str) -> Self {
        Self::listen(address, None).await
    }

    async fn listen(address: &str, authority: Option<&Authority>) -> Self {
        let listener = eventually("the backend's address", async || TcpListener::bind(address).await.ok()).await;
        let address = listener.local_addr().expect("bound").to_string();
        let state = Arc::new(State { received: Mutex::default(), script: Mutex::new(Box::new(|| Reply::Ok)) });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state), authority.map(Authority::acceptor)));
        Self { address, state, tasks: Some(tasks) }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on answers the nth request (counted from 0 at this call) so.
    pub fn answer(&self, mut script: impl FnMut(usize) -> Reply + Send + 'static) {
        let mut request = 0;
        *self.state.script.lock() = Box::new(move || {
            request += 1;
            script(request - 1)
        });
    }

    /// Closes the port and all connections; what was received stays readable.
    pub async fn stop(&mut self) {
        if let Some(mut tasks) = self.tasks.take() {
            tasks.shutdown().await;
        }
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }

    /// The requests of a signal that were taken.
    pub fn accepted(&self, signal: Signal) -> Vec<Received> {
        let received = self.state.received.lock();
        received.iter().filter(|request| request.accepted && request.signal == signal).cloned().collect()
    }

    /// The trace requests that were taken.
    pub fn trace_requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.decoded(Signal::Traces)
    }

    /// The metric requests that were taken.
    pub fn metric_requests(&self) -> Vec<ExportMetricsServiceRequest> {
        self.decoded(Signal::Metrics)
    }

    /// The log requests that were taken.
    pub fn log_requests(&self) -> Vec<ExportLogsServiceRequest> {
        self.decoded(Signal::Logs)
    }

    fn decoded<T: prost::Message + Default>(&self, signal: Signal) -> Vec<T> {
        let requests = self.accepted(signal);
        requests.into_iter().map(|request| T::decode(request.message).expect("valid protobuf")).collect()
    }

    /// All spans taken, in the order of their arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.trace_requests().iter().flat_map(telemetry::spans).cloned().collect()
    }

    /// The span ids taken, sorted, by trace id.
    pub fn traces(&self) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
        telemetry::span_ids(&self.spans())
    }

    /// Waits until at least so many spans were taken.
    pub async fn wait_for_spans(&self, count: usize) {
        let mut seen = 0;
        eventually("spans at the backend", async || {
            seen = self.spans().len();
            (seen >= count).then_some(())
        })
        .await;
    }

    /// Waits until at least so many requests arrived, taken or not.
    pub async fn wait_for_requests(&self, count: usize) {
        eventually("requests at the backend", async || (self.state.received.lock().len() >= count).then_some(())).await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, tls: Option<tokio_rustls::TlsAcceptor>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (state, tls) = (Arc::clone(&state), tls.clone());
        connections.spawn(async move {
            match tls {
                None => serve(stream, state).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, state).await,
                    Err(error) => eprintln!("backend: TLS handshake: {error}"),
                },
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(move |request| answer(Arc::clone(&state), request));
    // A client that goes away is none of the backend's business.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(http_reply(400, &[], Bytes::new())) };
    let grpc =
        head.headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let signal = signal_of(head.uri.path());
    let encoding_header = if grpc { "grpc-encoding" } else { "content-encoding" };
    let mut encoding = head.headers.get(encoding_header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut message = body.to_bytes();
    if grpc {
        if message[0] == 0 {
            encoding = "";
        }
        message = message.slice(5..);
    }
    let reply = {
        let mut script = state.script.lock();
        script()
    };
    let reply = wait(reply).await;
    state.received.lock().push(Received {
        signal,
        message: decompress(encoding, &message),
        encoding: encoding.to_owned(),
        headers: head.headers.clone(),
        accepted: matches!(reply, Reply::Ok | Reply::Partial { .. }),
    });
    Ok(if grpc { grpc_response(&reply) } else { http_response(&reply) })
}

async fn wait(mut reply: Reply) -> Reply {
    while let Reply::After(delay, then) = reply {
        tokio::time::sleep(delay).await;
        reply = *then;
    }
    reply
}

/// The response message; the three signals' have the same shape.
fn response_message(reply: &Reply) -> Bytes {
    let partial_success = match reply {
        Reply::Partial { rejected, message } => {
            Some(ExportTracePartialSuccess { rejected_spans: *rejected, error_message: message.clone() })
        }
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }.encode_to_vec().into()
}

fn grpc_response(reply: &Reply) -> Response<Body> {
    let status = match reply {
        Reply::Refuse(status) => status.clone(),
        Reply::RefuseHttp(code, headers) => return http_reply(*code, headers, Bytes::new()),
        _ => Status::ok(""),
    };
    let message = response_message(reply);
    let mut framed = BytesMut::new();
    if status.code() == tonic::Code::Ok {
        framed.put_u8(0);
        framed.put_u32(message.len() as u32);
        framed.put(message);
    }
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).expect("a status fits into headers");
    let body = Full::new(framed.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(body.boxed());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn http_response(reply: &Reply) -> Response<Body> {
    match reply {
        Reply::RefuseHttp(status, headers) => http_reply(*status, headers, Bytes::new()),
        Reply::Refuse(status) => http_reply(http_status(status.code()), &[], Bytes::from(status.message().to_owned())),
        _ => http_reply(200, &[("content-type", "application/x-protobuf".to_owned())], response_message(reply)),
    }
}

fn http_reply(status: u16, headers: &[(&'static str, String)], body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).boxed());
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    for (name, value) in headers {
        response.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header value"));
    }
    response
}

fn http_status(code: tonic::Code) -> u16 {
    match code {
        tonic::Code::InvalidArgument => 400,
        tonic::Code::ResourceExhausted => 429,
        tonic::Code::Unavailable => 503,
        _ => 500,
    }
}

fn signal_of(path: &str) -> Signal {
    match path {
        "/v1/metrics" => Signal::Metrics,
        "/v1/logs" => Signal::Logs,
        path if path.contains(".metrics.") => Signal::Metrics,
        path if path.contains(".logs.") => Signal::Logs,
        _ => Signal::Traces,
    }
}

fn decompress(encoding: &str, message: &Bytes) -> Bytes {
    let mut plain = Vec::new();
    let read = match encoding {
        "gzip" => flate2::read::GzDecoder::new(&message[..]).read_to_end(&mut plain),
        "zstd" => {
            zstd::stream::read::Decoder::new(&message[..]).and_then(|mut decoder| decoder.read_to_end(&mut plain))
        }
        _ => return message.clone(),
    };
    read.expect("what the exporter compressed decompresses");
    plain.into()
}
