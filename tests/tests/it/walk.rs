//! A new user's walk, by the commands that the README names: a policy is made, built, tested and measured; it votes in a gateway under the
//! load of `tailrace generate`; a broken version is built, its breaker opens, a fixed one takes over. Nothing is refused or lost meanwhile.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup, binary};
use tailrace_tests::telemetry::{Trace, text};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::project::Project;
use crate::yaml;

/// What the template votes by.
const VOTE: &str = "trace.spans().any(";
/// A mistake that recorded traffic does not show: no trace of the generator has such a tier.
const BROKEN: &str =
    "assert!(!trace.spans().any(|span| span.attribute(\"customer.tier\").as_str() == Some(\"new\")), \"no such tier\");
        trace.spans().any(";

#[tokio::test]
async fn from_new_to_swapped_in() {
    let project = Arc::new(at_work(|| Project::new("keep-vip", "rust").build()).await);
    let tools = project.clone();
    at_work(move || try_out(&tools)).await;

    let backend = Backend::start().await;
    let host = Setup::new(config(backend.address(), &project)).start().await;
    let generator = Generator::start(host.address("grpc"));
    host.wait_for_metric("otelcol_tailrace_plugin_votes", &[("policy", "vip")], 1.0).await;

    rebuild(&project, VOTE, BROKEN).await;
    swapped(&host, 1.0).await;
    let mut broken = 0_u32;
    eventually("an open breaker", async || {
        broken += 1;
        let trace = Trace::new(broken.into()).with(text("customer.tier", "new"));
        let answer = host.grpc().send(Signal::Traces, &trace.request()).await;
        assert!(answer.is_ok(), "{answer:?}");
        let metrics = host.metrics().await;
        let open = metrics.sum("otelcol_tailrace_plugin_breaker_state", &[("policy", "vip")]) > 0.5;
        let panicked = metrics.sum("otelcol_tailrace_plugin_failures", &[("reason", "panic")]) > 1.5;
        (open && panicked).then_some(())
    })
    .await;
    assert!(host.log().contains("no such tier"), "{}", host.log());

    rebuild(&project, BROKEN, VOTE).await;
    swapped(&host, 2.0).await;
    // Between two ticks; with the broken version go its series.
    eventually("votes of the fixed version", async || {
        let metrics = host.metrics().await;
        let of = |name: &str| metrics.sum(name, &[("policy", "vip")]);
        let works = of("otelcol_tailrace_plugin_breaker_state") < 0.5 && of("otelcol_tailrace_plugin_failures") < 0.5;
        (works && of("otelcol_tailrace_plugin_votes") > 0.5).then_some(())
    })
    .await;

    let sent = generator.stop().await + broken as usize;
    eventually("all traces at the backend", async || (backend.traces().len() >= sent).then_some(())).await;
    assert_eq!(backend.traces().len(), sent);
    assert!(host.stop().await.status.success());
}

async fn at_work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("no panic")
}

/// What an author does before anybody runs it.
fn try_out(project: &Project) {
    let tested = project.tailrace(&["plugin", "test", "keep-vip"]);
    assert!(tested.contains("keeps silver if told so"), "{tested}");
    let measured = project.tailrace(&["plugin", "bench", "keep-vip", "--budget-instructions", "100000"]);
    assert!(measured.contains("instructions_per_trace: ") && measured.contains("of 100000: ok"), "{measured}");
}

/// Everything is kept, by the second policy; the first one's votes are seen in metrics.
fn config(backend: &str, project: &Project) -> String {
    let processors = format!(
        "  tail_sampling:
    decision_wait: 1s
    policies:
      - name: vip
        type: wasm
        wasm:
          module: '{}'
          config: {{tier: gold}}
          limits: {{max_failures: 2, retry_after: 1h}}
      - {{name: all, type: always_sample}}
",
        project.module().display()
    );
    yaml::config(&processors, &yaml::queued("otlp_grpc", backend), &[("traces", "tail_sampling", "otlp_grpc")])
}

/// Edits the policy, and builds it where the gateway looks.
async fn rebuild(project: &Arc<Project>, from: &'static str, to: &'static str) {
    let project = project.clone();
    at_work(move || {
        let source = project.dir().join("src/lib.rs");
        let text = fs::read_to_string(&source).expect("readable");
        assert!(text.contains(from), "the template votes otherwise: {text}");
        fs::write(&source, text.replacen(from, to, 1)).expect("written");
        project.tailrace(&["plugin", "build", "keep-vip"]);
    })
    .await;
}

async fn swapped(host: &Host, times: f64) {
    host.wait_for_metric("otelcol_tailrace_plugin_swaps", &[("outcome", "success")], times).await;
}

/// `tailrace generate traces`, again and again.
struct Generator {
    over: Arc<AtomicBool>,
    sent: JoinHandle<usize>,
}

impl Generator {
    fn start(address: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let sent = spawn_blocking(move || {
            let mut sent = 0;
            while !is_over.load(Relaxed) {
                sent += generate(&address);
            }
            sent
        });
        Self { over, sent }
    }

    /// How many traces were sent and accepted; none was refused.
    async fn stop(self) -> usize {
        self.over.store(true, Relaxed);
        tokio::time::timeout(Duration::from_mins(1), self.sent).await.expect("it ends").expect("no panic")
    }
}

fn generate(address: &str) -> usize {
    const TRACES: usize = 50;
    let traces = TRACES.to_string();
    let arguments =
        ["generate", "traces", "--traces", &traces, "--rate", "50", "--otlp-insecure", "--otlp-endpoint", address];
    let output = Command::new(binary()).args(arguments).output().expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("refused: 0, sent again: 0 requests"), "{said}");
    TRACES
}
