//! OTLP/HTTP: HTTP/1.1, and HTTP/2 where TLS negotiates it. Protobuf and JSON.

mod body;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

use self::body::{Body, read_body};
use super::intake::{Client, Intake, Received, Unwanted, metadata};
use super::settings::{Cors, Http};
use crate::net::auth::{Denied, Identity};
use crate::net::compression::{Encoding, Error, unpack};
use crate::net::listen::{self, Activity, Drive, Lifetime, Ongoing};
use crate::net::status::{Status, code};
use crate::net::stream::Stream;
use crate::net::tls::Acceptor;
use crate::pipeline::{BoxFuture, Signal, Stop};

/// What a client may send ahead of being read, per request and per connection of HTTP/2.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    settings: Arc<Http>,
    intake: Intake,
    stop: Stop,
) {
    let shared = Arc::new(Shared::new(settings, intake));
    let connect = {
        let stop = stop.clone();
        move |stream| connection(stream, shared.clone(), stop.clone())
    };
    listen::serve(listener, tls, stop, connect).await;
}

async fn connection(stream: Stream, shared: Arc<Shared>, stop: Stop) {
    let keepalive = shared.settings.keepalive();
    let activity = Activity::default();
    let lifetime = Lifetime { idle: keepalive.idle_timeout.0, ..Lifetime::default() };
    let header_timeout = Some(shared.settings.read_header_timeout.0).filter(|timeout| !timeout.is_zero());
    let is_http2 = stream.is_http2();
    let (io, handler) = (TokioIo::new(stream), Handler { shared, activity: activity.clone() });
    if is_http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .serve_connection(io, handler);
        let driven = Hyper { connection: Box::pin(connection), finish: http2::Connection::graceful_shutdown };
        listen::drive(driven, &activity, lifetime, &stop).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(keepalive.enabled)
            .header_read_timeout(header_timeout)
            .serve_connection(io, handler);
        let driven = Hyper { connection: Box::pin(connection), finish: http1::Connection::graceful_shutdown };
        listen::drive(driven, &activity, lifetime, &stop).await;
    }
}

/// A connection of hyper's.
struct Hyper<C> {
    connection: Pin<Box<C>>,
    finish: fn(Pin<&mut C>),
}

impl<C: Future<Output = hyper::Result<()>> + Send> Drive for Hyper<C> {
    async fn run(&mut self) {
        if let Err(error) = self.connection.as_mut().await {
            tracing::debug!(%error, "a connection failed");
        }
    }

    fn finish(&mut self) {
        (self.finish)(self.connection.as_mut());
    }
}

/// What connections share.
struct Shared {
    settings: Arc<Http>,
    intake: Intake,
    response_headers: HeaderMap,
    paths: [String; 3],
}

/// The requests of one connection.
#[derive(Clone)]
struct Handler {
    shared: Arc<Shared>,
    activity: Activity,
}

impl Service<Request<Incoming>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (shared, ongoing) = (self.shared.clone(), self.activity.begin());
        Box::pin(async move { Ok(shared.answer(request, ongoing).await) })
    }
}

impl Shared {
    fn new(settings: Arc<Http>, intake: Intake) -> Self {
        let with_slash = |path: &String| match path.starts_with('/') {
            true => path.clone(),
            false => format!("/{path}"),
        };
        let paths = [&settings.traces_url_path, &settings.metrics_url_path, &settings.logs_url_path].map(with_slash);
        Self { response_headers: settings.response_headers.to_map(), paths, settings, intake }
    }

    async fn answer(&self, request: Request<Incoming>, ongoing: Ongoing) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let cors = self.settings.cors.as_ref().filter(|cors| cors.is_on());
        let mut response = if cors.is_some() && Cors::is_preflight(&head.method, &head.headers) {
            respond(StatusCode::NO_CONTENT, None, Bytes::new())
        } else {
            self.handle(&head, body, ongoing).await
        };
        match cors {
            Some(cors) if response.status() == StatusCode::NO_CONTENT => {
                cors.preflight(&head.headers, response.headers_mut());
            }
            Some(cors) => cors.decorate(&head.headers, response.headers_mut()),
            None => {}
        }
        for (name, value) in &self.response_headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    async fn handle(&self, head: &request::Parts, body: Incoming, ongoing: Ongoing) -> Response<Full<Bytes>> {
        let format = Format::of(&head.headers);
        let identity = match self.authenticate(head).await {
            Ok(identity) => identity,
            Err(denied) => return deny(format, &denied),
        };
        let Some(signal) = self.signal_of(head.uri.path()) else { return not_found() };
        if head.method != Method::POST {
            let text = "405 method not allowed, supported: [POST]";
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, Some("text/plain"), text.into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let encoding = match self.encoding_of(&head.headers) {
            Ok(encoding) => encoding,
            Err(status) => return fail(format, &status),
        };
        let Some(format) = format else {
            let text = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
            return respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("text/plain"), text.into());
        };
        match self.intake.admit(signal) {
            Ok(()) => {}
            Err(Unwanted::Unknown) => return not_found(),
            Err(Unwanted::Refused(status)) => return fail(Some(format), &status),
        }
        let export = self.export((head, identity), body, signal, format, encoding, ongoing);
        let result = within(self.settings.write_timeout.0, export).await;
        match result {
            Ok(()) => format.success(),
            Err(status) => fail(Some(format), &status),
        }
    }

    async fn export(
        &self,
        (head, identity): (&request::Parts, Option<Arc<Identity>>),
        body: Incoming,
        signal: Signal,
        format: Format,
        encoding: Option<Encoding>,
        mut ongoing: Ongoing,
    ) -> Result<(), Status> {
        let limit = self.settings.max_body_bytes();
        let Body { mut data, mut claim } =
            within(self.settings.read_timeout.0, read_body(body, limit, &self.intake)).await?;
        ongoing.work();
        let mut packed = None;
        if let Some(encoding) = encoding {
            (data, packed) = unpack(encoding, data, limit).map_err(|error| unpack_status(&error))?;
        }
        if format == Format::Json {
            let decoded = tailrace_otlp::json::decode(signal, &data);
            data = decoded.map_err(|error| Status::new(code::INVALID_ARGUMENT, error.to_string()))?.into();
            packed = None;
        }
        claim.grow_to(data.len());
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let metadata = self.settings.include_metadata.then(|| metadata(&head.headers, authority, "host"));
        // A task of its own: a client that goes away must not stop the pipeline half-way.
        let intake = self.intake.clone();
        let task = tokio::spawn(async move {
            let result = intake.take(signal, Received { data, packed }, Client { metadata, identity }).await;
            drop((claim, ongoing));
            result
        });
        task.await.unwrap_or_else(|error| Err(Status::new(code::INTERNAL, error.to_string())))
    }

    /// Before all else, so that strangers learn nothing of what is served here.
    async fn authenticate(&self, head: &request::Parts) -> Result<Option<Arc<Identity>>, Denied> {
        let parameters = self.settings.auth.as_ref().map_or(&[][..], |auth| &auth.request_params);
        if parameters.is_empty() {
            return self.intake.authenticate(&head.headers).await;
        }
        let mut headers = head.headers.clone();
        for (name, value) in url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
            if let Some(wanted) = parameters.iter().find(|wanted| **wanted == *name)
                && let (Ok(name), Ok(value)) = (wanted.parse::<HeaderName>(), HeaderValue::from_str(&value))
            {
                // Behind what came as a header: that is looked at first.
                headers.append(name, value);
            }
        }
        self.intake.authenticate(&headers).await
    }

    fn signal_of(&self, path: &str) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| self.paths[*signal as usize] == path)
    }

    fn encoding_of(&self, headers: &HeaderMap) -> Result<Option<Encoding>, Status> {
        let name = headers.get(CONTENT_ENCODING).map_or(&b""[..], HeaderValue::as_bytes);
        let name = String::from_utf8_lossy(name);
        let known = Encoding::from_http(&name);
        if !self.settings.accepts_encoding(&name) || (known.is_none() && !name.is_empty()) {
            return Err(Status::new(code::INVALID_ARGUMENT, format!("unsupported Content-Encoding: {name}")));
        }
        Ok(known)
    }
}

/// How a request, and so its answer, is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

impl Format {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Nothing was rejected.
    fn success(self) -> Response<Full<Bytes>> {
        let body = match self {
            Self::Protobuf => &b""[..],
            Self::Json => br#"{"partialSuccess":{}}"#,
        };
        respond(StatusCode::OK, Some(self.media_type()), Bytes::from_static(body))
    }
}

/// In JSON if the request is in neither.
fn fail(format: Option<Format>, status: &Status) -> Response<Full<Bytes>> {
    let format = format.unwrap_or(Format::Json);
    let body = match format {
        Format::Protobuf => status.to_proto().into(),
        Format::Json => status.to_json().into(),
    };
    let mut response = respond(status.http_code(), Some(format.media_type()), body);
    if let Some(seconds) = status.retry_after_secs() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn deny(format: Option<Format>, denied: &Denied) -> Response<Full<Bytes>> {
    let mut response = fail(format, &Status::from(denied));
    if let Some(challenge) = &denied.challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
    }
    response
}

fn not_found() -> Response<Full<Bytes>> {
    respond(StatusCode::NOT_FOUND, Some("text/plain; charset=utf-8"), Bytes::from_static(b"404 page not found\n"))
}

fn respond(status: StatusCode, content_type: Option<&'static str>, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// `timeout` 0 is none.
async fn within<T>(timeout: Duration, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    if timeout.is_zero() {
        return work.await;
    }
    let late = || Err(Status::new(code::DEADLINE_EXCEEDED, "i/o timeout"));
    tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| late())
}

fn unpack_status(error: &Error) -> Status {
    let message = match error {
        Error::TooLarge { .. } => body::TOO_LARGE.to_owned(),
        Error::Corrupt(reason) => reason.clone(),
    };
    Status::new(code::INVALID_ARGUMENT, message)
}

#[cfg(test)]
mod tests;
