//! The section of the YAML. Options that are known but not offered are refused by name.

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use crate::config::{Check, Duration};
use crate::exporters::queue::{QueueSettings, RetrySettings};
use crate::net::auth::{self, Auth, Reference, Side};
use crate::net::compression::Encoding;
use crate::net::exposure;
use crate::net::extensions::{self, Middleware};
use crate::net::headers::Headers;
use crate::net::tls::ClientTls;
use crate::pipeline::Settings;

/// `otlp_grpc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpGrpcSettings {
    /// `host:port`, perhaps behind a scheme.
    pub endpoint: String,
    /// Of one attempt; 0 = none.
    pub timeout: Duration,
    /// `none`, `gzip`, `zstd` or `snappy`.
    pub compression: String,
    /// TLS is on unless `insecure`.
    pub tls: ClientTls,
    /// Without effect: buffers have the size of what they hold.
    pub read_buffer_size: i64,
    /// Without effect, too.
    pub write_buffer_size: i64,
    /// Asking whether the server is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<ClientKeepalive>,
    /// Without a connection: wait for one instead of failing.
    pub wait_for_ready: bool,
    /// `round_robin` or `pick_first`.
    pub balancer_name: String,
    /// Sent with every request.
    pub headers: Headers,
    /// In place of the endpoint's.
    pub authority: String,
    /// In place of `tailrace/<version> (<os>/<arch>)`.
    pub user_agent: String,
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

/// `keepalive`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientKeepalive {
    /// How often the server is asked.
    pub time: Duration,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// Ask while no request is under way, too.
    pub permit_without_stream: bool,
}

impl Default for ClientKeepalive {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), timeout: Duration::from_secs(10), permit_without_stream: false }
    }
}

impl Default for OtlpGrpcSettings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            timeout: Duration::from_secs(5),
            compression: "gzip".to_owned(),
            tls: ClientTls::default(),
            read_buffer_size: 0,
            write_buffer_size: 512 * 1024,
            keepalive: None,
            wait_for_ready: false,
            balancer_name: "round_robin".to_owned(),
            headers: Headers::default(),
            authority: String::new(),
            user_agent: String::new(),
            auth: None,
            middlewares: Vec::new(),
            sending_queue: QueueSettings::default(),
            retry_on_failure: RetrySettings::default(),
        }
    }
}

impl OtlpGrpcSettings {
    /// How messages are packed, if at all.
    pub(super) fn encoding(&self) -> Option<Encoding> {
        Encoding::from_grpc(&self.compression)
    }
}

impl Settings for OtlpGrpcSettings {
    fn check(&self, check: &mut Check<'_>) {
        match Endpoint::parse(&self.endpoint) {
            Err(message) => check.problem("endpoint", message),
            Ok(endpoint) if !endpoint.is_https && self.tls.is_plaintext() => {
                exposure::warn_of_client("endpoint", &endpoint.host, check);
                auth::warn_of_plaintext("auth", self.auth.as_ref(), &endpoint.host, true, check);
            }
            Ok(_) => {}
        }
        self.check_but_endpoint("", check);
    }

    fn references(&self) -> Vec<Reference> {
        self.auth.iter().filter_map(|auth| auth.reference("auth", Side::Client)).collect()
    }
}

impl OtlpGrpcSettings {
    /// Checks all but the endpoint. `at` is the section that they stand in, with a dot behind it unless it is the component itself.
    pub fn check_but_endpoint(&self, at: &str, check: &mut Check<'_>) {
        if !matches!(self.compression.as_str(), "" | "none") && self.encoding().is_none() {
            check.problem_with_help(
                &format!("{at}compression"),
                format!("unsupported compression type \"{}\"", self.compression),
                "supported: none, gzip, zstd, snappy",
            );
        }
        if !matches!(self.balancer_name.as_str(), "" | "round_robin" | "pick_first") {
            check.problem_with_help(
                &format!("{at}balancer_name"),
                format!("invalid balancer_name: {}", self.balancer_name),
                "supported: round_robin, pick_first",
            );
        }
        extensions::refuse(at, &self.middlewares, check);
        if let Some(auth) = &self.auth {
            auth.check(&format!("{at}auth"), check);
        }
        self.headers.check(&format!("{at}headers"), check);
        self.tls.check(&format!("{at}tls"), check);
        self.sending_queue.check(&format!("{at}sending_queue"), check);
        self.retry_on_failure.check(&format!("{at}retry_on_failure"), check);
    }
}
