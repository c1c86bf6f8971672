//! Dashboards and alert rules over what real processes say of themselves: a Prometheus scrapes two gateways and two agents, of which
//! one each has nothing but trouble, and every panel must have something to show.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tailrace_otlp::Signal;
use tailrace_tests::backend::{Backend, Reply};
use tailrace_tests::client::Client;
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::net::free_port;
use tailrace_tests::prometheus::{Prometheus, tool};
use tailrace_tests::telemetry::{Trace, log_request, metric_request};
use tonic::Status;

use super::manifests::documents;
use super::{deploy, text_of};
use crate::plugins::plugin;
use crate::yaml;

const LIMITER: &str = "  memory_limiter: {check_interval: 1s, limit_mib: 2000}\n";

/// Room for few traces, so that some are decided early, and a policy that traps.
async fn gateway(backend: &str) -> Host {
    let processors = format!(
        "{LIMITER}  batch: {{timeout: 100ms}}
  tail_sampling:
    decision_wait: 2s
    num_traces: 3
    policies:
      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - {{name: bad, type: wasm, wasm: {{module: '{}', policy: traps, config: {{}}}}}}
",
        plugin("hostile").display()
    );
    let all = "memory_limiter, batch";
    let pipelines = [
        ("traces", "memory_limiter, tail_sampling, batch", "otlp_grpc"),
        ("metrics", all, "otlp_grpc"),
        ("logs", all, "otlp_grpc"),
    ];
    Setup::new(yaml::config(&processors, &yaml::queued("otlp_grpc", backend), &pipelines)).start().await
}

/// Its backend wants nothing: what it sends is given up, with a queue and without, and a queue is full.
async fn unlucky_gateway(backend: &str) -> Host {
    let nobody = format!("127.0.0.1:{}", free_port());
    let exporters = format!(
        "{}{}  otlp_grpc/full: {{endpoint: '{nobody}', tls: {{insecure: true}}, sending_queue: {{queue_size: 1}}}}\n",
        yaml::direct("otlp_grpc/direct", backend),
        yaml::queued("otlp_grpc/queued", backend),
    );
    let processors =
        "  batch: {timeout: 10ms, send_batch_size: 1}\n  batch/full: {timeout: 10ms, send_batch_size: 1}\n";
    let pipelines = [
        ("traces/direct", "batch", "otlp_grpc/direct"),
        ("traces/queued", "", "otlp_grpc/queued"),
        ("traces/full", "batch/full", "otlp_grpc/full"),
        ("metrics", "", "otlp_grpc/queued"),
        ("logs", "", "otlp_grpc/queued"),
    ];
    Setup::new(yaml::config(processors, &exporters, &pipelines)).start().await
}

/// Half of its ring is a gateway that is not there.
async fn agent(resolver: &str, gateway: &str) -> Host {
    let exporters = format!(
        "  load_balancing: {{resolver: {resolver}, protocol: {{otlp: {{tls: {{insecure: true}}}}}}}}\n{}",
        yaml::queued("otlp_grpc/gateway", gateway)
    );
    let processors = format!("{LIMITER}  batch: {{timeout: 100ms}}\n");
    let all = "memory_limiter, batch";
    let pipelines =
        [("traces", all, "load_balancing"), ("metrics", all, "otlp_grpc/gateway"), ("logs", all, "otlp_grpc/gateway")];
    Setup::new(yaml::config(&processors, &exporters, &pipelines)).start().await
}

/// Sends until it is dropped: errors and others, more than the gateway has room for, and spans of traces long decided.
struct Load(#[expect(dead_code, reason = "its tasks end with it")] tokio::task::JoinSet<()>);

impl Load {
    /// Each at its own pace: one of them may be slow to take things.
    fn start(clients: Vec<Client>) -> Self {
        Self(clients.into_iter().map(send_for_ever).collect())
    }
}

async fn send_for_ever(client: Client) {
    for n in 1_u128.. {
        for trace in [Trace::new(n * 7919).error(), Trace::new(n * 104_729), Trace::new(1 + n % 3)] {
            let _ = client.send(Signal::Traces, &trace.request()).await;
        }
        let _ = client.send(Signal::Metrics, &metric_request(2)).await;
        let _ = client.send(Signal::Logs, &log_request(2)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Title of each panel of both dashboards, and what it asks Prometheus.
fn panels() -> Vec<(String, String)> {
    let mut panels = Vec::new();
    for name in ["tailrace-agents", "tailrace-gateways"] {
        let file = deploy("dashboards").join(format!("{name}.json"));
        let dashboard: Value = serde_json::from_str(&text_of(&file)).expect("JSON");
        assert_eq!(dashboard["uid"], name);
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().expect("an expression");
                let title = panel["title"].as_str().expect("a title");
                let expression = expression.replace("$instance", ".*").replace("$__rate_interval", "10s");
                assert!(!expression.contains('$'), "{title}: {expression}");
                panels.push((format!("{name}: {title}"), expression));
            }
        }
    }
    panels
}

/// The names of tailrace's metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("otelcol_")).collect()
}

#[test]
fn promtool_takes_the_rules_and_their_tests() {
    for (what, file) in [("check", "alerts/tailrace.yaml"), ("test", "alerts/tailrace.test.yaml")] {
        let output = Command::new(tool("promtool")).args([what, "rules"]).arg(deploy(file)).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn every_panel_has_something_to_show() {
    let (backend, refusing) = (Backend::start().await, Backend::start().await);
    refusing.answer(|_| Reply::Refuse(Status::invalid_argument("not wanted")));
    let gateway = gateway(backend.address()).await;
    let unlucky = unlucky_gateway(refusing.address()).await;
    let into = gateway.address("grpc");
    let half = format!("{{static: {{hostnames: ['{into}', '127.0.0.1:{}']}}}}", free_port());
    let agents = [
        agent(&half, &into).await,
        agent("{dns: {hostname: tailrace.invalid, port: 4317, interval: 1s}}", &into).await,
    ];
    let hosts = [&gateway, &unlucky, &agents[0], &agents[1]];
    let _load = Load::start(vec![gateway.grpc(), unlucky.grpc(), agents[0].grpc()]);

    let targets: Vec<_> = hosts.iter().map(|host| host.address("metrics")).collect();
    let prometheus = Prometheus::start(&targets, &deploy("alerts/tailrace.yaml")).await;
    for (title, expression) in panels() {
        eventually(&format!("{title} shows {expression}"), async || {
            let series = prometheus.query(&expression).await.unwrap_or_else(|error| panic!("{title}: {error}"));
            (!series.is_empty()).then_some(())
        })
        .await;
    }

    // A rule shows nothing while all is well: its names must be there.
    let mut scraped = String::new();
    for host in hosts {
        scraped.push_str(&host.metrics().await.text);
    }
    let there = names(&scraped);
    let rules = text_of(&deploy("alerts/tailrace.yaml"));
    let expressions = documents(&rules).remove(0);
    let missing: Vec<_> = names(&rules).into_iter().filter(|name| !there.contains(name)).collect();
    assert!(missing.is_empty(), "no process of these says {missing:?}");
    let count = |group: &Value| group["rules"].as_array().map_or(0, Vec::len);
    let known = expressions["groups"].as_array().into_iter().flatten().map(count).sum::<usize>();
    let raised = ["TailraceNoBackends", "TailraceAgentsDisagree", "TailraceTracesDecidedEarly", "TailracePolicyErrors"];
    eventually(&format!("all rules are evaluated, and these raised: {raised:?}"), async || {
        // On a busy machine, one run may come at the time of the one before, which is an error, too: the next is good.
        let rules = prometheus.rules().await;
        let is_raised = |name: &&str| rules.iter().any(|rule| rule["name"] == **name && rule["state"] != "inactive");
        let all_ran = rules.len() == known && rules.iter().all(|rule| rule["health"] == "ok");
        (all_ran && raised.iter().all(is_raised)).then_some(())
    })
    .await;
}
