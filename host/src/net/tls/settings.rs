//! The `tls` sections. Options that are known but not offered are taken apart from misspelt ones, and refused by name.

use serde::{Deserialize, Serialize};

use crate::config::{Check, Duration, Secret};

pub(super) const NO_SERVER_IDENTITY: &str =
    "TLS configuration must include both certificate and key for server connections";

/// `tls` of an exporter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Trust the system's roots beside the CA.
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
    /// Refused.
    pub cipher_suites: Vec<String>,
    /// Refused.
    pub include_insecure_cipher_suites: bool,
    /// Refused.
    pub curve_preferences: Vec<String>,
    /// Refused.
    pub reload_interval: Duration,
    /// Refused.
    pub tpm: Tpm,
}

/// `tls` of a receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Refused.
    pub client_ca_file: String,
    /// Refused.
    pub client_ca_file_reload: bool,
    /// Refused.
    pub ca_file: String,
    /// Refused.
    pub ca_pem: Secret,
    /// Refused.
    pub include_system_ca_certs_pool: bool,
    /// Refused.
    pub cipher_suites: Vec<String>,
    /// Refused.
    pub include_insecure_cipher_suites: bool,
    /// Refused.
    pub curve_preferences: Vec<String>,
    /// Refused.
    pub reload_interval: Duration,
    /// Refused.
    pub tpm: Tpm,
}

/// `tpm`: keys in hardware, refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Reports what is wrong; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        check_versions(&self.min_version, &self.max_version, at, check);
        both_forms(&self.ca_file, &self.ca_pem, "CA", at, check);
        check_identity(&self.cert_file, &self.cert_pem, &self.key_file, &self.key_pem, at, check);
        refuse(
            &[
                ("cipher_suites", !self.cipher_suites.is_empty()),
                ("include_insecure_cipher_suites", self.include_insecure_cipher_suites),
                ("curve_preferences", !self.curve_preferences.is_empty()),
                ("reload_interval", !self.reload_interval.is_zero()),
                ("tpm", self.tpm.enabled),
            ],
            at,
            check,
        );
    }
}

impl ServerTls {
    /// Reports what is wrong; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        if !self.enabled {
            return;
        }
        check_versions(&self.min_version, &self.max_version, at, check);
        check_identity(&self.cert_file, &self.cert_pem, &self.key_file, &self.key_pem, at, check);
        let has = |file: &str, pem: &Secret| !file.is_empty() || !pem.expose().is_empty();
        if !has(&self.cert_file, &self.cert_pem) && !has(&self.key_file, &self.key_pem) {
            check.problem(at, NO_SERVER_IDENTITY);
        }
        refuse(
            &[
                ("client_ca_file", !self.client_ca_file.is_empty()),
                ("client_ca_file_reload", self.client_ca_file_reload),
                ("ca_file", !self.ca_file.is_empty()),
                ("ca_pem", !self.ca_pem.expose().is_empty()),
                ("include_system_ca_certs_pool", self.include_system_ca_certs_pool),
                ("cipher_suites", !self.cipher_suites.is_empty()),
                ("include_insecure_cipher_suites", self.include_insecure_cipher_suites),
                ("curve_preferences", !self.curve_preferences.is_empty()),
                ("reload_interval", !self.reload_interval.is_zero()),
                ("tpm", self.tpm.enabled),
            ],
            at,
            check,
        );
    }
}

fn refuse(options: &[(&str, bool)], at: &str, check: &mut Check<'_>) {
    for (name, _) in options.iter().filter(|(_, given)| *given) {
        check.problem(&format!("{at}.{name}"), format!("`{name}` is not supported"));
    }
}

fn check_versions(min: &str, max: &str, at: &str, check: &mut Check<'_>) {
    let known = |version: &str| matches!(version, "" | "1.0" | "1.1" | "1.2" | "1.3");
    for (name, version) in [("min_version", min), ("max_version", max)] {
        if !known(version) {
            check.problem(&format!("{at}.{name}"), format!("unsupported TLS version: \"{version}\""));
        }
    }
    if matches!(max, "1.0" | "1.1") {
        check.problem(&format!("{at}.max_version"), format!("TLS {max} is not supported: 1.2 is the oldest that is"));
    }
    // "" sorts before every version, which is right for a minimum.
    if !max.is_empty() && min > max {
        check.problem(at, "invalid TLS configuration: min_version cannot be greater than max_version");
    }
}

fn check_identity(
    cert_file: &str,
    cert_pem: &Secret,
    key_file: &str,
    key_pem: &Secret,
    at: &str,
    check: &mut Check<'_>,
) {
    both_forms(cert_file, cert_pem, "certificate", at, check);
    both_forms(key_file, key_pem, "key", at, check);
    let has_cert = !cert_file.is_empty() || !cert_pem.expose().is_empty();
    let has_key = !key_file.is_empty() || !key_pem.expose().is_empty();
    if has_cert != has_key {
        check.problem(at, "TLS configuration must include both certificate and key");
    }
}

fn both_forms(file: &str, pem: &Secret, what: &str, at: &str, check: &mut Check<'_>) {
    if !file.is_empty() && !pem.expose().is_empty() {
        check
            .problem(at, format!("failed to load {what}: provide either the file or the PEM-encoded string, not both"));
    }
}
