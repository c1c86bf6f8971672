//! Whether the authenticators that components name are there, run, and are of the side that is wanted.

use std::collections::BTreeSet;

use super::graph::{Ids, Places};
use super::problem::{Path, Problems};
use super::{ComponentId, Config};
use crate::net::auth::{Reference, Side};

/// Checks all that runs. What does not run is not asked for its authenticator, as in the Go collector.
pub(super) fn check(config: &Config, ids: &Ids, places: &Places, problems: &mut Problems) {
    for (path, reference) in references(config) {
        if let Some((message, help)) = wrong(config, ids, &reference) {
            let problem = problems.error(&path, message).at(places.get(&path));
            let known = ids.extensions.keys().map(ToString::to_string).collect::<Vec<_>>();
            match help {
                Some(help) => problem.help(help),
                None => problem.did_you_mean(&reference.id.to_string(), known.iter().map(String::as_str)),
            };
        }
    }
    no_cycles(config, places, problems);
}

/// Every mention by something that runs, and where it stands.
fn references(config: &Config) -> Vec<(Path, Reference)> {
    let pipelines = || config.service.pipelines.values();
    let used: BTreeSet<_> =
        pipelines().flat_map(|pipeline| pipeline.receivers.iter().chain(&pipeline.exporters)).collect();
    let receivers = config.receivers.iter().filter(|(id, _)| used.contains(id));
    let receivers = receivers.map(|(id, component)| ("receivers", id, component.settings.references()));
    let exporters = config.exporters.iter().filter(|(id, _)| used.contains(id));
    let exporters = exporters.map(|(id, component)| ("exporters", id, component.settings.references()));
    let extensions = config.extensions.iter().filter(|(id, _)| config.service.extensions.contains(id));
    let extensions = extensions.map(|(id, component)| ("extensions", id, component.settings.references()));
    let all = receivers.chain(exporters).chain(extensions);
    all.flat_map(|(section, id, references)| {
        let component = Path::root().join(section).join(id.to_string());
        references.into_iter().map(move |reference| (component.below(&reference.at), reference))
    })
    .collect()
}

/// What is wrong with a mention, in the collector's words, and what to do about it.
fn wrong(config: &Config, ids: &Ids, reference: &Reference) -> Option<(String, Option<String>)> {
    let id = &reference.id;
    let said = |what: &str| format!("failed to resolve authenticator \"{id}\": {what}");
    if !ids.extensions.contains_key(id) {
        return Some((said("authenticator not found"), None));
    }
    if !config.service.extensions.contains(id) {
        let help = format!("\"{id}\" is configured and not enabled: add it to service::extensions");
        return Some((said("authenticator not found"), Some(help)));
    }
    // One whose section is wrong is no second mistake.
    let extension = config.extensions.get(id)?;
    let sides = (extension.row.sides)(&extension.settings);
    let (side, other) = match reference.side {
        Side::Server => ("server", Side::Client),
        Side::Client => ("client", Side::Server),
    };
    if sides.has(reference.side) {
        return None;
    }
    let help = match (sides.has(other), other) {
        (false, _) => format!("\"{id}\" does not authenticate anybody"),
        (true, Side::Client) => format!("\"{id}\" shows credentials to servers: name it in exporters"),
        (true, Side::Server) => format!("\"{id}\" checks the credentials of clients: name it in receivers"),
    };
    Some((said(&format!("requested authenticator is not a {side} authenticator")), Some(help)))
}

/// Extensions must not add to each other's headers in a circle.
fn no_cycles(config: &Config, places: &Places, problems: &mut Problems) {
    let next = |id: &ComponentId| config.extensions.get(id)?.settings.references().into_iter().next();
    for first in &config.service.extensions {
        let (mut way, mut at) = (vec![first.clone()], first.clone());
        while let Some(reference) = next(&at) {
            if way.contains(&reference.id) {
                // Said once, at the first of the circle by name.
                if reference.id == *first && way.iter().all(|id| first <= id) {
                    let path = Path::root().join("extensions").join(at.to_string()).below(&reference.at);
                    let way = way.iter().chain([first]).map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(" -> ");
                    problems.error(&path, format!("cycle detected: extension {way}")).at(places.get(&path));
                }
                break;
            }
            at = reference.id.clone();
            way.push(reference.id);
        }
    }
}
