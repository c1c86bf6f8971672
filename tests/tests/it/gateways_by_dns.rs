//! Agents in front of gateways, found through DNS: every trace arrives whole at one gateway, whoever sends its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::dns::{Answer, DnsServer};
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::net::free_port;
use tailrace_tests::telemetry::{Trace, trace_request};

use crate::yaml;

const TRACES: u128 = 300;
const BACKENDS: &str = "otelcol_loadbalancer_num_backends";
const RESOLUTIONS: &str = "otelcol_loadbalancer_num_resolutions";

/// A gateway on an address of its own, with what it hands on. All have the same port.
struct Gateway {
    address: String,
    backend: Backend,
    _host: Host,
}

impl Gateway {
    async fn start(number: u8, port: u16) -> Self {
        let address = format!("127.0.0.{}", 10 + number);
        let backend = Backend::start().await;
        let yaml = yaml::passing(backend.address()).replace("127.0.0.1:@grpc@", &format!("{address}:{port}"));
        let host = Setup::new(yaml).start().await;
        Self { address, backend, _host: host }
    }
}

async fn gateways(count: u8) -> (Vec<Gateway>, u16) {
    let port = free_port();
    let mut gateways = Vec::new();
    for number in 1..=count {
        gateways.push(Gateway::start(number, port).await);
    }
    (gateways, port)
}

fn agent_yaml(dns: &DnsServer, port: u16) -> String {
    let exporter = format!(
        "  load_balancing:
    protocol: {{otlp: {{tls: {{insecure: true}}}}}}
    resolver:
      dns:
        hostname: gateways.example.
        port: {port}
        interval: 50ms
        timeout: 500ms
        servers: ['{}']
",
        dns.address()
    );
    yaml::config("", &exporter, &[("traces", "", "load_balancing")])
}

fn addresses(gateways: &[Gateway]) -> Answer {
    Answer::addresses(&gateways.iter().map(|gateway| gateway.address.as_str()).collect::<Vec<_>>())
}

/// Spans that each gateway has of each trace.
fn arrived(gateways: &[Gateway]) -> Vec<BTreeMap<u128, usize>> {
    let id = |id: &Vec<u8>| u128::from_be_bytes(id.as_slice().try_into().expect("16 bytes"));
    let of =
        |gateway: &Gateway| gateway.backend.traces().iter().map(|(trace, spans)| (id(trace), spans.len())).collect();
    gateways.iter().map(of).collect()
}

/// Sends a part of every trace through every agent, and gives the gateway at which all parts of a trace have arrived.
async fn owners(agents: &[&Host], gateways: &[Gateway], ids: std::ops::Range<u128>) -> BTreeMap<u128, usize> {
    const PART: usize = 2;
    let before = arrived(gateways);
    let whole = PART * agents.len();
    for agent in agents {
        let spans = ids.clone().flat_map(|id| Trace::new(id).spans(PART).build()).collect();
        let request = trace_request(spans);
        // The first list shows in the metrics a moment before it is used.
        eventually("the agent takes spans", async || {
            let answer = agent.grpc().send(Signal::Traces, &request).await;
            assert!(answer.is_ok() || answer.is_retryable(), "{answer:?}");
            answer.is_ok().then_some(())
        })
        .await;
    }
    let fresh = |after: &[BTreeMap<u128, usize>], gateway: usize, id: u128| {
        let count = |counts: &[BTreeMap<u128, usize>]| counts[gateway].get(&id).copied().unwrap_or_default();
        count(after) - count(&before)
    };
    let after = eventually("all spans at gateways", async || {
        let after = arrived(gateways);
        let all: usize = ids.clone().map(|id| (0..gateways.len()).map(|at| fresh(&after, at, id)).sum::<usize>()).sum();
        (all >= whole * ids.clone().count()).then_some(after)
    })
    .await;
    let owner = |id: u128| {
        let holders: Vec<_> = (0..gateways.len()).filter(|at| fresh(&after, *at, id) > 0).collect();
        assert_eq!(holders.len(), 1, "trace {id} is spread over {holders:?}");
        assert_eq!(fresh(&after, holders[0], id), whole, "trace {id} is not whole");
        (id, holders[0])
    };
    ids.clone().map(owner).collect()
}

/// Waits until an agent sends to these gateways, to each of them and to no other.
async fn settled(agent: &Host, gateways: &[Gateway], members: &[usize]) {
    agent.wait_for_metric(RESOLUTIONS, &[("success", "true")], 1.0).await;
    let members: BTreeSet<_> = members.iter().copied().collect();
    let mut next = 1_000_000_u128;
    eventually(&format!("all of {members:?} in use"), async || {
        let ids = next..next + 60;
        next = ids.end;
        let metrics = agent.metrics().await;
        let known = (metrics.sum(BACKENDS, &[]) - members.len() as f64).abs() < f64::EPSILON;
        if !known {
            return None;
        }
        let used: BTreeSet<_> = owners(&[agent], gateways, ids).await.into_values().collect();
        (used == members).then_some(())
    })
    .await;
}

/// Waits for so many more failed lookups.
async fn failing(agent: &Host) {
    let failed = [("resolver", "dns"), ("success", "false")];
    let before = agent.metrics().await.sum(RESOLUTIONS, &failed);
    agent.wait_for_metric(RESOLUTIONS, &failed, before + 3.0).await;
}

/// Traces whose gateway is another one than before.
fn moved<'a>(
    before: &'a BTreeMap<u128, usize>,
    after: &'a BTreeMap<u128, usize>,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    before.iter().map(|(id, from)| (*from, after[id])).filter(|(from, to)| from != to)
}

#[tokio::test]
async fn every_trace_arrives_whole_at_one_gateway() {
    let dns = DnsServer::start().await;
    let (gateways, port) = gateways(4).await;
    dns.answer(addresses(&gateways[..3]));
    let agents = [Setup::new(agent_yaml(&dns, port)).start().await, Setup::new(agent_yaml(&dns, port)).start().await];
    let both = [&agents[0], &agents[1]];
    for agent in both {
        settled(agent, &gateways, &[0, 1, 2]).await;
    }
    let of_three = owners(&both, &gateways, 1..TRACES + 1).await;
    for gateway in 0..3 {
        let share = of_three.values().filter(|owner| **owner == gateway).count();
        assert!(share >= TRACES as usize / 10, "gateway {gateway} has {share} of {TRACES}");
    }

    // A fourth takes its share from each of the others, and nothing else moves.
    dns.answer(addresses(&gateways));
    for agent in both {
        settled(agent, &gateways, &[0, 1, 2, 3]).await;
    }
    let of_four = owners(&both, &gateways, 1..TRACES + 1).await;
    assert!(moved(&of_three, &of_four).all(|(_, to)| to == 3));
    let share = moved(&of_three, &of_four).count();
    assert!((TRACES as usize / 10..TRACES as usize / 2).contains(&share), "{share} of {TRACES} have moved");

    // One that leaves gives all it has to the others, and nothing else moves.
    dns.answer(Answer::addresses(&[&gateways[0].address, &gateways[2].address, &gateways[3].address]));
    for agent in both {
        settled(agent, &gateways, &[0, 2, 3]).await;
    }
    let without = owners(&both, &gateways, 1..TRACES + 1).await;
    assert!(moved(&of_four, &without).all(|(from, _)| from == 1));
    assert_eq!(moved(&of_four, &without).count(), of_four.values().filter(|owner| **owner == 1).count());
}

#[tokio::test]
async fn whatever_dns_does_the_gateways_stay() {
    let dns = DnsServer::start().await;
    let (gateways, port) = gateways(2).await;
    // The agent is there before DNS is, and takes data in.
    dns.answer(Answer::Failure);
    let agent = Setup::new(agent_yaml(&dns, port)).start().await;
    failing(&agent).await;
    dns.answer(addresses(&gateways));
    settled(&agent, &gateways, &[0, 1]).await;
    let before = owners(&[&agent], &gateways, 1..TRACES + 1).await;

    let elsewhere = || Box::new(Answer::addresses(&["127.0.0.99"]));
    let too_late = Answer::After(Duration::from_secs(2), elsewhere());
    let cut_short = Answer::CutShort(vec!["127.0.0.99".parse().expect("an address"); 2]);
    for answer in [Answer::NoSuchName, Answer::Failure, Answer::addresses(&[]), Answer::Silence, too_late, cut_short] {
        dns.answer(answer.clone());
        failing(&agent).await;
        assert_eq!(owners(&[&agent], &gateways, 1..TRACES + 1).await, before, "{answer:?}");
    }

    // Slow, and over TCP, yet there.
    dns.answer(Answer::After(Duration::from_millis(100), Box::new(addresses(&gateways[..1]))));
    settled(&agent, &gateways, &[0]).await;
    dns.answer(Answer::OverTcp(Box::new(addresses(&gateways))));
    settled(&agent, &gateways, &[0, 1]).await;
    assert!(dns.questions().iter().any(|question| question.tcp));
}

#[tokio::test]
async fn validate_warns_of_a_name_with_one_virtual_address() {
    let dns = DnsServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent.yaml");
    let yaml = agent_yaml(&dns, 4317);
    let yaml = yaml
        .replace("@grpc@", "4317")
        .replace("@http@", "4318")
        .replace("@health@", "13133")
        .replace("@metrics@", "8888");
    std::fs::write(&file, yaml).expect("written");
    let validate = async || {
        let file = file.display().to_string();
        let output =
            tokio::task::spawn_blocking(move || tailrace_tests::host::run(&["validate", "--config", &file])).await;
        let output = output.expect("it ran");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    dns.answer(Answer::addresses(&["10.96.0.7"]));
    let text = validate().await;
    assert!(text.contains("gateways.example. has one address, 10.96.0.7"), "{text}");
    assert!(text.contains("headless service (clusterIP: None)"), "{text}");
    for answer in [Answer::addresses(&["10.96.0.7", "10.96.0.8"]), Answer::NoSuchName, Answer::Silence] {
        dns.answer(answer);
        let text = validate().await;
        assert!(!text.contains("one address"), "{text}");
    }
}
