//! Configurations that users run with the Go collector, unchanged.

use std::collections::BTreeSet;

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::data;
use tailrace_tests::dns::{Answer, DnsServer};
use tailrace_tests::host::{Setup, run};
use tailrace_tests::net::Authority;
use tailrace_tests::telemetry::Trace;

fn seed(name: &str) -> String {
    std::fs::read_to_string(data("seed-configs").join(name)).expect("a file of the repository")
}

/// Only endpoints are changed; the backend's certificate comes from a CA that the environment names.
async fn article_gateway_samples(environment: &str) {
    let authority = Authority::new();
    let backend = Backend::start_tls(&authority).await;
    let (_, port) = backend.address().rsplit_once(':').expect("a port");
    let trusted = if environment == "SSL_CERT_FILE" { authority.ca_file() } else { authority.ca_folder().to_owned() };
    let host = Setup::new(seed("article-gateway.yaml"))
        .set("receivers.otlp.protocols.grpc.endpoint", "127.0.0.1:@grpc@")
        .set("exporters.otlp/backend.endpoint", &format!("localhost:{port}"))
        .set(
            "service.telemetry.metrics.readers",
            "[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: @metrics@}}}}]",
        )
        .env(environment, trusted.display().to_string())
        .start()
        .await;
    assert!(host.log().contains("decision_cache"), "the flat cache sizes are a warning that names the new place");

    let client = host.grpc();
    let traces: Vec<_> = (0..90_u128)
        .map(|n| {
            let trace = Trace::new((n + 1) * 0x0123_4567_89ab_cdef_1357);
            match n % 3 {
                0 => trace.error(),
                1 => trace.lasting(1500),
                _ => trace,
            }
        })
        .collect();
    for trace in &traces {
        let answer = client.send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
    }

    // The wait is 30 s; at the end what is pending is decided with what is there.
    let ended = host.stop().await;
    assert!(ended.status.success(), "{}", ended.log);
    let arrived = backend.traces();
    let must: BTreeSet<_> =
        traces.iter().filter(|trace| trace.error || trace.duration_ms > 1000).map(Trace::id_bytes).collect();
    let lost: Vec<_> = must.iter().filter(|id| !arrived.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} lost\n{}", lost.len(), must.len(), ended.log);
    let more = arrived.len() - must.len();
    assert!(more < 30 / 2, "of 30 plain traces a tenth is kept, here {more}");
    assert!(arrived.values().all(|spans| spans.len() == 4), "traces arrive whole");
    assert!(backend.received().iter().all(|request| request.encoding == "gzip"), "the exporter's default");
}

#[tokio::test]
async fn article_gateway_with_a_certificate_file() {
    article_gateway_samples("SSL_CERT_FILE").await;
}

#[tokio::test]
async fn article_gateway_with_a_certificate_folder() {
    article_gateway_samples("SSL_CERT_DIR").await;
}

/// Only addresses and who answers DNS are changed.
async fn agent_sends(file: &str, backend: &Backend, more: &[(&str, &str)], environment: Option<(&str, String)>) {
    let dns = DnsServer::start().await;
    dns.answer(Answer::addresses(&["127.0.0.1"]));
    let (_, port) = backend.address().rsplit_once(':').expect("a port");
    let mut setup = Setup::new(seed(file))
        .set("exporters.loadbalancing.resolver.dns.servers", &format!("['{}']", dns.address()))
        .set("exporters.loadbalancing.resolver.dns.port", port)
        .set("receivers.otlp.protocols.grpc.endpoint", "127.0.0.1:@grpc@")
        .set(
            "service.telemetry.metrics.readers",
            "[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: @metrics@}}}}]",
        );
    for (option, value) in more {
        setup = setup.set(option, value);
    }
    if let Some((name, value)) = environment {
        setup = setup.env(name, value);
    }
    let host = setup.start().await;
    let traces: Vec<_> = (1..=20_u128).map(|n| Trace::new(n * 0x0123_4567_89ab_cdef_1357)).collect();
    let client = host.grpc();
    for trace in &traces {
        let answer = client.send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    backend.wait_for_spans(80).await;
    assert_eq!(backend.traces().len(), traces.len());
    let ended = host.stop().await;
    assert!(ended.status.success(), "{}", ended.log);
}

#[tokio::test]
async fn agent_with_a_load_balancer_over_tls() {
    let authority = Authority::new();
    let backend = Backend::start_tls(&authority).await;
    let trusted = Some(("SSL_CERT_FILE", authority.ca_file().display().to_string()));
    agent_sends("agent-loadbalancing.yaml", &backend, &[], trusted).await;
}

#[tokio::test]
async fn article_agent_sends_what_it_gets() {
    let backend = Backend::start().await;
    let http = [("receivers.otlp.protocols.http.endpoint", "127.0.0.1:@http@")];
    agent_sends("article-agent.yaml", &backend, &http, None).await;
}

#[test]
fn gateway_has_one_complaint() {
    let path = data("seed-configs/gateway.yaml").display().to_string();
    let output = run(&["validate", "--config", &path]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("prometheusremotewrite"), "{text}");

    let output = run(&["validate", "--config", &path, "--format", "json"]);
    let problems: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors: Vec<_> =
        problems.as_array().expect("a list").iter().filter(|problem| problem["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{problems:#}");
}

/// What there is runs as it is: the rest is named, at its line.
#[test]
fn all_complain_of_nothing_but_types_that_are_missing() {
    let files = std::fs::read_dir(data("seed-configs")).expect("a folder");
    for file in files.map(|entry| entry.expect("a file").path()) {
        let output = run(&["validate", "--config", &file.display().to_string(), "--format", "json"]);
        let problems: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for problem in problems.as_array().expect("a list").iter().filter(|problem| problem["severity"] == "error") {
            let said = problem.to_string();
            assert!(said.contains("unknown type: ") && said.contains("that tailrace does not have yet"), "{said}");
            assert!(problem["line"].as_u64().is_some_and(|line| line > 0), "{said}");
        }
    }
}
