//! `k8s`: the endpoints of a Kubernetes service, followed by a watch of its `EndpointSlice`s.
//!
//! ```yaml
//! resolver:
//!   k8s:
//!     service: tailrace-gateway.observability    # no namespace: the service account's, else `default`
//!     ports: [4317]                              # a backend for each; left out: the exporter's default
//!     timeout: 1m                                # of a list; a watch is begun anew as often
//!     return_hostnames: false                    # true: <hostname>.<service>.<namespace>, for pods of a StatefulSet
//!     ready_only: false                          # true: without endpoints that are not ready
//! ```
//!
//! The API server is found by `KUBECONFIG` or `~/.kube/config`, else by the pod's service account, which needs the rights `list`
//! and `watch` on `endpointslices` (`discovery.k8s.io`) in that namespace.
//!
//! Whatever goes wrong (no API server, no right, a watch that is cut or has expired) keeps the previous list, counts as a failed
//! resolution, and makes the list be asked for anew: at once, and then less and less often, twice a minute at least. A list
//! without endpoints is the truth, and reported.

mod connection;
mod slices;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::connection::Connection;
use self::slices::Slices;
use super::settings::Service;
use super::{K8sSettings, Report};
use crate::pipeline::BuildError;

/// Between two attempts: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// `resolver.k8s`.
pub(in super::super) struct K8s {
    service: Service,
    timeout: Duration,
    form: Form,
}

/// How endpoints become backends.
#[derive(Clone, Debug, Default)]
struct Form {
    ports: Vec<u16>,
    /// What comes behind a hostname.
    hostnames_of: Option<String>,
    ready_only: bool,
}

impl K8s {
    pub(super) fn new(settings: &K8sSettings) -> Result<Self, BuildError> {
        let service: Service = settings.service.parse().map_err(BuildError::new)?;
        let namespace = service.namespace.clone().unwrap_or_else(connection::own_namespace);
        let form = Form {
            ports: settings.ports.clone(),
            hostnames_of: settings.return_hostnames.then(|| format!("{}.{namespace}", service.name)),
            ready_only: settings.ready_only,
        };
        let service = Service { namespace: Some(namespace), ..service };
        Ok(Self { service, timeout: settings.timeout(), form })
    }

    pub(super) async fn run(&self, report: &Report) {
        let (first, last) = RETRY;
        let mut wait = first;
        loop {
            if let Err(why) = self.follow(report, &mut wait).await {
                report.failed(format_args!("endpoints of {}: {why}", self.service));
            }
            // Agents that lost the same API server do not come back all at once.
            sleep(wait.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
            wait = (wait * 2).min(last);
        }
    }

    /// Lists, then watches, until something fails. `wait` is begun anew once that has gone well for a while.
    async fn follow(&self, report: &Report, wait: &mut Duration) -> Result<(), String> {
        let (first, last) = RETRY;
        let connection = Connection::new(&self.service, self.timeout).await?;
        let mut slices = Slices::new(&self.form);
        let mut version = connection.list(&mut slices).await?;
        report.resolved(slices.backends());
        let begun = Instant::now();
        loop {
            let watched = connection.watch(&mut version, |event| slices.take(event, report)).await;
            if begun.elapsed() >= last.min(self.timeout) {
                *wait = first;
            }
            watched?;
        }
    }
}
