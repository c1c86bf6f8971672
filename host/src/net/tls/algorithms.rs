//! Cipher suites and groups of the key exchange, by Go's names.
//!
//! Only what is good at present is there at all: no RSA key exchange, no CBC, no RC4, no P521. As in Go, `cipher_suites` is about
//! TLS 1.2: the suites of TLS 1.3 may be named and are always on.

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::{cipher_suite as suites, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

static SUITES: [(&str, SupportedCipherSuite); 9] = [
    ("TLS_AES_256_GCM_SHA384", suites::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", suites::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", suites::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", suites::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

static CURVES: [(&str, &dyn SupportedKxGroup); 4] = [
    ("P256", kx_group::SECP256R1),
    ("P384", kx_group::SECP384R1),
    ("X25519", kx_group::X25519),
    ("X25519MLKEM768", kx_group::X25519MLKEM768),
];

/// The provider with these suites and groups; none given: its defaults. Names that are unknown have been refused before.
pub(super) fn provider(cipher_suites: &[String], curve_preferences: &[String]) -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    if !cipher_suites.is_empty() {
        let wanted = |name: &str| cipher_suites.iter().any(|given| given == name);
        let chosen = SUITES.iter().filter(|(name, suite)| suite.tls13().is_some() || wanted(name));
        provider.cipher_suites = chosen.map(|(_, suite)| *suite).collect();
    }
    if !curve_preferences.is_empty() {
        let group = |given: &String| CURVES.iter().find(|(name, _)| name == given).map(|(_, group)| *group);
        provider.kx_groups = curve_preferences.iter().filter_map(group).collect();
    }
    Arc::new(provider)
}

pub(super) fn unknown_suites(given: &[String]) -> impl Iterator<Item = &String> {
    given.iter().filter(|given| SUITES.iter().all(|(name, _)| name != given))
}

/// Whether suites are given, and none of TLS 1.2.
pub(super) fn has_only_tls13(given: &[String]) -> bool {
    let is_tls13 = |given: &String| SUITES.iter().any(|(name, suite)| name == given && suite.tls13().is_some());
    !given.is_empty() && given.iter().all(is_tls13)
}

pub(super) fn unknown_curves(given: &[String]) -> impl Iterator<Item = &String> {
    given.iter().filter(|given| CURVES.iter().all(|(name, _)| name != given))
}

pub(super) fn suite_names() -> String {
    SUITES.map(|(name, _)| name).join(", ")
}

pub(super) fn curve_names() -> String {
    CURVES.map(|(name, _)| name).join(", ")
}
