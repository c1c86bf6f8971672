//! What is hashed, and the dealing out of requests by it. Nothing is decoded; see [`tailrace_otlp::deal`].
//!
//! | key | traces | logs | metrics |
//! |---|---|---|---|
//! | `traceID` | the id's 16 bytes | the id in hexadecimal; a random one where there is none | |
//! | `service` | `service.name=<value>\|`, in older rings the value | the value | the value |
//! | `attributes` | `<name>=<value>\|` for each | the same | the same |
//! | `resource` | | `resource/<hash>` | `resource/<hash>` |
//! | `metric` | | | the metric's name |
//! | `streamID` | | | `stream/<hash>` of each data point |
//!
//! These are the Go exporter's keys, so that a mixed fleet agrees. It follows that a trace and its logs need not meet on one backend.
//! Where the Go exporter leaves out metrics of resources without `service.name`, or fails (older ones do, for traces), here they have the
//! empty key: nothing is lost.

mod attributes;
mod identity;
mod metrics;
mod service;
mod trace_id;

use serde::{Deserialize, Serialize};
use tailrace_otlp::deal::{Share, deal};

use self::attributes::ByAttributes;
use self::metrics::{ByMetric, ByResource, ByStream};
use self::service::ByService;
use self::trace_id::{ByLogsTraceId, ByTraceId};
use super::ring::{Generation, Ring};
use crate::pipeline::{Batch, BuildError, Signal};

/// `routing_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoutingKey {
    /// A trace's items go together.
    #[serde(rename = "traceID")]
    TraceId,
    /// A service's.
    Service,
    /// Those with equal values of `routing_attributes`.
    Attributes,
    /// A resource's.
    Resource,
    /// A metric's.
    Metric,
    /// A time series'.
    #[serde(rename = "streamID")]
    StreamId,
}

impl RoutingKey {
    fn default_of(signal: Signal) -> Self {
        match signal {
            Signal::Traces => Self::TraceId,
            Signal::Metrics | Signal::Logs => Self::Service,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::TraceId => "traceID",
            Self::Service => "service",
            Self::Attributes => "attributes",
            Self::Resource => "resource",
            Self::Metric => "metric",
            Self::StreamId => "streamID",
        }
    }

    /// Why a signal can not be dealt out by this, if it can not.
    pub(super) fn misfit(self, signal: Signal) -> Option<String> {
        let keys = [Self::TraceId, Self::Service, Self::Attributes, Self::Resource, Self::Metric, Self::StreamId];
        let good: Vec<_> = keys.into_iter().filter(|key| key.is_for(signal)).map(Self::name).collect();
        let message = || format!("unsupported routing_key {:?}: {signal} have {}", self.name(), good.join(", "));
        (!self.is_for(signal)).then(message)
    }

    fn is_for(self, signal: Signal) -> bool {
        match self {
            Self::TraceId => signal != Signal::Metrics,
            Self::Service | Self::Attributes => true,
            Self::Resource => signal != Signal::Traces,
            Self::Metric | Self::StreamId => signal == Signal::Metrics,
        }
    }
}

/// How one signal is dealt out.
pub(super) struct Routing {
    signal: Signal,
    key: RoutingKey,
    names: Vec<String>,
    has_bare_service_key: bool,
}

impl Routing {
    pub(super) fn new(
        signal: Signal,
        key: Option<RoutingKey>,
        names: Vec<String>,
        generation: Generation,
    ) -> Result<Self, BuildError> {
        let key = key.unwrap_or_else(|| RoutingKey::default_of(signal));
        if let Some(why) = key.misfit(signal) {
            return Err(BuildError(why));
        }
        let has_bare_service_key = signal != Signal::Traces || generation.has_bare_service_key();
        Ok(Self { signal, key, names, has_bare_service_key })
    }

    /// A share for each of `ways` backends that gets something. The ring has a backend.
    pub(super) fn deal(&self, batch: &Batch, ring: &Ring, ways: usize) -> Vec<Share> {
        let ring = Ways(ring);
        match self.key {
            RoutingKey::TraceId if self.signal == Signal::Traces => self.by(batch, ways, ByTraceId::new(ring)),
            RoutingKey::TraceId => self.by(batch, ways, ByLogsTraceId(ring)),
            RoutingKey::Service => self.by(batch, ways, ByService { ring, is_bare: self.has_bare_service_key }),
            RoutingKey::Attributes => self.by(batch, ways, ByAttributes::new(ring, self.signal, &self.names)),
            RoutingKey::Resource => self.by(batch, ways, ByResource(ring)),
            RoutingKey::Metric => self.by(batch, ways, ByMetric(ring)),
            RoutingKey::StreamId => self.by(batch, ways, ByStream::new(ring)),
        }
    }

    fn by(&self, batch: &Batch, ways: usize, mut by: impl tailrace_otlp::deal::Deal) -> Vec<Share> {
        deal(self.signal, &batch.data, ways, &mut by)
    }
}

/// A ring that is not empty.
#[derive(Clone, Copy)]
struct Ways<'a>(&'a Ring);

impl Ways<'_> {
    #[inline]
    fn of(self, key: &[u8]) -> usize {
        self.0.owner(key).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
