//! A plugin in each language, as its author makes it: `plugin new`, `plugin build`, a gateway that runs it. This is the check that the contract
//! means the same everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Setup, binary};
use tailrace_tests::telemetry::{Trace, text};
use tailrace_tests::workspace;
use tempfile::TempDir;

use crate::yaml;

#[tokio::test]
async fn rust() {
    votes("rust").await;
}

#[tokio::test]
async fn c() {
    votes("c").await;
}

#[tokio::test]
async fn go() {
    votes("go").await;
}

#[tokio::test]
async fn javascript() {
    votes("js").await;
}

#[tokio::test]
async fn python() {
    votes("python").await;
}

/// A project fresh from `plugin new`, built, and asked by a gateway.
async fn votes(language: &'static str) {
    let project = tokio::task::spawn_blocking(move || Project::new(language)).await.expect("no panic");
    let module = project.module();

    let backend = Backend::start().await;
    let mut host = Setup::new(config(backend.address(), &module, "{tier: gold}")).start().await;
    let of = |id: u128, tier: &str| Trace::new(id).with(text("customer.tier", tier));
    for trace in [of(1, "gold"), of(2, "silver"), Trace::new(3), of(4, "gold")] {
        let answer = host.grpc().send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    backend.wait_for_spans(8).await;
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 4.0).await;
    let metrics = host.metrics().await;
    let counted = |verdict: &str| metrics.sum("otelcol_tailrace_plugin_votes", &[("verdict", verdict)]);
    assert!((counted("sample") - 2.0).abs() < 0.1 && (counted("no") - 2.0).abs() < 0.1, "{language}");
    assert!(metrics.sum("otelcol_tailrace_plugin_failures", &[]) < 0.5, "{language}: {}", host.log());
    assert!(host.is_running());
    assert!(host.stop().await.status.success());
    let arrived: Vec<_> = backend.traces().into_keys().collect();
    assert_eq!(arrived, [Trace::new(1).id_bytes(), Trace::new(4).id_bytes()], "{language}");

    // What the policy has against a configuration reaches whoever wrote it, with its place.
    let ended = Setup::new(config("127.0.0.1:1", &module, "{tier: ''}")).spawn().ended().await;
    assert_eq!(ended.status.code(), Some(1), "{language}: {}", ended.log);
    assert!(ended.log.contains("must") && ended.log.contains("tier"), "{language}: {}", ended.log);
}

fn config(backend: &str, module: &Path, settings: &str) -> String {
    let processors = format!(
        "  tail_sampling:
    decision_wait: 1s
    policies:
      - {{name: vip, type: wasm, wasm: {{module: '{}', policy: my_own_policy, config: {settings}}}}}
",
        module.display()
    );
    yaml::config(&processors, &yaml::queued("otlp_grpc", backend), &[("traces", "tail_sampling", "otlp_grpc")])
}

/// A project that was made and built by the binary.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new(language: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a folder") };
        project.tailrace(&["plugin", "new", "my-own-policy", "--lang", language]);
        let built = project.tailrace(&["plugin", "build", "my-own-policy"]);
        let said = String::from_utf8_lossy(&built.stdout);
        assert!(said.contains("offers   my_own_policy"), "{said}");
        let inspected = project.tailrace(&["plugin", "inspect", "my-own-policy/my-own-policy.wasm"]);
        let said = String::from_utf8_lossy(&inspected.stdout);
        assert!(said.contains("my-own-policy") && said.contains("0.1.0"), "{said}");
        if language != "rust" {
            assert!(!said.contains("wasi:"), "only Rust's standard library asks for WASI: {said}");
        }
        project
    }

    fn module(&self) -> PathBuf {
        self.folder.path().join("my-own-policy/my-own-policy.wasm")
    }

    /// Runs the binary where the compilers are that `tests/setup.sh` has installed.
    fn tailrace(&self, arguments: &[&str]) -> Output {
        let target = workspace().join("target");
        let python = target.join("python");
        assert!(python.join("bin/componentize-py").exists(), "run tests/setup.sh");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = [target.join("node/node_modules/.bin")].into_iter().chain(std::env::split_paths(&path));
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(&self.folder);
        command.env("PATH", std::env::join_paths(paths).expect("good paths"));
        // Cargo has compiled the SDK there when it built the host; what tests are run with is not meant for plugins.
        command.env("VIRTUAL_ENV", python).env("CARGO_TARGET_DIR", target.join("plugins"));
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = command.output().expect("the binary runs");
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", said());
        output
    }
}
