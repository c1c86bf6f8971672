//! OTLP/gRPC, straight on HTTP/2. The service is three paths with one message in and an empty one out, so there is nothing
//! for a general gRPC server to do, and much that it can not: a buffer of the message's exact size, decompression with a
//! bound, snappy, `RESOURCE_EXHAUSTED` for what is too large.

mod message;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Ping, PingPong, RecvStream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

use self::message::read_message;
use super::intake::{Client, Intake, Received, Unwanted, metadata};
use super::settings::{Grpc, ServerParameters};
use crate::net::compression::{Encoding, unpack};
use crate::net::listen::{self, Activity, Drive, HANDSHAKE, Lifetime, Ongoing};
use crate::net::status::{Status, code};
use crate::net::stream::Stream;
use crate::net::tls::Acceptor;
use crate::pipeline::{Signal, Stop};

/// What a client may send ahead of being read, per request and per connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Larger frames mean fewer system calls and wake-ups per request.
const MAX_FRAME: u32 = 1 << 20;

/// As grpc-go has it.
const MAX_HEADER_LIST: u32 = 16 << 20;

/// gRPC's defaults for asking whether the peer is there.
const PING_EVERY: Duration = Duration::from_hours(2);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Larger packed messages are left to a task, so that the connection's other requests go on meanwhile.
const UNPACK_IN_PLACE: usize = 64 << 10;

/// A message without fields, framed: the answer to every request that succeeds.
static EMPTY_MESSAGE: [u8; 5] = [0; 5];

/// What connections share.
#[derive(Clone)]
struct Service {
    intake: Intake,
    settings: Arc<Grpc>,
}

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    settings: Arc<Grpc>,
    intake: Intake,
    stop: Stop,
) {
    let service = Service { intake, settings };
    let connect = {
        let stop = stop.clone();
        move |stream| connection(stream, service.clone(), stop.clone())
    };
    listen::serve(listener, tls, stop, connect).await;
}

async fn connection(stream: Stream, service: Service, stop: Stop) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEADER_LIST)
        // A refusal before the body is read resets its stream: over the life of a connection that is any number.
        .max_local_error_reset_streams(None);
    if service.settings.max_concurrent_streams > 0 {
        builder.max_concurrent_streams(service.settings.max_concurrent_streams);
    }
    let Ok(Ok(mut connection)) = tokio::time::timeout(HANDSHAKE, builder.handshake(stream)).await else { return };
    let parameters = service.settings.keepalive.clone().and_then(|keepalive| keepalive.server_parameters);
    let parameters = parameters.unwrap_or_default();
    let activity = Activity::default();
    let pings = connection.ping_pong();
    let driven = Http2 { connection, service, activity: activity.clone(), pings, parameters: parameters.clone() };
    let lifetime = Lifetime {
        idle: parameters.max_connection_idle.0,
        age: parameters.max_connection_age.0,
        age_grace: parameters.max_connection_age_grace.0,
    };
    listen::drive(driven, &activity, lifetime, &stop).await;
}

/// One connection.
struct Http2 {
    connection: Connection<Stream, Bytes>,
    service: Service,
    activity: Activity,
    pings: Option<PingPong>,
    parameters: ServerParameters,
}

impl Drive for Http2 {
    async fn run(&mut self) {
        let (service, activity) = (&self.service, &self.activity);
        let connection = &mut self.connection;
        let requests = async {
            // An error is the connection's end, which its requests have noticed themselves.
            while let Some(Ok((request, respond))) = connection.accept().await {
                let (service, ongoing) = (service.clone(), activity.begin());
                begin(Box::pin(async move { service.answer(request, respond, ongoing).await })).await;
            }
        };
        tokio::select! {
            biased;
            () = requests => {}
            Gone = watch(self.pings.as_mut(), &self.parameters) => {}
        }
    }

    fn finish(&mut self) {
        self.connection.graceful_shutdown();
    }
}

/// Works on a request right here until it has to wait, and leaves the rest to a task. Most requests have arrived whole by the time
/// that they are accepted: a task for each would be taken by another core, which then fights this one for the connection's lock.
async fn begin<F: Future<Output = ()> + Send + 'static>(mut request: Pin<Box<F>>) {
    if poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await.is_pending() {
        tokio::spawn(request);
    }
}

/// The peer does not answer.
struct Gone;

/// Asks the peer now and then whether it is there.
async fn watch(pings: Option<&mut PingPong>, parameters: &ServerParameters) -> Gone {
    let or = |given: crate::config::Duration, default| if given.is_zero() { default } else { given.0 };
    let (every, timeout) = (or(parameters.time, PING_EVERY), or(parameters.timeout, PING_TIMEOUT));
    let Some(pings) = pings else { return std::future::pending().await };
    loop {
        tokio::time::sleep(every).await;
        match tokio::time::timeout(timeout, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return Gone,
        }
    }
}

impl Service {
    async fn answer(&self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>, ongoing: Ongoing) {
        let result = self.export(request, ongoing).await;
        let sent = match &result {
            Ok(()) => succeed(&mut respond),
            Err(rejection) => reject(&mut respond, rejection),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "the client went away before its answer");
        }
    }

    async fn export(&self, request: Request<RecvStream>, mut ongoing: Ongoing) -> Result<(), Rejection> {
        let (head, mut body) = request.into_parts();
        check_grpc(&head.method, &head.headers)?;
        let path = head.uri.path();
        let signal = signal_of(path).ok_or_else(|| unknown(path))?;
        let identity = self.intake.authenticate(&head.headers).await.map_err(|denied| Status::from(&denied))?;
        self.intake.admit(signal).map_err(|unwanted| match unwanted {
            Unwanted::Unknown => unknown(path),
            Unwanted::Refused(status) => status.into(),
        })?;
        let encoding = encoding_of(&head.headers)?;
        let limit = self.settings.max_message_bytes();
        let mut message = read_message(&mut body, limit, &self.intake).await?;
        ongoing.work();
        let mut packed = None;
        if message.compressed {
            let encoding = encoding.ok_or_else(|| {
                Status::new(code::INTERNAL, "grpc: compressed flag set with identity or empty encoding")
            })?;
            if message.data.len() > UNPACK_IN_PLACE {
                tokio::task::yield_now().await;
            }
            let body = std::mem::take(&mut message.data);
            (message.data, packed) = unpack(encoding, body, limit).map_err(|error| unpack_status(&error))?;
            message.claim.grow_to(message.data.len());
        }
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let metadata = self.settings.include_metadata.then(|| metadata(&head.headers, authority, ":authority"));
        let received = Received { data: message.data, packed };
        self.intake.take(signal, received, Client { metadata, identity }).await?;
        Ok(())
    }
}

/// Why a request fails: with a status of gRPC, and with one of HTTP if it is no gRPC at all.
struct Rejection {
    http: StatusCode,
    status: Status,
}

impl From<Status> for Rejection {
    fn from(status: Status) -> Self {
        Self { http: StatusCode::OK, status }
    }
}

fn succeed(respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(StatusCode::OK, HeaderMap::with_capacity(1)), false)?;
    stream.send_data(Bytes::from_static(&EMPTY_MESSAGE), false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

fn reject(respond: &mut SendResponse<Bytes>, rejection: &Rejection) -> Result<(), h2::Error> {
    let mut headers = HeaderMap::with_capacity(4);
    rejection.status.write_trailers(&mut headers);
    respond.send_response(head(rejection.http, headers), true)?;
    Ok(())
}

fn head(status: StatusCode, mut headers: HeaderMap) -> Response<()> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn check_grpc(method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    if method != Method::POST {
        let status = Status::new(code::INTERNAL, format!("received {method} request, expected POST"));
        return Err(Rejection { http: StatusCode::METHOD_NOT_ALLOWED, status });
    }
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    match content_type.strip_prefix(b"application/grpc") {
        Some([] | [b'+' | b';', ..]) => Ok(()),
        _ => {
            let content_type = String::from_utf8_lossy(content_type);
            let message = format!("invalid gRPC request content-type {content_type:?}");
            let status = Status::new(code::INVALID_ARGUMENT, message);
            Err(Rejection { http: StatusCode::UNSUPPORTED_MEDIA_TYPE, status })
        }
    }
}

fn signal_of(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

fn unknown(path: &str) -> Rejection {
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    Status::new(code::UNIMPLEMENTED, format!("unknown service {service}")).into()
}

fn encoding_of(headers: &HeaderMap) -> Result<Option<Encoding>, Status> {
    let name = headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
    if name == b"identity" || name.is_empty() {
        return Ok(None);
    }
    let known = std::str::from_utf8(name).ok().and_then(Encoding::from_grpc);
    known.map(Some).ok_or_else(|| {
        let name = String::from_utf8_lossy(name);
        Status::new(code::UNIMPLEMENTED, format!("grpc: Decompressor is not installed for grpc-encoding {name:?}"))
    })
}

fn unpack_status(error: &crate::net::compression::Error) -> Status {
    use crate::net::compression::Error;
    match error {
        Error::TooLarge { limit } => Status::new(
            code::RESOURCE_EXHAUSTED,
            format!("grpc: received message after decompression larger than max {limit}"),
        ),
        Error::Corrupt(reason) => {
            Status::new(code::INTERNAL, format!("grpc: failed to decompress the received message: {reason}"))
        }
    }
}
