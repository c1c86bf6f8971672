//! The section of the YAML. Options that are known but not offered are refused by name.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::target::Target;
use crate::config::{Check, Duration};
use crate::exporters::queue::{QueueSettings, RetrySettings};
use crate::net::auth::{self, Auth, Reference, Side};
use crate::net::compression::Encoding;
use crate::net::exposure;
use crate::net::extensions::{self, Middleware};
use crate::net::headers::Headers;
use crate::net::tls::ClientTls;
use crate::pipeline::{Settings, Signal};

/// `otlp_http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpHttpSettings {
    /// The base; `/v1/<signal>` is appended.
    pub endpoint: String,
    /// In full, for traces.
    pub traces_endpoint: String,
    /// In full, for metrics.
    pub metrics_endpoint: String,
    /// In full, for logs.
    pub logs_endpoint: String,
    /// How messages are written.
    pub encoding: MessageEncoding,
    /// Of one attempt; 0 = none.
    pub timeout: Duration,
    /// By its name in `Content-Encoding`, or `none`.
    pub compression: String,
    /// How hard it tries.
    pub compression_params: CompressionParams,
    /// Sent with every request.
    pub headers: Headers,
    /// For `https` endpoints.
    pub tls: ClientTls,
    /// Without effect: buffers have the size of what they hold.
    pub read_buffer_size: i64,
    /// Without effect, too.
    pub write_buffer_size: i64,
    /// How connections are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<ClientConnections>,
    /// The old place of `keepalive.max_idle_conns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_idle_conns: Option<i64>,
    /// The old place of `keepalive.max_idle_conns_per_host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_idle_conns_per_host: Option<i64>,
    /// The old place of `keepalive.idle_conn_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_conn_timeout: Option<Duration>,
    /// The old, negated `keepalive.enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_keep_alives: Option<bool>,
    /// Refused unless 0: `num_consumers` of the queue bounds connections.
    pub max_conns_per_host: i64,
    /// An HTTP/2 connection is asked whether it is there after this long; 0 = never.
    pub http2_read_idle_timeout: Duration,
    /// How long it may take to answer; 0 = 20s.
    pub http2_ping_timeout: Duration,
    /// Offer HTTP/2 during TLS handshakes.
    pub force_attempt_http2: bool,
    /// Refused.
    pub proxy_url: String,
    /// Refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookies: Option<Cookies>,
    /// Who we say that we are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Refused.
    pub middlewares: Vec<Middleware>,
    /// See [`crate::exporters::queue`].
    pub sending_queue: QueueSettings,
    /// See [`crate::exporters::queue`].
    pub retry_on_failure: RetrySettings,
}

/// `encoding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageEncoding {
    /// Protobuf.
    #[default]
    Proto,
    /// JSON.
    Json,
}

/// `compression_params`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompressionParams {
    /// The codec's own scale; 0 = its default.
    pub level: i32,
}

/// `keepalive`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConnections {
    /// Off: one request per connection.
    pub enabled: bool,
    /// How many connections are kept without requests.
    pub max_idle_conns: i64,
    /// How many of one server; 0 = `max_idle_conns`.
    pub max_idle_conns_per_host: i64,
    /// How long one is kept without requests; 0 = for ever.
    pub idle_conn_timeout: Duration,
}

/// `cookies`: refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cookies {
    /// On.
    pub enabled: bool,
}

impl Default for Cookies {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for ClientConnections {
    fn default() -> Self {
        Self {
            enabled: true,
            max_idle_conns: 100,
            max_idle_conns_per_host: 0,
            idle_conn_timeout: Duration::from_secs(90),
        }
    }
}

impl Default for OtlpHttpSettings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            traces_endpoint: String::new(),
            metrics_endpoint: String::new(),
            logs_endpoint: String::new(),
            encoding: MessageEncoding::Proto,
            timeout: Duration::from_secs(30),
            compression: "gzip".to_owned(),
            compression_params: CompressionParams::default(),
            headers: Headers::default(),
            tls: ClientTls::default(),
            read_buffer_size: 0,
            write_buffer_size: 512 * 1024,
            keepalive: None,
            max_idle_conns: None,
            max_idle_conns_per_host: None,
            idle_conn_timeout: None,
            disable_keep_alives: None,
            max_conns_per_host: 0,
            http2_read_idle_timeout: Duration::default(),
            http2_ping_timeout: Duration::default(),
            force_attempt_http2: true,
            proxy_url: String::new(),
            cookies: None,
            auth: None,
            middlewares: Vec::new(),
            sending_queue: QueueSettings::default(),
            retry_on_failure: RetrySettings::default(),
        }
    }
}

impl ClientConnections {
    /// How many idle connections the pool keeps for the one server there is.
    pub(super) fn max_idle(&self) -> usize {
        let given = [self.max_idle_conns_per_host, self.max_idle_conns];
        let count = given.into_iter().find(|count| *count > 0).and_then(|count| usize::try_from(count).ok());
        if self.enabled { count.unwrap_or(usize::MAX) } else { 0 }
    }
}

impl OtlpHttpSettings {
    /// The full URL given for one signal, or "".
    pub(super) fn endpoint_of(&self, signal: Signal) -> &str {
        match signal {
            Signal::Traces => &self.traces_endpoint,
            Signal::Metrics => &self.metrics_endpoint,
            Signal::Logs => &self.logs_endpoint,
        }
    }

    /// How bodies are packed, if at all.
    pub(super) fn compression(&self) -> Option<Encoding> {
        Encoding::from_http(&self.compression)
    }

    /// The level asked for. Go's -1 is the default, its -2 (no matching) comes closest to the lowest.
    pub(super) fn level(&self) -> Option<i32> {
        match self.compression_params.level {
            0 | -1 => None,
            -2 if self.compression() != Some(Encoding::Zstd) => Some(1),
            level => Some(level),
        }
    }

    /// How connections are kept, from whichever of its two places.
    pub(super) fn connections(&self) -> ClientConnections {
        let default = ClientConnections::default();
        self.keepalive.clone().unwrap_or(ClientConnections {
            enabled: !self.disable_keep_alives.unwrap_or(false),
            max_idle_conns: self.max_idle_conns.unwrap_or(default.max_idle_conns),
            max_idle_conns_per_host: self.max_idle_conns_per_host.unwrap_or(default.max_idle_conns_per_host),
            idle_conn_timeout: self.idle_conn_timeout.unwrap_or(default.idle_conn_timeout),
        })
    }

    fn check_endpoints(&self, check: &mut Check<'_>) {
        let own = Signal::ALL.map(|signal| (format!("{signal}_endpoint"), self.endpoint_of(signal)));
        if self.endpoint.is_empty() && own.iter().all(|(_, endpoint)| endpoint.is_empty()) {
            check.problem("", "at least one endpoint must be specified");
        }
        let base = ("endpoint".to_owned(), self.endpoint.as_str());
        for (name, endpoint) in own.into_iter().chain([base]).filter(|(_, endpoint)| !endpoint.is_empty()) {
            match Target::parse(endpoint) {
                Err(message) => check.problem(&name, message),
                Ok(target) if !target.is_https() => {
                    exposure::warn_of_client(&name, target.uri.host().unwrap_or_default(), check);
                }
                Ok(_) => {}
            }
        }
    }

    fn check_compression(&self, check: &mut Check<'_>) {
        let encoding = self.compression();
        if encoding.is_none() && !matches!(self.compression.as_str(), "" | "none") {
            check.problem_with_help(
                "compression",
                format!("unsupported compression type \"{}\"", self.compression),
                "supported: none, gzip, zstd, zlib, deflate, snappy, x-snappy-framed",
            );
            return;
        }
        let level = self.compression_params.level;
        let fits = match encoding {
            Some(Encoding::Gzip | Encoding::Zlib) => (-2..=9).contains(&level),
            Some(Encoding::Zstd) => true,
            _ => level == 0,
        };
        if !fits {
            let message =
                format!("unsupported parameters {{Level:{level}}} for compression type \"{}\"", self.compression);
            check.problem("compression_params.level", message);
        }
    }

    fn check_auth(&self, check: &mut Check<'_>) {
        let Some(auth) = &self.auth else { return };
        auth.check("auth", check);
        let endpoints = [&self.endpoint, &self.traces_endpoint, &self.metrics_endpoint, &self.logs_endpoint];
        let mut hosts = BTreeSet::new();
        for target in endpoints.into_iter().filter_map(|endpoint| Target::parse(endpoint).ok()) {
            let host = target.uri.host().unwrap_or_default();
            if hosts.insert((host.to_owned(), target.is_https())) {
                auth::warn_of_plaintext("auth", Some(auth), host, !target.is_https(), check);
            }
        }
    }
}

impl Settings for OtlpHttpSettings {
    fn check(&self, check: &mut Check<'_>) {
        self.check_endpoints(check);
        self.check_compression(check);
        let old = [self.max_idle_conns.is_some(), self.max_idle_conns_per_host.is_some()];
        let old = old.contains(&true) || self.idle_conn_timeout.is_some() || self.disable_keep_alives.is_some();
        if self.keepalive.is_some() && old {
            check.problem("keepalive", "cannot use both `keepalive` and its deprecated options outside of it");
        }
        if self.max_conns_per_host != 0 {
            let help = "`sending_queue.num_consumers` bounds connections";
            check.problem_with_help("max_conns_per_host", "`max_conns_per_host` is not supported", help);
        }
        if !self.proxy_url.is_empty() {
            check.problem("proxy_url", "`proxy_url` is not supported");
        }
        if self.cookies.as_ref().is_some_and(|cookies| cookies.enabled) {
            check.problem("cookies", "`cookies` is not supported");
        }
        extensions::refuse("", &self.middlewares, check);
        self.check_auth(check);
        self.headers.check("headers", check);
        self.tls.check("tls", check);
        self.sending_queue.check("sending_queue", check);
        self.retry_on_failure.check("retry_on_failure", check);
    }

    fn references(&self) -> Vec<Reference> {
        self.auth.iter().filter_map(|auth| auth.reference("auth", Side::Client)).collect()
    }
}
