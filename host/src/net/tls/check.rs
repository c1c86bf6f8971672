//! What is wrong with a `tls` section, or should be known about it.

use super::algorithms;
use super::settings::{ClientTls, RELOAD_AT_MOST_EVERY, ServerTls, Tpm};
use crate::config::{Check, Duration, Secret};

pub(super) const NO_SERVER_IDENTITY: &str =
    "TLS configuration must include both certificate and key for server connections";

/// The options that clients and servers have in common.
struct Common<'a> {
    versions: (&'a str, &'a str),
    ca: (&'a str, &'a Secret),
    certificate: (&'a str, &'a Secret),
    key: (&'a str, &'a Secret),
    cipher_suites: &'a [String],
    include_insecure_cipher_suites: bool,
    curve_preferences: &'a [String],
    reload_interval: Duration,
    tpm: &'a Tpm,
}

impl ClientTls {
    /// Reports what is wrong; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        let common = Common {
            versions: (&self.min_version, &self.max_version),
            ca: (&self.ca_file, &self.ca_pem),
            certificate: (&self.cert_file, &self.cert_pem),
            key: (&self.key_file, &self.key_pem),
            cipher_suites: &self.cipher_suites,
            include_insecure_cipher_suites: self.include_insecure_cipher_suites,
            curve_preferences: &self.curve_preferences,
            reload_interval: self.reload_interval,
            tpm: &self.tpm,
        };
        common.check(at, check);
        if self.insecure_skip_verify {
            check.warning_with_help(
                &format!("{at}.insecure_skip_verify"),
                "any server's certificate will do: whoever answers in its place reads what is sent",
                "trust the server's CA by `ca_file`; `server_name_override` is for certificates of another name",
            );
        }
    }
}

impl ServerTls {
    /// Reports what is wrong; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        if !self.enabled {
            return;
        }
        let common = Common {
            versions: (&self.min_version, &self.max_version),
            ca: (&self.ca_file, &self.ca_pem),
            certificate: (&self.cert_file, &self.cert_pem),
            key: (&self.key_file, &self.key_pem),
            cipher_suites: &self.cipher_suites,
            include_insecure_cipher_suites: self.include_insecure_cipher_suites,
            curve_preferences: &self.curve_preferences,
            reload_interval: self.reload_interval,
            tpm: &self.tpm,
        };
        common.check(at, check);
        if !is_given(common.certificate) && !is_given(common.key) {
            check.problem(at, NO_SERVER_IDENTITY);
        }
        self.check_client_ca(at, check);
    }

    /// Options that look as if they asked clients for certificates.
    fn check_client_ca(&self, at: &str, check: &mut Check<'_>) {
        let has_client_ca = !self.client_ca_file.is_empty();
        for (name, given) in [("ca_file", !self.ca_file.is_empty()), ("ca_pem", !self.ca_pem.expose().is_empty())] {
            if given && !has_client_ca {
                check.warning_with_help(
                    &format!("{at}.{name}"),
                    format!("`{name}` has no effect on a server: clients need no certificate"),
                    "`client_ca_file` has every client show a certificate of that CA",
                );
            }
        }
        if has_client_ca && self.include_system_ca_certs_pool {
            check.warning(
                &format!("{at}.include_system_ca_certs_pool"),
                "clients with a certificate of any CA that the system trusts are let in, not only those of `client_ca_file`",
            );
        }
    }
}

impl Common<'_> {
    fn check(&self, at: &str, check: &mut Check<'_>) {
        self.check_versions(at, check);
        both_forms(self.ca, "CA", at, check);
        both_forms(self.certificate, "certificate", at, check);
        both_forms(self.key, "key", at, check);
        if is_given(self.certificate) != is_given(self.key) {
            check.problem(at, "TLS configuration must include both certificate and key");
        }
        self.check_algorithms(at, check);
        if !self.reload_interval.is_zero() && self.reload_interval.0 < RELOAD_AT_MOST_EVERY {
            let message = format!("files are looked at once a second at most, not every {}", self.reload_interval);
            check.warning(&format!("{at}.reload_interval"), message);
        }
        if self.tpm.enabled {
            let help = "take `tpm` out, and give the key in `key_file`";
            check.problem_with_help(&format!("{at}.tpm"), "`tpm` is not supported: keys are read from files", help);
        }
    }

    fn check_versions(&self, at: &str, check: &mut Check<'_>) {
        let (min, max) = self.versions;
        let known = |version: &str| matches!(version, "" | "1.0" | "1.1" | "1.2" | "1.3");
        for (name, version) in [("min_version", min), ("max_version", max)] {
            if !known(version) {
                check.problem(&format!("{at}.{name}"), format!("unsupported TLS version: \"{version}\""));
            }
        }
        if matches!(max, "1.0" | "1.1") {
            let message = format!("TLS {max} is not supported: 1.2 is the oldest that is");
            check.problem(&format!("{at}.max_version"), message);
        }
        if matches!(min, "1.0" | "1.1") {
            let message = format!("TLS {min} is not spoken: 1.2 is the oldest that is");
            check.warning(&format!("{at}.min_version"), message);
        }
        // "" sorts before every version, which is right for a minimum.
        if !max.is_empty() && min > max {
            check.problem(at, "invalid TLS configuration: min_version cannot be greater than max_version");
        }
    }

    fn check_algorithms(&self, at: &str, check: &mut Check<'_>) {
        for name in algorithms::unknown_suites(self.cipher_suites) {
            let help = format!("there are {}; insecure ones are left out", algorithms::suite_names());
            let message = format!("invalid TLS cipher suite: \"{name}\"");
            check.problem_with_help(&format!("{at}.cipher_suites"), message, help);
        }
        if self.versions.1 == "1.2" && algorithms::has_only_tls13(self.cipher_suites) {
            let message = "none of the cipher suites is one of TLS 1.2, the highest version here";
            check.problem(&format!("{at}.cipher_suites"), message);
        }
        if self.include_insecure_cipher_suites {
            let message = "`include_insecure_cipher_suites` has no effect: there are no insecure cipher suites";
            check.warning(&format!("{at}.include_insecure_cipher_suites"), message);
        }
        for name in algorithms::unknown_curves(self.curve_preferences) {
            let message = format!("invalid curve type: {name}. Expected values are [{}]", algorithms::curve_names());
            check.problem(&format!("{at}.curve_preferences"), message);
        }
    }
}

fn is_given((file, pem): (&str, &Secret)) -> bool {
    !file.is_empty() || !pem.expose().is_empty()
}

fn both_forms((file, pem): (&str, &Secret), what: &str, at: &str, check: &mut Check<'_>) {
    if !file.is_empty() && !pem.expose().is_empty() {
        check
            .problem(at, format!("failed to load {what}: provide either the file or the PEM-encoded string, not both"));
    }
}
