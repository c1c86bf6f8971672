//! `load_balancing` (also `loadbalancing`): spreads data over several backends so that what has one key goes to one of them: all spans
//! of a trace to one gateway, which can then judge the whole trace.
//!
//! ```yaml
//! exporters:
//!   load_balancing:
//!     routing_key: traceID              # or service, attributes, resource, metric, streamID
//!     routing_attributes: []            # for routing_key: attributes
//!     protocol:
//!       otlp:                           # settings of otlp_grpc, queue and retry included; the endpoint is each backend's
//!         tls: {insecure: false}
//!     resolver:                         # one of them
//!       static: {hostnames: ["gateway-1:4317", "gateway-2:4317"]}
//!       dns: {hostname: gateways.observability.svc.cluster.local, port: 4317, interval: 5s, timeout: 1s}
//!       k8s: {service: gateways.observability, ports: [4317]}
//!     ring: gen3                        # or gen2, gen1: what older Go collectors have
//!     failover: {enabled: false, after_failures: 3, retry_interval: 10s}
//!     timeout: 0s
//!     retry_on_failure: {enabled: false}
//!     sending_queue: {queue_size: 1000} # in front of the backends' own; none unless given
//! ```
//!
//! A request is dealt out on its wire bytes ([`routing`]) by the Go exporter's [`ring`]. Each backend is an `otlp_grpc` exporter with a queue,
//! retries and metrics of its own, under the id `otlp/<endpoint>` (`otlp/<name>_<endpoint>` for `load_balancing/<name>`). What one of them
//! refuses is all that is to be sent again: a retry here, a `batch` or a `tail_sampling` in front resends that part alone.
//!
//! When the list of backends changes, new requests go by the new list at once, and what still waits for a backend that left goes where it
//! belongs now. With `failover` a backend whose connection is lost is left out after some failed attempts, as if it had left, until a
//! connection to it stands again; the last one is never left out. Traces that are under way at such a change are divided between their
//! old backend and their new one.

mod backend;
mod members;
mod resolver;
pub mod ring;
mod routing;
mod settings;
mod table;

use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::Notify;

use self::backend::Maker;
use self::members::Members;
pub use self::resolver::{AwsCloudMapSettings, DnsSettings, K8sSettings, ResolverSettings, StaticSettings};
use self::resolver::{Backends, Report, Resolver};
pub use self::ring::Generation;
use self::routing::Routing;
pub use self::routing::RoutingKey;
pub use self::settings::{Failover, LoadBalancingSettings, Protocol};
use self::table::{Core, Heir};
use crate::exporters::queue::Delivery;
use crate::pipeline::{Batch, BuildError, Consume, Cx, Exporter, Refusal, Signal, Stop};

/// The node.
pub struct LoadBalancing {
    core: Arc<Core>,
    resolver: Resolver,
    report: Report,
    backends: tokio::sync::watch::Receiver<Backends>,
    maker: Arc<Maker>,
    settings: LoadBalancingSettings,
    successor: OnceLock<Weak<Box<dyn Consume>>>,
}

impl Exporter for LoadBalancing {
    const TYPE: &'static str = "load_balancing";
    const ALIASES: &'static [&'static str] = &["loadbalancing"];
    type Settings = LoadBalancingSettings;

    fn new(settings: LoadBalancingSettings, cx: &Cx) -> Result<Self, BuildError> {
        let signal = cx.signal.unwrap_or(Signal::Traces);
        let names = settings.routing_attributes.clone();
        let routing = Routing::new(signal, settings.routing_key, names, settings.ring)?;
        let (resolver, report, backends) = Resolver::new(&settings.resolver, cx)?;
        // Wrong certificates and the like show at the start, not with the first backend.
        let maker = Arc::new(Maker::new(settings.protocol.otlp.clone(), &settings.failover, cx)?);
        let core = Arc::new(Core::new(routing, settings.ring));
        Ok(Self { core, resolver, report, backends, maker, settings, successor: OnceLock::new() })
    }

    async fn send(&self, batch: Batch) -> Result<(), Refusal> {
        self.core.send(batch).await
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.core.admit()
    }

    fn succeed_by(&self, successor: Weak<Box<dyn Consume>>) {
        // A component is replaced once.
        let _ = self.successor.set(successor);
    }

    fn delivery(settings: &LoadBalancingSettings) -> Delivery {
        Delivery {
            queue: settings.sending_queue.clone(),
            retry: settings.retry_on_failure.clone(),
            timeout: settings.timeout.0,
        }
    }

    async fn run(&self, stop: Stop) {
        let heir: Arc<Box<dyn Consume>> = Arc::new(Box::new(Heir::new(&self.core, &self.maker.cx)));
        let mut members = Members::new(&self.core, &self.maker, &heir, &self.settings.failover);
        let mut backends = self.backends.clone();
        backends.mark_changed();
        tokio::select! {
            () = stop.requested() => {}
            () = self.resolver.run(&self.report) => {}
            () = members.keep(&mut backends) => {}
        }
        // What still waits for backends that left before has no other place now.
        drop(heir);
        members.finish(self.successor.get()).await;
    }
}

/// A wake-up from any of the backends.
type Trouble = Arc<Notify>;

#[cfg(test)]
mod tests;
