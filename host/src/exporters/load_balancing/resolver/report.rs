//! What resolvers report to.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::pipeline::Cx;
use crate::telemetry::metrics::Desc;
use crate::telemetry::{Counter, Gauge};

pub(super) const RESOLUTIONS: Desc = Desc {
    name: "loadbalancer_num_resolutions",
    unit: "{resolutions}",
    help: "Number of times the resolver has triggered new resolutions.",
};
const BACKENDS: Desc =
    Desc { name: "loadbalancer_num_backends", unit: "{backends}", help: "Current number of backends in use." };
const UPDATES: Desc = Desc {
    name: "loadbalancer_num_backend_updates",
    unit: "{updates}",
    help: "Number of times the list of backends was updated.",
};

/// The backends at present, as the resolver wrote them; sorted, none twice.
pub(in super::super) type Backends = Arc<[String]>;

/// Takes lists over, and counts.
pub(in super::super) struct Report {
    id: String,
    list: watch::Sender<Backends>,
    succeeded: Counter,
    failed: Counter,
    backends: Gauge,
    updates: Counter,
}

impl Report {
    /// `kind` is the resolver's name in the configuration.
    pub(super) fn new(kind: &'static str, cx: &Cx) -> (Self, watch::Receiver<Backends>) {
        let id = cx.id.to_string();
        let (list, receiver) = watch::channel(Backends::from([]));
        let labels = [("exporter", id.as_str()), ("resolver", kind)];
        let resolutions = |success| {
            let labels = [labels[0], labels[1], ("success", success)];
            cx.metrics.counter(RESOLUTIONS, &labels)
        };
        let report = Self {
            list,
            succeeded: resolutions("true"),
            failed: resolutions("false"),
            backends: cx.metrics.gauge(BACKENDS, &labels),
            updates: cx.metrics.counter(UPDATES, &labels),
            id,
        };
        (report, receiver)
    }

    /// This is the list now, in any order.
    pub(in super::super) fn resolved(&self, mut backends: Vec<String>) {
        self.succeeded.add(1);
        backends.sort_unstable();
        backends.dedup();
        self.backends.set(backends.len() as i64);
        let changed = self.list.send_if_modified(|list| {
            let differs = **list != *backends;
            if differs {
                *list = backends.into();
            }
            differs
        });
        if changed {
            self.updates.add(1);
            let list = self.list.borrow().join(" ");
            tracing::info!(exporter = %self.id, backends = %list, "The list of backends has changed");
        }
    }

    /// No list could be had; the last one stays.
    pub(in super::super) fn failed(&self, why: impl fmt::Display) {
        self.failed.add(1);
        tracing::warn!(exporter = %self.id, error = %why, "Cannot resolve the backends; the previous list stays");
    }
}
