//! The `wasm` processor: every signal through the example that redacts, transforms that misbehave, a new file under load.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Host, Setup, binary, run};
use tailrace_tests::telemetry::{self, Trace, text};

use crate::yaml;

/// A component that the host's build leaves beside the binary.
fn plugin(name: &str) -> PathBuf {
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).expect("target/<profile>/tailrace");
    let path = target.join(format!("plugins/wasm32-wasip2/release/{name}.wasm"));
    assert!(path.exists(), "{} does not exist: the host's build makes it", path.display());
    path
}

pub(crate) fn config(backend: &str, module: &Path, more: &str) -> String {
    let processor = format!("  wasm/it: {{module: '{}', {more}}}\n", module.display());
    let pipelines = ["traces", "metrics", "logs"].map(|signal| (signal, "wasm/it", "otlp_grpc"));
    yaml::config(&processor, &yaml::direct("otlp_grpc", backend), &pipelines)
}

fn requests() -> [(Signal, Bytes, usize); 3] {
    let trace = Trace::new(7).spans(4).with(text("password", "hunter2")).request();
    let mut logs = telemetry::log_request(5);
    let record = &mut logs.resource_logs[0].scope_logs[0].log_records[0];
    record.attributes.push(text("password", "hunter2"));
    let mut metrics = telemetry::metric_request(3);
    let resource = metrics.resource_metrics[0].resource.get_or_insert_default();
    resource.attributes.push(text("password", "hunter2"));
    [
        (Signal::Traces, trace.encode_to_vec().into(), 4),
        (Signal::Metrics, metrics.encode_to_vec().into(), 3),
        (Signal::Logs, logs.encode_to_vec().into(), 5),
    ]
}

fn holds(message: &[u8], text: &str) -> bool {
    message.windows(text.len()).any(|window| window == text.as_bytes())
}

const DROPPED: [&str; 3] = [
    "otelcol_processor_dropped_spans",
    "otelcol_processor_dropped_metric_points",
    "otelcol_processor_dropped_log_records",
];

#[tokio::test]
async fn the_example_redacts_every_signal() {
    masks_every_signal(&plugin("redact"), "config: {keys: [password], mask: '#'}", "redact").await;
}

/// A host with this transform masks the values of `password`, and counts them.
pub(crate) async fn masks_every_signal(module: &Path, settings: &str, name: &str) {
    let backend = Backend::start().await;
    let host = Setup::new(config(backend.address(), module, settings)).start().await;
    for client in [host.grpc(), host.http()] {
        for (signal, message, _) in requests() {
            let before = backend.accepted(signal).len();
            let answer = client.send_bytes(signal, message.clone(), &[]).await;
            assert!(answer.is_ok(), "{signal}: {answer:?}");
            let arrived = &backend.accepted(signal)[before..];
            assert_eq!(arrived.len(), 1, "{signal}");
            assert!(holds(&message, "hunter2") && !holds(&arrived[0].message, "hunter2"), "{signal}");
            assert!(holds(&arrived[0].message, "password"), "{signal}");
            assert_eq!(
                tailrace_otlp::check(signal, &arrived[0].message),
                tailrace_otlp::check(signal, &message),
                "{signal}: nothing is missing"
            );
        }
    }
    let metrics = host.metrics().await;
    assert!(metrics.sum("otelcol_tailrace_plugin_counter", &[("plugin", name), ("counter", "masked")]) >= 12.0);
    for (direction, items) in [("incoming", 24.0), ("outgoing", 24.0)] {
        let name = format!("otelcol_processor_{direction}_items");
        let sum = metrics.sum(&name, &[("processor", "wasm/it")]);
        assert!((sum - items).abs() < 0.5, "{name}: {sum}");
    }
}

#[tokio::test]
async fn what_passes_untouched_stays_byte_for_byte_and_what_is_discarded_is_counted() {
    let backend = Backend::start().await;
    let hostile = plugin("tailrace_hostile");
    let host = Setup::new(config(backend.address(), &hostile, "transform: passes")).start().await;
    for (signal, message, _) in requests() {
        assert!(host.grpc().send_bytes(signal, message.clone(), &[]).await.is_ok());
        assert_eq!(backend.accepted(signal).pop().expect("a request").message, message, "{signal}");
    }
    drop(host);

    let before = backend.received().len();
    let host = Setup::new(config(backend.address(), &hostile, "transform: discards")).start().await;
    for (signal, message, items) in requests() {
        assert!(host.grpc().send_bytes(signal, message, &[]).await.is_ok());
        let labels = [("processor", "wasm/it"), ("reason", "transform")];
        host.wait_for_metric(DROPPED[signal as usize], &labels, items as f64).await;
    }
    assert_eq!(backend.received().len(), before);
}

async fn send_all(host: &Host) -> Vec<(bool, bool, String)> {
    let mut answers = Vec::new();
    for (signal, message, _) in requests() {
        let answer = host.grpc().send_bytes(signal, message, &[]).await;
        answers.push((answer.is_ok(), answer.is_retryable(), answer.text()));
    }
    answers
}

#[tokio::test]
async fn a_transform_that_fails_loses_nothing_silently() {
    let backend = Backend::start().await;
    let hostile = plugin("tailrace_hostile");
    for (kind, reason, retryable) in [
        ("panics", "panic", true),
        ("loops", "timeout", true),
        ("hogs", "oom", true),
        ("garbles", "bad_output", true),
        ("bloats", "bad_output", true),
        ("errs", "error", false),
    ] {
        // As much time as the slow ones need; those that loop get little.
        let apply = if kind == "loops" { "50ms" } else { "10s" };
        let more = format!("transform: {kind}, limits: {{apply: {apply}, apply_per_mib: 0s, max_failures: 100}}");
        let mut host = Setup::new(config(backend.address(), &hostile, &more)).start().await;
        for (ok, may_retry, message) in send_all(&host).await {
            assert!(!ok && may_retry == retryable, "{kind}: {message}");
        }
        let metrics = host.metrics().await;
        let failures = metrics.sum("otelcol_tailrace_plugin_failures", &[("processor", "wasm/it"), ("reason", reason)]);
        assert!((failures - 3.0).abs() < 0.5, "{kind}: {failures}");
        assert!(host.is_running());
        assert!(host.stop().await.status.success());
    }
    assert!(backend.received().is_empty(), "nothing went on untransformed");
}

#[tokio::test]
async fn on_error_passes_or_drops() {
    let backend = Backend::start().await;
    let hostile = plugin("tailrace_hostile");
    let host = Setup::new(config(backend.address(), &hostile, "transform: errs, on_error: pass")).start().await;
    assert!(send_all(&host).await.iter().all(|(ok, ..)| *ok));
    assert_eq!(backend.received().len(), 3);
    let host = Setup::new(config(backend.address(), &hostile, "transform: errs, on_error: drop")).start().await;
    assert!(send_all(&host).await.iter().all(|(ok, ..)| *ok));
    assert_eq!(backend.received().len(), 3);
    let metrics = host.metrics().await;
    for ((signal, _, items), name) in requests().into_iter().zip(DROPPED) {
        let dropped = metrics.sum(name, &[("processor", "wasm/it"), ("reason", "transform_failure")]);
        assert!((dropped - items as f64).abs() < 0.5, "{signal}: {dropped}");
    }
}

#[tokio::test]
async fn bad_settings_are_told() {
    let hostile = plugin("tailrace_hostile");
    for (module, more, expected) in [
        (hostile.clone(), "transform: nonsense", "has no kind nonsense, but passes, copies"),
        (hostile, "config: {}", "name one of them: passes, copies"),
        (plugin("redact"), "config: {keys: []}", "config::keys: no keys: nothing would be masked"),
        (plugin("redact"), "config: {keys: [a], masks: b}", "config::masks: unknown field \"masks\""),
        (plugin("tailrace_policies"), "config: {}", "offers no transforms, but the policies"),
        (PathBuf::from("/nowhere/x.wasm"), "config: {}", "can not read /nowhere/x.wasm"),
    ] {
        let ended = Setup::new(config("127.0.0.1:1", &module, more)).spawn().ended().await;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        assert!(ended.log.contains(expected), "no {expected:?} in\n{}", ended.log);
    }
}

/// `validate` tries the transform out, and points at what is wrong down to the place inside a text.
#[test]
fn validate_points_into_the_configuration_of_a_transform() {
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = plugin("tailrace_hostile").display().to_string();
    let write = |processor: &str| {
        let path = folder.path().join("config.yaml");
        let yaml = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:0}}}}}}}}
exporters: {{nop: }}
processors:
  wasm:
    {processor}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [wasm], exporters: [nop]}}}}
"
        );
        std::fs::write(&path, yaml).expect("written");
        path.display().to_string()
    };
    let picky = |config: &str| format!("module: '{hostile}'\n    transform: picky\n    config:{config}");
    for (processor, place, message) in [
        (picky(" {statement: []}"), ":7:14", "config::statement: unknown field \"statement\""),
        (picky("\n      statements: [right, 5]"), ":8:27", "config::statements::1: expected string, got 5"),
        (
            picky("\n      statements:\n        - right\n        - this is wrong"),
            ":10:19",
            "there is nothing like that",
        ),
        (picky("\n      statements:\n        - 'it''s wrong'"), ":9:18", "there is nothing like that"),
        (
            picky("\n      statements:\n        - |\n          this\n            is wrong"),
            ":11:16",
            "nothing like that",
        ),
        (format!("module: '{hostile}'\n    transform: picki"), ":6:16", "has no kind picki, but passes"),
        ("module: /nowhere/x.wasm".to_owned(), ":5:13", "can not read /nowhere/x.wasm"),
    ] {
        let file = write(&processor);
        let output = run(&["validate", "--config", &file]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{processor}: {said}");
        assert!(said.contains(&format!("config.yaml{place}\n")), "{processor}: no {place} in\n{said}");
        assert!(said.contains(message), "{processor}: no {message:?} in\n{said}");
        let started = String::from_utf8_lossy(&run(&["--config", &file]).stderr).into_owned();
        assert!(started.contains(place) && started.contains(message), "the start says the same: {started}");
    }
    let output = run(&["validate", "--config", &write(&picky(" {statements: [right]}"))]);
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// What a new version makes of the last requests is seen before it is shown any other.
#[tokio::test]
async fn a_new_version_is_tried_on_the_last_requests() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("transform.wasm");
    let install = |name: &str| {
        let fresh = folder.path().join("fresh");
        std::fs::copy(plugin(name), &fresh).expect("copied");
        std::fs::rename(&fresh, &module).expect("renamed");
    };
    // The other component has a transform of this name too: it masks nothing, and panics if it is to mask `panic`.
    for (keys, outcome, reason) in [("password, panic", "failure", "trial"), ("password", "success", "")] {
        install("redact");
        let host = Setup::new(config(backend.address(), &module, &format!("config: {{keys: [{keys}]}}"))).start().await;
        let masked = async || {
            let before = backend.accepted(Signal::Traces).len();
            let trace = Trace::new(3).with(text("password", "hunter2")).request();
            assert!(host.grpc().send(Signal::Traces, &trace).await.is_ok());
            !holds(&backend.accepted(Signal::Traces)[before].message, "hunter2")
        };
        assert!(masked().await && masked().await);
        install("tailrace_hostile");
        let labels = [("outcome", outcome), ("reason", reason)];
        host.wait_for_metric("otelcol_tailrace_plugin_swaps", &labels, 1.0).await;
        assert_eq!(masked().await, outcome == "failure", "{keys}: the old one goes on if the new one was refused");
        let metrics = host.metrics().await;
        let tried = |name: &str| metrics.sum(&format!("otelcol_tailrace_transform_trial_{name}"), &[]) as u64;
        let expected = if outcome == "failure" { (0, 0) } else { (2, 2) };
        assert_eq!((tried("requests"), tried("disagreements")), expected, "{keys}");
    }
}

/// Requests go on arriving while the file changes: none is refused, and each is seen by one of the two.
#[tokio::test]
async fn a_new_file_takes_over_under_load() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("transform.wasm");
    let install = |content: &[u8]| {
        let fresh = folder.path().join("fresh");
        std::fs::write(&fresh, content).expect("written");
        std::fs::rename(&fresh, &module).expect("renamed");
    };
    let redact = std::fs::read(plugin("redact")).expect("readable");
    // The same code under another digest: a custom section at its end.
    let second = [&redact[..], &[0, 3, 1, b'x', b'2']].concat();
    install(&redact);
    let host = Setup::new(config(backend.address(), &module, "config: {keys: [password]}")).start().await;
    let swapped = async |outcome: &str, count: f64| {
        host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", outcome)], count).await;
    };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let over = || stop.load(std::sync::atomic::Ordering::Relaxed);
    let load = async |offset: u128| {
        let client = host.grpc();
        let mut sent = 0;
        while !over() {
            sent += 1;
            let trace = Trace::new(offset + sent).with(text("password", "hunter2"));
            let answer = client.send(Signal::Traces, &trace.request()).await;
            assert!(answer.is_ok(), "{answer:?}");
        }
        sent
    };
    let swaps = async {
        install(&second);
        swapped("success", 1.0).await;
        install(b"broken");
        swapped("failure", 1.0).await;
        install(&redact);
        swapped("success", 2.0).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (a, b, ()) = tokio::join!(load(1 << 32), load(1 << 64), swaps);
    let arrived = backend.accepted(Signal::Traces);
    assert_eq!(arrived.len() as u128, a + b);
    assert!(arrived.iter().all(|request| !holds(&request.message, "hunter2")), "none slipped through");
}
