//! Against receivers of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::exporters::queue::Shipping;
use crate::net::testing::{PATIENCE, Served, cx};
use crate::pipeline::{BoxFuture, RefusalKind};
use crate::telemetry::prometheus;
use crate::telemetry::settings::{MetricLevel, Prometheus};

/// So many traces of two spans each, dealt over two resources.
fn request(traces: u8) -> Batch {
    let span = |id: u8| Span { trace_id: vec![id; 16], ..Span::default() };
    let resource = || ResourceSpans {
        scope_spans: vec![ScopeSpans { spans: (0..traces).map(span).collect(), ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource(), resource()] };
    Batch::new(Signal::Traces, request.encode_to_vec().into(), usize::from(traces) * 2)
}

/// The traces that a server has, with how many spans of each.
fn traces(server: &Served) -> BTreeMap<u8, usize> {
    let mut spans = BTreeMap::new();
    for bytes in server.sink.bytes() {
        let request = ExportTraceServiceRequest::decode(&bytes[..]).expect("decodes");
        let all = request.resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans);
        all.for_each(|span| *spans.entry(span.trace_id[0]).or_default() += 1);
    }
    spans
}

/// An exporter that runs, with a list of backends that tests change.
struct Running {
    exporter: Arc<LoadBalancing>,
    list: watch::Sender<Backends>,
    cx: Cx,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(hostnames: &[String], more: &str) -> Self {
        let names = hostnames.join(",");
        let yaml = format!("{{resolver: {{static: {{hostnames: [{names}]}}}}, {more}}}");
        let settings: LoadBalancingSettings = serde_yaml::from_str(&yaml).expect("settings");
        let cx = cx("load_balancing", Some(Signal::Traces));
        let mut exporter = LoadBalancing::new(settings, &cx).expect("builds");
        let (list, backends) = watch::channel(Backends::from(hostnames));
        exporter.backends = backends;
        let exporter = Arc::new(exporter);
        let (stop, stopped) = Stop::new();
        let of_task = Arc::clone(&exporter);
        let task = tokio::spawn(async move { of_task.run(stopped).await });
        let running = Self { exporter, list, cx, stop, task };
        running.until(|running| running.exporter.core.backends() == hostnames.len()).await;
        running
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("in time");
    }

    fn metrics(&self) -> String {
        prometheus::render(&self.cx.metrics, MetricLevel::Normal, &Prometheus::default(), &BTreeMap::new())
    }

    /// The value of the first sample of that metric with that label.
    fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let text = self.metrics();
        let sample = text.lines().find(|line| line.starts_with(name) && line.contains(label))?;
        sample.rsplit_once(' ')?.1.parse().ok()
    }

    async fn finish(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("in time").expect("no panic");
    }
}

fn names(servers: &[&Served]) -> Vec<String> {
    let mut names: Vec<_> = servers.iter().map(|server| server.address().to_string()).collect();
    names.sort_unstable();
    names
}

const PLAIN: &str = "protocol: {otlp: {compression: none, tls: {insecure: true}}}";
/// Failures come back, and retries do not wait.
const WITHOUT_QUEUES: &str = "protocol: {otlp: {compression: none, tls: {insecure: true}, sending_queue: {enabled: false}, \
                              retry_on_failure: {enabled: false}}}";
const QUICK_RETRY: &str = "protocol: {otlp: {compression: none, tls: {insecure: true}, \
                           retry_on_failure: {initial_interval: 20ms, max_interval: 20ms}}}";

#[tokio::test]
async fn every_trace_arrives_whole_at_one_backend() {
    let servers = [Served::grpc(""), Served::grpc(""), Served::grpc("")];
    let running = Running::start(&names(&servers.each_ref()), PLAIN).await;
    for _ in 0..3 {
        running.exporter.send(request(200)).await.expect("taken");
    }
    let spans = || servers.iter().map(|server| traces(server).values().sum::<usize>()).sum::<usize>();
    running.until(|_| spans() == 1200).await;
    let mut seen = BTreeSet::new();
    for server in &servers {
        let traces = traces(server);
        assert!(traces.len() > 20, "{} traces", traces.len());
        for (id, spans) in traces {
            assert_eq!(spans, 6);
            assert!(seen.insert(id), "trace {id} is at two backends");
        }
    }
    let backend = servers[0].address();
    let sent = running.metric("otelcol_exporter_sent_spans", &format!("exporter=\"otlp/{backend}\""));
    assert_eq!(sent, Some(traces(&servers[0]).values().sum::<usize>() as f64));
    let outcome = running.metric("otelcol_loadbalancer_backend_outcome", &format!("endpoint=\"{backend}\""));
    assert_eq!(outcome, Some(3.0));
    let queue = running.metric("otelcol_exporter_queue_size", &format!("exporter=\"otlp/{backend}\""));
    assert_eq!(queue, Some(0.0));
    running.finish().await;
}

/// What the others took is not sent again.
#[tokio::test]
async fn a_retry_resends_only_what_failed() {
    let servers = [Served::grpc(""), Served::grpc(""), Served::grpc("")];
    let more =
        format!("{WITHOUT_QUEUES}, retry_on_failure: {{enabled: true, initial_interval: 20ms, max_interval: 20ms}}");
    let running = Running::start(&names(&servers.each_ref()), &more).await;
    servers[1].sink.refuse(Some(Refusal::retry("full")));
    let failure = running.exporter.send(request(100)).await.expect_err("one refuses");
    let rest = failure.rest.expect("a part");
    let taken = [&servers[0], &servers[2]].map(|server| traces(server).values().sum::<usize>());
    assert_eq!(rest.items + taken[0] + taken[1], 200);
    assert_eq!(failure.kind, RefusalKind::Retry { after: None });

    // The same within the exporter's own retries.
    let delivery = LoadBalancing::delivery(&running.exporter.settings);
    let shipping = Shipping::new(running.exporter.clone(), delivery, &[], &running.cx);
    let sending = shipping.consume(request(100));
    let relenting = async {
        running.until(|_| traces(&servers[0]).values().sum::<usize>() == 2 * taken[0]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        servers[1].sink.refuse(None);
    };
    let (sent, ()) = tokio::join!(sending, relenting);
    sent.expect("sent in the end");
    let counts = servers.each_ref().map(|server| traces(server).values().sum::<usize>());
    assert_eq!(counts, [2 * taken[0], rest.items, 2 * taken[1]]);
    let sent = running.metric("otelcol_exporter_sent_spans", "exporter=\"load_balancing\"");
    assert_eq!(sent, Some(200.0));
    running.finish().await;
}

#[tokio::test]
async fn a_refusal_for_good_does_not_come_back_with_what_may_succeed() {
    let servers = [Served::grpc(""), Served::grpc("")];
    let running = Running::start(&names(&servers.each_ref()), WITHOUT_QUEUES).await;
    servers[0].sink.refuse(Some(Refusal::bad_data("never")));
    servers[1].sink.refuse(Some(Refusal::retry("full")));
    let failure = running.exporter.send(request(100)).await.expect_err("both refuse");
    assert!(!failure.is_permanent() && failure.why.contains("full") && !failure.why.contains("never"), "{failure}");
    let rest = failure.rest.expect("a part").items;
    servers[1].sink.refuse(None);
    let failure = running.exporter.send(request(100)).await.expect_err("one refuses");
    assert!(failure.is_permanent(), "{failure}");
    assert_eq!(failure.rest.expect("a part").items, 200 - rest);
    running.finish().await;
}

/// What waits for a backend that left goes to the others; what is new does at once.
#[tokio::test]
async fn what_waits_for_a_leaving_backend_goes_to_the_new_owners() {
    let servers = [Served::grpc(""), Served::grpc(""), Served::grpc("")];
    let [first, second, third] = &servers;
    let running = Running::start(&names(&servers.each_ref()), PLAIN).await;
    third.sink.refuse(Some(Refusal::retry("down")));
    running.exporter.send(request(200)).await.expect("queued");
    let spans = |server| traces(server).values().sum::<usize>();
    running.until(|_| spans(first) > 0 && spans(second) > 0).await;
    let before = [spans(first), spans(second)];
    let gone = third.address().to_string();
    assert!(running.metrics().contains(&gone));
    running.list.send_replace(names(&[first, second]).into());
    running.until(|_| spans(first) + spans(second) == 400).await;
    assert!(spans(first) > before[0] && spans(second) > before[1]);
    assert_eq!(spans(third), 0);
    let moved = 400 - before[0] - before[1];
    running
        .until(|running| running.metric("otelcol_tailrace_loadbalancer_moved_items", "") == Some(moved as f64))
        .await;
    running.until(|running| !running.metrics().contains(&gone)).await;
    running.finish().await;
}

/// Only the share of the new one moves, and nothing is refused meanwhile.
#[tokio::test]
async fn a_new_backend_gets_its_share() {
    let servers = [Served::grpc(""), Served::grpc(""), Served::grpc("")];
    let [first, second, third] = &servers;
    let running = Running::start(&names(&[first, second]), PLAIN).await;
    running.exporter.send(request(200)).await.expect("queued");
    let count = || servers.iter().map(|server| traces(server).values().sum::<usize>()).sum::<usize>();
    running.until(|_| count() == 400).await;
    let before = [traces(first), traces(second)];
    running.list.send_replace(names(&servers.each_ref()).into());
    running.until(|running| running.exporter.core.backends() == 3).await;
    running.exporter.send(request(200)).await.expect("queued");
    running.until(|_| count() == 800).await;
    let moved = traces(third);
    assert!((20..120).contains(&moved.len()), "{} of 200", moved.len());
    for (before, server) in before.iter().zip([first, second]) {
        let stayed: Vec<_> = traces(server).into_iter().filter(|(_, spans)| *spans == 4).map(|(id, _)| id).collect();
        let expected: Vec<_> = before.keys().copied().filter(|id| !moved.contains_key(id)).collect();
        assert_eq!(stayed, expected);
    }
    running.finish().await;
}

#[tokio::test]
async fn a_dead_backend_is_left_out_until_it_is_back() {
    let servers = [Served::grpc(""), Served::grpc("")];
    let [alive, mortal] = servers;
    let address = mortal.address();
    let more = format!("{QUICK_RETRY}, failover: {{enabled: true, after_failures: 2, retry_interval: 100ms}}");
    let running = Running::start(&names(&[&alive, &mortal]), &more).await;
    mortal.finish().await;
    running.exporter.send(request(100)).await.expect("queued");
    running.until(|_| traces(&alive).values().sum::<usize>() == 200).await;
    assert_eq!(running.exporter.core.backends(), 1);
    let again = Served::start(&format!("protocols: {{grpc: {{endpoint: '{address}'}}}}"));
    running.until(|running| running.exporter.core.backends() == 2).await;
    running.exporter.send(request(100)).await.expect("queued");
    running.until(|_| traces(&alive).len() + traces(&again).len() > 100).await;
    assert!(traces(&again).len() > 10);
    running.finish().await;
}

/// A list without anything in it leaves nobody to send to; what comes is refused for now, what waits stays.
#[tokio::test]
async fn without_backends_data_is_refused_for_now() {
    let server = Served::grpc("");
    let running = Running::start(&names(&[&server]), QUICK_RETRY).await;
    server.sink.refuse(Some(Refusal::retry("full")));
    running.exporter.send(request(3)).await.expect("queued");
    running.list.send_replace(Backends::from([]));
    running.until(|running| running.exporter.admit().is_err()).await;
    let refusal = running.exporter.send(request(1)).await.expect_err("nobody there");
    assert_eq!(refusal.kind, RefusalKind::Retry { after: None });
    assert!(refusal.why.contains("couldn't find the exporter for the endpoint \"\""), "{refusal}");
    server.sink.refuse(None);
    running.list.send_replace(names(&[&server]).into());
    running.until(|_| traces(&server).len() == 3).await;
    running.finish().await;
}

/// As at a reload: what comes before the first list waits for it, for a while.
#[tokio::test]
async fn requests_wait_for_the_first_list() {
    let server = Served::grpc("");
    let running = Running::start(&[], QUICK_RETRY).await;
    running.exporter.admit().expect("there is time");
    let (sent, ()) = tokio::join!(running.exporter.send(request(3)), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        running.list.send_replace(names(&[&server]).into());
    });
    sent.expect("in the end");
    running.until(|_| traces(&server).len() == 3).await;
    running.finish().await;
}

#[tokio::test]
async fn the_first_list_is_not_waited_for_for_ever() {
    let running = Running::start(&[], QUICK_RETRY).await;
    let refusal = running.exporter.send(request(3)).await.expect_err("no list");
    assert_eq!(refusal.kind, RefusalKind::Retry { after: None });
    running.exporter.admit().expect_err("no list");
    running.finish().await;
}

/// At a reload the exporter that takes this one's place gets what its backends did not.
#[tokio::test]
async fn a_successor_takes_over_what_the_backends_hold() {
    #[derive(Clone, Default)]
    struct Next(Arc<Mutex<usize>>);
    impl Consume for Next {
        fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
            *self.0.lock() += batch.items;
            Box::pin(std::future::ready(Ok(())))
        }
        fn admit(&self) -> Result<(), Refusal> {
            Ok(())
        }
    }
    let servers = [Served::grpc(""), Served::grpc("")];
    let running = Running::start(&names(&servers.each_ref()), PLAIN).await;
    for server in &servers {
        server.sink.refuse(Some(Refusal::retry("full")));
    }
    running.exporter.send(request(50)).await.expect("queued");
    let next = Next::default();
    let successor: Arc<Box<dyn Consume>> = Arc::new(Box::new(next.clone()));
    running.exporter.succeed_by(Arc::downgrade(&successor));
    running.finish().await;
    assert_eq!(*next.0.lock(), 100);
}
