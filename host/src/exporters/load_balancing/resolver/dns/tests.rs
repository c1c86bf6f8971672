use std::time::Instant;

use tokio::sync::watch;

use self::server::{Answer, DnsServer};
use super::super::{Backends, Resolver, ResolverSettings};
use super::*;
use crate::pipeline::Cx;

#[expect(unreachable_pub, reason = "the end-to-end tests' DNS server, which is public there")]
#[path = "../../../../../../tests/src/dns.rs"]
pub(super) mod server;

/// A resolver under way.
struct Running {
    cx: Cx,
    backends: watch::Receiver<Backends>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    fn new(settings: DnsSettings) -> Self {
        let cx = Cx::offline();
        let settings = ResolverSettings { dns: Some(settings), ..ResolverSettings::default() };
        let (resolver, report, backends) = Resolver::new(&settings, &cx).expect("made");
        let task = tokio::spawn(async move { resolver.run(&report).await });
        Self { cx, backends, task }
    }

    fn list(&self) -> String {
        self.backends.borrow().join(" ")
    }

    async fn wait_for_list(&mut self, list: &str) {
        let reached = self.backends.wait_for(|backends| backends.join(" ") == list);
        let reached = tokio::time::timeout(Duration::from_secs(30), reached).await.is_ok();
        assert!(reached, "waited for {list:?}, have {:?}", self.list());
    }

    fn resolutions(&self, success: &str) -> u64 {
        use super::super::report::RESOLUTIONS;
        let id = self.cx.id.to_string();
        self.cx.metrics.counter(RESOLUTIONS, &[("exporter", &id), ("resolver", "dns"), ("success", success)]).get()
    }

    /// Waits for so many more resolutions with that result.
    async fn wait_for_more(&self, success: &str, more: u64) {
        let (before, begun) = (self.resolutions(success), Instant::now());
        while self.resolutions(success) < before + more {
            assert!(begun.elapsed() < Duration::from_secs(30), "no resolution with success={success}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn settings(server: &DnsServer) -> DnsSettings {
    DnsSettings {
        hostname: "gateways.example.".to_owned(),
        interval: crate::config::Duration::from_millis(20),
        // Long enough for a busy machine.
        timeout: crate::config::Duration::from_secs(10),
        servers: vec![server.address()],
        ..DnsSettings::default()
    }
}

#[tokio::test]
async fn both_families_are_written_as_the_go_collector_writes_them() {
    let server = DnsServer::start().await;
    server.answer(Answer::addresses(&["10.0.0.20", "fd00::2", "10.0.0.3", "fd00::1", "10.0.0.3"]));
    for (port, list) in [
        ("", "10.0.0.20 10.0.0.3 [fd00::1] [fd00::2]"),
        ("4317", "10.0.0.20:4317 10.0.0.3:4317 [fd00::1]:4317 [fd00::2]:4317"),
    ] {
        let mut running = Running::new(DnsSettings { port: port.to_owned(), ..settings(&server) });
        running.wait_for_list(list).await;
    }
}

#[tokio::test]
async fn whatever_fails_keeps_the_list_and_is_counted() {
    let server = DnsServer::start().await;
    server.answer(Answer::addresses(&["10.0.0.1", "10.0.0.2"]));
    let timeout = crate::config::Duration::from_millis(500);
    let mut running = Running::new(DnsSettings { timeout, ..settings(&server) });
    running.wait_for_list("10.0.0.1 10.0.0.2").await;
    let late = Answer::After(Duration::from_secs(5), Box::new(Answer::addresses(&["10.0.0.9"])));
    let cut_short = Answer::CutShort(vec![IpAddr::from([10, 0, 0, 9]), IpAddr::from([10, 0, 0, 8])]);
    for answer in [Answer::NoSuchName, Answer::Failure, Answer::addresses(&[]), Answer::Silence, late, cut_short] {
        server.answer(answer.clone());
        running.wait_for_more("false", 2).await;
        assert_eq!(running.list(), "10.0.0.1 10.0.0.2", "{answer:?}");
    }
    // What may be remembered for an hour is not: the next answer counts.
    server.answer(Answer::addresses(&["10.0.0.3"]));
    running.wait_for_list("10.0.0.3").await;
}

#[tokio::test]
async fn slow_answers_and_answers_over_tcp_are_taken() {
    let server = DnsServer::start().await;
    let many: Vec<IpAddr> = (0..200).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    server.answer(Answer::OverTcp(Box::new(Answer::Addresses(many.clone()))));
    let mut running = Running::new(settings(&server));
    let mut texts: Vec<String> = many.iter().map(IpAddr::to_string).collect();
    texts.sort_unstable();
    running.wait_for_list(&texts.join(" ")).await;
    assert!(server.questions().iter().any(|question| question.tcp));
    server.answer(Answer::After(Duration::from_millis(300), Box::new(Answer::addresses(&["10.0.0.1"]))));
    running.wait_for_list("10.0.0.1").await;
}

#[tokio::test]
async fn one_family_is_enough_where_the_other_fails() {
    let server = DnsServer::start().await;
    for (failing_ipv6, failure) in [(true, Answer::Failure), (false, Answer::Failure), (true, Answer::NoSuchName)] {
        let both = Answer::addresses(&["10.0.0.1", "fd00::1"]);
        server.script(move |question| if question.ipv6 == failing_ipv6 { failure.clone() } else { both.clone() });
        let mut running = Running::new(settings(&server));
        running.wait_for_list(if failing_ipv6 { "10.0.0.1" } else { "[fd00::1]" }).await;
    }
}

#[tokio::test]
async fn a_family_that_does_not_answer_makes_the_lookup_time_out() {
    let server = DnsServer::start().await;
    server.answer(Answer::addresses(&["10.0.0.1", "fd00::1"]));
    let timeout = crate::config::Duration::from_millis(500);
    let mut running = Running::new(DnsSettings { timeout, ..settings(&server) });
    running.wait_for_list("10.0.0.1 [fd00::1]").await;
    let half = Answer::addresses(&["10.0.0.1"]);
    server.script(move |question| if question.ipv6 { Answer::Silence } else { half.clone() });
    running.wait_for_more("false", 2).await;
    assert_eq!(running.list(), "10.0.0.1 [fd00::1]");
}

#[tokio::test]
async fn who_starts_before_dns_asks_again_sooner_than_the_interval() {
    let server = DnsServer::start().await;
    server.answer(Answer::Failure);
    let interval = crate::config::Duration::from_secs(3600);
    let mut running = Running::new(DnsSettings { interval, ..settings(&server) });
    running.wait_for_more("false", 2).await;
    assert_eq!(running.list(), "");
    server.answer(Answer::addresses(&["10.0.0.1"]));
    running.wait_for_list("10.0.0.1").await;
    assert_eq!(running.resolutions("true"), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_made_up_for_by_another() {
    let server = DnsServer::start().await;
    server.answer(Answer::addresses(&["10.0.0.1"]));
    // Nobody is there.
    let servers = vec!["127.0.0.254:9".to_owned(), server.address()];
    let mut running = Running::new(DnsSettings { servers, ..settings(&server) });
    running.wait_for_list("10.0.0.1").await;
}

#[tokio::test]
async fn addresses_and_names_of_the_hosts_file_are_not_asked_for() {
    let server = DnsServer::start().await;
    server.answer(Answer::addresses(&["10.0.0.1"]));
    let mut running = Running::new(DnsSettings { hostname: "fd00::7".to_owned(), ..settings(&server) });
    running.wait_for_list("[fd00::7]").await;
    let running = Running::new(DnsSettings { hostname: "localhost".to_owned(), ..settings(&server) });
    running.wait_for_more("true", 1).await;
    assert!(running.list().contains("127.0.0.1"), "{}", running.list());
    assert_eq!(server.questions(), []);
}

#[test]
fn only_a_single_address_elsewhere_looks_like_a_service() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(DnsServer::start());
    let virtual_address = IpAddr::from([10, 96, 0, 7]);
    for (answer, expected) in [
        (Answer::Addresses(vec![virtual_address]), Some(virtual_address)),
        (Answer::addresses(&["10.96.0.7", "10.96.0.8"]), None),
        (Answer::addresses(&["127.0.0.2"]), None),
        (Answer::NoSuchName, None),
        (Answer::Failure, None),
    ] {
        server.answer(answer.clone());
        assert_eq!(try_out(&settings(&server)), expected, "{answer:?}");
    }
    let literal = DnsSettings { hostname: virtual_address.to_string(), ..settings(&server) };
    assert_eq!(try_out(&literal), None);
}
