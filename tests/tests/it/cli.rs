//! The command line, and the first minute of a new user.

use std::process::{Command, Stdio};

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::data;
use tailrace_tests::host::{Setup, binary, run};
use tailrace_tests::telemetry::Trace;

use crate::yaml;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a configuration to a file that lives as long as what is returned.
fn file(yaml: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, yaml).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn validate_is_silent_about_what_is_fine() {
    let yaml = yaml::sampling("localhost:4317");
    let ports = ["grpc", "http", "health", "metrics"].into_iter().zip(["1", "2", "3", "4"]);
    let filled = ports.fold(yaml, |yaml, (name, port)| yaml.replace(&format!("@{name}@"), port));
    let (_folder, path) = file(&filled);
    let output = run(&["validate", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!((text(&output.stdout), text(&output.stderr)), (String::new(), String::new()));
}

#[test]
fn validate_names_every_problem_at_once() {
    let (_folder, path) = file(
        "
receivers:
  otlp:
    protocols:
      grpc: {endpont: localhost:1}
processors:
  tail_sampling:
    policies:
      - {name: a, type: latency, latncy: {threshold_ms: 5}}
exporters:
  otlp: {}
  nonsense: {}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlp]}
",
    );
    let output = run(&["validate", "--config", &path]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for what in [
        "endpont",
        "latncy",
        "requires a non-empty \"endpoint\"",
        "unknown type: \"nonsense\"",
        "service::pipelines::traces: references processor \"batch\" which is not configured",
        "config.yaml:",
    ] {
        assert!(said.contains(what), "no {what:?} in\n{said}");
    }
}

#[test]
fn the_host_does_not_start_with_a_wrong_configuration() {
    for arguments in [
        &["--config", "/nowhere/config.yaml"][..],
        &["--config", "yaml:receivers::nonsense: {}"],
        &["--bogus"],
        &["validate"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("Error: "), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// A port that someone else has is an error that names it, with exit code 1.
#[tokio::test]
async fn an_address_in_use_is_named() {
    let backend = Backend::start().await;
    let yaml = yaml::passing("127.0.0.1:1").replace("127.0.0.1:@grpc@", backend.address());
    let ended = Setup::new(yaml).spawn().ended().await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains(backend.address()), "{}", ended.log);
}

#[test]
fn components_lists_what_can_be_configured() {
    let output = run(&["components"]);
    assert!(output.status.success());
    let listed = text(&output.stdout);
    for name in [
        "buildinfo",
        "otlp",
        "tail_sampling",
        "memory_limiter",
        "batch",
        "otlp_grpc",
        "otlp_http",
        "debug",
        "health_check",
    ] {
        assert!(listed.contains(name), "no {name} in\n{listed}");
    }
}

#[test]
fn version_and_completion() {
    let output = run(&["--version"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).starts_with("tailrace version "), "{}", text(&output.stdout));
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completion", shell]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("print-config"), "{shell}");
    }
}

/// As with `| head -1`: whoever reads has gone before all is written.
#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("keep-all").display().to_string();
    let (_folder, wrong) = file("receivers: {nonsense: {}}");
    for (arguments, code) in [
        (&["plugin", "new", "keep-all", "--dir", &project][..], 0),
        (&["components"], 0),
        (&["completion", "bash"], 0),
        (&["plugin", "--help"], 0),
        (&["--version"], 0),
        (&["validate", "--config", &wrong], 1),
        (&["validate", "--config", &wrong, "--format", "json"], 1),
        (&["--config", &wrong], 1),
        (&["plugin", "inspect", &wrong], 1),
        (&["--bogus"], 1),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = Command::new(binary())
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(writer.try_clone().expect("a second handle"))
            .stdout(writer)
            .status()
            .expect("the binary runs");
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
    assert!(folder.path().join("keep-all/Cargo.toml").exists());
}

#[test]
fn print_config_fills_in_defaults_and_hides_secrets() {
    let gateway = data("seed-configs/article-gateway.yaml").display().to_string();
    let arguments = ["print-config", "--config", &gateway, "--set", "exporters.otlp/backend.headers={api-key: hush}"];
    let output = run(&arguments);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(printed.contains("decision_wait: 30s") && printed.contains("num_consumers: 10"), "{printed}");
    assert!(printed.contains("[REDACTED]") && !printed.contains("hush"), "{printed}");

    // What is printed unredacted is a configuration again.
    let output = run(&[&arguments[..], &["--mode", "unredacted"]].concat());
    assert!(text(&output.stdout).contains("hush"));
    let (_folder, path) = file(&text(&output.stdout));
    let again = run(&["print-config", "--config", &path, "--mode", "unredacted"]);
    assert_eq!(text(&again.stdout), text(&output.stdout), "{}", text(&again.stderr));
}

#[test]
fn later_files_and_set_win() {
    let gateway = data("seed-configs/article-gateway.yaml").display().to_string();
    let (_folder, path) = file("processors: {tail_sampling: {decision_wait: 7s, num_traces: 11}}");
    let output = run(&[
        "print-config",
        "--set",
        "processors.tail_sampling.num_traces=12",
        "--config",
        &gateway,
        "--config",
        &path,
    ]);
    let printed = text(&output.stdout);
    assert!(printed.contains("decision_wait: 7s") && printed.contains("num_traces: 12"), "{printed}");
    assert!(printed.contains("slow-traces-policy"), "the rest stays: {printed}");
}

/// What the README promises: two commands, and the first terminal shows what was kept and why.
#[tokio::test]
async fn the_default_configuration_shows_kept_traces_and_their_policies() {
    let mut host = Setup::embedded()
        .set("receivers.otlp.protocols.grpc.endpoint", "127.0.0.1:@grpc@")
        .set("receivers.otlp.protocols.http.endpoint", "127.0.0.1:@http@")
        .set(
            "service.telemetry.metrics.readers",
            "[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: @metrics@}}}}]",
        )
        .set("processors.tail_sampling.decision_wait", "1s")
        .start()
        .await;
    host.wait_for_log("tailrace generate traces").await;
    let log = host.log();
    for what in ["errors-policy", "slow-traces-policy", "probabilistic-policy"] {
        assert!(log.contains(what), "no {what} before the first trace:\n{log}");
    }
    let said = generate(&["traces", "--otlp-endpoint", &host.address("grpc"), "--error-share", "0.5"]).await;
    assert!(said.contains("100 traces, 500 spans sent"), "{said}");
    assert!(said.contains("accepted: 500, refused: 0"), "{said}");
    host.wait_for_log("SELECT orders").await;
    let shown = host.log();
    let after = &shown[log.len()..];
    assert!(after.contains("errors-policy"), "the policy that kept a trace is shown:\n{after}");
    assert!(host.stop().await.status.success());
}

/// Metrics and logs too, over both protocols, compressed or not.
#[tokio::test]
async fn generate_sends_every_signal_over_every_protocol() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    for signal in Signal::ALL {
        for (protocol, compression) in [("grpc", "none"), ("grpc", "gzip"), ("http", "zstd")] {
            let before = backend.accepted(signal).len();
            let (signal_name, address) = (signal.as_str(), host.address(protocol));
            let count = format!("--{signal_name}");
            let mut arguments = vec![
                signal_name,
                "--otlp-endpoint",
                &address,
                "--compression",
                compression,
                &count,
                "30",
                "--batch",
                "10",
            ];
            if protocol == "http" {
                arguments.push("--otlp-http");
            }
            let said = generate(&arguments).await;
            assert!(said.contains("refused: 0"), "{said}");
            let arrived = backend.accepted(signal).len() - before;
            assert!(arrived >= 3, "{arrived} requests of {signal_name} over {protocol}");
        }
    }
}

#[tokio::test]
async fn generate_fails_if_nothing_could_be_sent() {
    let address = format!("127.0.0.1:{}", tailrace_tests::net::free_port());
    let output = Command::new(binary())
        .args(["generate", "traces", "--otlp-endpoint", &address])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("refused"), "{}", text(&output.stdout));
}

#[tokio::test]
async fn a_configuration_from_the_environment() {
    let backend = Backend::start().await;
    let yaml = yaml::passing("${env:BACKEND:-nowhere:1}");
    let host = Setup::new(yaml).env("BACKEND", backend.address()).start().await;
    assert!(host.grpc().send(Signal::Traces, &Trace::new(5).request()).await.is_ok());
    backend.wait_for_spans(4).await;
}

async fn generate(arguments: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.arg("generate").args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
