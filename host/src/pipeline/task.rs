//! The tasks that components run in. A panic ends one component's task, is logged and counted, and makes the host unhealthy;
//! the others go on.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{BoxFuture, Stop};
use crate::host::Host;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Desc;

const PANICS: Desc = Desc {
    name: "tailrace_component_panics",
    unit: "{panic}",
    help: "Tasks of components that ended in a panic; the host is unhealthy from then on.",
};

/// A running task and what ends it.
pub(super) struct Task {
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

/// Whose task it is.
pub(super) struct Owner {
    /// receiver, processor, exporter, connector, extension.
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) span: tracing::Span,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind, self.id)
    }
}

impl Task {
    /// Runs what `work` makes of a stop.
    pub(super) fn spawn(
        owner: Owner,
        host: &Arc<Host>,
        metrics: &Metrics,
        work: impl FnOnce(Stop) -> BoxFuture<'static, ()>,
    ) -> Self {
        let (token, stop) = Stop::new();
        let panics = metrics.counter(PANICS, &[("kind", owner.kind), ("component", &owner.id)]);
        let (host, span) = (Arc::clone(host), owner.span.clone());
        // Made inside: what a component does before its first await may panic too.
        let work = AssertUnwindSafe(work(stop)).catch_unwind();
        let guarded = async move {
            if let Err(panic) = work.await {
                let what = said(&*panic);
                tracing::error!(error = %what, "A task of {owner} panicked");
                panics.add(1);
                host.health.fail(format!("{owner}: {what}"));
            }
        };
        Self { stop: token, handle: tokio::spawn(guarded.instrument(span)) }
    }

    /// Tells it to finish, without waiting.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its end.
    pub(super) async fn ended(self) {
        // Panics were caught inside.
        let _ = self.handle.await;
    }
}

/// The words of a panic.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_counted_and_makes_the_host_unhealthy() {
        let (host, metrics) = (Host::new(), Metrics::default());
        host.health.set_ready(true);
        let owner = Owner { kind: "processor", id: "batch".into(), span: tracing::Span::none() };
        let task = Task::spawn(owner, &host, &metrics, |_| Box::pin(async { panic!("no more") }));
        task.ended().await;
        assert_eq!(metrics.counter(PANICS, &[("kind", "processor"), ("component", "batch")]).get(), 1);
        assert_eq!(host.health.failures(), ["processor \"batch\": no more"]);
        assert!(!host.health.is_available());
    }

    #[tokio::test]
    async fn a_task_ends_when_it_is_told_to() {
        let owner = Owner { kind: "receiver", id: "nop".into(), span: tracing::Span::none() };
        let task = Task::spawn(owner, &Host::new(), &Metrics::default(), |stop| Box::pin(super::super::idle(stop)));
        task.stop();
        task.ended().await;
    }
}
