//! The section of the YAML. Options that are known but not offered are refused by name.

use serde::{Deserialize, Serialize};

use crate::config::{Check, Duration};
use crate::net::auth::{Auth, HttpServerAuth, Reference, Side};
use crate::net::compression::Encoding;
use crate::net::exposure;
use crate::net::extensions::{self, Middleware};
use crate::net::headers::Headers;
use crate::net::tls::ServerTls;
use crate::pipeline::Settings;

/// What HTTP bodies may be packed with, unless `compression_algorithms` says otherwise. "" is not at all.
const ENCODINGS: [&str; 7] = ["", "gzip", "zstd", "zlib", "snappy", "deflate", "x-snappy-framed"];

/// `otlp`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpSettings {
    /// A protocol is on if its key is there.
    pub protocols: Protocols,
}

/// `protocols`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protocols {
    /// OTLP/gRPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
    /// OTLP/HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
}

/// `protocols.grpc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grpc {
    /// Off: as if the section were not there.
    pub enabled: bool,
    /// `host:port`.
    pub endpoint: String,
    /// `tcp`, `tcp4` or `tcp6`.
    pub transport: String,
    /// Without effect on a server.
    pub dialer: Dialer,
    /// None: plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// The largest message, before and after decompression; 0 = 4 MiB.
    pub max_recv_msg_size_mib: i64,
    /// Requests under way per connection; 0 = no limit.
    pub max_concurrent_streams: u32,
    /// Without effect: buffers have the size of what they hold.
    pub read_buffer_size: i64,
    /// Without effect, too.
    pub write_buffer_size: i64,
    /// When connections end, and whether peers are still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<GrpcKeepalive>,
    /// Who may send; none: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Keep what clients send beside the data.
    pub include_metadata: bool,
    /// Refused.
    pub middlewares: Vec<Middleware>,
}

/// `dialer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dialer {
    /// For connecting.
    pub timeout: Duration,
}

/// `keepalive` of gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcKeepalive {
    /// What the server does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_parameters: Option<ServerParameters>,
    /// What clients must not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforcement_policy: Option<EnforcementPolicy>,
}

/// `keepalive.server_parameters`; 0 = gRPC's default, which is never but for `time` and `timeout`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerParameters {
    /// A connection without requests ends after this long.
    pub max_connection_idle: Duration,
    /// Every connection ends after this long.
    pub max_connection_age: Duration,
    /// How long its requests may go on then.
    pub max_connection_age_grace: Duration,
    /// The peer is asked whether it is there this often; 0 = 2h.
    pub time: Duration,
    /// How long it may take to answer; 0 = 20s.
    pub timeout: Duration,
}

/// `keepalive.enforcement_policy`: every ping is answered, so these have no effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnforcementPolicy {
    /// Pings more often than this are too many.
    pub min_time: Duration,
    /// Pings without requests under way are fine.
    pub permit_without_stream: bool,
}

/// `protocols.http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Off: as if the section were not there.
    pub enabled: bool,
    /// `host:port`.
    pub endpoint: String,
    /// `tcp`, `tcp4` or `tcp6`.
    pub transport: String,
    /// None: plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// Who else's pages may send from browsers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Who may send; none: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpServerAuth>,
    /// The largest body in bytes, before and after decompression; 0 = 20 MiB.
    pub max_request_body_size: i64,
    /// Keep what clients send beside the data.
    pub include_metadata: bool,
    /// Sent with every response.
    pub response_headers: Headers,
    /// What bodies may be packed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression_algorithms: Option<Vec<String>>,
    /// For reading a request; 0 = no limit.
    pub read_timeout: Duration,
    /// For reading a request's headers; 0 = no limit.
    pub read_header_timeout: Duration,
    /// From a request's headers to the end of its response; 0 = no limit.
    pub write_timeout: Duration,
    /// The old place of `keepalive.idle_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Duration>,
    /// The old place of `keepalive.enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alives_enabled: Option<bool>,
    /// How long connections are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<HttpKeepalive>,
    /// Refused.
    pub middlewares: Vec<Middleware>,
    /// Where traces are sent to.
    pub traces_url_path: String,
    /// Where metrics are sent to.
    pub metrics_url_path: String,
    /// Where logs are sent to.
    pub logs_url_path: String,
}

/// `cors`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// With at most one `*` each. None: no CORS at all.
    pub allowed_origins: Vec<String>,
    /// Beside the simple ones; `*` for all.
    pub allowed_headers: Vec<String>,
    /// What pages may read of responses.
    pub exposed_headers: Vec<String>,
    /// Seconds that browsers remember the answer.
    pub max_age: i64,
}

/// `keepalive` of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpKeepalive {
    /// Off: one request per connection.
    pub enabled: bool,
    /// A connection without requests ends after this long; 0 = never.
    pub idle_timeout: Duration,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            enabled: true,
            endpoint: "localhost:4317".to_owned(),
            transport: "tcp".to_owned(),
            dialer: Dialer::default(),
            tls: None,
            max_recv_msg_size_mib: 0,
            max_concurrent_streams: 0,
            read_buffer_size: 512 * 1024,
            write_buffer_size: 0,
            keepalive: None,
            auth: None,
            include_metadata: false,
            middlewares: Vec::new(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            enabled: true,
            endpoint: "localhost:4318".to_owned(),
            transport: "tcp".to_owned(),
            tls: None,
            cors: None,
            auth: None,
            max_request_body_size: 0,
            include_metadata: false,
            response_headers: Headers::default(),
            compression_algorithms: None,
            read_timeout: Duration::default(),
            read_header_timeout: Duration::default(),
            write_timeout: Duration::default(),
            idle_timeout: None,
            keep_alives_enabled: None,
            keepalive: None,
            middlewares: Vec::new(),
            traces_url_path: "/v1/traces".to_owned(),
            metrics_url_path: "/v1/metrics".to_owned(),
            logs_url_path: "/v1/logs".to_owned(),
        }
    }
}

impl Default for HttpKeepalive {
    fn default() -> Self {
        Self { enabled: true, idle_timeout: Duration::from_secs(60) }
    }
}

impl Grpc {
    /// The largest message in bytes.
    pub(super) fn max_message_bytes(&self) -> usize {
        let mib = usize::try_from(self.max_recv_msg_size_mib).ok().filter(|mib| *mib > 0);
        mib.unwrap_or(4).saturating_mul(1 << 20)
    }
}

impl Http {
    /// The largest body in bytes.
    pub(super) fn max_body_bytes(&self) -> usize {
        usize::try_from(self.max_request_body_size).ok().filter(|bytes| *bytes > 0).unwrap_or(20 << 20)
    }

    /// The keepalive in force, from whichever of its two places.
    pub(super) fn keepalive(&self) -> HttpKeepalive {
        let default = HttpKeepalive::default();
        self.keepalive.clone().unwrap_or(HttpKeepalive {
            enabled: self.keep_alives_enabled.unwrap_or(default.enabled),
            idle_timeout: self.idle_timeout.unwrap_or(default.idle_timeout),
        })
    }

    /// Whether bodies may come with this `Content-Encoding`.
    pub(super) fn accepts_encoding(&self, name: &str) -> bool {
        match &self.compression_algorithms {
            Some(given) => given.iter().any(|known| known == name),
            None => ENCODINGS.contains(&name),
        }
    }
}

impl Settings for OtlpSettings {
    fn check(&self, check: &mut Check<'_>) {
        let Protocols { grpc, http } = &self.protocols;
        let grpc = grpc.as_ref().filter(|grpc| grpc.enabled);
        let http = http.as_ref().filter(|http| http.enabled);
        if grpc.is_none() && http.is_none() {
            check.problem("", "must specify at least one protocol when using the OTLP receiver");
        }
        if let Some(grpc) = grpc {
            check_grpc(grpc, check);
        }
        if let Some(http) = http {
            check_http(http, check);
        }
    }

    fn references(&self) -> Vec<Reference> {
        let grpc = self.protocols.grpc.as_ref().filter(|grpc| grpc.enabled).and_then(|grpc| grpc.auth.clone());
        let http = self.protocols.http.as_ref().filter(|http| http.enabled).and_then(|http| http.auth.as_ref());
        let grpc = grpc.and_then(|auth| auth.reference("protocols.grpc.auth", Side::Server));
        let http = http.and_then(|auth| auth.common().reference("protocols.http.auth", Side::Server));
        grpc.into_iter().chain(http).collect()
    }
}

fn check_grpc(grpc: &Grpc, check: &mut Check<'_>) {
    let at = "protocols.grpc";
    check_server(at, &grpc.endpoint, &grpc.transport, grpc.tls.as_ref(), check);
    extensions::refuse(&format!("{at}."), &grpc.middlewares, check);
    if let Some(auth) = &grpc.auth {
        auth.check(&format!("{at}.auth"), check);
    }
    if grpc.max_recv_msg_size_mib < 0 {
        check.problem(&format!("{at}.max_recv_msg_size_mib"), "'max_recv_msg_size_mib' must be non-negative");
    }
    let policy = grpc.keepalive.as_ref().and_then(|keepalive| keepalive.enforcement_policy.as_ref());
    if policy.is_some_and(|policy| *policy != EnforcementPolicy::default()) {
        let message = "'enforcement_policy' has no effect: every ping is answered";
        check.warning(&format!("{at}.keepalive.enforcement_policy"), message);
    }
}

fn check_http(http: &Http, check: &mut Check<'_>) {
    let at = "protocols.http";
    check_server(at, &http.endpoint, &http.transport, http.tls.as_ref(), check);
    extensions::refuse(&format!("{at}."), &http.middlewares, check);
    if let Some(auth) = &http.auth {
        auth.check(&format!("{at}.auth"), check);
    }
    http.response_headers.check(&format!("{at}.response_headers"), check);
    if http.keepalive.is_some() && (http.idle_timeout.is_some() || http.keep_alives_enabled.is_some()) {
        let message = "cannot use both `keepalive` and the deprecated `idle_timeout` or `keep_alives_enabled`";
        check.problem(&format!("{at}.keepalive"), message);
    }
    for name in http.compression_algorithms.iter().flatten() {
        if !name.is_empty() && Encoding::from_http(name).is_none() {
            let message = format!("unsupported compression algorithm: \"{name}\"");
            let known = ENCODINGS[1..].join(", ");
            check.problem_with_help(&format!("{at}.compression_algorithms"), message, format!("supported: {known}"));
        }
    }
    let headers_alone = |cors: &Cors| cors.allowed_origins.is_empty() && !cors.allowed_headers.is_empty();
    if http.cors.as_ref().is_some_and(headers_alone) {
        let message =
            "The CORS configuration specifies allowed headers but no allowed origins, and is therefore ignored.";
        check.warning(&format!("{at}.cors"), message);
    }
}

fn check_server(at: &str, endpoint: &str, transport: &str, tls: Option<&ServerTls>, check: &mut Check<'_>) {
    if endpoint.is_empty() {
        check.problem(&format!("{at}.endpoint"), "requires a non-empty \"endpoint\"");
    }
    if !matches!(transport, "" | "tcp" | "tcp4" | "tcp6") {
        check.problem(&format!("{at}.transport"), format!("`transport` \"{transport}\" is not supported: only tcp is"));
    }
    if let Some(tls) = tls {
        tls.check(&format!("{at}.tls"), check);
    }
    exposure::warn_of_server(at, endpoint, tls, check);
}
