//! Exporters against `openssl s_server`.

use std::path::Path;

use tailrace_otlp::Signal;
use tailrace_tests::eventually;
use tailrace_tests::host::Setup;
use tailrace_tests::pki::{self, Ca};
use tailrace_tests::telemetry::Trace;

use super::openssl::Server;
use crate::yaml;

/// A host that sends by each of the two exporters, with this `tls`, to the server; what its first words are, and what it tells its
/// own client. `works`: whether the server should hear anything.
async fn check(what: &str, folder: &Path, server: &[&str], tls: &str, works: bool, error: &str) {
    for (exporter, first_words) in [("otlp_grpc", "PRI * HTTP/2.0"), ("otlp_http", "POST /v1/traces")] {
        let server = Server::start(folder, server).await;
        let tls = tls.replace('%', folder.to_str().expect("UTF-8"));
        let settings = format!(
            "  {exporter}: {{endpoint: 'https://{}', timeout: 10s, tls: {{{tls}}}, sending_queue: {{enabled: false}}, \
             retry_on_failure: {{enabled: false}}}}\n",
            server.address
        );
        let host = Setup::new(yaml::config("", &settings, &[("traces", "", exporter)])).start().await;
        let client = host.grpc();
        let sending = tokio::spawn(async move { client.send(Signal::Traces, &Trace::new(1).request()).await });
        if works {
            let heard = async || server.heard().contains(first_words).then_some(());
            eventually(&format!("{what}: {exporter} to be heard"), heard).await;
            sending.abort();
        } else {
            let answer = sending.await.expect("no panic");
            assert!(!answer.is_ok() && answer.is_retryable(), "{what}: {exporter} {answer:?}");
            let told = answer.grpc.as_ref().map(|status| status.message().to_owned()).unwrap_or_default();
            assert!(told.contains(error), "{what}: {exporter} {told}");
            assert!(!server.heard().contains(first_words), "{what}: {exporter} {}", server.heard());
        }
    }
}

#[tokio::test]
async fn servers_that_are_not_trusted_hear_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let [servers, others] = ["servers", "others"].map(Ca::new);
    let at = folder.path();
    servers.server("good").write(at, "good");
    servers.expired("expired").write(at, "expired");
    servers.server_of("other.test").write(at, "other");
    pki::write(at, "ca.crt", &servers.pem());
    pki::write(at, "others.crt", &others.pem());
    let good = ["-cert", "good.crt", "-key", "good.key"];
    let expired = ["-cert", "expired.crt", "-key", "expired.key"];
    let other = ["-cert", "other.crt", "-key", "other.key"];
    check("a good one", at, &good, "ca_file: %/ca.crt", true, "").await;
    check("insecure and a CA", at, &good, "ca_file: %/ca.crt, insecure: true", true, "").await;
    check("another CA", at, &good, "ca_file: %/others.crt", false, "UnknownIssuer").await;
    check("the system's CAs", at, &good, "", false, "UnknownIssuer").await;
    check("expired", at, &expired, "ca_file: %/ca.crt", false, "expired").await;
    check("another name", at, &other, "ca_file: %/ca.crt", false, "not valid for name").await;
    check("the name", at, &other, "ca_file: %/ca.crt, server_name_override: other.test", true, "").await;
    check("whoever", at, &expired, "insecure_skip_verify: true", true, "").await;
}

#[tokio::test]
async fn versions_of_servers() {
    let (folder, servers) = (tempfile::tempdir().expect("a folder"), Ca::new("servers"));
    let at = folder.path();
    servers.server("good").write(at, "good");
    pki::write(at, "ca.crt", &servers.pem());
    let of = |version| ["-cert", "good.crt", "-key", "good.key", "-cipher", "DEFAULT@SECLEVEL=0", version];
    check("1.2", at, &of("-tls1_2"), "ca_file: %/ca.crt", true, "").await;
    check("1.3", at, &of("-tls1_3"), "ca_file: %/ca.crt, min_version: '1.3'", true, "").await;
    check("too low", at, &of("-tls1_2"), "ca_file: %/ca.crt, min_version: '1.3'", false, "ProtocolVersion").await;
    check("too high", at, &of("-tls1_3"), "ca_file: %/ca.crt, max_version: '1.2'", false, "ProtocolVersion").await;
    check("1.1", at, &of("-tls1_1"), "ca_file: %/ca.crt", false, "").await;
}

#[tokio::test]
async fn servers_that_ask_for_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let [servers, clients, others] = ["servers", "clients", "others"].map(Ca::new);
    let at = folder.path();
    servers.server("good").write(at, "good");
    clients.client("client").write(at, "client");
    others.client("stranger").write(at, "stranger");
    pki::write(at, "ca.crt", &servers.pem());
    pki::write(at, "clients.crt", &clients.pem());
    for version in ["-tls1_2", "-tls1_3"] {
        let asking = [
            "-cert",
            "good.crt",
            "-key",
            "good.key",
            "-Verify",
            "2",
            "-verify_return_error",
            "-CAfile",
            "clients.crt",
            version,
        ];
        let shown = |name: &str| format!("ca_file: %/ca.crt, cert_file: %/{name}.crt, key_file: %/{name}.key");
        check("the right one", at, &asking, &shown("client"), true, "").await;
        check("none", at, &asking, "ca_file: %/ca.crt", false, "").await;
        check("another CA's", at, &asking, &shown("stranger"), false, "").await;
    }
}
