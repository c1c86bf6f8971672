//! What no component can know by itself: do the references lead anywhere, does the data come out.

use std::collections::{BTreeMap, BTreeSet};

use super::node::Location;
use super::problem::{Path, Problems};
use super::{ComponentId, Config, Pipeline, PipelineId};
use crate::pipeline::Signal;

/// The ids of each section, those whose body is wrong included: a reference to one is no second mistake.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub receivers: BTreeMap<ComponentId, Location>,
    pub processors: BTreeMap<ComponentId, Location>,
    pub exporters: BTreeMap<ComponentId, Location>,
    pub connectors: BTreeMap<ComponentId, Location>,
    pub extensions: BTreeMap<ComponentId, Location>,
}

/// Where the lists of the service section and the sections of components name something.
pub(super) type Places = BTreeMap<Path, Location>;

/// Checks the graph that `config` describes.
pub(super) fn check(config: &Config, ids: &Ids, places: &Places, problems: &mut Problems) {
    let service = Path::root().join("service");
    let mut graph = Graph { config, ids, places, problems };
    graph.something_is_configured(&service);
    graph.ids_are_unambiguous();
    graph.extensions_exist(&service.join("extensions"));
    for (id, pipeline) in &config.service.pipelines {
        graph.pipeline(&service.join("pipelines").join(id.to_string()), id, pipeline);
    }
    let connectors_fit = graph.connectors_are_used_on_both_sides(&service.join("pipelines"));
    if connectors_fit {
        graph.no_cycles(&service.join("pipelines"));
    }
}

struct Graph<'a> {
    config: &'a Config,
    ids: &'a Ids,
    places: &'a Places,
    problems: &'a mut Problems,
}

/// One of the three lists of a pipeline.
#[derive(Clone, Copy)]
enum Role {
    Receiver,
    Processor,
    Exporter,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Processor => "processor",
            Self::Exporter => "exporter",
        }
    }

    fn of(self, pipeline: &Pipeline) -> &[ComponentId] {
        match self {
            Self::Receiver => &pipeline.receivers,
            Self::Processor => &pipeline.processors,
            Self::Exporter => &pipeline.exporters,
        }
    }
}

impl<'a> Graph<'a> {
    fn something_is_configured(&mut self, service: &Path) {
        let root = Path::root();
        if self.ids.receivers.is_empty() {
            self.problems.error(&root.join("receivers"), "no receiver configuration specified in config");
        }
        if self.ids.exporters.is_empty() {
            self.problems.error(&root.join("exporters"), "no exporter configuration specified in config");
        }
        let pipelines = service.join("pipelines");
        if self.config.service.pipelines.is_empty() && !self.places.contains_key(&pipelines) {
            self.problems.error(&pipelines, "service::pipelines: service must have at least one pipeline");
        }
    }

    fn ids_are_unambiguous(&mut self) {
        for (id, at) in &self.ids.connectors {
            for (others, kind) in [(&self.ids.receivers, "receiver"), (&self.ids.exporters, "exporter")] {
                if let Some(other) = others.get(id) {
                    let path = Path::root().join("connectors").join(id.to_string());
                    let message = format!(
                        "connectors::{id}: ambiguous ID: Found both \"{id}\" {kind} and \"{id}\" connector. Change one of \
                         the components' IDs to eliminate ambiguity (e.g. rename \"{id}\" connector to \"{id}/connector\")"
                    );
                    self.problems.error(&path, message).at(Some(at)).at(Some(other));
                }
            }
        }
    }

    fn extensions_exist(&mut self, path: &Path) {
        for (index, id) in self.config.service.extensions.iter().enumerate() {
            if !self.ids.extensions.contains_key(id) {
                let message = format!("{path}: references extension \"{id}\" which is not configured");
                let known: Vec<String> = self.ids.extensions.keys().map(ToString::to_string).collect();
                self.problems
                    .error(path, message)
                    .at(self.places.get(&path.join(index.to_string())))
                    .did_you_mean(&id.to_string(), known.iter().map(String::as_str));
            }
        }
    }

    fn pipeline(&mut self, path: &Path, id: &PipelineId, pipeline: &Pipeline) {
        for role in [Role::Receiver, Role::Processor, Role::Exporter] {
            let list = role.of(pipeline);
            if list.is_empty() && !matches!(role, Role::Processor) {
                let message = format!("{path}: must have at least one {}", role.as_str());
                self.problems.error(path, message).at(self.places.get(path));
            }
            let mut seen = BTreeSet::new();
            for (index, component) in list.iter().enumerate() {
                let at = path.join(format!("{}s", role.as_str())).join(index.to_string());
                if seen.insert(component) {
                    self.reference(path, &at, role, id.signal, component);
                } else if matches!(role, Role::Processor) {
                    let message = format!("{path}: references processor \"{component}\" multiple times");
                    self.problems.error(path, message).at(self.places.get(&at));
                }
            }
        }
        self.judged_before_routed(path, pipeline);
    }

    /// Each agent has but a part of a trace; only behind the load balancer are they whole.
    fn judged_before_routed(&mut self, path: &Path, pipeline: &Pipeline) {
        let routes =
            |id: &ComponentId| self.config.exporters.get(id).is_some_and(|c| c.row.about.name == "load_balancing");
        let judges =
            |id: &ComponentId| self.config.processors.get(id).is_some_and(|c| c.row.about.name == "tail_sampling");
        let Some(router) = pipeline.exporters.iter().find(|id| routes(id)) else { return };
        let Some((index, judge)) = pipeline.processors.iter().enumerate().find(|(_, id)| judges(id)) else { return };
        let at = path.join("processors").join(index.to_string());
        let message = format!("\"{judge}\" judges traces before \"{router}\" brings their spans together");
        self.problems
            .warning(path, message)
            .at(self.places.get(&at))
            .help("a trace's spans come through several agents: let the gateways behind the load balancer sample");
    }

    fn reference(&mut self, path: &Path, at: &Path, role: Role, signal: Signal, id: &ComponentId) {
        let tables: &[&BTreeMap<_, _>] = match role {
            Role::Receiver => &[&self.ids.receivers, &self.ids.connectors],
            Role::Processor => &[&self.ids.processors],
            Role::Exporter => &[&self.ids.exporters, &self.ids.connectors],
        };
        let role_name = role.as_str();
        if !tables.iter().any(|table| table.contains_key(id)) {
            let message = format!("{path}: references {role_name} \"{id}\" which is not configured");
            let known: Vec<String> = tables.iter().flat_map(|table| table.keys()).map(ToString::to_string).collect();
            let problem = self.problems.error(path, message).at(self.places.get(at));
            problem.did_you_mean(&id.to_string(), known.iter().map(String::as_str));
            if matches!(role, Role::Processor) && self.ids.connectors.contains_key(id) {
                problem.help(format!("\"{id}\" is a connector: name it among the exporters of this pipeline"));
            }
            return;
        }
        let config = self.config;
        let signals = match role {
            Role::Receiver => config.receivers.get(id).map(|component| component.row.signals),
            Role::Processor => config.processors.get(id).map(|component| component.row.signals),
            Role::Exporter => config.exporters.get(id).map(|component| component.row.signals),
        };
        let misfit = match role {
            Role::Exporter => config.exporters.get(id).and_then(|component| component.settings.misfit(signal)),
            Role::Receiver | Role::Processor => None,
        };
        let unsupported = || "telemetry type is not supported".to_owned();
        let is_unsupported = signals.is_some_and(|signals| !signals.contains(&signal));
        if let Some(why) = is_unsupported.then(unsupported).or(misfit) {
            let message = format!(
                "failed to build pipelines: failed to create \"{id}\" {role_name} for data type \"{signal}\": {why}"
            );
            self.problems.error(path, message).at(self.places.get(at));
        }
    }

    /// Each signal on one side needs a counterpart on the other that the connector can make of it.
    fn connectors_are_used_on_both_sides(&mut self, path: &Path) -> bool {
        let config = self.config;
        let before = self.problems.errors().count();
        for (id, connector) in &config.connectors {
            let (ends, starts) = (uses(config, id, Role::Exporter), uses(config, id, Role::Receiver));
            let fits = |from: Signal, to: Signal| connector.row.pairs.contains(&(from, to));
            for signal in signals(&ends) {
                if !starts.iter().any(|start| fits(signal, start.pipeline.signal)) {
                    self.one_sided(path, id, connector.row.pairs, signal, Role::Exporter);
                }
            }
            for signal in signals(&starts) {
                if !ends.iter().any(|end| fits(end.pipeline.signal, signal)) {
                    self.one_sided(path, id, connector.row.pairs, signal, Role::Receiver);
                }
            }
        }
        self.problems.errors().count() == before
    }

    /// `id` is used in `role` for `signal`, and there is nothing on the other side.
    fn one_sided(&mut self, path: &Path, id: &ComponentId, pairs: &[(Signal, Signal)], signal: Signal, role: Role) {
        let uses: Vec<_> = uses(self.config, id, role).into_iter().filter(|u| u.pipeline.signal == signal).collect();
        let (used, unused) = match role {
            Role::Exporter => ("exporter", "receiver"),
            _ => ("receiver", "exporter"),
        };
        let names = uses.iter().map(|u| u.pipeline.to_string()).collect::<Vec<_>>().join(" ");
        let message = format!(
            "failed to build pipelines: connector \"{id}\" used as {used} in [{names}] pipeline but not used in any \
             supported {unused} pipeline"
        );
        let places: Vec<Location> = uses.iter().filter_map(|u| self.places.get(&u.place(path)).cloned()).collect();
        let problem = self.problems.error(path, message);
        problem.places.extend(places);
        problem.help(format!(
            "a connector ends one pipeline and starts another: name it among the {unused}s of a pipeline of {}",
            counterparts(pairs, signal, used == "exporter")
        ));
    }

    fn no_cycles(&mut self, path: &Path) {
        let mut done = BTreeSet::new();
        for id in self.config.service.pipelines.keys() {
            let mut way = Vec::new();
            if let Some(cycle) = self.cycle_from(id, &mut way, &mut done) {
                let mut uses = cycle.iter().flat_map(|step| {
                    uses(self.config, step.connector, Role::Exporter).into_iter().filter(|u| u.pipeline == step.from)
                });
                let at = uses.next().and_then(|u| self.places.get(&u.place(path)));
                let message = format!("failed to build pipelines: cycle detected: {}", self.describe(&cycle));
                self.problems.error(path, message).at(at);
                return;
            }
        }
    }

    /// Depth first along connectors; `way` leads to `pipeline`.
    fn cycle_from(
        &self,
        pipeline: &'a PipelineId,
        way: &mut Vec<Step<'a>>,
        done: &mut BTreeSet<&'a PipelineId>,
    ) -> Option<Vec<Step<'a>>> {
        if let Some(start) = way.iter().position(|step| step.from == pipeline) {
            return Some(way[start..].to_vec());
        }
        if !done.insert(pipeline) {
            return None;
        }
        let config = self.config;
        for connector in &config.service.pipelines.get(pipeline)?.exporters {
            let Some(component) = config.connectors.get(connector) else { continue };
            for Use { pipeline: to, .. } in uses(self.config, connector, Role::Receiver) {
                if component.row.pairs.contains(&(pipeline.signal, to.signal)) {
                    way.push(Step { from: pipeline, connector, to });
                    let found = self.cycle_from(to, way, done);
                    way.pop();
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    /// Connectors and the processors between them, the first one again at the end.
    fn describe(&self, cycle: &[Step<'_>]) -> String {
        let mut steps = Vec::new();
        for step in cycle {
            steps.push(step.to_string());
            let processors =
                self.config.service.pipelines.get(step.to).map_or(&[][..], |pipeline| &pipeline.processors);
            steps.extend(processors.iter().map(|id| format!("processor \"{id}\" in pipeline \"{}\"", step.to)));
        }
        steps.extend(cycle.first().map(ToString::to_string));
        steps.join(" -> ")
    }
}

/// A connector's name in a pipeline.
struct Use<'a> {
    pipeline: &'a PipelineId,
    role: Role,
    index: usize,
}

impl Use<'_> {
    fn place(&self, pipelines: &Path) -> Path {
        let list = format!("{}s", self.role.as_str());
        pipelines.join(self.pipeline.to_string()).join(list).join(self.index.to_string())
    }
}

/// The pipelines that name `connector` in `role`.
fn uses<'a>(config: &'a Config, connector: &ComponentId, role: Role) -> Vec<Use<'a>> {
    let index_in = |pipeline: &Pipeline| role.of(pipeline).iter().position(|name| name == connector);
    let pipelines = config.service.pipelines.iter();
    pipelines.filter_map(|(id, pipeline)| Some(Use { pipeline: id, role, index: index_in(pipeline)? })).collect()
}

fn signals(uses: &[Use<'_>]) -> BTreeSet<Signal> {
    uses.iter().map(|u| u.pipeline.signal).collect()
}

/// `metrics or logs`: what a connector needs on the other side of `signal`.
fn counterparts(pairs: &[(Signal, Signal)], signal: Signal, forward: bool) -> String {
    let others = pairs.iter().filter_map(|(from, to)| match forward {
        true if *from == signal => Some(to.as_str()),
        false if *to == signal => Some(from.as_str()),
        _ => None,
    });
    match others.collect::<Vec<_>>().join(" or ") {
        others if others.is_empty() => "a signal that it supports".to_owned(),
        others => others,
    }
}

/// From one pipeline to the next.
#[derive(Clone)]
struct Step<'a> {
    from: &'a PipelineId,
    connector: &'a ComponentId,
    to: &'a PipelineId,
}

impl std::fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "connector \"{}\" ({} to {})", self.connector, self.from.signal, self.to.signal)
    }
}
