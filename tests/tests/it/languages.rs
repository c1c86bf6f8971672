//! A plugin in each language, as its author makes it: `plugin new`, `plugin build`, a gateway that runs it. This is the check that the contract
//! means the same everywhere: the template votes and refuses a bad configuration, `examples/plugins/first-errors` logs, counts, says why it votes
//! so, and hands its state over to its next version. The same of transforms: the template masks attributes of every signal in the `wasm`
//! processor, `examples/plugins/drop-spans` takes spans out.

use std::path::Path;
use std::process::Command;

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::data;
use tailrace_tests::host::{Setup, binary};
use tailrace_tests::telemetry::{Trace, text};

use crate::project::Project;
use crate::{transforms, yaml};

#[tokio::test]
async fn rust() {
    votes("rust").await;
    keeps_state("rust", "lib.rs", "src/lib.rs").await;
}

#[tokio::test]
async fn rust_transforms() {
    masks("rust").await;
    drops("rust", "lib.rs", "src/lib.rs").await;
}

#[tokio::test]
async fn c() {
    votes("c").await;
    keeps_state("c", "first_errors.c", "first_errors.c").await;
}

#[tokio::test]
async fn c_transforms() {
    masks("c").await;
    drops("c", "drop_spans.c", "drop_spans.c").await;
}

#[tokio::test]
async fn go() {
    votes("go").await;
    keeps_state("go", "main.go", "main.go").await;
}

#[tokio::test]
async fn go_transforms() {
    masks("go").await;
    drops("go", "main.go", "main.go").await;
}

#[tokio::test]
async fn javascript() {
    votes("js").await;
    keeps_state("js", "app.js", "app.js").await;
}

#[tokio::test]
async fn javascript_transforms() {
    masks("js").await;
    drops("js", "app.js", "app.js").await;
}

#[tokio::test]
async fn python() {
    votes("python").await;
    keeps_state("python", "app.py", "app.py").await;
}

#[tokio::test]
async fn python_transforms() {
    masks("python").await;
    drops("python", "app.py", "app.py").await;
}

/// A project fresh from `plugin new`, built, and asked by a gateway.
async fn votes(language: &'static str) {
    let work = move || {
        let project = Project::new("my-own-policy", language).build();
        let said = project.tailrace(&["plugin", "test", "my-own-policy"]);
        assert!(said.contains("keeps silver if told so"), "{said}");
        project
    };
    let project = tokio::task::spawn_blocking(work).await.expect("no panic");
    let module = project.module();

    gold_is_kept(&module, "my_own_policy", language).await;

    // What the policy has against a configuration reaches whoever wrote it, with its place.
    let ended = Setup::new(config("127.0.0.1:1", &module, "my_own_policy", "{tier: ''}")).spawn().ended().await;
    assert_eq!(ended.status.code(), Some(1), "{language}: {}", ended.log);
    assert!(ended.log.contains("must") && ended.log.contains("tier"), "{language}: {}", ended.log);
}

/// A gateway with this policy keeps gold, and nothing else.
async fn gold_is_kept(module: &Path, kind: &str, what: &str) {
    let backend = Backend::start().await;
    let mut host = Setup::new(config(backend.address(), module, kind, "{tier: gold}")).start().await;
    let of = |id: u128, tier: &str| Trace::new(id).with(text("customer.tier", tier));
    for trace in [of(1, "gold"), of(2, "silver"), Trace::new(3), of(4, "gold")] {
        let answer = host.grpc().send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    backend.wait_for_spans(8).await;
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 4.0).await;
    let metrics = host.metrics().await;
    let counted = |verdict: &str| metrics.sum("otelcol_tailrace_plugin_votes", &[("verdict", verdict)]);
    assert!((counted("sample") - 2.0).abs() < 0.1 && (counted("no") - 2.0).abs() < 0.1, "{what}");
    assert!(metrics.sum("otelcol_tailrace_plugin_failures", &[]) < 0.5, "{what}: {}", host.log());
    assert!(host.is_running());
    assert!(host.stop().await.status.success());
    let arrived: Vec<_> = backend.traces().into_keys().collect();
    assert_eq!(arrived, [Trace::new(1).id_bytes(), Trace::new(4).id_bytes()], "{what}");
}

/// The example in this language: its state outlives a swap, and its votes are explained.
async fn keeps_state(language: &'static str, source: &'static str, place: &'static str) {
    let work = move || {
        let project = Project::new("first-errors", language);
        project.copy("first-errors", &[(source, place)]);
        project.build()
    };
    let project = tokio::task::spawn_blocking(work).await.expect("no panic");

    let backend = Backend::start().await;
    let settings = "{service: checkout, limit: 2, share: 0.5}";
    let yaml = config(backend.address(), &project.module(), "first_errors", settings);
    let admin = project.dir().join("admin.sock");
    let host = Setup::new(yaml::with_admin(&yaml, &admin)).start().await;
    let decided = async |traces: f64| {
        host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], traces).await;
    };
    for (sent, trace) in [(1.0, Trace::new(1)), (2.0, Trace::new(2).error()), (3.0, Trace::new(3).error())] {
        let answer = host.grpc().send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
        decided(sent).await;
    }
    let kept = [("counter", "first_errors_kept")];
    assert!((host.metrics().await.sum("otelcol_tailrace_plugin_counter", &kept) - 2.0).abs() < 0.1, "{language}");
    assert!(host.log().contains("the last one is in operation-3"), "{language}: {}", host.log());

    // Another digest, the same policy: what it has kept so far is handed over. Of what comes now it keeps a half, by the ids' last 56 bits.
    project.touch();
    host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", "success")], 1.0).await;
    let in_share = Trace::new(HALF + 5).error();
    for (sent, trace) in [(4.0, Trace::new(HALF - 1).error()), (5.0, in_share.clone())] {
        let answer = host.grpc().send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
        decided(sent).await;
    }
    for (id, why) in [
        (1, "no, no failed span of the service, th:ffffffffffffff"),
        (2, "sample, among the first, th:0"),
        (HALF - 1, "no, past the limit, th:8"),
        (HALF + 5, "sample, in the share of the rest, th:8"),
    ] {
        let said = explain(&admin, id).await;
        assert!(said.lines().any(|line| line.ends_with(why)), "{language}: no {why:?} in\n{said}");
    }
    assert!(host.metrics().await.sum("otelcol_tailrace_plugin_failures", &[]) < 0.5, "{language}: {}", host.log());
    assert!(host.stop().await.status.success());
    let arrived: Vec<_> = backend.traces().into_keys().collect();
    assert_eq!(arrived, [Trace::new(2), Trace::new(3), in_share].map(|trace| trace.id_bytes()), "{language}");
}

/// A transform fresh from `plugin new`, built, and run by the `wasm` processor.
async fn masks(language: &'static str) {
    let work = move || {
        let project = Project::transform("my-own-mask", language).build();
        let said = project.tailrace(&["plugin", "test", "my-own-mask"]);
        assert!(said.contains("6 passed, 0 failed"), "{said}");
        project
    };
    let project = tokio::task::spawn_blocking(work).await.expect("no panic");
    transforms::masks_every_signal(&project.module(), "config: {keys: [password]}", "my-own-mask").await;

    let yaml = transforms::config("127.0.0.1:1", &project.module(), "config: {keys: []}");
    let ended = Setup::new(yaml).spawn().ended().await;
    assert_eq!(ended.status.code(), Some(1), "{language}: {}", ended.log);
    assert!(ended.log.contains("config::keys: must"), "{language}: {}", ended.log);
}

/// The example that leaves less of a request, or nothing.
async fn drops(language: &'static str, source: &'static str, place: &'static str) {
    let work = move || {
        let project = Project::transform("drop-spans", language);
        project.copy("drop-spans", &[(source, place), ("cases.yaml", "cases.yaml")]);
        let project = project.build();
        let said = project.tailrace(&["plugin", "test", "drop-spans"]);
        assert!(said.contains("5 passed, 0 failed"), "{language}: {said}");
    };
    tokio::task::spawn_blocking(work).await.expect("no panic");
}

/// The least id that is kept by a policy that keeps a half.
const HALF: u128 = 1 << 55;

/// What `tailrace explain` says of a trace.
async fn explain(admin: &Path, id: u128) -> String {
    let mut command = Command::new(binary());
    command.args(["explain", &format!("{id:032x}")]).env("TAILRACE_ADMIN", admin);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn config(backend: &str, module: &Path, kind: &str, settings: &str) -> String {
    let processors = format!(
        "  tail_sampling:
    decision_wait: 1s
    explain: {{traces: 100}}
    policies:
      - {{name: vip, type: wasm, wasm: {{module: '{}', policy: {kind}, config: {settings}}}}}
",
        module.display()
    );
    yaml::config(&processors, &yaml::queued("otlp_grpc", backend), &[("traces", "tail_sampling", "otlp_grpc")])
}

#[test]
fn a_missing_compiler_is_named_with_the_way_to_get_it() {
    let nothing = tempfile::tempdir().expect("a folder");
    for (language, missing) in [
        ("rust", "there is no rustc here. Install Rust"),
        ("c", "there is no python3 here. Install Python"),
        ("go", "there is no go here. Install Go"),
        ("js", "there is no npm here. Install Node.js"),
        ("python", "there is no python3 here. Install Python"),
    ] {
        let project = Project::new("lonely", language);
        let mut command = Command::new(binary());
        command.args(["plugin", "build"]).current_dir(project.dir());
        command.env("PATH", nothing.path()).env_remove("VIRTUAL_ENV").env_remove("WASI_SDK_PATH");
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(missing), "{language}: {said}");
    }
    let output = Command::new(binary()).args(["plugin", "build"]).current_dir(&nothing).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("is no plugin's project"), "{said}");
}

/// A component that was built when 0.1.0 was frozen: no later host may refuse it.
#[tokio::test]
async fn what_was_built_for_the_first_version_loads_for_ever() {
    let module = data("plugins/keep_vip-0.1.0.wasm");
    gold_is_kept(&module, "keep_vip", "0.1.0").await;
}
