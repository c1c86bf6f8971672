//! The `tls` sections.

use std::time;

use serde::{Deserialize, Serialize};

use crate::config::{Duration, Secret};

/// How often files are looked at again, unless `reload_interval` says otherwise.
const RELOAD_EVERY: time::Duration = time::Duration::from_secs(10);
/// The shortest `reload_interval`; a number without a unit means nanoseconds.
pub(super) const RELOAD_AT_MOST_EVERY: time::Duration = time::Duration::from_secs(1);

/// `tls` of an exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientTls {
    /// No TLS, if there is no CA either.
    pub insecure: bool,
    /// Any certificate will do.
    pub insecure_skip_verify: bool,
    /// The name that the server's certificate must have, if not the endpoint's.
    pub server_name_override: String,
    /// Who signs servers' certificates.
    pub ca_file: String,
    /// The same, here.
    pub ca_pem: Secret,
    /// Trust the system's roots beside the CA. Without a CA they are trusted in any case.
    pub include_system_ca_certs_pool: bool,
    /// The client's own certificate.
    pub cert_file: String,
    /// The same, here.
    pub cert_pem: Secret,
    /// Its key.
    pub key_file: String,
    /// The same, here.
    pub key_pem: Secret,
    /// The lowest version.
    pub min_version: String,
    /// The highest version.
    pub max_version: String,
    /// The suites of TLS 1.2 that may be used, by Go's names. Those of TLS 1.3 are always there.
    pub cipher_suites: Vec<String>,
    /// Without effect: there are no insecure ones.
    pub include_insecure_cipher_suites: bool,
    /// The groups of the key exchange that may be used, the preferred one first.
    pub curve_preferences: Vec<String>,
    /// How often files are looked at again; 0 = 10s.
    pub reload_interval: Duration,
    /// Refused.
    pub tpm: Tpm,
}

/// `tls` of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerTls {
    /// Off: as if the section were not there.
    pub enabled: bool,
    /// The server's certificate and its chain.
    pub cert_file: String,
    /// The same, here.
    pub cert_pem: Secret,
    /// Its key.
    pub key_file: String,
    /// The same, here.
    pub key_pem: Secret,
    /// The lowest version.
    pub min_version: String,
    /// The highest version.
    pub max_version: String,
    /// Who signs clients' certificates. If given, every client must have one.
    pub client_ca_file: String,
    /// Without effect: the file is always looked at again.
    pub client_ca_file_reload: bool,
    /// Without effect on a server, but for being read.
    pub ca_file: String,
    /// The same, here.
    pub ca_pem: Secret,
    /// Trust the system's roots beside `client_ca_file`, for clients.
    pub include_system_ca_certs_pool: bool,
    /// The suites of TLS 1.2 that may be used, by Go's names. Those of TLS 1.3 are always there.
    pub cipher_suites: Vec<String>,
    /// Without effect: there are no insecure ones.
    pub include_insecure_cipher_suites: bool,
    /// The groups of the key exchange that may be used, the preferred one first.
    pub curve_preferences: Vec<String>,
    /// How often files are looked at again; 0 = 10s.
    pub reload_interval: Duration,
    /// Refused.
    pub tpm: Tpm,
}

/// `tpm`: keys in hardware, refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tpm {
    /// On.
    pub enabled: bool,
    /// The device.
    pub path: String,
    /// Its owner's password.
    pub owner_auth: Secret,
    /// The key's password.
    pub auth: Secret,
}

impl Default for ServerTls {
    fn default() -> Self {
        Self {
            enabled: true,
            cert_file: String::new(),
            cert_pem: Secret::default(),
            key_file: String::new(),
            key_pem: Secret::default(),
            min_version: String::new(),
            max_version: String::new(),
            client_ca_file: String::new(),
            client_ca_file_reload: false,
            ca_file: String::new(),
            ca_pem: Secret::default(),
            include_system_ca_certs_pool: false,
            cipher_suites: Vec::new(),
            include_insecure_cipher_suites: false,
            curve_preferences: Vec::new(),
            reload_interval: Duration::default(),
            tpm: Tpm::default(),
        }
    }
}

impl ClientTls {
    /// How often files are looked at again.
    pub(super) fn interval(&self) -> time::Duration {
        interval(self.reload_interval)
    }
}

impl ServerTls {
    /// How often files are looked at again.
    pub(super) fn interval(&self) -> time::Duration {
        interval(self.reload_interval)
    }
}

fn interval(given: Duration) -> time::Duration {
    if given.is_zero() { RELOAD_EVERY } else { given.0.max(RELOAD_AT_MOST_EVERY) }
}
