//! Real clients: the Python OpenTelemetry SDK through tail sampling.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::Setup;
use tailrace_tests::{data, workspace};

use crate::yaml;

const TRACES: usize = 30;

#[derive(Deserialize)]
struct Sent {
    kind: String,
    spans: Vec<String>,
}

#[tokio::test]
async fn python_over_grpc() {
    exactly_the_kept_traces_arrive_whole("grpc", "none").await;
}

#[tokio::test]
async fn python_over_grpc_with_gzip() {
    exactly_the_kept_traces_arrive_whole("grpc", "gzip").await;
}

#[tokio::test]
async fn python_over_http() {
    exactly_the_kept_traces_arrive_whole("http", "none").await;
}

#[tokio::test]
async fn python_over_http_with_gzip() {
    exactly_the_kept_traces_arrive_whole("http", "gzip").await;
}

async fn exactly_the_kept_traces_arrive_whole(protocol: &str, compression: &str) {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::sampling(backend.address())).start().await;

    let sent = send(protocol, &host.address(protocol), compression).await;
    assert_eq!(sent.len(), TRACES);
    let kept: BTreeMap<_, _> =
        sent.into_iter().filter(|(_, sent)| sent.kind != "plain").map(|(id, sent)| (id, sent.spans)).collect();
    backend.wait_for_spans(kept.values().map(Vec::len).sum()).await;

    // The end of the host shows that nothing else was to come.
    assert!(host.stop().await.status.success());
    let hex_ids = |ids: Vec<Vec<u8>>| ids.iter().map(hex::encode).collect::<Vec<_>>();
    let arrived: BTreeMap<_, _> =
        backend.traces().into_iter().map(|(id, spans)| (hex::encode(id), hex_ids(spans))).collect();
    assert_eq!(arrived, kept);
    let resources = backend.trace_requests().into_iter().flat_map(|request| request.resource_spans);
    for resource in resources {
        let attributes = resource.resource.expect("a resource").attributes;
        assert!(attributes.iter().any(|attribute| attribute.key == "telemetry.sdk.language"), "{attributes:?}");
        assert_eq!(resource.scope_spans[0].scope.as_ref().expect("a scope").version, "1.2.3");
    }
}

/// Runs the script in the virtual environment that `tests/setup.sh` makes.
async fn send(protocol: &str, address: &str, compression: &str) -> BTreeMap<String, Sent> {
    let python = workspace().join("target/python/bin/python");
    assert!(python.exists(), "no {}: run tests/setup.sh", python.display());
    let mut command = Command::new(python);
    command.arg(data("python/send_traces.py")).args([protocol, address, compression, &TRACES.to_string()]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
