//! Joining, splitting, refusals, bounds and the end, without a clock: timeouts are either none or out of reach.

use std::collections::VecDeque;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::testing;
use crate::pipeline::{BoxFuture, Consume, Rope};
use crate::telemetry::Metrics;

/// Remembers what it takes; refuses first what it is told to.
#[derive(Default)]
struct Sink {
    batches: Mutex<Vec<Batch>>,
    refusals: Mutex<VecDeque<Refusal>>,
}

struct IntoSink(Arc<Sink>);

impl Consume for IntoSink {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        let refusal = self.0.refusals.lock().pop_front();
        if refusal.is_none() {
            self.0.batches.lock().push(batch);
        }
        Box::pin(std::future::ready(refusal.map_or(Ok(()), Err)))
    }
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

struct Bench {
    batcher: Arc<Batcher>,
    sink: Arc<Sink>,
    metrics: Metrics,
    host: Arc<Host>,
    next: Next,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Bench {
    fn new(yaml: &str) -> Self {
        let (metrics, host) = (Metrics::default(), Host::new());
        let cx = Cx {
            id: "batch".parse().unwrap(),
            pipeline: Some("traces".parse().unwrap()),
            signal: Some(Signal::Traces),
            metrics: metrics.clone(),
            host: host.clone(),
        };
        let settings = testing::settings(yaml).0.unwrap();
        let batcher = Arc::new(Batcher::new(settings, &cx).unwrap());
        let sink = Arc::new(Sink::default());
        let next = Next::to(Box::new(IntoSink(sink.clone())));
        let (stop, stopped) = Stop::new();
        let (of_task, to) = (batcher.clone(), next.clone());
        let running = tokio::spawn(async move { of_task.run(to, stopped).await });
        Self { batcher, sink, metrics, host, next, stop, running }
    }

    async fn send(&self, batch: Batch) -> Result<(), Refusal> {
        self.batcher.process(batch, &self.next).await
    }

    async fn wait_for(&self, batches: usize) {
        while self.sink.batches.lock().len() < batches {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends it; the names of the spans in each batch.
    async fn end(self) -> Vec<String> {
        self.stop.cancel();
        self.running.await.unwrap();
        assert_eq!(self.batcher.core.held_items.load(Ordering::Relaxed), 0);
        assert_eq!(self.batcher.core.held_bytes.load(Ordering::Relaxed), 0);
        self.sink.batches.lock().iter().map(names).collect()
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> u64 {
        let labels: Vec<_> = [("processor", "batch")].into_iter().chain(labels.iter().copied()).collect();
        self.metrics.counter(Desc { name, unit: "", help: "" }, &labels).get()
    }
}

/// A span per letter.
fn spans(letters: &str) -> Batch {
    let span = |c: char| Span { name: c.to_string(), ..Span::default() };
    let scope = ScopeSpans { spans: letters.chars().map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], schema_url: "s".into(), ..ResourceSpans::default() };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource] };
    let data = Rope::from(request.encode_to_vec());
    Batch::new(Signal::Traces, data, letters.len())
}

fn names(batch: &Batch) -> String {
    let request = ExportTraceServiceRequest::decode(batch.data.clone().into_bytes()).unwrap();
    let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
    let names: String = spans.map(|span| span.name.as_str()).collect();
    assert_eq!(names.len(), batch.items);
    names
}

fn for_tenant(letters: &str, tenant: &str) -> Batch {
    let entries = vec![("other".into(), letters.into()), ("tenant".into(), tenant.into())];
    Batch { metadata: Some(Arc::new(Metadata { entries, identity: None })), ..spans(letters) }
}

/// Settings; requests with the number of batches sent after each; batches in the end.
type Case<'a> = (&'a str, &'a [(&'a str, usize)], &'a [&'a str]);

/// A batch of the size is sent at once, the rest when the host ends.
#[tokio::test]
async fn sizes() {
    let cases: &[Case<'_>] = &[
        ("{timeout: 1h, send_batch_size: 4}", &[("ab", 0), ("cd", 1), ("e", 1)], &["abcd", "e"]),
        ("{timeout: 1h, send_batch_size: 4}", &[("abcdefgh", 1)], &["abcdefgh"]),
        ("{timeout: 1h, send_batch_size: 3, send_batch_max_size: 3}", &[("abcdefgh", 2)], &["abc", "def", "gh"]),
        ("{timeout: 1h, send_batch_size: 3, send_batch_max_size: 5}", &[("abcdefgh", 2)], &["abcde", "fgh"]),
        ("{timeout: 1h, send_batch_size: 4, send_batch_max_size: 4}", &[("abc", 0), ("defgh", 2)], &["abcd", "efgh"]),
        ("{timeout: 1h, send_batch_size: 2, send_batch_max_size: 4}", &[("a", 0), ("bcdef", 2)], &["abcd", "ef"]),
        ("{timeout: 0s, send_batch_max_size: 2, send_batch_size: 2}", &[("abc", 2)], &["ab", "c"]),
        ("{timeout: 1h, send_batch_size: 0}", &[("abc", 1)], &["abc"]),
        ("{timeout: 5ms}", &[("abc", 1)], &["abc"]),
    ];
    for (yaml, requests, want) in cases {
        let bench = Bench::new(yaml);
        for (request, sent) in *requests {
            bench.send(spans(request)).await.unwrap();
            bench.wait_for(*sent).await;
            assert_eq!(bench.sink.batches.lock().len(), *sent, "{yaml}");
        }
        assert_eq!(bench.end().await, *want, "{yaml}");
    }
}

/// A refusal that may pass keeps the data; nothing is dropped.
#[tokio::test]
async fn refused_for_now_is_tried_again() {
    let bench = Bench::new("{timeout: 0s}");
    bench.sink.refusals.lock().extend([Refusal::retry("full"), Refusal::retry("full")]);
    bench.send(spans("abc")).await.unwrap();
    bench.wait_for(1).await;
    assert_eq!(bench.counter("processor_dropped_spans", &[("reason", "permanent")]), 0);
    assert_eq!(bench.end().await, ["abc"]);
}

/// What is held is bounded in bytes, here by the memory limiter's limit.
#[tokio::test]
async fn takes_nothing_in_at_its_bound() {
    let bench = Bench::new("{timeout: 1h}");
    bench.host.memory.set_limit("test", Some(crate::host::memory::Limit { soft_bytes: 400, hard_bytes: 500 }));
    let mut taken = String::new();
    let refusal = loop {
        match bench.send(spans("abcdef")).await {
            Ok(()) => taken += "abcdef",
            Err(refusal) => break refusal,
        }
    };
    assert!(!refusal.is_permanent());
    assert!(bench.batcher.admit().is_err());
    assert!(taken.len() < 60, "{}", taken.len());
    assert_eq!(bench.counter("processor_refused_spans", &[]), 6);
    assert_eq!(bench.counter("processor_accepted_spans", &[]), taken.len() as u64);
    assert_eq!(bench.end().await, [taken]);
}

#[tokio::test]
async fn refused_for_good_is_dropped_and_counted() {
    let bench = Bench::new("{timeout: 0s}");
    bench.sink.refusals.lock().push_back(Refusal::permanent("bad"));
    bench.send(spans("abc")).await.unwrap();
    bench.send(spans("de")).await.unwrap();
    let metrics = bench.metrics.clone();
    bench.end().await;
    let labels = [("processor", "batch"), ("reason", "permanent")];
    let dropped = metrics.counter(Desc { name: "processor_dropped_spans", unit: "", help: "" }, &labels).get();
    assert!([3, 5].contains(&dropped), "{dropped}");
}

/// Only requests with equal values of the named keys are joined, and only those values stay.
#[tokio::test]
async fn metadata_keeps_requests_apart() {
    let bench = Bench::new("{timeout: 1h, send_batch_size: 4, metadata_keys: [Tenant], metadata_cardinality_limit: 2}");
    for (letters, tenant) in [("ab", "x"), ("cd", "y"), ("ef", "x"), ("gh", "y")] {
        bench.send(for_tenant(letters, tenant)).await.unwrap();
    }
    bench.wait_for(2).await;
    let refusal = bench.send(for_tenant("i", "z")).await.unwrap_err();
    assert_eq!(refusal.why, "too many batcher metadata-value combinations");
    assert!(refusal.is_permanent());
    let tenant = |value: &str| Metadata { entries: vec![("tenant".into(), value.into())], identity: None };
    for batch in &*bench.sink.batches.lock() {
        let want = if names(batch) == "abef" { "x" } else { "y" };
        assert_eq!(batch.metadata.as_deref(), Some(&tenant(want)));
    }
    let mut batches = bench.end().await;
    batches.sort();
    assert_eq!(batches, ["abef", "cdgh"]);
}

#[tokio::test]
async fn triggers_and_sizes_are_counted() {
    let bench = Bench::new("{timeout: 1h, send_batch_size: 2}");
    bench.send(spans("ab")).await.unwrap();
    bench.wait_for(1).await;
    bench.send(spans("c")).await.unwrap();
    let metrics = bench.metrics.clone();
    bench.end().await;
    let labels = [("processor", "batch")];
    let count = |desc| metrics.counter(desc, &labels).get();
    assert_eq!((count(SIZE_TRIGGER), count(TIMEOUT_TRIGGER)), (1, 1));
    let sizes = metrics.histogram(SEND_SIZE, &labels, ITEM_BOUNDS).snapshot().1;
    assert_eq!((sizes.count, sizes.sum), (2, 3.0));
}

#[test]
fn problems() {
    let cases = [
        (
            "{send_batch_size: 10, send_batch_max_size: 5}",
            "send_batch_max_size must be greater or equal to send_batch_size",
        ),
        ("{metadata_keys: [a, A]}", "duplicate entry in metadata_keys: \"a\" (case-insensitive)"),
    ];
    for (yaml, want) in cases {
        let problems = testing::settings::<Settings>(yaml).1;
        assert!(problems.all()[0].message.contains(want), "{:?}", problems.all()[0].message);
    }
}
