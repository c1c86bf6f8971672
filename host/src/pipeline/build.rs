//! Configuration → components. The only place that knows all kinds. A reload builds beside the running graph: components
//! whose settings did not change are taken over, processors may take changed settings in place, everything else is made anew;
//! nothing of the running graph is touched before all of that has worked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::edge::{IntoConnector, IntoExporter, IntoProcessor, Target, Users, target};
use super::graph::{Graph, Instance, Node};
use super::kind::{Parsed, Row};
use super::topology::{Key, Topology};
use super::{BuildError, Cx, Outputs, Signal, UpdateError};
use crate::config::{Component, ComponentId, Config};
use crate::exporters::queue::Shipping;
use crate::host::Host;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Desc;

const INCOMING: Desc =
    Desc { name: "processor_incoming_items", unit: "{item}", help: "Number of items passed to the processor." };
pub(super) const OUTGOING: Desc =
    Desc { name: "processor_outgoing_items", unit: "{item}", help: "Number of items emitted from the processor." };

/// What every component is given.
#[derive(Clone)]
pub struct Environment {
    /// What the process offers.
    pub host: Arc<Host>,
    /// Where metrics are registered.
    pub metrics: Metrics,
}

/// A graph that is complete but not wired: [`Graph::commit`] puts it in place of the running one.
pub struct Draft {
    pub(super) topology: Topology,
    pub(super) order: Vec<Key>,
    /// Made for this draft; the others are taken over from the running graph.
    pub(super) fresh: BTreeMap<Key, Node>,
    /// Settings that components of the running graph took in place.
    pub(super) updated: BTreeMap<Key, Parsed>,
}

/// Builds what `config` asks for, taking over what `running` has.
pub fn draft(config: &Config, running: Option<&Graph>, environment: &Environment) -> Result<Draft, BuildError> {
    let topology = Topology::new(config);
    let order = topology.order();
    let builder = Builder { config, topology: &topology, environment };
    let mut fresh = BTreeMap::new();
    let mut changed = Vec::new();
    // What data reaches last is made first, as in the Go collector; sockets are opened when all else has worked.
    for key in order.iter().rev() {
        match running.and_then(|graph| graph.node(key)) {
            Some(node) if node.is_made_from(builder.row_name(key)?, builder.settings(key)?) => {}
            Some(node) if matches!(node.instance, Instance::Processor(_)) && node.row == builder.row_name(key)? => {
                changed.push((key, node));
            }
            _ => {
                fresh.insert(key.clone(), builder.make(key)?);
            }
        }
    }
    let mut updates = Updates::default();
    for (key, node) in changed {
        let settings = builder.settings(key)?;
        match updates.offer(key, node, settings) {
            Ok(()) => {}
            Err(UpdateError::Failed(error)) => return Err(error_of(key, &error)),
            Err(UpdateError::NeedsRebuild) => {
                fresh.insert(key.clone(), builder.make(key)?);
            }
        }
    }
    refuse_shared_addresses(&order, &fresh, running)?;
    let updated = updates.keep();
    Ok(Draft { topology, order, fresh, updated })
}

/// Settings taken in place, given back unless everything else works too.
#[derive(Default)]
struct Updates<'a> {
    taken: Vec<(&'a Key, &'a Node, &'a Parsed)>,
}

impl<'a> Updates<'a> {
    fn offer(&mut self, key: &'a Key, node: &'a Node, settings: &'a Parsed) -> Result<(), UpdateError> {
        let Instance::Processor(processor) = &node.instance else { return Err(UpdateError::NeedsRebuild) };
        processor.update(settings)?;
        self.taken.push((key, node, settings));
        Ok(())
    }

    fn keep(mut self) -> BTreeMap<Key, Parsed> {
        std::mem::take(&mut self.taken).into_iter().map(|(key, _, settings)| (key.clone(), settings.clone())).collect()
    }
}

impl Drop for Updates<'_> {
    fn drop(&mut self) {
        for (key, node, _) in self.taken.drain(..) {
            if let Instance::Processor(processor) = &node.instance
                && let Err(error) = processor.update(&node.settings)
            {
                tracing::error!(?error, "The {key} did not take its old settings back");
            }
        }
    }
}

struct Builder<'a> {
    config: &'a Config,
    topology: &'a Topology,
    environment: &'a Environment,
}

impl<'a> Builder<'a> {
    fn make(&self, key: &Key) -> Result<Node, BuildError> {
        let cx = Cx {
            id: key.id().clone(),
            pipeline: key.pipeline().cloned(),
            signal: key.signal(),
            metrics: self.environment.metrics.clone(),
            host: Arc::clone(&self.environment.host),
        };
        self.instance(key, &cx).map_err(|error| error_of(key, &error))
    }

    fn instance(&self, key: &Key, cx: &Cx) -> Result<Node, BuildError> {
        let settings = self.settings(key)?.clone();
        let row = self.row_name(key)?;
        let (hold, users) = Users::new();
        let outputs = Outputs::default();
        let mut faces: BTreeMap<Signal, Target> = BTreeMap::new();
        let instance = match key {
            Key::Extension(id) => {
                Instance::Extension((component(&self.config.extensions, id)?.row.build)(&settings, cx)?)
            }
            Key::Receiver(id) => Instance::Receiver((component(&self.config.receivers, id)?.row.build)(&settings, cx)?),
            Key::Processor(pipeline, id) => {
                let row = component(&self.config.processors, id)?.row;
                supports(row.signals.contains(&pipeline.signal), pipeline.signal)?;
                let processor = (row.build)(&settings, cx)?;
                let labels = [("processor", &*id.to_string()), ("otel_signal", pipeline.signal.as_str())];
                let incoming = cx.metrics.counter(INCOMING, &labels);
                let next = outputs.of(pipeline.signal).clone();
                let into = IntoProcessor { processor: Arc::clone(&processor), next, incoming, _hold: hold };
                faces.insert(pipeline.signal, target(into));
                Instance::Processor(processor)
            }
            Key::Connector(id) => {
                let row = component(&self.config.connectors, id)?.row;
                let connector = (row.build)(&settings, cx)?;
                for signal in Signal::ALL.into_iter().filter(|signal| row.pairs.iter().any(|(from, _)| from == signal))
                {
                    let into = IntoConnector {
                        connector: Arc::clone(&connector),
                        outputs: outputs.clone(),
                        passes_on: row.pairs.contains(&(signal, signal)).then_some(signal),
                        _hold: hold.clone(),
                    };
                    faces.insert(signal, target(into));
                }
                Instance::Connector(connector)
            }
            Key::Exporter(signal, id) => {
                let row = component(&self.config.exporters, id)?.row;
                supports(row.signals.contains(signal), *signal)?;
                let exporter = (row.build)(&settings, cx)?;
                let labels = (row.labels)(&settings, *signal);
                let shipping = Shipping::new(Arc::clone(&exporter).sender(), (row.delivery)(&settings), &labels, cx);
                faces.insert(*signal, target(IntoExporter { shipping: Arc::clone(&shipping), _hold: hold }));
                Instance::Exporter(exporter, shipping)
            }
        };
        self.check_outputs(key)?;
        Ok(Node { key: key.clone(), row, settings, instance, outputs, faces, users, tasks: Vec::new() })
    }

    /// A receiver must be able to make what its pipelines take.
    fn check_outputs(&self, key: &Key) -> Result<(), BuildError> {
        if let Key::Receiver(id) = key {
            let row = component(&self.config.receivers, id)?.row;
            for signal in Signal::ALL {
                let used = !self.topology.after(key, signal).is_empty();
                supports(!used || row.signals.contains(&signal), signal)?;
            }
        }
        Ok(())
    }

    fn settings(&self, key: &Key) -> Result<&'a Parsed, BuildError> {
        Ok(match key {
            Key::Extension(id) => &component(&self.config.extensions, id)?.settings,
            Key::Receiver(id) => &component(&self.config.receivers, id)?.settings,
            Key::Processor(_, id) => &component(&self.config.processors, id)?.settings,
            Key::Connector(id) => &component(&self.config.connectors, id)?.settings,
            Key::Exporter(_, id) => &component(&self.config.exporters, id)?.settings,
        })
    }

    fn row_name(&self, key: &Key) -> Result<&'static str, BuildError> {
        Ok(match key {
            Key::Extension(id) => component(&self.config.extensions, id)?.row.about().name,
            Key::Receiver(id) => component(&self.config.receivers, id)?.row.about().name,
            Key::Processor(_, id) => component(&self.config.processors, id)?.row.about().name,
            Key::Connector(id) => component(&self.config.connectors, id)?.row.about().name,
            Key::Exporter(_, id) => component(&self.config.exporters, id)?.row.about().name,
        })
    }
}

fn component<'a, R>(
    section: &'a BTreeMap<ComponentId, Component<R>>,
    id: &ComponentId,
) -> Result<&'a Component<R>, BuildError> {
    section.get(id).ok_or_else(|| BuildError(format!("{id:?} is not configured", id = id.to_string())))
}

fn supports(is_supported: bool, signal: Signal) -> Result<(), BuildError> {
    if is_supported { Ok(()) } else { Err(BuildError(format!("telemetry type is not supported: {signal}"))) }
}

/// In the collector's words.
fn error_of(key: &Key, error: &BuildError) -> BuildError {
    let id = key.id().to_string();
    BuildError(match key {
        Key::Extension(_) => format!("failed to start extensions: failed to start {id:?} extension: {error}"),
        Key::Receiver(_) => format!("cannot start pipelines: failed to start {id:?} receiver: {error}"),
        Key::Processor(pipeline, _) => {
            format!("failed to build pipelines: failed to create {id:?} processor, in pipeline \"{pipeline}\": {error}")
        }
        Key::Connector(_) => format!("failed to build pipelines: failed to create {id:?} connector: {error}"),
        Key::Exporter(signal, _) => {
            format!("failed to build pipelines: failed to create {id:?} exporter for data type \"{signal}\": {error}")
        }
    })
}

/// Sockets are shared between a server and its successor; two servers of one graph must not share one by mistake.
fn refuse_shared_addresses(
    order: &[Key],
    fresh: &BTreeMap<Key, Node>,
    running: Option<&Graph>,
) -> Result<(), BuildError> {
    let mut taken = BTreeMap::new();
    for key in order {
        let Some(node) = fresh.get(key).or_else(|| running?.node(key)) else { continue };
        for (_, address) in node.bound() {
            if let Some(other) = taken.insert(address, key) {
                let error = BuildError(format!("listen tcp {address}: bind: address already in use by {other}"));
                return Err(error_of(key, &error));
            }
        }
    }
    Ok(())
}
