//! The host's own servers, its command line against them, and what `validate` says of plaintext.

use tailrace_tests::host::{Setup, binary, run};
use tailrace_tests::pki::{self, Ca};

use super::openssl;
use crate::yaml;

#[tokio::test]
async fn health_and_admin_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let [servers, clients] = ["servers", "clients"].map(Ca::new);
    servers.server("server").write(folder.path(), "server");
    clients.client("operator").write(folder.path(), "operator");
    let trusted = pki::write(folder.path(), "ca.crt", &servers.pem());
    pki::write(folder.path(), "clients.crt", &clients.pem());
    pki::write(folder.path(), "token", "0123456789abcdef");
    let at = folder.path().display();
    let tls = format!("cert_file: {at}/server.crt, key_file: {at}/server.key");
    let extensions = format!(
        "extensions:
  admin: {{endpoint: '0.0.0.0:@admin@', token_file: {at}/token, tls: {{{tls}}}}}
  admin/asking: {{endpoint: '0.0.0.0:@asking@', tls: {{{tls}, client_ca_file: {at}/clients.crt}}}}
  health_check: {{endpoint: '127.0.0.1:@health@', tls: {{{tls}}}}}"
    );
    let config = yaml::config("", "  debug: {}\n", &[("traces", "", "debug")])
        .replace("extensions:\n  health_check: {endpoint: '127.0.0.1:@health@'}", &extensions)
        .replace("extensions: [health_check]", "extensions: [health_check, admin, admin/asking]");
    let host = Setup::new(config).start().await;
    let said = openssl::get(&host.address("health"), &trusted, &[]).await;
    assert!(said.answer.contains("Server available"), "{said:?}");

    let url = |name: &str| format!("https://{}", host.address(name));
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (ca, token) = (["--admin-ca", &file("ca.crt")], ["--admin-token-file", &file("token")]);
    let shown = ["--admin-cert", &file("operator.crt"), "--admin-key", &file("operator.key")];
    for (name, arguments, works, told) in [
        ("admin", [&ca[..], &token].concat(), true, "no plugins from files"),
        ("admin", ca.to_vec(), false, "the token is missing"),
        ("admin", token.to_vec(), false, "UnknownIssuer"),
        ("asking", [&ca[..], &shown].concat(), true, "no plugins from files"),
        ("asking", ca.to_vec(), false, ""),
    ] {
        let mut command = std::process::Command::new(binary());
        command.args(["plugin", "reload", "--admin", &url(name)]).args(&arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("runs");
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert_eq!(output.status.success(), works, "{name} {arguments:?}: {said}");
        assert!(said.contains(told), "{name} {arguments:?}: {said}");
    }
    let labels = [("extension", "admin/asking"), ("reason", "no_client_certificate")];
    host.wait_for_metric("otelcol_extension_tls_handshake_failures", &labels, 1.0).await;
}

#[test]
fn validate_warns_of_plaintext_beyond_the_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = pki::write(
        folder.path(),
        "config.yaml",
        "
receivers:
  otlp:
    protocols:
      grpc: {endpoint: '0.0.0.0:4317'}
      http: {endpoint: 'localhost:4318'}
exporters:
  otlp_grpc: {endpoint: 'gateway:4317', tls: {insecure: true}}
  otlp_grpc/local: {endpoint: '127.0.0.1:4317', tls: {insecure: true}}
  otlp_grpc/tls: {endpoint: 'gateway:4317', tls: {insecure_skip_verify: true}}
  otlp_http: {endpoint: 'http://gateway:4318'}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_grpc, otlp_grpc/local, otlp_grpc/tls, otlp_http]}
",
    );
    let output = run(&["validate", "--config", config.to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for (message, line) in [
        ("0.0.0.0:4317 takes data from other machines in plaintext", ":5:"),
        ("otlp_grpc::endpoint: data goes to gateway in plaintext", ":8:"),
        ("any server's certificate will do", ":10:"),
        ("otlp_http::endpoint: data goes to gateway in plaintext", ":11:"),
    ] {
        assert!(said.contains(message) && said.contains(&format!("config.yaml{line}")), "{message}: {said}");
    }
    assert_eq!(said.matches("Warning").count(), 4, "{said}");
}
