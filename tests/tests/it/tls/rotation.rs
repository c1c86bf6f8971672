//! Certificates, keys and CAs that change while data flows. Connections live for a second, so that each change is met by handshakes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::Client;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::pki::{self, Ca};
use tailrace_tests::telemetry::Trace;
use tokio::task::JoinHandle;

use super::openssl;
use crate::yaml;

/// Between two requests of a load.
const EVERY: Duration = Duration::from_millis(50);

const CHANGED: &str = "TLS certificates or keys have changed";

/// A gateway that asks clients for certificates of `clients.crt`.
async fn gateway(folder: &Path, backend: &str) -> Host {
    let at = folder.display();
    let tls = format!(
        "tls: {{cert_file: {at}/server.crt, key_file: {at}/server.key, client_ca_file: {at}/clients.crt, reload_interval: 1s}}"
    );
    let short = "keepalive: {server_parameters: {max_connection_age: 1s, max_connection_age_grace: 5s}}";
    let config = yaml::config("", &yaml::queued("otlp_grpc", backend), &[("traces", "", "otlp_grpc")])
        .replace(
            "grpc: {endpoint: '127.0.0.1:@grpc@'}",
            &format!("grpc: {{endpoint: '127.0.0.1:@grpc@', {short}, {tls}}}"),
        )
        .replace("http: {endpoint: '127.0.0.1:@http@'}", &format!("http: {{endpoint: '127.0.0.1:@http@', {tls}}}"));
    Setup::new(config).start().await
}

/// An agent that sends there.
async fn agent(folder: &Path, exporter: &str, endpoint: &str) -> Host {
    let at = folder.display();
    let exporters = format!(
        "  {exporter}:
    endpoint: 'https://{endpoint}'
    tls: {{ca_file: {at}/servers.crt, cert_file: {at}/client.crt, key_file: {at}/client.key, reload_interval: 1s}}
    retry_on_failure: {{initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0s}}
"
    );
    Setup::new(yaml::config("", &exporters, &[("traces", "", exporter)])).start().await
}

/// Sends a trace now and again until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Load {
    fn start(client: Client, first: u128) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (until, counter) = (stop.clone(), sent.clone());
        let task = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                let id = first + counter.fetch_add(1, Ordering::Relaxed) as u128;
                let answer = client.send(Signal::Traces, &Trace::new(id).spans(1).request()).await;
                assert!(answer.is_ok(), "{answer:?}");
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { stop, sent, task }
    }

    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("no panic");
        self.sent.load(Ordering::Relaxed)
    }
}

/// Waits for as many spans as the two loads send in two connections' lives.
async fn flows_on(backend: &Backend) {
    let before = backend.spans().len();
    backend.wait_for_spans(before + 2 * (2000 / EVERY.as_millis() as usize)).await;
}

#[tokio::test]
async fn everything_is_renewed_while_data_flows() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let [servers, new_servers] = ["servers", "new servers"].map(Ca::new);
    let [clients, new_clients] = ["clients", "new clients"].map(Ca::new);
    servers.server("first").write(at, "server");
    clients.client("first").write(at, "client");
    clients.client("first").write(at, "old");
    let trusted = pki::write(at, "servers.crt", &servers.pem());
    pki::write(at, "clients.crt", &clients.pem());
    let backend = Backend::start().await;
    let mut gateway = gateway(at, backend.address()).await;
    let mut over_grpc = agent(at, "otlp_grpc", &gateway.address("grpc")).await;
    let mut over_http = agent(at, "otlp_http", &gateway.address("http")).await;
    let loads = [Load::start(over_grpc.grpc(), 1), Load::start(over_http.grpc(), 1 << 40)];
    backend.wait_for_spans(20).await;
    let at_old = ["-cert", &format!("{}/old.crt", at.display()), "-key", &format!("{}/old.key", at.display())]
        .map(str::to_owned);
    let old: Vec<_> = at_old.iter().map(String::as_str).collect();
    let said = openssl::get(&gateway.address("http"), &trusted, &old).await;
    assert!(said.answer.contains("HTTP/1.1 404") && said.report.contains("CN = first"), "{said:?}");

    // The agents trust both CAs of servers, then the gateway changes over, then the old CA goes.
    pki::write(at, "servers.crt", &(servers.pem() + &new_servers.pem()));
    over_grpc.wait_for_log_times(CHANGED, 1).await;
    over_http.wait_for_log_times(CHANGED, 1).await;
    new_servers.server("second").write(at, "server");
    gateway.wait_for_log(CHANGED).await;
    flows_on(&backend).await;
    pki::write(at, "servers.crt", &new_servers.pem());
    over_grpc.wait_for_log_times(CHANGED, 2).await;
    over_http.wait_for_log_times(CHANGED, 2).await;
    flows_on(&backend).await;
    // And the same for the clients' certificates.
    let kept = openssl::connect(&gateway.address("http"), &trusted, &old);
    flows_on(&backend).await;
    pki::write(at, "clients.crt", &(clients.pem() + &new_clients.pem()));
    flows_on(&backend).await;
    new_clients.client("second").write(at, "client");
    over_grpc.wait_for_log_times(CHANGED, 3).await;
    over_http.wait_for_log_times(CHANGED, 3).await;
    flows_on(&backend).await;
    pki::write(at, "clients.crt", &new_clients.pem());
    flows_on(&backend).await;

    let said = openssl::get(&gateway.address("http"), &trusted, &old).await;
    assert!(!said.answer.contains("HTTP") && said.report.contains("CN = second"), "the old CA is gone: {said:?}");
    let said = kept.get().await;
    assert!(said.answer.contains("HTTP/1.1 404"), "a connection from before goes on: {said:?}");
    let mut sent = 0;
    for load in loads {
        sent += load.stop().await;
    }
    backend.wait_for_spans(sent).await;
    let distinct = backend.traces().len();
    assert_eq!(distinct, sent, "all of them arrived");
    for host in [&over_grpc, &over_http, &gateway] {
        assert!(!host.log().contains("are not used"), "{}", host.log());
    }
}

#[tokio::test]
async fn a_bad_renewal_keeps_the_old_certificate_and_is_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let [servers, clients] = ["servers", "clients"].map(Ca::new);
    let (first, second) = (servers.server("first"), servers.server("second"));
    first.write(at, "server");
    clients.client("client").write(at, "client");
    let trusted = pki::write(at, "servers.crt", &servers.pem());
    pki::write(at, "clients.crt", &clients.pem());
    let backend = Backend::start().await;
    let mut gateway = gateway(at, backend.address()).await;
    let (crt, key) = (at.join("client.crt").display().to_string(), at.join("client.key").display().to_string());
    let shown = ["-cert", crt.as_str(), "-key", key.as_str()];
    let health = Client::http(&gateway.address("health"));
    let server = gateway.address("http");
    let get = async || openssl::get(&server, &trusted, &shown).await;

    // Half of it is there.
    pki::write(at, "server.crt", &second.certificate);
    gateway.wait_for_log_times("Changed TLS certificates or keys are not used", 2).await;
    let answer = health.get("/").await;
    assert!(answer.status == 200 && answer.text().contains("KeyMismatch"), "{}", answer.text());
    assert!(get().await.report.contains("CN = first"));
    pki::write(at, "server.key", &second.key[..100]);
    gateway.wait_for_log_times("Changed TLS certificates or keys are not used", 4).await;
    let answer = health.get("/").await;
    assert!(answer.status == 200 && answer.text().contains("failed to parse key"), "{}", answer.text());
    assert!(get().await.report.contains("CN = first"));

    pki::write(at, "server.key", &second.key);
    gateway.wait_for_log_times(CHANGED, 2).await;
    assert!(get().await.report.contains("CN = second"));
    let text = health.get("/").await.text();
    assert!(!text.contains("degraded"), "{text}");
    let log = gateway.log();
    assert_eq!(log.matches("are not used").count(), 4, "each of both servers told of each change once: {log}");
}
