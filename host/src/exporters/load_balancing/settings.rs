//! The section of the YAML.

use serde::{Deserialize, Serialize};

use super::backend::endpoint;
use super::resolver::ResolverSettings;
use super::ring::Generation;
use super::routing::RoutingKey;
use crate::config::{Check, Duration};
use crate::exporters::otlp_grpc::OtlpGrpcSettings;
use crate::exporters::queue::{QueueSettings, RetrySettings};
use crate::net::auth::{self, Reference, Side};
use crate::net::exposure;
use crate::pipeline::{Settings, Signal};

/// `load_balancing`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadBalancingSettings {
    /// How each backend is spoken to.
    pub protocol: Protocol,
    /// Where the list of backends comes from.
    pub resolver: ResolverSettings,
    /// What decides to which backend something goes; by default `traceID` for traces, `service` for logs and metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_key: Option<RoutingKey>,
    /// For `routing_key: attributes`: their names.
    pub routing_attributes: Vec<String>,
    /// The Go exporter's ring of that generation.
    pub ring: Generation,
    /// What happens to the keys of a backend that is down.
    pub failover: Failover,
    /// Of dealing one request out, backends without queues included; 0 = none.
    pub timeout: Duration,
    /// What no backend's queue took is tried again; off unless `enabled`.
    pub retry_on_failure: RetrySettings,
    /// In front of all backends' own queues; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sending_queue: Option<QueueSettings>,
}

/// `protocol`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protocol {
    /// Settings of the `otlp_grpc` exporter; the endpoint is each backend's.
    pub otlp: OtlpGrpcSettings,
}

/// `failover`: an option of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Failover {
    /// Off: data for a backend that is down waits for it, as in the Go collector.
    pub enabled: bool,
    /// After so many failed attempts in a row a backend is left out, and its keys go where they would go without it.
    pub after_failures: u32,
    /// How often one that is left out is tried; it is back once a connection to it stands.
    pub retry_interval: Duration,
}

impl Default for Failover {
    fn default() -> Self {
        Self { enabled: false, after_failures: 3, retry_interval: Duration::from_secs(10) }
    }
}

impl Default for LoadBalancingSettings {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            resolver: ResolverSettings::default(),
            routing_key: None,
            routing_attributes: Vec::new(),
            ring: Generation::default(),
            failover: Failover::default(),
            timeout: Duration::default(),
            retry_on_failure: RetrySettings { enabled: false, ..RetrySettings::default() },
            sending_queue: None,
        }
    }
}

impl Settings for LoadBalancingSettings {
    fn check(&self, check: &mut Check<'_>) {
        self.resolver.check("resolver", check);
        let has_names = !self.routing_attributes.is_empty();
        match self.routing_key {
            Some(RoutingKey::Attributes) if !has_names => check.problem_with_help(
                "routing_attributes",
                "routing_attributes must be specified when routing_key is `attributes`",
                "name the attributes whose values decide: routing_attributes: [service.name]",
            ),
            Some(RoutingKey::Attributes) => {}
            _ if has_names => check.problem_with_help(
                "routing_attributes",
                "routing_attributes are only used with routing_key `attributes`",
                "set routing_key: attributes, or remove routing_attributes",
            ),
            _ => {}
        }
        if !self.protocol.otlp.endpoint.is_empty() {
            check.warning("protocol.otlp.endpoint", "`endpoint` has no effect: each backend has its own");
        }
        self.protocol.otlp.check_but_endpoint("protocol.otlp.", check);
        if self.protocol.otlp.tls.is_plaintext() {
            self.warn_of_plaintext(check);
        }
        if self.sending_queue.as_ref().is_some_and(|queue| queue.enabled) && !self.retry_on_failure.enabled {
            check.warning(
                "sending_queue",
                "what no backend takes is dropped behind this queue; `retry_on_failure: {enabled: true}` keeps it",
            );
        }
        if self.failover.enabled && self.failover.after_failures == 0 {
            check.problem("failover.after_failures", "`after_failures` must be positive");
        }
        if self.failover.enabled && self.failover.retry_interval.is_zero() {
            check.problem("failover.retry_interval", "`retry_interval` must be positive");
        }
        self.retry_on_failure.check("retry_on_failure", check);
        if let Some(queue) = &self.sending_queue {
            queue.check("sending_queue", check);
        }
    }

    fn misfit(&self, signal: Signal) -> Option<String> {
        self.routing_key?.misfit(signal)
    }

    fn references(&self) -> Vec<Reference> {
        let auth = self.protocol.otlp.auth.iter();
        auth.filter_map(|auth| auth.reference("protocol.otlp.auth", Side::Client)).collect()
    }
}

impl LoadBalancingSettings {
    fn warn_of_plaintext(&self, check: &mut Check<'_>) {
        let fixed = self.resolver.static_.iter().flat_map(|fixed| &fixed.hostnames).map(String::as_str);
        let dns = self.resolver.dns.iter().map(|dns| dns.hostname.as_str());
        let k8s = self.resolver.k8s.iter().map(|k8s| k8s.service.as_str());
        let host = |name: &str| endpoint(name).rsplit_once(':').map(|(host, _)| host.to_owned());
        if let Some(far) = fixed.chain(dns).chain(k8s).filter_map(host).find(|host| !exposure::is_loopback(host)) {
            exposure::warn_of_client("protocol.otlp.tls", &far, check);
            auth::warn_of_plaintext("protocol.otlp.auth", self.protocol.otlp.auth.as_ref(), &far, true, check);
        }
    }
}
