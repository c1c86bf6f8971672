//! Whether a reload would change anything.

use std::collections::BTreeMap;

use crate::config::{Component, ComponentId, Config};
use crate::pipeline::kind::Row;

/// Whether the two ask for the same.
pub(in crate::pipeline) fn is_same(a: &Config, b: &Config) -> bool {
    is_same_section(&a.receivers, &b.receivers)
        && is_same_section(&a.processors, &b.processors)
        && is_same_section(&a.exporters, &b.exporters)
        && is_same_section(&a.connectors, &b.connectors)
        && is_same_section(&a.extensions, &b.extensions)
        && a.service.extensions == b.service.extensions
        && a.service.pipelines == b.service.pipelines
        && a.service.telemetry == b.service.telemetry
}

fn is_same_section<R: Row>(a: &BTreeMap<ComponentId, Component<R>>, b: &BTreeMap<ComponentId, Component<R>>) -> bool {
    let is_same = |((a_id, a), (b_id, b)): ((_, &Component<R>), (_, &Component<R>))| {
        a_id == b_id && a.row.about().name == b.row.about().name && a.settings == b.settings
    };
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}
