//! Authenticators between real hosts: an agent shows credentials, a gateway checks them.

mod issuer;

use std::path::Path;

use prost::Message as _;
use serde_json::json;
use tailrace_otlp::Signal;
use tailrace_tests::backend::{Backend, Received};
use tailrace_tests::client::Answer;
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup, run};
use tailrace_tests::net::free_port;
use tailrace_tests::telemetry::Trace;
use tonic::Code;

use self::issuer::{Issuer, Signer, claims};
use crate::yaml;

/// Sends on without a queue; who may send is up to `auth`, the extension of `extensions`.
fn gateway(backend: &str, extensions: &str, auth: &str) -> String {
    gateway_with(&yaml::direct("otlp_grpc", backend), extensions, auth, &[auth])
}

fn gateway_with(exporter: &str, extensions: &str, auth: &str, enabled: &[&str]) -> String {
    yaml::config("", exporter, &[("traces", "", "otlp_grpc")])
        .replace("      grpc: {endpoint:", &format!("      grpc: {{auth: {{authenticator: {auth}}}, endpoint:"))
        .replace("      http: {endpoint:", &format!("      http: {{auth: {{authenticator: {auth}}}, endpoint:"))
        .replace("extensions:\n  health", &format!("extensions:\n{extensions}  health"))
        .replace("extensions: [health_check]", &format!("extensions: [health_check, {}]", enabled.join(", ")))
}

/// Takes anything, and sends it on over both protocols, a pipeline each, as `auth` shows.
fn agent(gateway: &Host, extensions: &str, auth: &str) -> String {
    let retry = "retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0s}";
    let exporters = format!(
        "  otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}, auth: {{authenticator: {auth}}}, {retry}}}
  otlp_http: {{endpoint: 'http://{}', auth: {{authenticator: {auth}}}, {retry}}}\n",
        gateway.address("grpc"),
        gateway.address("http"),
    );
    yaml::config("", &exporters, &[("traces", "", "otlp_grpc, otlp_http")])
        .replace("extensions:\n  health", &format!("extensions:\n{extensions}  health"))
        .replace("extensions: [health_check]", &format!("extensions: [health_check, {auth}]"))
}

fn trace(id: u128) -> bytes::Bytes {
    Trace::new(id).spans(1).request().encode_to_vec().into()
}

async fn over_grpc(host: &Host, headers: &[(&str, &str)]) -> Answer {
    host.grpc().send_bytes(Signal::Traces, trace(1), headers).await
}

async fn over_http(host: &Host, headers: &[(&str, &str)]) -> Answer {
    host.http().send_bytes(Signal::Traces, trace(1), headers).await
}

async fn is_let_in(host: &Host, headers: &[(&str, &str)]) -> bool {
    let (grpc, http) = (over_grpc(host, headers).await, over_http(host, headers).await);
    assert_eq!(grpc.is_ok(), http.is_ok(), "{grpc:?} {http:?}");
    grpc.is_ok()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("written");
    file.display().to_string()
}

/// As Kubernetes changes a mounted Secret: a link is replaced by one that leads elsewhere.
fn mount(folder: &Path, name: &str, text: &str) -> String {
    let (file, link) = (folder.join(name), folder.join("link"));
    let fresh = folder.join(format!("{name}.{}", free_port()));
    std::fs::write(&fresh, text).expect("written");
    std::os::unix::fs::symlink(fresh, &link).expect("linked");
    std::fs::rename(link, &file).expect("renamed");
    file.display().to_string()
}

#[tokio::test]
async fn a_gateway_takes_its_tokens_and_no_others() {
    let backend = Backend::start().await;
    let extension = "  bearertokenauth: {tokens: [swordfish, marlin]}\n";
    let host = Setup::new(gateway(backend.address(), extension, "bearertokenauth")).start().await;
    for token in ["swordfish", "marlin"] {
        assert!(is_let_in(&host, &[("authorization", &format!("Bearer {token}"))]).await, "{token}");
    }
    let missing = "missing or empty authorization header: Authorization";
    let wrong = "provided authorization does not match expected scheme or token";
    for (headers, why) in [
        (&[][..], missing),
        (&[("authorization", "Bearer pike")], wrong),
        (&[("authorization", "swordfish")], wrong),
        (&[("x-authorization", "Bearer swordfish")], missing),
    ] {
        let answer = over_grpc(&host, headers).await;
        assert_eq!(answer.code(), Code::Unauthenticated);
        assert_eq!(answer.grpc.expect("gRPC").message(), why);
        let answer = over_http(&host, headers).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"));
        assert_eq!((answer.rpc_status().code, answer.rpc_status().message.as_str()), (16, why));
    }
    // On the headers alone: neither of these bodies could be read.
    let bomb = bytes::Bytes::from(vec![0xff; 3 << 20]);
    let answer = host.grpc().send_bytes(Signal::Traces, bomb.clone(), &[("grpc-encoding", "gzip")]).await;
    assert_eq!(answer.code(), Code::Unauthenticated);
    let answer = host.http().send_bytes(Signal::Traces, bytes::Bytes::from("x"), &[("content-encoding", "gzip")]).await;
    assert_eq!(answer.status, 401);
    // Strangers do not learn what is served.
    assert_eq!(host.http().post("/v1/logs", bytes::Bytes::new(), &[]).await.status, 401);
    let metrics = host.metrics().await;
    let count = |transport| metrics.sum("otelcol_receiver_unauthenticated_requests", &[("transport", transport)]);
    assert_eq!((count("grpc"), count("http")), (5.0, 6.0));
    assert!(metrics.sum("otelcol_receiver_refused_spans", &[]) < 1.0);
    let log = host.log();
    assert!(log.contains("A request was refused because it is not authenticated"), "{log}");
    assert!(!log.contains("swordfish") && !log.contains("pike"), "{log}");
    assert_eq!(backend.spans().len(), 4);
}

#[tokio::test]
async fn tokens_are_rotated_on_either_side_while_both_run() {
    let (backend, folder) = (Backend::start().await, tempfile::tempdir().expect("a folder"));
    let folder = folder.path();
    let server = mount(folder, "server", "old");
    let client = mount(folder, "client", "old");
    let extension = |file: &str| format!("  bearertokenauth: {{filename: {file}}}\n");
    let gateway = Setup::new(gateway(backend.address(), &extension(&server), "bearertokenauth")).start().await;
    let mut agent = Setup::new(agent(&gateway, &extension(&client), "bearertokenauth")).start().await;
    let client = agent.grpc();
    let send = async |id: u128| client.send(Signal::Traces, &Trace::new(id).spans(1).request()).await.is_ok();
    assert!(send(1).await);
    // Over each of the two protocols.
    backend.wait_for_spans(2).await;
    mount(folder, "server", "old\nnew of the agents\n");
    eventually("the gateway's new token", async || {
        over_grpc(&gateway, &[("authorization", "Bearer new")]).await.is_ok().then_some(())
    })
    .await;
    mount(folder, "client", "new");
    let shown = |request: &Received| request.headers.contains_key("authorization");
    assert!(!backend.received().iter().any(shown), "credentials end at the gateway");
    agent.wait_for_log("Credentials were read again").await;
    mount(folder, "server", "new");
    eventually("the end of the old token", async || {
        (over_grpc(&gateway, &[("authorization", "Bearer old")]).await.code() == Code::Unauthenticated).then_some(())
    })
    .await;
    let after = backend.received().len();
    assert!(send(2).await);
    eventually("the trace", async || (backend.received().len() >= after + 2).then_some(())).await;
    // A token that is not taken is final, and counted.
    mount(folder, "server", "other");
    eventually("the end of the new token", async || {
        (over_grpc(&gateway, &[("authorization", "Bearer new")]).await.code() == Code::Unauthenticated).then_some(())
    })
    .await;
    assert!(send(3).await);
    for exporter in ["otlp_grpc", "otlp_http"] {
        agent.wait_for_metric("otelcol_exporter_send_failed_spans", &[("exporter", exporter)], 1.0).await;
    }
    let log = agent.log();
    assert!(log.contains("code = Unauthenticated"), "{log}");
    assert!(!log.contains("Bearer"), "{log}");
}

#[tokio::test]
async fn a_reload_replaces_authenticators_under_receivers_that_stay() {
    let backend = Backend::start().await;
    let yaml = |token: &str| {
        gateway(backend.address(), &format!("  bearertokenauth: {{token: {token}}}\n"), "bearertokenauth")
    };
    let mut host = Setup::new(yaml("one")).start().await;
    let client = host.grpc();
    let lets_in = async |token: &str| {
        let token = format!("Bearer {token}");
        client.send_bytes(Signal::Traces, trace(1), &[("authorization", &token)]).await.is_ok()
    };
    assert!(lets_in("one").await && !lets_in("two").await);
    host.reload(&yaml("two"));
    host.wait_for_log("The new configuration is in force").await;
    assert!(lets_in("two").await && !lets_in("one").await);
    // One that does not start leaves the old one in force.
    host.reload(&yaml("two").replace("{token: two}", "{filename: /nowhere/token}"));
    host.wait_for_log("the running configuration stays in force").await;
    assert!(lets_in("two").await);
}

#[tokio::test]
async fn passwords_are_checked_and_whose_they_are_is_sent_on() {
    let (backend, folder) = (Backend::start().await, tempfile::tempdir().expect("a folder"));
    // Of "secret".
    let hash = "agent:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
    let users = write(folder.path(), "htpasswd", hash);
    let exporter = yaml::direct("otlp_grpc", backend.address())
        .replace("{endpoint", "{auth: {authenticator: headers_setter}, endpoint");
    let extensions = format!(
        "  basicauth: {{htpasswd: {{file: {users}}}}}
  headers_setter:
    headers:
      - {{action: upsert, key: X-Scope-OrgID, from_attribute: username}}
      - {{action: insert, key: X-Tenant, from_context: x-tenant, default_value: none}}
"
    );
    let yaml = gateway_with(&exporter, &extensions, "basicauth", &["basicauth", "headers_setter"]).replace(
        "auth: {authenticator: basicauth}, endpoint",
        "include_metadata: true, auth: {authenticator: basicauth}, endpoint",
    );
    let gateway = Setup::new(yaml).start().await;
    let password = write(folder.path(), "password", "secret\n");
    let extension = format!("  basicauth: {{client_auth: {{username: agent, password_file: {password}}}}}\n");
    let agent = Setup::new(agent(&gateway, &extension, "basicauth")).start().await;
    assert!(agent.grpc().send(Signal::Traces, &Trace::new(1).spans(1).request()).await.is_ok());
    backend.wait_for_spans(2).await;
    for request in backend.received() {
        assert_eq!(
            (&request.headers["x-scope-orgid"], &request.headers["x-tenant"]),
            (&"agent".parse().expect("valid"), &"none".parse().expect("valid"))
        );
        assert!(!request.headers.contains_key("authorization"));
    }
    // base64 of agent:secret, agent:wrong.
    let right = [("authorization", "Basic YWdlbnQ6c2VjcmV0"), ("x-tenant", "t"), ("x-scope-orgid", "forged")];
    assert!(is_let_in(&gateway, &right).await);
    let last = backend.received().pop().expect("there");
    assert_eq!(
        (&last.headers["x-scope-orgid"], &last.headers["x-tenant"]),
        (&"agent".parse().expect("valid"), &"t".parse().expect("valid"))
    );
    let answer = over_http(&gateway, &[("authorization", "Basic YWdlbnQ6d3Jvbmc=")]).await;
    assert_eq!((answer.status, answer.rpc_status().message.as_str()), (401, "invalid credentials"));
    assert!(answer.header("www-authenticate").starts_with("Basic realm="));
    write(folder.path(), "htpasswd", &hash.replace("agent", "other"));
    eventually("the new users", async || (!over_grpc(&gateway, &right).await.is_ok()).then_some(())).await;
    assert!(!is_let_in(&gateway, &right).await);
}

fn oidc(issuer: &str) -> String {
    format!("  oidc: {{providers: [{{issuer_url: '{issuer}', audience: gateway, groups_claim: groups}}]}}\n")
}

#[tokio::test]
async fn tokens_of_an_issuer_are_verified_while_its_keys_change() {
    let backend = Backend::start().await;
    let (first, second, stranger) = (Signer::new("first"), Signer::new("second"), Signer::new("first"));
    let address = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{address}");
    let host = Setup::new(gateway(backend.address(), &oidc(&url), "oidc")).start().await;
    let bearer = |signer: &Signer, claims: &serde_json::Value| format!("Bearer {}", signer.sign(claims));
    let good = bearer(&first, &claims(&url, "agent", 600));
    // The issuer is away: that is not the client's fault, and may pass.
    let answer = over_grpc(&host, &[("authorization", &good)]).await;
    assert_eq!(answer.code(), Code::Unavailable, "{answer:?}");
    assert_eq!(over_http(&host, &[("authorization", &good)]).await.status, 503);
    let issuer = Issuer::start(&address, &first).await;
    eventually("the issuer's keys", async || over_grpc(&host, &[("authorization", &good)]).await.is_ok().then_some(()))
        .await;
    assert!(is_let_in(&host, &[("authorization", &good)]).await);
    for wrong in [
        bearer(&stranger, &claims(&url, "agent", 600)),
        bearer(&first, &claims(&url, "agent", -600)),
        bearer(&first, &claims("http://other", "agent", 600)),
        "Bearer x.y.z".to_owned(),
        good.replace("Bearer ", ""),
    ] {
        let answer = over_grpc(&host, &[("authorization", &wrong)]).await;
        assert_eq!(answer.code(), Code::Unauthenticated, "{answer:?}");
        assert_eq!(over_http(&host, &[("authorization", &wrong)]).await.status, 401);
    }
    let mut other = claims(&url, "agent", 600);
    other["aud"] = json!("somebody else");
    assert!(!is_let_in(&host, &[("authorization", &bearer(&first, &other))]).await);
    issuer.rotate(&second);
    let rotated = bearer(&second, &claims(&url, "agent", 600));
    eventually("the new key", async || {
        let answer = over_grpc(&host, &[("authorization", &rotated)]).await;
        // Until the issuer may be asked again, the client is to try again.
        assert!(answer.is_ok() || answer.is_retryable(), "{answer:?}");
        answer.is_ok().then_some(())
    })
    .await;
    assert!(!is_let_in(&host, &[("authorization", &bearer(&first, &claims(&url, "agent", 601)))]).await);
    assert!(!host.log().contains(good.trim_start_matches("Bearer ")));
}

#[tokio::test]
async fn an_agent_gets_tokens_and_waits_for_them() {
    let backend = Backend::start().await;
    let signer = Signer::new("key");
    let address = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{address}");
    let gateway = Setup::new(gateway(backend.address(), &oidc(&url), "oidc")).start().await;
    let extension = format!(
        "  oauth2client: {{client_id: agent, client_secret: secret, token_url: '{url}/token', scopes: [write], timeout: 2s}}\n"
    );
    let mut agent = Setup::new(agent(&gateway, &extension, "oauth2client")).start().await;
    for id in 1..=5 {
        assert!(agent.grpc().send(Signal::Traces, &Trace::new(id).spans(1).request()).await.is_ok());
    }
    agent.wait_for_log("failed to get security token from token endpoint").await;
    assert_eq!(backend.spans().len(), 0);
    let issuer = Issuer::start(&address, &signer).await;
    backend.wait_for_spans(10).await;
    assert_eq!(issuer.tokens(), 1, "one token serves them all");
    let log = agent.log();
    assert!(!log.contains("secret:") && !log.contains("eyJ"), "{log}");
}

#[tokio::test]
async fn a_missing_token_file_refuses_to_start() {
    let extension = "  bearertokenauth: {filename: /nowhere/token}\n";
    let host = Setup::new(gateway("127.0.0.1:1", extension, "bearertokenauth")).spawn();
    let ended = host.ended().await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    let why = "failed to start extensions: failed to start \"bearertokenauth\" extension: can not read /nowhere/token: No such file";
    assert!(ended.log.contains(why), "{}", ended.log);
}

#[tokio::test]
async fn a_token_file_may_be_waited_for() {
    let (backend, folder) = (Backend::start().await, tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("token").display().to_string();
    let extension = format!(
        "  bearertokenauth: {{filename: {file}, wait_for_token_file: true, retry_on_failure: {{enabled: true, interval: 100ms}}}}\n"
    );
    let host = Setup::new(gateway(backend.address(), &extension, "bearertokenauth")).start().await;
    let answer = over_grpc(&host, &[("authorization", "Bearer late")]).await;
    assert_eq!(answer.code(), Code::Unavailable);
    write(folder.path(), "token", "late");
    let late = [("authorization", "Bearer late")];
    eventually("the token", async || over_grpc(&host, &late).await.is_ok().then_some(())).await;
    assert!(is_let_in(&host, &late).await);
}

#[test]
fn references_are_checked_with_their_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = "receivers:
  otlp:
    protocols:
      grpc: {auth: {authenticator: oicd}}
      http: {auth: {authenticator: oauth2client}}
exporters:
  otlp_grpc: {endpoint: 'gateway:4317', tls: {insecure: true}, auth: {authenticator: basicauth}}
  otlp_http: {endpoint: 'http://gateway', auth: {authenticator: oidc}}
extensions:
  oidc: {issuer_url: 'https://issuer', audience: a}
  basicauth: {client_auth: {username: a}}
  oauth2client: {client_id: a, client_secret: b, token_url: 'https://issuer/token'}
  headers_setter/a: {headers: [{key: x, value: y}], additional_auth: headers_setter/b}
  headers_setter/b: {headers: [{key: x, value: y}], additional_auth: headers_setter/a}
service:
  extensions: [oidc, oauth2client, headers_setter/a, headers_setter/b]
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}
";
    let file = write(folder.path(), "config.yaml", configuration);
    let output = run(&["validate", "--config", &file]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for text in [
        "failed to resolve authenticator \"oicd\": authenticator not found",
        "config.yaml:4:36",
        "did you mean \"oidc\"?",
        "failed to resolve authenticator \"oauth2client\": requested authenticator is not a server authenticator",
        "config.yaml:5:36",
        "failed to resolve authenticator \"basicauth\": authenticator not found",
        "\"basicauth\" is configured and not enabled: add it to service::extensions",
        "failed to resolve authenticator \"oidc\": requested authenticator is not a client authenticator",
        "cycle detected: extension \"headers_setter/a\" -> \"headers_setter/b\" -> \"headers_setter/a\"",
        "travels in the clear to gateway",
    ] {
        assert!(said.contains(text), "{text:?} in\n{said}");
    }
}

#[tokio::test]
async fn the_admin_extension_asks_an_authenticator_over_tcp() {
    let backend = Backend::start().await;
    let extensions = "  bearertokenauth: {token: an-admin's-token}\n  admin: {endpoint: '127.0.0.1:@admin@', auth: {authenticator: bearertokenauth}}\n";
    let yaml = yaml::passing(backend.address())
        .replace("extensions:\n  health", &format!("extensions:\n{extensions}  health"))
        .replace("extensions: [health_check]", "extensions: [health_check, bearertokenauth, admin]");
    let host = Setup::new(yaml).start().await;
    let client = tailrace_tests::client::Client::http(&host.address("admin"));
    assert_eq!(client.get("/v1/status").await.status, 401);
    let token = [("authorization", "Bearer an-admin's-token")];
    let answer = client.request(http::Method::GET, "/v1/status", bytes::Bytes::new(), &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
