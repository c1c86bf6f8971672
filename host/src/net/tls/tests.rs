use std::path::Path;

use super::*;
use crate::config::{self, Check};

#[test]
fn plaintext_needs_insecure_and_no_ca() {
    let cases = [(false, "", false), (true, "", true), (true, "ca.crt", false), (false, "ca.crt", false)];
    for (insecure, ca_file, plaintext) in cases {
        let tls = ClientTls { insecure, ca_file: ca_file.to_owned(), ..ClientTls::default() };
        assert_eq!(tls.is_plaintext(), plaintext, "{insecure} {ca_file}");
    }
}

#[test]
fn versions_lie_between_the_bounds() {
    for (min, max, expected) in [
        ("", "", vec![&TLS12, &TLS13]),
        ("1.0", "1.3", vec![&TLS12, &TLS13]),
        ("1.3", "", vec![&TLS13]),
        ("1.2", "1.2", vec![&TLS12]),
    ] {
        assert_eq!(versions(min, max), expected, "{min} {max}");
    }
}

#[test]
fn unreadable_material_is_named() {
    let missing = ClientTls { ca_file: "/nonexistent/ca.crt".to_owned(), ..ClientTls::default() };
    let error = missing.client_config(&[]).expect_err("no such file").to_string();
    assert!(error.contains("/nonexistent/ca.crt"), "{error}");
}

/// A server's section with this certificate, in files of the folder.
pub(super) fn server_tls(folder: &Path, pair: &testing::Issued) -> ServerTls {
    let cert_file = testing::write(folder, "server.crt", &pair.certificate);
    let key_file = testing::write(folder, "server.key", &pair.key);
    ServerTls { cert_file, key_file, ..ServerTls::default() }
}

#[test]
fn suites_and_curves_have_gos_names() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let default = algorithms::provider(&[], &[]);
    assert_eq!((default.cipher_suites.len(), default.kx_groups.len()), (9, 4));
    let suites = names(&["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]);
    let chosen = algorithms::provider(&suites, &names(&["P384", "X25519"]));
    let of_tls12: Vec<_> = chosen.cipher_suites.iter().filter(|suite| suite.tls13().is_none()).collect();
    assert_eq!(format!("{:?}", of_tls12[0].suite()), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!((of_tls12.len(), chosen.cipher_suites.len()), (1, 4), "those of TLS 1.3 are always there");
    let groups: Vec<_> = chosen.kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
    assert_eq!(groups, ["secp384r1", "X25519"]);
}

/// What is said of a section.
fn said<T: serde::de::DeserializeOwned>(yaml: &str, check: impl Fn(&T, &mut Check<'_>)) -> Vec<String> {
    let (node, at, mut problems) = (config::testing::node(yaml), config::Path::root(), config::Problems::default());
    let tls: T = serde_yaml::from_str(yaml).expect(yaml);
    check(&tls, &mut Check::new(Some(&node), &at, &[], &mut problems));
    let lines = problems.all().iter().map(|problem| format!("{:?} {}", problem.severity, problem.message));
    lines.collect()
}

#[test]
fn sections_of_servers() {
    let check = |tls: &ServerTls, check: &mut Check<'_>| tls.check("tls", check);
    for (more, expected) in [
        ("", &[][..]),
        ("client_ca_file: a, client_ca_file_reload: true, reload_interval: 1m", &[]),
        ("client_ca_file: a, ca_file: b", &[]),
        ("min_version: '1.2', max_version: '1.3', curve_preferences: [X25519MLKEM768, P256]", &[]),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", &[]),
        ("ca_file: a", &["Warning tls::ca_file: `ca_file` has no effect on a server: clients need no certificate"]),
        ("ca_pem: a", &["Warning tls::ca_pem: `ca_pem` has no effect"]),
        ("ca_pem: a, ca_file: b, client_ca_file: c", &["Error tls: failed to load CA: provide either"]),
        (
            "client_ca_file: a, include_system_ca_certs_pool: true",
            &["Warning tls::include_system_ca_certs_pool: clients with a certificate of any CA"],
        ),
        ("cert_pem: x", &["Error tls: failed to load certificate: provide either the file or"]),
        ("min_version: '1.3', max_version: '1.2'", &["Error tls: invalid TLS configuration: min_version"]),
        ("min_version: '1.1'", &["Warning tls::min_version: TLS 1.1 is not spoken"]),
        ("max_version: '1.1'", &["Error tls::max_version: TLS 1.1 is not supported"]),
        ("max_version: '2'", &["Error tls::max_version: unsupported TLS version: \"2\""]),
        (
            "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, rot13], include_insecure_cipher_suites: true",
            &[
                "Error tls::cipher_suites: invalid TLS cipher suite: \"TLS_RSA_WITH_AES_128_CBC_SHA\"",
                "Error tls::cipher_suites: invalid TLS cipher suite: \"rot13\"",
                "Warning tls::include_insecure_cipher_suites: `include_insecure_cipher_suites` has no effect",
            ],
        ),
        (
            "max_version: '1.2', cipher_suites: [TLS_AES_128_GCM_SHA256]",
            &["Error tls::cipher_suites: none of the cipher suites is one of TLS 1.2"],
        ),
        (
            "curve_preferences: [P521]",
            &[
                "Error tls::curve_preferences: invalid curve type: P521. Expected values are [P256, P384, X25519, X25519MLKEM768]",
            ],
        ),
        ("reload_interval: 500", &["Warning tls::reload_interval: files are looked at once a second at most"]),
        ("tpm: {enabled: true}", &["Error tls::tpm: `tpm` is not supported"]),
    ] {
        let said = said(&format!("{{cert_file: c, key_file: k, {more}}}"), check);
        let as_expected = said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected));
        assert!(as_expected && said.len() == expected.len(), "{more}: {said:#?}");
    }
    assert!(said("{enabled: false}", check).is_empty());
    assert_eq!(said("{}", check), [format!("Error tls: {}", check::NO_SERVER_IDENTITY)]);
    assert_eq!(said("{key_file: k}", check), ["Error tls: TLS configuration must include both certificate and key"]);
}

#[test]
fn sections_of_clients() {
    let check = |tls: &ClientTls, check: &mut Check<'_>| tls.check("tls", check);
    assert!(said("{insecure: true, ca_file: a, cert_file: c, key_pem: k}", check).is_empty());
    for (yaml, expected) in [
        ("{insecure_skip_verify: true}", "Warning tls::insecure_skip_verify: any server's certificate will do"),
        ("{ca_file: a, ca_pem: b}", "Error tls: failed to load CA: provide either the file or"),
        ("{cert_file: a}", "Error tls: TLS configuration must include both"),
    ] {
        let said = said(yaml, check);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{yaml}: {said:?}");
    }
}

#[test]
fn servers_with_a_ca_for_clients_resume_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = testing::Authority::new("ca");
    let plain = server_tls(folder.path(), &authority.issue("server.test", 2100));
    let client_ca_file = testing::write(folder.path(), "ca.crt", &authority.pem());
    for (tls, resumes) in [(plain.clone(), true), (ServerTls { client_ca_file, ..plain }, false)] {
        let recipe = ServerRecipe { tls, protocols: Vec::new() };
        let config = recipe.make(&recipe.sources().read()).unwrap();
        assert_eq!((config.session_storage.can_cache(), config.send_tls13_tickets > 0), (resumes, resumes));
    }
}
