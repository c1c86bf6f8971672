//! Which component hands on to which: names only. Made from the configuration, kept with the graph that was built from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Signal;
use crate::config::{ComponentId, Config, Pipeline, PipelineId};

/// Names one instance of a component.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// One per id.
    Extension(ComponentId),
    /// One per id, shared by signals and pipelines.
    Receiver(ComponentId),
    /// One per pipeline.
    Processor(PipelineId, ComponentId),
    /// One per id.
    Connector(ComponentId),
    /// One per signal.
    Exporter(Signal, ComponentId),
}

impl Key {
    /// The id as the user wrote it.
    pub fn id(&self) -> &ComponentId {
        match self {
            Self::Extension(id)
            | Self::Receiver(id)
            | Self::Processor(_, id)
            | Self::Connector(id)
            | Self::Exporter(_, id) => id,
        }
    }

    /// The kind as logs name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Extension(_) => "extension",
            Self::Receiver(_) => "receiver",
            Self::Processor(..) => "processor",
            Self::Connector(_) => "connector",
            Self::Exporter(..) => "exporter",
        }
    }

    /// The signal of an instance that has one.
    pub fn signal(&self) -> Option<Signal> {
        match self {
            Self::Processor(pipeline, _) => Some(pipeline.signal),
            Self::Exporter(signal, _) => Some(*signal),
            _ => None,
        }
    }

    /// The pipeline of a processor.
    pub fn pipeline(&self) -> Option<&PipelineId> {
        match self {
            Self::Processor(pipeline, _) => Some(pipeline),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind(), self.id().to_string())
    }
}

/// The pipelines of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    extensions: Vec<ComponentId>,
    connectors: BTreeSet<ComponentId>,
    pipelines: BTreeMap<PipelineId, Pipeline>,
}

impl Topology {
    /// Of `config`, whose references all lead somewhere.
    pub fn new(config: &Config) -> Self {
        Self {
            extensions: config.service.extensions.clone(),
            connectors: config.connectors.keys().cloned().collect(),
            pipelines: config.service.pipelines.clone(),
        }
    }

    /// Every instance that runs, each before those that it hands on to: extensions, receivers, pipelines, exporters.
    pub fn order(&self) -> Vec<Key> {
        let mut order = Order { seen: BTreeSet::new(), reversed: Vec::new() };
        let receivers: BTreeSet<_> = self.pipelines.values().flat_map(|pipeline| &pipeline.receivers).collect();
        // Receivers with the most downstream last: any order among them will do.
        for id in receivers.into_iter().filter(|id| !self.connectors.contains(id)).rev() {
            order.visit(self, Key::Receiver(id.clone()));
        }
        // A connector that nothing leads to still has to be drained.
        for id in &self.connectors {
            if self.pipelines.values().any(|pipeline| pipeline.receivers.contains(id)) {
                order.visit(self, Key::Connector(id.clone()));
            }
        }
        let extensions = self.extensions.iter().map(|id| Key::Extension(id.clone()));
        let pipelines = order.reversed.into_iter().rev();
        // Receivers stop first, all of them.
        let (receivers, rest): (Vec<_>, Vec<_>) = pipelines.partition(|key| matches!(key, Key::Receiver(_)));
        let (exporters, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|key| matches!(key, Key::Exporter(..)));
        extensions.chain(receivers).chain(rest).chain(exporters).collect()
    }

    /// What `key` hands batches of `signal` to. Several are a fan-out.
    pub fn after(&self, key: &Key, signal: Signal) -> Vec<Key> {
        match key {
            Key::Receiver(id) | Key::Connector(id) => {
                let fed =
                    |(at, pipeline): &(&PipelineId, &Pipeline)| at.signal == signal && pipeline.receivers.contains(id);
                self.pipelines.iter().filter(fed).flat_map(|(at, pipeline)| self.step(at, pipeline, 0)).collect()
            }
            Key::Processor(at, id) if at.signal == signal => {
                let Some(pipeline) = self.pipelines.get(at) else { return Vec::new() };
                let place = pipeline.processors.iter().position(|processor| processor == id);
                place.map_or_else(Vec::new, |place| self.step(at, pipeline, place + 1))
            }
            Key::Extension(_) | Key::Processor(..) | Key::Exporter(..) => Vec::new(),
        }
    }

    /// Whether the pipeline runs.
    pub fn has_pipeline(&self, id: &PipelineId) -> bool {
        self.pipelines.contains_key(id)
    }

    fn step(&self, at: &PipelineId, pipeline: &Pipeline, place: usize) -> Vec<Key> {
        if let Some(id) = pipeline.processors.get(place) {
            return vec![Key::Processor(at.clone(), id.clone())];
        }
        let end = |id: &ComponentId| {
            if self.connectors.contains(id) { Key::Connector(id.clone()) } else { Key::Exporter(at.signal, id.clone()) }
        };
        pipeline.exporters.iter().map(end).collect()
    }
}

/// Depth first, so that whatever is handed on to comes later once the list is reversed.
struct Order {
    seen: BTreeSet<Key>,
    reversed: Vec<Key>,
}

impl Order {
    fn visit(&mut self, topology: &Topology, key: Key) {
        if !self.seen.insert(key.clone()) {
            return;
        }
        for signal in Signal::ALL.into_iter().rev() {
            for next in topology.after(&key, signal).into_iter().rev() {
                self.visit(topology, next);
            }
        }
        self.reversed.push(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Id, receivers, processors, exporters.
    type Line<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

    fn topology(connectors: &[&str], pipelines: &[Line<'_>]) -> Topology {
        let id = |text: &&str| text.parse::<ComponentId>().unwrap();
        let ids = |list: &[&str]| list.iter().map(id).collect::<Vec<_>>();
        let pipelines = pipelines.iter().map(|(name, receivers, processors, exporters)| {
            let pipeline =
                Pipeline { receivers: ids(receivers), processors: ids(processors), exporters: ids(exporters) };
            (name.parse::<PipelineId>().unwrap(), pipeline)
        });
        Topology {
            extensions: Vec::new(),
            connectors: connectors.iter().map(id).collect(),
            pipelines: pipelines.collect(),
        }
    }

    fn shown(keys: &[Key]) -> String {
        let one = |key: &Key| match key {
            Key::Processor(pipeline, id) => format!("{pipeline}:{id}"),
            Key::Exporter(signal, id) => format!("{id}({signal})"),
            other => other.id().to_string(),
        };
        keys.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// One receiver feeding two pipelines of which one ends in a connector: everything comes before what it feeds.
    #[test]
    fn order_follows_the_data() {
        let topology = topology(
            &["spanmetrics"],
            &[
                ("metrics", &["spanmetrics"], &[], &["prometheus"]),
                ("traces/all", &["otlp"], &["limit"], &["spanmetrics"]),
                ("traces/kept", &["otlp"], &["limit", "sample"], &["backend"]),
            ],
        );
        let want = "otlp traces/all:limit spanmetrics traces/kept:limit traces/kept:sample prometheus(metrics) backend(traces)";
        assert_eq!(shown(&topology.order()), want);
        let otlp = Key::Receiver("otlp".parse().unwrap());
        assert_eq!(shown(&topology.after(&otlp, Signal::Traces)), "traces/all:limit traces/kept:limit");
        assert_eq!(shown(&topology.after(&otlp, Signal::Logs)), "");
        let limit = Key::Processor("traces/all".parse().unwrap(), "limit".parse().unwrap());
        assert_eq!(shown(&topology.after(&limit, Signal::Traces)), "spanmetrics");
    }
}
