//! `tailrace components`: the tables in the YAML of the collector's command of that name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pipeline::Signal;
use crate::pipeline::kind::About;
use crate::{connectors, exporters, extensions, processors, receivers};

#[derive(Serialize)]
struct Listing {
    buildinfo: BuildInfo,
    receivers: Vec<Component>,
    processors: Vec<Component>,
    exporters: Vec<Component>,
    connectors: Vec<Component>,
    extensions: Vec<Component>,
    providers: Vec<Provider>,
    converters: [(); 0],
}

#[derive(Serialize)]
struct BuildInfo {
    command: &'static str,
    description: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Component {
    name: &'static str,
    module: &'static str,
    stability: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Provider {
    scheme: &'static str,
    module: &'static str,
}

const MODULE: &str = concat!("tailrace v", env!("CARGO_PKG_VERSION"));

/// The canonical names, sorted; aliases are left out, as the collector does.
pub(super) fn list() -> anyhow::Result<String> {
    let listing = Listing {
        buildinfo: BuildInfo {
            command: "tailrace",
            description: env!("CARGO_PKG_DESCRIPTION"),
            version: env!("CARGO_PKG_VERSION"),
        },
        receivers: sorted(receivers::RECEIVERS.iter().map(|row| component(&row.about, row.signals))),
        processors: sorted(processors::PROCESSORS.iter().map(|row| component(&row.about, row.signals))),
        exporters: sorted(exporters::EXPORTERS.iter().map(|row| component(&row.about, row.signals))),
        connectors: sorted(connectors::CONNECTORS.iter().map(|row| {
            let pairs = row.pairs.iter().map(|(from, to)| format!("{from}-to-{to}"));
            with_stability(&row.about, pairs)
        })),
        extensions: sorted(
            extensions::EXTENSIONS
                .iter()
                .map(|row| with_stability(&row.about, std::iter::once("extension".to_owned()))),
        ),
        providers: ["env", "file", "http", "https", "yaml"].map(|scheme| Provider { scheme, module: MODULE }).into(),
        converters: [],
    };
    Ok(serde_yaml::to_string(&listing)?)
}

fn sorted(components: impl Iterator<Item = Component>) -> Vec<Component> {
    let mut components: Vec<Component> = components.collect();
    components.sort_by_key(|component| component.name);
    components
}

fn component(about: &About, signals: &[Signal]) -> Component {
    with_stability(about, signals.iter().map(ToString::to_string))
}

fn with_stability(about: &About, faces: impl Iterator<Item = String>) -> Component {
    let stability = faces.map(|face| (face, about.stability.to_string())).collect();
    Component { name: about.name, module: MODULE, stability }
}
