//! `openssl s_client` against receivers.

use std::path::Path;
use std::process::Command;

use tailrace_tests::host::{Host, Setup};
use tailrace_tests::pki::{self, Ca};

use super::openssl;
use crate::yaml;

/// A host whose HTTP receiver has this `tls`.
async fn host(tls: &str) -> Host {
    let config = yaml::config("", "  debug: {}\n", &[("traces", "", "debug")]);
    let http = format!("http: {{endpoint: '127.0.0.1:@http@', tls: {{{tls}}}}}");
    Setup::new(config.replace("http: {endpoint: '127.0.0.1:@http@'}", &http)).start().await
}

/// Whether a client with these arguments gets an answer, and that openssl says `report`.
async fn check(what: &str, host: &Host, ca: &Path, arguments: &[&str], works: bool, report: &str) {
    let said = openssl::get(&host.address("http"), ca, arguments).await;
    assert_eq!(said.answer.contains("HTTP/1.1 404"), works, "{what}: {said:?}");
    assert!(said.report.contains(report), "{what}: {said:?}");
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn versions_and_suites() {
    let (folder, ca) = (tempfile::tempdir().expect("a folder"), Ca::new("servers"));
    ca.server("server").write(folder.path(), "server");
    let trusted = pki::write(folder.path(), "ca.crt", &ca.pem());
    let identity = format!("cert_file: {0}.crt, key_file: {0}.key", path(folder.path(), "server"));
    let (old, tls12, tls13) = (["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], ["-tls1_2"], ["-tls1_3"]);

    let any = host(&identity).await;
    check("any 1.2", &any, &trusted, &tls12, true, "Protocol version: TLSv1.2").await;
    check("any 1.3", &any, &trusted, &tls13, true, "Protocol version: TLSv1.3").await;
    check("any 1.1", &any, &trusted, &old, false, "alert handshake failure").await;
    let count = [("receiver", "otlp"), ("transport", "http"), ("reason", "version")];
    any.wait_for_metric("otelcol_receiver_tls_handshake_failures", &count, 1.0).await;

    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let only12 = host(&format!("{identity}, max_version: '1.2', cipher_suites: [{suite}]")).await;
    check("1.2 only", &only12, &trusted, &[], true, "Ciphersuite: ECDHE-ECDSA-AES256-GCM-SHA384").await;
    check("1.2 only", &only12, &trusted, &tls13, false, "alert protocol version").await;
    let other = ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"];
    check("another suite", &only12, &trusted, &other, false, "alert handshake failure").await;

    let only13 = host(&format!("{identity}, min_version: '1.3', curve_preferences: [P384]")).await;
    check("1.3 only", &only13, &trusted, &[], true, "Server Temp Key: ECDH, secp384r1").await;
    check("1.3 only", &only13, &trusted, &tls12, false, "alert protocol version").await;
    check("another group", &only13, &trusted, &["-groups", "X25519"], false, "alert handshake failure").await;
}

#[tokio::test]
async fn clients_without_a_good_certificate_are_refused_and_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let [servers, clients, others] = ["servers", "clients", "others"].map(Ca::new);
    servers.server("server").write(folder.path(), "server");
    clients.client("good").write(folder.path(), "good");
    clients.expired("expired").write(folder.path(), "expired");
    others.client("stranger").write(folder.path(), "stranger");
    // Signed by the right CA, for servers only.
    clients.server("misused").write(folder.path(), "misused");
    let trusted = pki::write(folder.path(), "ca.crt", &servers.pem());
    pki::write(folder.path(), "clients.crt", &clients.pem());
    let file = |name: &str| path(folder.path(), name);
    let (server, client_ca) = (file("server"), file("clients.crt"));
    let host = host(&format!("cert_file: {server}.crt, key_file: {server}.key, client_ca_file: {client_ca}")).await;

    for version in ["-tls1_2", "-tls1_3"] {
        for (name, works, reason) in [
            ("good", true, ""),
            ("", false, "no_client_certificate"),
            ("expired", false, "expired_client_certificate"),
            ("stranger", false, "unknown_client_ca"),
            ("misused", false, "bad_client_certificate"),
        ] {
            let (cert, key) = (file(&format!("{name}.crt")), file(&format!("{name}.key")));
            let shown = if name.is_empty() { vec![version] } else { vec![version, "-cert", &cert, "-key", &key] };
            let before = count(&host, reason).await;
            check(
                &format!("{version} {name}"),
                &host,
                &trusted,
                &shown,
                works,
                if works { "Protocol" } else { "alert" },
            )
            .await;
            if !works {
                let labels = [("receiver", "otlp"), ("transport", "http"), ("reason", reason)];
                host.wait_for_metric("otelcol_receiver_tls_handshake_failures", &labels, before + 1.0).await;
            }
        }
    }
    let log = host.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("TLS handshake failed")).collect();
    for reason in ["no_client_certificate", "unknown_client_ca", "bad_client_certificate"] {
        assert!(told.iter().any(|line| line.contains(reason)), "{reason}: {log}");
    }
    assert!(
        told.iter().any(|line| line.contains("expired_client_certificate") && line.contains("127.0.0.1:")),
        "{log}"
    );
}

async fn count(host: &Host, reason: &str) -> f64 {
    host.metrics().await.sum("otelcol_receiver_tls_handshake_failures", &[("reason", reason)])
}

/// RSA, keys and certificates as openssl makes them.
#[tokio::test]
async fn certificates_made_by_openssl() {
    let folder = tempfile::tempdir().expect("a folder");
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output();
        let output = output.expect("openssl runs");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca");
    std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").expect("written");
    openssl("genrsa -traditional -out rsa.key 2048");
    openssl("ecparam -name prime256v1 -genkey -noout -out ec.key");
    for kind in ["rsa", "ec"] {
        openssl(&format!("req -new -key {kind}.key -out {kind}.csr -subj /CN={kind}"));
        openssl(&format!(
            "x509 -req -in {kind}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {kind}.crt"
        ));
        let name = path(folder.path(), kind);
        let client_ca = path(folder.path(), "ca.crt");
        let host = host(&format!("cert_file: {name}.crt, key_file: {name}.key, client_ca_file: {client_ca}")).await;
        let shown = ["-cert", &format!("{name}.crt"), "-key", &format!("{name}.key")];
        check(kind, &host, Path::new(&client_ca), &shown, true, &format!("Peer certificate: CN = {kind}")).await;
    }
}
