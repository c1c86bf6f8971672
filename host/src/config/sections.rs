//! From the expanded tree to a [`Config`]: the six sections, every component through its row of the tables.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::authenticators;
use super::decode::{check, decode, decode_message, report_unknown_keys};
use super::graph::{self, Ids, Places};
use super::known;
use super::node::{Entry, Location, Map, Node};
use super::problem::{Path, Problems, closest, nearest};
use super::types::IdError;
use super::{Component, ComponentId, Config, Pipeline, PipelineId, Service};
use crate::pipeline::kind::{Row, find};
use crate::pipeline::{Cx, Settings};
use crate::telemetry::settings::Settings as Telemetry;
use crate::{connectors, exporters, extensions, processors, receivers};

const SECTIONS: [&str; 6] = ["receivers", "processors", "exporters", "connectors", "extensions", "service"];

/// Everything in `root`. What is wrong with it is added to `problems`; then the result is not to be used.
/// With a `trial`, plugins are tried out.
pub(super) fn read(root: &Node, trial: Option<&Cx>, problems: &mut Problems) -> Config {
    let empty = Map::default();
    let top = root.as_map().unwrap_or(&empty);
    let at = Path::root();
    if top.is_empty() {
        problems.error(&at, "empty configuration file");
    }
    unknown_keys(&at, top, &SECTIONS, problems);
    let mut ids = Ids::default();
    let mut places = Places::default();
    let config = Config {
        receivers: section(top, "receivers", (receivers::RECEIVERS, trial), &mut ids.receivers, &mut places, problems),
        processors: section(
            top,
            "processors",
            (processors::PROCESSORS, trial),
            &mut ids.processors,
            &mut places,
            problems,
        ),
        exporters: section(top, "exporters", (exporters::EXPORTERS, trial), &mut ids.exporters, &mut places, problems),
        connectors: section(
            top,
            "connectors",
            (connectors::CONNECTORS, trial),
            &mut ids.connectors,
            &mut places,
            problems,
        ),
        extensions: section(
            top,
            "extensions",
            (extensions::EXTENSIONS, trial),
            &mut ids.extensions,
            &mut places,
            problems,
        ),
        service: service(top.get("service"), &mut places, problems),
    };
    graph::check(&config, &ids, &places, problems);
    authenticators::check(&config, &ids, &places, problems);
    config
}

fn unknown_keys(at: &Path, map: &Map, known: &[&str], problems: &mut Problems) {
    let unknown = map.iter().filter(|entry| !known.contains(&entry.key.as_str()));
    let mut unknown: Vec<(String, Location)> = unknown.map(|entry| (entry.key.clone(), entry.at.clone())).collect();
    if !unknown.is_empty() {
        report_unknown_keys(at, &mut unknown, known, problems);
    }
}

/// The map at `path`; null is empty, anything else is reported.
fn map_at<'a>(node: Option<&'a Node>, path: &Path, problems: &mut Problems) -> Option<&'a Map> {
    let node = node.filter(|node| !node.is_null())?;
    if node.as_map().is_none() {
        let text = format!("expected type 'map[string]interface {{}}', got unconvertible type '{}'", node.go_type());
        problems.error(path, decode_message(path, &text)).at(Some(&node.at));
    }
    node.as_map()
}

fn section<R: Row>(
    top: &Map,
    name: &'static str,
    (table, trial): (&'static [R], Option<&Cx>),
    ids: &mut BTreeMap<ComponentId, Location>,
    places: &mut Places,
    problems: &mut Problems,
) -> BTreeMap<ComponentId, Component<R>> {
    let path = Path::root().join(name);
    let mut components = BTreeMap::new();
    for entry in map_at(top.get(name), &path, problems).into_iter().flatten() {
        let Some(id) = id::<ComponentId>(&path, entry, problems) else { continue };
        if ids.insert(id.clone(), entry.at.clone()).is_some() {
            let message = format!("'{name}' duplicate name \"{id}\" after unmarshaling {id}");
            problems.error(&path, message).at(Some(&entry.at));
        } else if let Some(component) = component(&path, &id, entry, (table, trial), problems) {
            for reference in component.settings.references() {
                let at = nearest(&entry.node, &Path::root().below(&reference.at));
                places.extend(at.map(|at| (path.join(id.to_string()).below(&reference.at), at)));
            }
            components.insert(id, component);
        }
    }
    components
}

/// The key of `entry`.
fn id<T: FromStr<Err = IdError>>(path: &Path, entry: &Entry, problems: &mut Problems) -> Option<T> {
    let why = match entry.key.parse() {
        Ok(id) => return Some(id),
        Err(why) => why,
    };
    // The collector decodes this one and refuses it when it checks.
    let message = match why {
        IdError::Profiles(_) => format!("{path}: {why}"),
        _ => format!("'{}' {why}", path.dotted()),
    };
    problems.error(&path.join(&entry.key), message).at(Some(&entry.at));
    None
}

fn component<R: Row>(
    section: &Path,
    id: &ComponentId,
    entry: &Entry,
    (table, trial): (&'static [R], Option<&Cx>),
    problems: &mut Problems,
) -> Option<Component<R>> {
    let path = section.join(entry.key.clone());
    let Some(row) = find(table, &id.kind) else {
        unknown_type(section, &path, id, &entry.at, table, problems);
        return None;
    };
    let about = row.about();
    if about.name != id.kind {
        let message = format!("{path}: {:?} alias is deprecated; use {:?} instead", id.kind, about.name);
        problems.warning(&path, message).at(Some(&entry.at));
    }
    let body = Some(&entry.node).filter(|node| !node.is_null());
    let mut decoding = Problems::default();
    let settings = (about.parse)(body, &path, &mut decoding);
    if let Some(settings) = &settings {
        check(Some(&entry.node), &path, &decoding, problems, |check| {
            settings.check(&mut check.named_at(Some(&entry.at)).trying(trial));
        });
    }
    problems.append(decoding);
    // A section of its own has the id's place where nothing in it has one.
    Some(Component { row, settings: settings?, at: entry.at.clone() })
}

fn unknown_type<R: Row>(
    section: &Path,
    path: &Path,
    id: &ComponentId,
    at: &Location,
    table: &'static [R],
    problems: &mut Problems,
) {
    let name = section.dotted();
    if name == "exporters" && id.kind == "logging" {
        let message = format!("'{name}' the logging exporter has been deprecated, use the debug exporter instead");
        problems.error(path, message).at(Some(at));
        return;
    }
    let mut valid: Vec<&str> = table.iter().map(|row| row.about().name).collect();
    valid.sort_unstable();
    let message =
        format!("'{name}' unknown type: {:?} for id: \"{id}\" (valid values: [{}])", id.kind, valid.join(" "));
    let problem = problems.error(path, message).at(Some(at));
    let spellings = table.iter().flat_map(|row| std::iter::once(&row.about().name).chain(row.about().aliases));
    match (known::advice(&name, &id.kind), closest(&id.kind, spellings.copied())) {
        (Some(advice), _) => problem.help(advice),
        (None, Some(meant)) => problem.help(format!("did you mean {meant:?}?")),
        (None, None) => problem,
    };
}

fn service(node: Option<&Node>, places: &mut Places, problems: &mut Problems) -> Service {
    let path = Path::root().join("service");
    let Some(map) = map_at(node, &path, problems) else { return Service::default() };
    unknown_keys(&path, map, &["extensions", "pipelines", "telemetry"], problems);
    let extensions = path.join("extensions");
    note_places(map.get("extensions"), &extensions, places);
    Service {
        extensions: decode(map.get("extensions"), &extensions, problems).unwrap_or_default(),
        pipelines: pipelines(map.get("pipelines"), &path.join("pipelines"), places, problems),
        telemetry: telemetry(map.get("telemetry"), &path.join("telemetry"), problems),
    }
}

fn telemetry(node: Option<&Node>, path: &Path, problems: &mut Problems) -> Telemetry {
    let mut decoding = Problems::default();
    let telemetry: Option<Telemetry> = decode(node, path, &mut decoding);
    if let Some(telemetry) = &telemetry {
        check(node, path, &decoding, problems, |mut check| telemetry.check(&mut check));
    }
    problems.append(decoding);
    telemetry.unwrap_or_default()
}

fn pipelines(
    node: Option<&Node>,
    path: &Path,
    places: &mut Places,
    problems: &mut Problems,
) -> BTreeMap<PipelineId, Pipeline> {
    let mut pipelines = BTreeMap::new();
    for entry in map_at(node, path, problems).into_iter().flatten() {
        // Something stands there, right or wrong.
        places.insert(path.clone(), entry.at.clone());
        let Some(id) = id::<PipelineId>(path, entry, problems) else { continue };
        let at = path.join(&entry.key);
        places.insert(path.join(id.to_string()), entry.at.clone());
        for list in ["receivers", "processors", "exporters"] {
            note_places(entry.node.find([list]), &path.join(id.to_string()).join(list), places);
        }
        if let Some(pipeline) = decode(Some(&entry.node), &at, problems)
            && pipelines.insert(id.clone(), pipeline).is_some()
        {
            let message = format!("'{}' duplicate name \"{id}\" after unmarshaling {id}", path.dotted());
            problems.error(path, message).at(Some(&entry.at));
        }
    }
    pipelines
}

/// Remembers where the elements of a list stand.
fn note_places(list: Option<&Node>, path: &Path, places: &mut Places) {
    for (index, element) in list.and_then(Node::as_list).into_iter().flatten().enumerate() {
        places.insert(path.join(index.to_string()), element.at.clone());
    }
}
