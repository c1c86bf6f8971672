//! `otlp_grpc` (also `otlp`): sends to a server that speaks OTLP/gRPC.
//!
//! ```yaml
//! exporters:
//!   otlp_grpc:
//!     endpoint: backend:4317              # or https://…, http://…, dns:///…
//!     timeout: 5s
//!     compression: gzip                   # none, gzip, zstd, snappy
//!     headers: {api-key: "${env:KEY}"}
//!     auth: {authenticator: oauth2client} # see net::auth
//!     balancer_name: round_robin          # or pick_first
//!     wait_for_ready: false
//!     keepalive: {time: 10s, timeout: 10s, permit_without_stream: false}
//!     tls: {insecure: false, ca_file: /etc/ssl/ca.crt}
//!     sending_queue: {queue_size: 1000}
//!     retry_on_failure: {max_elapsed_time: 5m}
//! ```
//!
//! The batch's chunks go out as they are, behind one prefix, over HTTP/2 connections that are kept: one for each address of
//! the endpoint (`round_robin`) or for the first that answers (`pick_first`). Names are resolved again whenever a connection
//! is missing. The environment's proxies are not used.

mod channel;
mod connection;
mod endpoint;
mod payload;
mod settings;

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use self::channel::Channel;
use self::connection::Exchange;
use self::endpoint::Endpoint;
use self::payload::Payload;
pub use self::settings::{ClientKeepalive, OtlpGrpcSettings};
use crate::exporters::partial::Partial;
use crate::exporters::queue::Delivery;
use crate::net::auth;
use crate::net::compression::{Encoding, pack};
use crate::net::status::{Status, code, refusal_from_grpc};
use crate::net::user_agent;
use crate::pipeline::{Batch, BuildError, Cx, Exporter, Refusal, Rope, Signal, Stop};

/// The node.
pub struct OtlpGrpc {
    channel: Channel,
    encoding: Option<Encoding>,
    head: Head,
    auth: Option<auth::Client>,
    id: String,
}

/// What all requests begin with.
struct Head {
    uris: [Uri; 3],
    headers: HeaderMap,
}

impl Exporter for OtlpGrpc {
    const TYPE: &'static str = "otlp_grpc";
    const ALIASES: &'static [&'static str] = &["otlp"];
    type Settings = OtlpGrpcSettings;

    fn new(settings: OtlpGrpcSettings, cx: &Cx) -> Result<Self, BuildError> {
        let endpoint = Endpoint::parse(&settings.endpoint).map_err(BuildError::new)?;
        let tls = (endpoint.is_https || !settings.tls.is_plaintext())
            .then(|| settings.tls.client(&[b"h2"], cx))
            .transpose()?;
        let encoding = settings.encoding();
        let head = Head::new(&settings, &endpoint, encoding, tls.is_some())?;
        let channel = Channel::new(endpoint, tls, &settings)?;
        let auth = settings.auth.as_ref().and_then(|auth| cx.host.auth.client(auth.id()));
        Ok(Self { channel, encoding, head, auth, id: cx.id.to_string() })
    }

    async fn send(&self, batch: Batch) -> Result<(), Refusal> {
        let mut headers = self.head.headers.clone();
        if let Some(auth) = &self.auth {
            auth.apply(&mut headers, batch.metadata.as_deref()).await?;
        }
        let data = match self.encoding {
            None => batch.data,
            Some(encoding) => {
                let packed = pack(encoding, None, &batch);
                packed.map_err(|error| Refusal::permanent(format!("cannot compress a request: {error}")))?.into()
            }
        };
        let answer = self.exchange(batch.signal, headers, data).await.map_err(|status| {
            if let Some(auth) = self.auth.as_ref().filter(|_| status.code == code::UNAUTHENTICATED) {
                auth.rejected();
            }
            refusal_from_grpc(&status)
        })?;
        // An answer that can not be read is one all the same: the server has the data.
        if let Ok(Some(partial)) = Partial::from_proto(&answer) {
            partial.warn(&self.id, batch.signal);
        }
        Ok(())
    }

    fn delivery(settings: &OtlpGrpcSettings) -> Delivery {
        Delivery {
            queue: Some(settings.sending_queue.clone()),
            retry: settings.retry_on_failure.clone(),
            timeout: settings.timeout.0,
        }
    }

    fn labels(settings: &OtlpGrpcSettings, _signal: Signal) -> Vec<(&'static str, String)> {
        let Ok(endpoint) = Endpoint::parse(&settings.endpoint) else { return Vec::new() };
        vec![("server_address", endpoint.host), ("server_port", endpoint.port.to_string())]
    }

    async fn run(&self, stop: Stop) {
        self.connect();
        stop.requested().await;
    }
}

impl OtlpGrpc {
    /// Begins to connect, and keeps connections up until it is dropped.
    pub fn connect(&self) {
        self.channel.start();
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.channel.is_connected()
    }

    /// Waits for the first attempt at a connection; whether there is one then.
    pub async fn connected(&self) -> bool {
        self.channel.connection().await.is_ok()
    }

    /// Sends one message, gives the body of the answer. What a server says it has not looked at goes to the next
    /// connection at once: it is about to stop, and another one may take its place.
    async fn exchange(&self, signal: Signal, headers: HeaderMap, data: Rope) -> Result<Vec<u8>, Status> {
        /// As gRPC does it: once more, no matter how many connections there are.
        const TRIES: usize = 3;
        let mut last = None;
        for _ in 0..TRIES {
            let connection = self.channel.connection().await?;
            let payload = Payload::new(self.encoding.is_some(), data.clone());
            match connection.exchange(self.head.request(signal, headers.clone()), payload).await {
                Exchange::Answered(answer) => return answer,
                Exchange::NotSeen(status) => last = Some(status),
            }
        }
        Err(last.unwrap_or_else(|| Status::new(code::UNAVAILABLE, "no connection")))
    }
}

impl Head {
    fn new(
        settings: &OtlpGrpcSettings,
        endpoint: &Endpoint,
        encoding: Option<Encoding>,
        tls: bool,
    ) -> Result<Self, BuildError> {
        let authority = [&settings.authority, &settings.tls.server_name_override]
            .into_iter()
            .find(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| endpoint.authority());
        let uri = |package: &str, service: &str| {
            let path = format!("/opentelemetry.proto.collector.{package}.v1.{service}/Export");
            let scheme = if tls { "https" } else { "http" };
            Uri::builder().scheme(scheme).authority(authority.as_str()).path_and_query(path).build()
        };
        let uris = [uri("trace", "TraceService"), uri("metrics", "MetricsService"), uri("logs", "LogsService")];
        let [Ok(traces), Ok(metrics), Ok(logs)] = uris else {
            return Err(BuildError::new(format!("invalid authority {authority:?}")));
        };
        Ok(Self { uris: [traces, metrics, logs], headers: headers(settings, encoding) })
    }

    fn request(&self, signal: Signal, headers: HeaderMap) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uris[signal as usize].clone();
        *request.headers_mut() = headers;
        request
    }
}

fn headers(settings: &OtlpGrpcSettings, encoding: Option<Encoding>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let agent = if settings.user_agent.is_empty() { user_agent() } else { settings.user_agent.clone() };
    if let Ok(agent) = HeaderValue::from_str(&agent) {
        headers.insert(USER_AGENT, agent);
    }
    let encoding = encoding.map(|encoding| match encoding {
        Encoding::Zstd => "zstd",
        Encoding::Snappy | Encoding::SnappyFramed => "snappy",
        Encoding::Gzip | Encoding::Zlib => "gzip",
    });
    if let Some(encoding) = encoding {
        headers.insert(HeaderName::from_static("grpc-encoding"), HeaderValue::from_static(encoding));
    }
    if !settings.timeout.is_zero() {
        // At most 8 digits: three years in seconds are too many milliseconds for that, and nobody waits so long.
        let millis = settings.timeout.0.as_millis().clamp(1, 99_999_999);
        if let Ok(timeout) = HeaderValue::from_str(&format!("{millis}m")) {
            headers.insert(HeaderName::from_static("grpc-timeout"), timeout);
        }
    }
    headers.extend(settings.headers.to_map());
    headers
}

#[cfg(test)]
mod tests;
