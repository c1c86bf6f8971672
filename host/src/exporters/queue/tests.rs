use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config;
use crate::net::testing::{PATIENCE, batch, cx, traces};
use crate::pipeline::Signal;
use crate::telemetry::metrics::Desc;

/// An exporter that waits for permission, remembers, and fails as told.
struct Backend {
    permits: Semaphore,
    sent: Mutex<Vec<Batch>>,
    attempts: AtomicUsize,
    failures: Mutex<Vec<Refusal>>,
}

impl Backend {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(permits),
            sent: Mutex::default(),
            attempts: AtomicUsize::new(0),
            failures: Mutex::default(),
        })
    }

    fn items(&self) -> Vec<usize> {
        self.sent.lock().iter().map(|batch| batch.items).collect()
    }
}

impl DynSend for Backend {
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            self.permits.acquire().await.expect("open").forget();
            self.attempts.fetch_add(1, Ordering::Relaxed);
            let failure = self.failures.lock().pop();
            if let Some(failure) = failure {
                return Err(failure);
            }
            self.sent.lock().push(batch);
            Ok(())
        })
    }
}

struct Forward(Arc<Backend>);

impl DynSend for Forward {
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        self.0.attempt(batch)
    }
}

struct Setup {
    shipping: Arc<Shipping>,
    backend: Arc<Backend>,
    cx: Cx,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Setup {
    fn new(backend: &Arc<Backend>, queue: Option<&str>, retry: &str) -> Self {
        let cx = cx("otlp", Some(Signal::Traces));
        let delivery = Delivery {
            queue: queue.map(|yaml| serde_yaml::from_str(yaml).expect("settings")),
            retry: serde_yaml::from_str(retry).expect("settings"),
            timeout: Duration::ZERO,
        };
        let labels = [("server_address", "backend".to_owned())];
        let shipping = Shipping::new(Arc::new(Forward(backend.clone())), delivery, &labels, &cx);
        let (stop, stopped) = Stop::new();
        let running = shipping.clone();
        let task = tokio::spawn(async move { running.run(stopped).await });
        Self { shipping, backend: backend.clone(), cx, stop, task }
    }

    async fn offer(&self, spans: usize) -> Result<(), Refusal> {
        self.shipping.consume(batch(traces(spans, 10), spans)).await
    }

    /// Stops and waits until everything is sent or given up.
    async fn finish(&mut self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, &mut self.task).await.expect("in time").expect("no panic");
    }

    fn count(&self, name: &'static str, with_address: bool) -> u64 {
        let labels = [("exporter", "otlp"), ("server_address", "backend")];
        let labels = if with_address { &labels[..] } else { &labels[..1] };
        self.cx.metrics.counter(Desc { name, unit: "", help: "" }, labels).get()
    }

    fn gauge(&self, name: &'static str) -> i64 {
        let labels = [("exporter", "otlp"), ("data_type", "traces")];
        self.cx.metrics.gauge(Desc { name, unit: "", help: "" }, &labels).get()
    }
}

/// Waits that are over at once.
const QUICK: &str = "{initial_interval: 1, max_interval: 1}";

/// Nothing is tried twice.
const ONCE: &str = "{enabled: false}";

async fn until(what: &str, reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect(what);
}

#[tokio::test]
async fn what_is_accepted_is_sent_and_counted() {
    let mut setup = Setup::new(&Backend::new(100), Some("{}"), ONCE);
    for spans in 1..=10 {
        setup.offer(spans).await.expect("accepted");
    }
    // Nothing in it: no export.
    setup.offer(0).await.expect("accepted");
    setup.finish().await;
    let mut items = setup.backend.items();
    items.sort_unstable();
    assert_eq!(items, (1..=10).collect::<Vec<_>>());
    assert_eq!(setup.count("exporter_sent_spans", true), 55);
    assert_eq!(setup.gauge("exporter_queue_size"), 0);
    assert_eq!(setup.gauge("exporter_queue_capacity"), 1000);
    assert_eq!(setup.gauge("exporter_in_flight_requests"), 0);
}

#[tokio::test]
async fn full_is_refused_by_every_unit_until_exports_end() {
    let size = traces(4, 10).len();
    for (yaml, fits) in [
        ("{queue_size: 3, num_consumers: 1}".to_owned(), 3),
        ("{queue_size: 9, sizer: items, num_consumers: 1}".to_owned(), 2),
        (format!("{{queue_size: {}, sizer: bytes, num_consumers: 1}}", size * 2), 2),
    ] {
        let backend = Backend::new(0);
        let mut setup = Setup::new(&backend, Some(&yaml), ONCE);
        for _ in 0..fits {
            setup.offer(4).await.expect("fits");
        }
        let refusal = setup.offer(4).await.expect_err("full");
        assert_eq!((refusal.why.as_str(), refusal.is_permanent()), ("sending queue is full", false), "{yaml}");
        assert_eq!(setup.count("exporter_enqueue_failed_spans", false), 4);
        // Being sent is not over: still full.
        until("taken out", || {
            backend.permits.available_permits() == 0 && setup.gauge("exporter_in_flight_requests") == 1
        })
        .await;
        setup.offer(4).await.expect_err("still full");
        backend.permits.add_permits(1);
        until("one is sent", || backend.items().len() == 1 && setup.offer_fits(4)).await;
        setup.offer(4).await.expect("there is space again");
        backend.permits.add_permits(100);
        setup.finish().await;
        assert_eq!(backend.items().len(), fits + 1);
    }
}

impl Setup {
    fn offer_fits(&self, spans: usize) -> bool {
        let queue = self.shipping.queue.as_ref().expect("queued");
        let ticket = Ticket::new(&queue.store, &batch(traces(spans, 10), spans), None);
        queue.store.claim(ticket, u64::MAX).is_ok()
    }
}

#[tokio::test]
async fn what_can_never_fit_is_refused_for_good() {
    let setup = Setup::new(&Backend::new(9), Some("{queue_size: 3, sizer: items}"), ONCE);
    let refusal = setup.offer(4).await.expect_err("too large");
    assert_eq!((refusal.why.as_str(), refusal.is_permanent()), ("element size too large", true));
}

#[tokio::test]
async fn bytes_are_bounded_whatever_the_unit() {
    let mut setup = Setup::new(&Backend::new(0), Some("{num_consumers: 1}"), ONCE);
    let soft_bytes = 2 * 3 * traces(4, 10).len() as u64;
    let limit = crate::host::memory::Limit { soft_bytes, hard_bytes: soft_bytes * 2 };
    setup.cx.host.memory.set_limit("memory_limiter", Some(limit));
    for _ in 0..3 {
        setup.offer(4).await.expect("fits");
    }
    assert_eq!(setup.offer(4).await.expect_err("full").why, "sending queue is full");
    assert_eq!(setup.shipping.admit().expect_err("full").why, "sending queue is full");
    setup.backend.permits.add_permits(9);
    setup.finish().await;
}

#[tokio::test]
async fn a_caller_may_wait_for_space_or_for_the_result() {
    let backend = Backend::new(0);
    let mut setup = Setup::new(&backend, Some("{queue_size: 1, block_on_overflow: true}"), ONCE);
    setup.offer(1).await.expect("fits");
    setup.shipping.admit().expect("it would wait");
    {
        let mut blocked = std::pin::pin!(setup.offer(2));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut blocked).await;
        assert!(early.is_err(), "there is no space");
        backend.permits.add_permits(2);
        blocked.await.expect("there is space now");
    }
    setup.finish().await;
    assert_eq!(backend.items(), [1, 2]);

    let backend = Backend::new(9);
    let mut setup = Setup::new(&backend, Some("{wait_for_result: true}"), ONCE);
    setup.offer(1).await.expect("sent");
    assert_eq!(backend.items(), [1]);
    backend.failures.lock().push(Refusal::permanent("no"));
    assert_eq!(setup.offer(1).await.expect_err("failed").why, "not retryable error: no");
    setup.finish().await;
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_again() {
    let backend = Backend::new(99);
    *backend.failures.lock() = vec![Refusal::retry("down"), Refusal::retry("down")];
    let mut setup = Setup::new(&backend, Some("{}"), QUICK);
    setup.offer(5).await.expect("accepted");
    until("sent", || !backend.items().is_empty()).await;
    setup.finish().await;
    assert_eq!(backend.attempts.load(Ordering::Relaxed), 3);
    // A retried export counts once.
    assert_eq!((setup.count("exporter_sent_spans", true), setup.count("exporter_send_failed_spans", true)), (5, 0));

    backend.failures.lock().push(Refusal::permanent("bad"));
    let mut setup = Setup::new(&backend, Some("{}"), QUICK);
    setup.offer(5).await.expect("accepted");
    setup.finish().await;
    assert_eq!((setup.count("exporter_sent_spans", true), setup.count("exporter_send_failed_spans", true)), (0, 5));
}

#[tokio::test]
async fn without_a_queue_the_caller_gets_the_result() {
    let backend = Backend::new(99);
    let setup = Setup::new(&backend, None, ONCE);
    setup.offer(2).await.expect("sent");
    backend.failures.lock().push(Refusal::retry("down"));
    assert_eq!(setup.offer(2).await.expect_err("failed").why, "down");
    assert_eq!(backend.items(), [2]);
}

#[tokio::test]
async fn stopping_ends_waits_and_tries_the_rest_once() {
    let backend = Backend::new(1);
    *backend.failures.lock() = vec![Refusal::retry("down"), Refusal::retry("down"), Refusal::retry("down")];
    let mut setup = Setup::new(&backend, Some("{num_consumers: 1}"), "{}");
    for spans in [1, 2, 3] {
        setup.offer(spans).await.expect("accepted");
    }
    // The first waits for its second attempt, in seconds.
    until("the first attempt failed", || backend.attempts.load(Ordering::Relaxed) == 1).await;
    backend.permits.add_permits(99);
    setup.finish().await;
    assert_eq!(backend.items(), [3], "the first failed its last attempt, the second its only one");
    assert_eq!(setup.count("exporter_send_failed_spans", true), 3);
    assert_eq!(setup.offer(1).await.expect_err("closed").why, "sending queue is stopped");
    assert_eq!(setup.gauge("exporter_queue_size"), 0);
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_may_be_tried_again() {
    let cx = cx("otlp", Some(Signal::Traces));
    let delivery = Delivery { timeout: Duration::from_millis(10), ..Delivery::direct() };
    let shipping = Shipping::new(Arc::new(Forward(Backend::new(0))), delivery, &[], &cx);
    let refusal = shipping.consume(batch(traces(1, 1), 1)).await.expect_err("late");
    assert_eq!((refusal.code, refusal.is_permanent()), (Some(4), false));
}

fn spans_in(batch: &Batch) -> usize {
    let request = ExportTraceServiceRequest::decode(batch.data.clone().into_bytes()).expect("intact");
    request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len()).sum()
}

#[tokio::test]
async fn batches_are_joined_to_the_minimum_and_cut_at_the_maximum() {
    let hour = "flush_timeout: 3600000000000";
    for (batching, offered, expected) in [
        (format!("{{{hour}, min_size: 10}}"), vec![4, 4, 4, 3], vec![12, 3]),
        (format!("{{{hour}, min_size: 10, max_size: 10}}"), vec![4, 4, 4, 25, 1], vec![10, 10, 10, 8]),
        (format!("{{{hour}, min_size: 0, max_size: 3}}"), vec![7, 1], vec![3, 3, 1, 1]),
        ("{flush_timeout: 1000000, min_size: 1000}".to_owned(), vec![5], vec![5]),
    ] {
        let backend = Backend::new(99);
        let mut setup = Setup::new(&backend, Some(&format!("{{num_consumers: 1, batch: {batching}}}")), ONCE);
        for spans in &offered {
            setup.offer(*spans).await.expect("accepted");
        }
        if batching.contains("1000000,") {
            until("flushed by time", || !backend.items().is_empty()).await;
        }
        setup.finish().await;
        assert_eq!(backend.items(), expected, "{batching}");
        assert!(backend.sent.lock().iter().all(|batch| spans_in(batch) == batch.items), "{batching}");
        assert_eq!(setup.gauge("exporter_queue_size"), 0);
    }
}

#[tokio::test]
async fn batches_by_bytes_stay_below_the_maximum() {
    let backend = Backend::new(999);
    let max = 1000;
    let yaml = format!("{{queue_size: 1000000, sizer: bytes, batch: {{min_size: 500, max_size: {max}}}}}");
    let mut setup = Setup::new(&backend, Some(&yaml), ONCE);
    for spans in [1, 30, 2, 100] {
        setup.offer(spans).await.expect("accepted");
    }
    setup.finish().await;
    let sent = backend.sent.lock();
    assert_eq!(sent.iter().map(spans_in).sum::<usize>(), 133);
    assert!(sent.iter().all(|batch| batch.data.len() <= max && spans_in(batch) == batch.items));
    assert!(sent.iter().filter(|batch| batch.data.len() < max / 2).count() <= 2, "cut too fine");
}

#[tokio::test]
async fn everyone_in_a_batch_gets_its_result() {
    let backend = Backend::new(99);
    let yaml = "{wait_for_result: true, batch: {flush_timeout: 3600000000000, min_size: 6, max_size: 6}}";
    let mut setup = Setup::new(&backend, Some(yaml), ONCE);
    backend.failures.lock().push(Refusal::permanent("no"));
    // Four and two make the first export, which fails; four remain of the second, and two make it full.
    let (first, second, third) = tokio::join!(setup.offer(4), setup.offer(6), setup.offer(2));
    assert!(first.is_err() && second.is_err() && third.is_ok(), "{first:?} {second:?} {third:?}");
    assert_eq!(backend.items(), [6]);
    setup.finish().await;
}

#[test]
fn settings_that_are_wrong_are_named() {
    let check = |queue: &str, retry: &str| {
        let queue: QueueSettings = serde_yaml::from_str(queue).expect("parses");
        let retry: RetrySettings = serde_yaml::from_str(retry).expect("parses");
        let (mut problems, at) = (config::Problems::default(), config::Path::root());
        let mut check = config::Check::new(None, &at, &[], &mut problems);
        queue.check("sending_queue", &mut check);
        retry.check("retry_on_failure", &mut check);
        problems.all().iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
    };
    for (queue, retry, expected) in [
        ("{num_consumers: 0}", "{}", "`num_consumers` must be positive"),
        ("{queue_size: -1}", "{}", "`queue_size` must be positive"),
        ("{storage: file_storage}", "{}", "`storage` is not supported: the sending queue is held in memory"),
        ("{batch: {flush_timeout: 0}}", "{}", "`flush_timeout` must be positive"),
        ("{batch: {min_size: 9, max_size: 8}}", "{}", "`max_size` must be greater or equal to `min_size`"),
        ("{batch: {sizer: requests, min_size: 9}}", "{}", "`batch` supports only `items` or `bytes` sizer"),
        ("{sizer: items, batch: {}}", "{}", "`min_size` must be less than or equal to `queue_size`"),
        ("{}", "{randomization_factor: 1.5}", "'randomization_factor' must be within [0, 1]"),
        ("{}", "{multiplier: -1}", "'multiplier' must be non-negative"),
        ("{}", "{max_elapsed_time: 10000000000}", "'max_elapsed_time' must not be less than 'max_interval'"),
    ] {
        let messages = check(queue, retry);
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{queue} {retry} {messages:?}");
    }
    assert!(check("{enabled: false, queue_size: 0}", "{max_elapsed_time: 0}").is_empty());
}
