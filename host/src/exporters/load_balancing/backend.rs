//! One backend: an `otlp_grpc` exporter in its wrapping, with its own metrics.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Failover, Trouble};
use crate::config::ComponentId;
use crate::exporters::otlp_grpc::{OtlpGrpc, OtlpGrpcSettings};
use crate::exporters::queue::{DynSend, Shipping, leases};
use crate::pipeline::{Batch, BoxFuture, BuildError, Consume, Cx, Exporter as _, Refusal, Signal, Stop};
use crate::telemetry::metrics::{Desc, Lease};
use crate::telemetry::{Counter, Histogram};

const LATENCY: Desc = Desc {
    name: "loadbalancer_backend_latency",
    unit: "ms",
    help: "Response latency in ms for the backends, of each attempt.",
};
const LATENCY_BOUNDS: &[f64] = &[5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0];
const OUTCOME: Desc = Desc {
    name: "loadbalancer_backend_outcome",
    unit: "{outcomes}",
    help: "Number of successes and failures for each endpoint.",
};

/// The port of a backend whose name has none.
const DEFAULT_PORT: u16 = 4317;

/// One of those that data goes to.
pub(super) struct Backend {
    /// As the resolver has it; what the ring hashes.
    pub(super) name: String,
    pub(super) shipping: Arc<Shipping>,
    line: Arc<Line>,
    stop: CancellationToken,
}

/// Makes backends.
pub(super) struct Maker {
    pub(super) cx: Cx,
    settings: OtlpGrpcSettings,
    /// Failures in a row after which a backend counts as down.
    after_failures: Option<u32>,
    /// Woken when one goes down.
    pub(super) trouble: Trouble,
}

impl Maker {
    /// Fails on settings with which no backend could be made.
    pub(super) fn new(settings: OtlpGrpcSettings, failover: &Failover, cx: &Cx) -> Result<Self, BuildError> {
        let after_failures = failover.enabled.then_some(failover.after_failures);
        let maker = Self { cx: cx.clone(), settings, after_failures, trouble: Trouble::default() };
        maker.exporter("localhost")?;
        Ok(maker)
    }

    /// The exporter to a backend, not yet connected.
    pub(super) fn exporter(&self, name: &str) -> Result<OtlpGrpc, BuildError> {
        OtlpGrpc::new(self.settings_of(name), &self.cx_of(name))
    }

    /// A backend that connects and sends from now on, in a task of `tasks`, until it is retired.
    pub(super) fn start(&self, name: &str, tasks: &TaskTracker) -> Result<Arc<Backend>, BuildError> {
        let cx = self.cx_of(name);
        let exporter = self.exporter(name)?;
        let settings = self.settings_of(name);
        let labels = OtlpGrpc::labels(&settings, cx.signal.unwrap_or(Signal::Traces));
        let mut held = leases(&labels, &cx);
        let line = Arc::new(Line::new(exporter, name, self, &mut held));
        let shipping = Shipping::new(line.clone(), OtlpGrpc::delivery(&settings), &labels, &cx);
        let (stop, stopped) = Stop::new();
        tasks.spawn({
            let (line, shipping) = (line.clone(), shipping.clone());
            async move {
                line.exporter.connect();
                shipping.run(stopped).await;
                drop(held);
            }
        });
        Ok(Arc::new(Backend { name: name.to_owned(), shipping, line, stop }))
    }

    fn settings_of(&self, name: &str) -> OtlpGrpcSettings {
        OtlpGrpcSettings { endpoint: endpoint(name), ..self.settings.clone() }
    }

    /// `otlp/<endpoint>`, behind the exporter's own name if it has one.
    fn cx_of(&self, name: &str) -> Cx {
        let own = self.cx.id.name.as_ref().map(|own| format!("{own}_")).unwrap_or_default();
        let id = ComponentId { kind: "otlp".to_owned(), name: Some(format!("{own}{}", endpoint(name))) };
        Cx { id, ..self.cx.clone() }
    }
}

impl Backend {
    /// Whether it has failed so often that it is to be left out.
    pub(super) fn is_down(&self) -> bool {
        self.line.is_down.load(Ordering::Relaxed)
    }

    /// Takes nothing more; what waits goes to `heir` as long as that lives, and else gets one more attempt here.
    pub(super) fn retire(&self, heir: Option<&Weak<Box<dyn Consume>>>) {
        if let Some(heir) = heir {
            self.shipping.succeed_by(heir.clone());
        }
        self.stop.cancel();
    }
}

impl Drop for Backend {
    /// One that never got into a table ends, too.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The exporter with its figures.
struct Line {
    exporter: OtlpGrpc,
    latency: Histogram,
    succeeded: Counter,
    failed: Counter,
    after_failures: Option<u32>,
    failures_in_a_row: AtomicU32,
    is_down: AtomicBool,
    trouble: Trouble,
}

impl Line {
    fn new(exporter: OtlpGrpc, name: &str, maker: &Maker, held: &mut Vec<Lease>) -> Self {
        let (metrics, id, endpoint) = (&maker.cx.metrics, maker.cx.id.to_string(), endpoint(name));
        let labels = [("endpoint", endpoint.as_str()), ("exporter", id.as_str())];
        let outcome = |success| [labels[0], labels[1], ("success", success)];
        held.push(metrics.lease(LATENCY, &labels));
        held.extend(["true", "false"].map(|success| metrics.lease(OUTCOME, &outcome(success))));
        Self {
            exporter,
            latency: metrics.histogram(LATENCY, &labels, LATENCY_BOUNDS),
            succeeded: metrics.counter(OUTCOME, &outcome("true")),
            failed: metrics.counter(OUTCOME, &outcome("false")),
            after_failures: maker.after_failures,
            failures_in_a_row: AtomicU32::new(0),
            is_down: AtomicBool::new(false),
            trouble: maker.trouble.clone(),
        }
    }

    /// A failure of a backend that answers is no reason to send its data elsewhere: the others would be next.
    fn note(&self, took: Duration, outcome: &Outcome) {
        self.latency.record(took.as_secs_f64() * 1000.0);
        if let Outcome::Succeeded = outcome {
            self.succeeded.add(1);
            self.failures_in_a_row.store(0, Ordering::Relaxed);
            return;
        }
        self.failed.add(1);
        let is_gone = matches!(outcome, Outcome::TimedOut) || !self.exporter.is_connected();
        let Some(limit) = self.after_failures.filter(|_| is_gone) else { return };
        if self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= limit {
            self.is_down.store(true, Ordering::Relaxed);
            self.trouble.notify_one();
        }
    }
}

impl DynSend for Line {
    fn attempt(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let mut attempt = Attempt { line: self, began: Instant::now(), outcome: Outcome::TimedOut };
            let result = self.exporter.send(batch).await;
            attempt.outcome = if result.is_ok() { Outcome::Succeeded } else { Outcome::Failed };
            result
        })
    }
}

/// Noted when it ends, be it that nobody waits for it any more.
struct Attempt<'a> {
    line: &'a Line,
    began: Instant,
    outcome: Outcome,
}

enum Outcome {
    Succeeded,
    Failed,
    TimedOut,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.line.note(self.began.elapsed(), &self.outcome);
    }
}

/// Where a backend of that name is reached. A port is added where there is none; the Go exporter forgets it behind IPv6 addresses.
pub(super) fn endpoint(name: &str) -> String {
    let is_bare_v6 = !name.starts_with('[') && name.matches(':').count() > 1;
    if is_bare_v6 {
        format!("[{name}]:{DEFAULT_PORT}")
    } else if name.ends_with(']') || !name.contains(':') {
        format!("{name}:{DEFAULT_PORT}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_port() {
        for (name, wanted) in [
            ("b1", "b1:4317"),
            ("b1:4000", "b1:4000"),
            ("10.0.0.1", "10.0.0.1:4317"),
            ("[::1]", "[::1]:4317"),
            ("[::1]:4000", "[::1]:4000"),
            ("fe80::1", "[fe80::1]:4317"),
        ] {
            assert_eq!(endpoint(name), wanted);
        }
    }
}
