//! `tailrace print-config`: what a configuration means, with every default.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_yaml::{Mapping, Value};

use super::args::{Mode, TreeFormat};
use crate::config::{Component, Config, Secret};

/// The whole configuration as text.
pub(super) fn config(config: &Config, mode: Mode, format: TreeFormat) -> anyhow::Result<String> {
    let tree = match mode {
        Mode::Redacted => tree(config),
        Mode::Unredacted => Secret::unredacted(|| tree(config)),
    }?;
    Ok(match format {
        TreeFormat::Yaml => serde_yaml::to_string(&tree)?,
        TreeFormat::Json => format!("{}\n", serde_json::to_string_pretty(&tree)?),
    })
}

fn tree(config: &Config) -> anyhow::Result<Value> {
    let service = &config.service;
    let service = map([
        ("extensions", serde_yaml::to_value(&service.extensions)?),
        ("pipelines", serde_yaml::to_value(&service.pipelines)?),
        ("telemetry", serde_yaml::to_value(&service.telemetry)?),
    ]);
    Ok(map([
        ("receivers", section(&config.receivers)),
        ("processors", section(&config.processors)),
        ("exporters", section(&config.exporters)),
        ("connectors", section(&config.connectors)),
        ("extensions", section(&config.extensions)),
        ("service", service),
    ]))
}

fn section<I: Display, R>(components: &BTreeMap<I, Component<R>>) -> Value {
    map(components.iter().map(|(id, component)| (id, component.settings.to_yaml())))
}

fn map<K: Display>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
    entries.into_iter().map(|(key, value)| (Value::String(key.to_string()), value)).collect::<Mapping>().into()
}
