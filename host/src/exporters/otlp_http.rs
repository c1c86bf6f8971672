//! `otlp_http` (also `otlphttp`): sends to a server that speaks OTLP/HTTP.
//!
//! ```yaml
//! exporters:
//!   otlp_http:
//!     endpoint: https://backend:4318      # /v1/traces and so on are appended
//!     traces_endpoint: https://other/t    # in full, for one signal
//!     encoding: proto                     # or json
//!     timeout: 30s
//!     compression: gzip                   # none, gzip, zstd, zlib, deflate, snappy, x-snappy-framed
//!     compression_params: {level: 1}
//!     headers: {api-key: "${env:KEY}"}
//!     auth: {authenticator: oauth2client} # see net::auth
//!     tls: {ca_file: /etc/ssl/ca.crt}
//!     sending_queue: {queue_size: 1000}
//!     retry_on_failure: {max_elapsed_time: 5m}
//! ```
//!
//! Connections are pooled; HTTP/2 is used where TLS negotiates it. The environment's proxies are not used.

mod body;
mod connector;
mod settings;
mod target;

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::body::RopeBody;
use self::connector::Connector;
pub use self::settings::{ClientConnections, CompressionParams, Cookies, MessageEncoding, OtlpHttpSettings};
use self::target::Target;
use crate::exporters::partial::Partial;
use crate::exporters::queue::Delivery;
use crate::net::auth;
use crate::net::compression::{Encoding, pack};
use crate::net::status::{Status, refusal_from_http};
use crate::net::user_agent;
use crate::pipeline::{Batch, BuildError, Cx, Exporter, Metadata, Refusal, RefusalKind, Rope, Signal, Who};

/// How much of an answer is read; the Go collector's.
const MAX_ANSWER: usize = 64 * 1024;

/// How often a server may send a request elsewhere; Go's.
const MAX_REDIRECTS: usize = 10;

/// The node.
pub struct OtlpHttp {
    client: Client<Connector, RopeBody>,
    target: Target,
    headers: HeaderMap,
    encoding: Option<Encoding>,
    level: Option<i32>,
    json: bool,
    timeout: Duration,
    auth: Option<auth::Client>,
    id: String,
}

impl Exporter for OtlpHttp {
    const TYPE: &'static str = "otlp_http";
    const ALIASES: &'static [&'static str] = &["otlphttp"];
    type Settings = OtlpHttpSettings;

    fn new(settings: OtlpHttpSettings, cx: &Cx) -> Result<Self, BuildError> {
        let signal = cx.signal.unwrap_or(Signal::Traces);
        let target = Target::of(&settings, signal).map_err(BuildError::new)?;
        let json = settings.encoding == MessageEncoding::Json;
        let encoding = settings.compression();
        Ok(Self {
            client: client(&settings, cx)?,
            headers: headers(&settings, &target, json),
            target,
            encoding,
            level: settings.level(),
            json,
            timeout: settings.timeout.0,
            auth: settings.auth.as_ref().and_then(|auth| cx.host.auth.client(auth.id())),
            id: cx.id.to_string(),
        })
    }

    async fn send(&self, batch: Batch) -> Result<(), Refusal> {
        let (signal, about) = (batch.signal, batch.metadata.clone());
        let body = self.pack(batch)?;
        let exchange = self.exchange(body, signal, about.as_deref());
        if self.timeout.is_zero() {
            return exchange.await;
        }
        let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(self.unreachable(late)))
    }

    fn delivery(settings: &OtlpHttpSettings) -> Delivery {
        // The timeout is the client's own.
        Delivery {
            queue: Some(settings.sending_queue.clone()),
            retry: settings.retry_on_failure.clone(),
            timeout: Duration::ZERO,
        }
    }

    fn labels(settings: &OtlpHttpSettings, signal: Signal) -> Vec<(&'static str, String)> {
        let Ok(target) = Target::of(settings, signal) else { return Vec::new() };
        let port = target.uri.port_u16().unwrap_or(if target.is_https() { 443 } else { 80 });
        vec![
            ("server_address", target.uri.host().unwrap_or_default().to_owned()),
            ("server_port", port.to_string()),
            ("url_path", target.uri.path().to_owned()),
        ]
    }
}

impl OtlpHttp {
    fn pack(&self, batch: Batch) -> Result<Rope, Refusal> {
        let mut batch = batch;
        if self.json {
            let encoded = tailrace_otlp::json::encode(batch.signal, &batch.data);
            let encoded = encoded.map_err(|error| Refusal::permanent(format!("cannot encode a request: {error}")))?;
            batch.data = encoded.into_bytes().into();
        }
        let Some(encoding) = self.encoding else { return Ok(batch.data) };
        let packed = pack(encoding, self.level, &batch);
        Ok(packed.map_err(|error| Refusal::permanent(format!("cannot compress a request: {error}")))?.into())
    }

    async fn exchange(&self, body: Rope, signal: Signal, about: Option<&Metadata>) -> Result<(), Refusal> {
        let (mut uri, mut headers) = (self.target.uri.clone(), self.headers.clone());
        if let Some(auth) = &self.auth {
            auth.apply(&mut headers, about).await?;
        }
        for _ in 0..MAX_REDIRECTS {
            let response = self.post(uri.clone(), headers.clone(), body.clone()).await?;
            let Some(elsewhere) = redirect(&response, &uri) else { return self.read(response, signal).await };
            if elsewhere.authority() != uri.authority() || elsewhere.scheme() != uri.scheme() {
                // What an authenticator added is for the one server alone, whatever header it is in.
                headers.clone_from(&self.headers);
                for secret in [AUTHORIZATION, COOKIE] {
                    headers.remove(secret);
                }
            }
            uri = elsewhere;
        }
        Err(self.unreachable("stopped after 10 redirects"))
    }

    async fn post(&self, uri: Uri, headers: HeaderMap, body: Rope) -> Result<Response<Incoming>, Refusal> {
        let mut request = Request::new(RopeBody::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        self.client.request(request).await.map_err(|error| self.unreachable(&chain(&error)))
    }

    async fn read(&self, response: Response<Incoming>, signal: Signal) -> Result<(), Refusal> {
        let (head, body) = response.into_parts();
        // What is longer or breaks off is not worth a failure: the server has answered.
        let answer = Limited::new(body, MAX_ANSWER).collect().await.map(http_body_util::Collected::to_bytes);
        let answer: Bytes = answer.unwrap_or_default();
        let format = head.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if !head.status.is_success() {
            if let Some(auth) = self.auth.as_ref().filter(|_| head.status == StatusCode::UNAUTHORIZED) {
                auth.rejected();
            }
            let status = match format {
                b"application/x-protobuf" => Status::from_proto(&answer),
                b"application/json" => Status::from_json(&answer),
                _ => None,
            };
            return Err(refusal_from_http(&self.target.shown, head.status, &head.headers, status.as_ref()));
        }
        let partial = match format {
            b"application/x-protobuf" => Partial::from_proto(&answer),
            b"application/json" => Partial::from_json(&answer),
            _ => Ok(None),
        };
        let unreadable = |error| Refusal {
            who: Who::Downstream,
            ..Refusal::permanent(format!("Permanent error: error parsing the response: {error}"))
        };
        if let Some(partial) = partial.map_err(unreadable)? {
            partial.warn(&self.id, signal);
        }
        Ok(())
    }

    fn unreachable(&self, reason: &str) -> Refusal {
        let why = format!("failed to make an HTTP request: Post \"{}\": {reason}", self.target.shown);
        Refusal::downstream(RefusalKind::Retry { after: None }, why, None)
    }
}

fn client(settings: &OtlpHttpSettings, cx: &Cx) -> Result<Client<Connector, RopeBody>, BuildError> {
    let connector = Connector::new(settings, cx)?;
    let connections = settings.connections();
    let mut client = Client::builder(TokioExecutor::new());
    client
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Some(connections.idle_conn_timeout.0).filter(|timeout| !timeout.is_zero()))
        .pool_max_idle_per_host(connections.max_idle());
    if !settings.http2_read_idle_timeout.is_zero() {
        client.http2_keep_alive_interval(settings.http2_read_idle_timeout.0).http2_keep_alive_while_idle(true);
        if !settings.http2_ping_timeout.is_zero() {
            client.http2_keep_alive_timeout(settings.http2_ping_timeout.0);
        }
    }
    Ok(client.build(connector))
}

fn headers(settings: &OtlpHttpSettings, target: &Target, json: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let content_type = if json { "application/json" } else { "application/x-protobuf" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(agent) = HeaderValue::from_str(&user_agent()) {
        headers.insert(USER_AGENT, agent);
    }
    headers.extend(target.authorization.clone().map(|value| (AUTHORIZATION, value)));
    for (name, value) in &settings.headers.to_map() {
        headers.insert(name, value.clone());
    }
    if settings.compression().is_some()
        && let Ok(name) = HeaderValue::from_str(&settings.compression)
    {
        headers.insert(CONTENT_ENCODING, name);
    }
    headers
}

/// Where the server wants the same request to go, if that is its answer.
fn redirect(response: &Response<Incoming>, from: &Uri) -> Option<Uri> {
    if !matches!(response.status().as_u16(), 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let url = url::Url::parse(&from.to_string()).ok()?.join(location).ok()?;
    url.as_str().parse().ok()
}

/// An error with what it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
