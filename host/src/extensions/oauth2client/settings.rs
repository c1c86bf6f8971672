//! The section of the YAML.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{Check, Duration, Secret};
use crate::net::tls::ClientTls;

/// `oauth2client:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who we are.
    pub client_id: String,
    /// A file that holds it, which wins.
    pub client_id_file: String,
    /// What proves it.
    pub client_secret: Secret,
    /// A file that holds it, which wins.
    pub client_secret_file: String,
    /// Whom to ask.
    pub token_url: String,
    /// What for.
    pub scopes: Vec<String>,
    /// More parameters.
    pub endpoint_params: BTreeMap<String, Vec<String>>,
    /// For asking; 0 = 10s.
    pub timeout: Duration,
    /// How long before its end a token is renewed.
    pub expiry_buffer: Duration,
    /// For `https`.
    pub tls: ClientTls,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            client_id_file: String::new(),
            client_secret: Secret::default(),
            client_secret_file: String::new(),
            token_url: String::new(),
            scopes: Vec::new(),
            endpoint_params: BTreeMap::new(),
            timeout: Duration::default(),
            expiry_buffer: Duration::from_secs(300),
            tls: ClientTls::default(),
        }
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.client_id.is_empty() && self.client_id_file.is_empty() {
            check.problem("", "no ClientID provided in the OAuth2 exporter configuration");
        }
        if self.client_secret.expose().is_empty() && self.client_secret_file.is_empty() {
            check.problem("", "no ClientSecret provided in OAuth Client Credentials configuration");
        }
        self.tls.check("tls", check);
        if self.token_url.is_empty() {
            check.problem("", "no TokenURL provided in OAuth Client Credentials configuration");
            return;
        }
        let url = Url::parse(&self.token_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url.filter(Url::has_host) else {
            check.problem("token_url", format!("{:?} must be a valid URL", self.token_url));
            return;
        };
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() == "http" && !is_loopback {
            check.warning("token_url", "the secret travels in the clear");
        }
    }
}
