//! For tests: a receiver that runs, a pipeline's end that remembers and can be told to refuse, telemetry to send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::ComponentId;
use crate::host::Host;
use crate::pipeline::{Batch, BoxFuture, Consume, Cx, Next, Outputs, Receiver, Refusal, Signal, Stop};
use crate::receivers::otlp::{Otlp, OtlpSettings};
use crate::telemetry::Metrics;

/// How long anything is waited for before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn cx(kind: &str, signal: Option<Signal>) -> Cx {
    Cx {
        id: ComponentId { kind: kind.to_owned(), name: None },
        pipeline: None,
        signal,
        metrics: Metrics::default(),
        host: Host::new(),
    }
}

/// A traces request of so many spans, each of about `size` bytes.
pub(crate) fn traces(spans: usize, size: usize) -> Vec<u8> {
    let span = |index: usize| Span {
        trace_id: vec![1; 16],
        span_id: (index as u64 + 1).to_be_bytes().to_vec(),
        name: format!("{:a<size$}", index, size = size.max(1)),
        ..Span::default()
    };
    let scope = ScopeSpans { spans: (0..spans).map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

pub(crate) fn batch(data: Vec<u8>, items: usize) -> Batch {
    Batch::new(Signal::Traces, data.into(), items)
}

/// The end of a pipeline.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<SinkState>>);

#[derive(Default)]
struct SinkState {
    taken: Vec<Batch>,
    refuse: Option<Refusal>,
    turn_away: Option<Refusal>,
}

impl Sink {
    /// From now on every batch is refused so.
    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        self.0.lock().refuse = refusal;
    }

    /// From now on every request is refused so on its headers.
    pub(crate) fn turn_away(&self, refusal: Option<Refusal>) {
        self.0.lock().turn_away = refusal;
    }

    pub(crate) fn taken(&self) -> Vec<Batch> {
        self.0.lock().taken.clone()
    }

    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.taken().into_iter().map(|batch| batch.data.into_bytes().to_vec()).collect()
    }
}

impl Consume for Sink {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        let mut state = self.0.lock();
        let result = state.refuse.clone().map_or(Ok(()), Err);
        if result.is_ok() {
            state.taken.push(batch);
        }
        Box::pin(std::future::ready(result))
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.0.lock().turn_away.clone().map_or(Ok(()), Err)
    }
}

/// An `otlp` receiver that feeds a sink with traces and metrics; no pipeline has logs.
pub(crate) struct Served {
    pub(crate) sink: Sink,
    pub(crate) cx: Cx,
    pub(crate) stop: CancellationToken,
    bound: Vec<(&'static str, SocketAddr)>,
    task: JoinHandle<()>,
}

impl Served {
    /// With the settings of `yaml`, which should ask for ports 0.
    pub(crate) fn start(yaml: &str) -> Self {
        let settings: OtlpSettings = serde_yaml::from_str(yaml).expect("settings");
        let cx = cx("otlp", None);
        let receiver = Otlp::new(settings, &cx).expect("binds");
        let sink = Sink::default();
        let outputs = Outputs::default();
        for signal in [Signal::Traces, Signal::Metrics] {
            let target = Next::to(Box::new(sink.clone())).target();
            outputs.of(signal).point_at(target);
        }
        let (stop, stopped) = Stop::new();
        let bound = receiver.bound();
        let task = tokio::spawn(async move { receiver.run(outputs, stopped).await });
        Self { sink, cx, stop, bound, task }
    }

    /// gRPC only, on a port of its own.
    pub(crate) fn grpc(more: &str) -> Self {
        Self::start(&format!("protocols: {{grpc: {{endpoint: '127.0.0.1:0'{more}}}}}"))
    }

    /// HTTP only, on a port of its own.
    pub(crate) fn http(more: &str) -> Self {
        Self::start(&format!("protocols: {{http: {{endpoint: '127.0.0.1:0'{more}}}}}"))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.bound[0].1
    }

    /// Stops and waits for the end.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("in time").expect("no panic");
    }
}
