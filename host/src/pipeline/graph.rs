//! The running components and how they are wired.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::build::{Draft, Environment, OUTGOING};
use super::edge::{FanOut, Outgoing, Target, Users, target};
use super::kind::{DynConnector, DynExporter, DynExtension, DynProcessor, DynReceiver, Parsed};
use super::task::{Owner, Task};
use super::topology::{Key, Topology};
use super::{Outputs, Signal};
use crate::exporters::queue::Shipping;

/// How long a component that is to be stopped waits for calls that are under way. They end by the timeouts of whatever they
/// wait for; one that never does must not keep the process from ending.
const LAST_CALLS: Duration = Duration::from_secs(30);

/// One instance and everything that belongs to it.
pub(super) struct Node {
    pub(super) key: Key,
    /// The canonical name of its type.
    pub(super) row: &'static str,
    pub(super) settings: Parsed,
    pub(super) instance: Instance,
    /// Where it hands on to; a processor uses that of its signal.
    pub(super) outputs: Outputs,
    /// The ways into it, by signal.
    pub(super) faces: BTreeMap<Signal, Target>,
    pub(super) users: Users,
    pub(super) tasks: Vec<Task>,
}

pub(super) enum Instance {
    Extension(Arc<dyn DynExtension>),
    Receiver(Arc<dyn DynReceiver>),
    Processor(Arc<dyn DynProcessor>),
    Connector(Arc<dyn DynConnector>),
    Exporter(Arc<dyn DynExporter>, Arc<Shipping>),
}

impl Node {
    /// Whether a component of this type with these settings would be the same.
    pub(super) fn is_made_from(&self, row: &'static str, settings: &Parsed) -> bool {
        self.row == row && self.settings == *settings
    }

    pub(super) fn bound(&self) -> Vec<(&'static str, SocketAddr)> {
        match &self.instance {
            Instance::Extension(extension) => extension.bound(),
            Instance::Receiver(receiver) => receiver.bound(),
            _ => Vec::new(),
        }
    }

    fn describe(&self) -> Vec<String> {
        match &self.instance {
            Instance::Processor(processor) => processor.describe(),
            _ => Vec::new(),
        }
    }

    fn start(&mut self, environment: &Environment) {
        let outputs = self.outputs.clone();
        self.tasks = match &self.instance {
            Instance::Extension(it) => vec![self.spawn(environment, |stop| Arc::clone(it).run(stop))],
            Instance::Receiver(it) => vec![self.spawn(environment, |stop| Arc::clone(it).run(outputs, stop))],
            Instance::Connector(it) => vec![self.spawn(environment, |stop| Arc::clone(it).run(outputs, stop))],
            Instance::Processor(it) => {
                let next = outputs.of(self.key.signal().unwrap_or(Signal::Traces)).clone();
                vec![self.spawn(environment, |stop| Arc::clone(it).run(next, stop))]
            }
            Instance::Exporter(it, shipping) => {
                let shipping = Arc::clone(shipping);
                // In this order they are ended too: what is queued goes out while the exporter still runs.
                vec![
                    self.spawn(environment, |stop| Box::pin(async move { shipping.run(stop).await })),
                    self.spawn(environment, |stop| Arc::clone(it).run(stop)),
                ]
            }
        };
    }

    fn spawn(
        &self,
        environment: &Environment,
        work: impl FnOnce(super::Stop) -> super::BoxFuture<'static, ()>,
    ) -> Task {
        let owner = Owner { kind: self.key.kind(), id: self.key.id().to_string(), span: self.span() };
        Task::spawn(owner, &environment.host, &environment.metrics, work)
    }

    fn span(&self) -> tracing::Span {
        let span = tracing::error_span!(
            "component",
            otelcol.component.id = %self.key.id(),
            otelcol.component.kind = self.key.kind(),
            otelcol.pipeline.id = tracing::field::Empty,
            otelcol.signal = tracing::field::Empty,
        );
        if let Some(pipeline) = self.key.pipeline() {
            span.record("otelcol.pipeline.id", tracing::field::display(pipeline));
        }
        if let Some(signal) = self.key.signal() {
            span.record("otelcol.signal", signal.as_str());
        }
        span
    }

    /// Ends it: nothing leads to it any more, so once the last call is over it hands on what it holds and is gone.
    async fn retire(mut self) {
        self.faces.clear();
        if timeout(LAST_CALLS, self.users.gone()).await.is_err() {
            tracing::warn!(
                "Calls to the {} are still under way after {LAST_CALLS:?}; stopping it all the same",
                self.key
            );
        }
        for task in self.tasks {
            task.stop();
            task.ended().await;
        }
        for signal in Signal::ALL {
            self.outputs.of(signal).point_at(None);
        }
    }
}

/// What runs.
pub struct Graph {
    topology: Topology,
    order: Vec<Key>,
    nodes: BTreeMap<Key, Node>,
}

impl Graph {
    /// Nothing yet.
    pub fn empty() -> Self {
        Self { topology: Topology::default(), order: Vec::new(), nodes: BTreeMap::new() }
    }

    pub(super) fn node(&self, key: &Key) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// What `draft` would change.
    pub fn changes(&self, draft: &Draft) -> Changes {
        let stays: BTreeSet<_> = draft.order.iter().collect();
        let is_kept = |key: &&Key| !draft.fresh.contains_key(key) && !draft.updated.contains_key(key);
        Changes {
            kept: draft.order.iter().filter(is_kept).count(),
            updated: listed(draft.updated.keys()),
            started: listed(draft.fresh.keys()),
            stopped: listed(self.order.iter().filter(|key| !stays.contains(key) || draft.fresh.contains_key(key))),
        }
    }

    /// Puts `draft` in place of what runs. No call is refused meanwhile: new components start, everything that stays is
    /// pointed at its new neighbours, and what is returned, the components that have no place any more, still works, its
    /// ways leading into the new graph; it is to be [retired](Retired::drain).
    pub fn commit(&mut self, draft: Draft, environment: &Environment) -> Retired {
        let Draft { topology, order, mut fresh, updated } = draft;
        let stays: BTreeSet<_> = order.iter().cloned().collect();
        let mut retired = BTreeMap::new();
        for (key, node) in std::mem::take(&mut self.nodes) {
            if !stays.contains(&key) || fresh.contains_key(&key) {
                retired.insert(key, node);
            } else {
                self.nodes.insert(key, node);
            }
        }
        for (key, settings) in updated {
            if let Some(node) = self.nodes.get_mut(&key) {
                node.settings = settings;
            }
        }
        let started: Vec<_> = order.iter().filter(|key| fresh.contains_key(key)).cloned().collect();
        self.nodes.append(&mut fresh);
        let old_topology = std::mem::replace(&mut self.topology, topology);
        let old_order = std::mem::replace(&mut self.order, order);
        self.wire(environment);
        self.offer_authenticators(&started, environment);
        for key in started.iter().rev() {
            if let Some(node) = self.nodes.get_mut(key) {
                node.start(environment);
            }
        }
        let old = Old { topology: &old_topology, nodes: &retired };
        old.lead_into(self, environment);
        let order = old_order.into_iter().filter(|key| retired.contains_key(key)).collect();
        Retired { order, nodes: retired }
    }

    /// Points every component at those after it, the last ones first.
    fn wire(&self, environment: &Environment) {
        for key in self.order.iter().rev() {
            let Some(node) = self.nodes.get(key) else { continue };
            for signal in Signal::ALL {
                let targets =
                    self.topology.after(key, signal).iter().filter_map(|next| self.face(next, signal)).collect();
                node.outputs.of(signal).point_at(joined(key, signal, targets, environment));
            }
        }
    }

    /// Puts new extensions where those who refer to them look, before anybody starts.
    fn offer_authenticators(&self, started: &[Key], environment: &Environment) {
        let auth = &environment.host.auth;
        for node in started.iter().filter_map(|key| self.nodes.get(key)) {
            if let Instance::Extension(extension) = &node.instance {
                auth.set(node.key.id(), Arc::clone(extension).offer());
            }
        }
        let extensions = self.nodes.keys().filter(|key| matches!(key, Key::Extension(_)));
        let running: BTreeSet<_> = extensions.map(|key| key.id().to_string()).collect();
        auth.retain(|id| running.contains(id));
    }

    fn face(&self, key: &Key, signal: Signal) -> Option<Target> {
        self.nodes.get(key)?.faces.get(&signal).cloned()
    }

    /// The addresses that components listen on, and on whose behalf.
    pub fn bound(&self) -> Vec<(String, &'static str, SocketAddr)> {
        let of = |node: &Node| {
            let id = node.key.id().to_string();
            node.bound().into_iter().map(move |(what, address)| (id.clone(), what, address)).collect::<Vec<_>>()
        };
        self.order.iter().filter_map(|key| self.nodes.get(key)).flat_map(of).collect()
    }

    /// What components say of themselves, by id.
    pub fn describe(&self) -> Vec<(String, Vec<String>)> {
        let nodes = self.order.iter().filter_map(|key| self.nodes.get(key));
        let described = nodes.map(|node| (node.key.id().to_string(), node.describe()));
        described.filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// Everything, to be drained.
    pub fn into_retired(self) -> Retired {
        Retired { order: self.order, nodes: self.nodes }
    }
}

/// What a reload does to the components, for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// How many go on as they are.
    pub kept: usize,
    /// Those that took changed settings in place.
    pub updated: String,
    /// Those that were made anew.
    pub started: String,
    /// Those that hand on what they hold and end.
    pub stopped: String,
}

fn listed<'a>(keys: impl Iterator<Item = &'a Key>) -> String {
    keys.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What leads to `targets`, with the outgoing items of a processor counted.
fn joined(key: &Key, signal: Signal, mut targets: Vec<Target>, environment: &Environment) -> Option<Target> {
    let joined = if targets.len() > 1 { target(FanOut(targets)) } else { targets.pop()? };
    let Key::Processor(_, id) = key else { return Some(joined) };
    let labels = [("processor", &*id.to_string()), ("otel_signal", signal.as_str())];
    let items = environment.metrics.counter(OUTGOING, &labels);
    Some(target(Outgoing { items, target: joined }))
}

/// The part of a graph that a reload replaced.
struct Old<'a> {
    topology: &'a Topology,
    nodes: &'a BTreeMap<Key, Node>,
}

impl Old<'_> {
    /// Points what is replaced at the new graph, so that what it still holds goes where new data goes.
    fn lead_into(&self, new: &Graph, environment: &Environment) {
        for (key, node) in self.nodes {
            for signal in Signal::ALL {
                let nexts = self.topology.after(key, signal);
                let targets = nexts.iter().flat_map(|next| self.resolve(next, signal, new)).collect();
                node.outputs.of(signal).point_at(joined(key, signal, targets, environment));
            }
            if let (Key::Exporter(signal, _), Instance::Exporter(exporter, shipping)) = (key, &node.instance)
                && let Some(successor) = new.face(key, *signal)
            {
                exporter.succeed_by(Arc::downgrade(&successor));
                shipping.succeed_by(Arc::downgrade(&successor));
            }
        }
    }

    /// Where data for `key` goes now.
    fn resolve(&self, key: &Key, signal: Signal, new: &Graph) -> Vec<Target> {
        if let Some(face) = new.face(key, signal) {
            return vec![face];
        }
        match key {
            // The pipeline goes on without this processor.
            Key::Processor(pipeline, _) if new.topology.has_pipeline(pipeline) => {
                let nexts = self.topology.after(key, signal);
                nexts.iter().flat_map(|next| self.resolve(next, signal, new)).collect()
            }
            // The pipeline or its end is gone: what was taken in under it ends in it.
            _ => self.nodes.get(key).and_then(|node| node.faces.get(&signal).cloned()).into_iter().collect(),
        }
    }
}

/// Components without a place in the graph, which still hold data.
pub struct Retired {
    order: Vec<Key>,
    nodes: BTreeMap<Key, Node>,
}

impl Retired {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Lets nothing new in, without waiting.
    pub fn stop_receivers(&self) {
        let receivers = self.nodes.values().filter(|node| matches!(node.instance, Instance::Receiver(_)));
        receivers.flat_map(|node| &node.tasks).for_each(Task::stop);
    }

    /// Ends them in the direction of the data, each when nothing leads to it any more and with all of its tasks awaited:
    /// when this returns, what they held was handed on or counted as lost. Extensions go last.
    pub async fn drain(mut self) {
        // Together: one that waits for slow clients must not keep another open.
        self.stop_receivers();
        let (extensions, rest): (Vec<_>, Vec<_>) =
            self.order.into_iter().partition(|key| matches!(key, Key::Extension(_)));
        for key in rest.into_iter().chain(extensions.into_iter().rev()) {
            if let Some(node) = self.nodes.remove(&key) {
                node.retire().await;
            }
        }
    }
}
