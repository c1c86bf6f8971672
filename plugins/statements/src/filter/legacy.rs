//! The oldest style: `include` and `exclude` by properties.

use serde::Deserialize;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{Keep, Level, pass};
use tailrace_sdk::{Diagnostics, JsonSchema};
use tailrace_shared::matching::{Attribute, Item, Properties, RegexpOptions, Selection, SeverityNumber};

/// Drops what is not selected.
#[derive(Debug)]
pub(super) struct Selector {
    signal: Signal,
    selection: Selection,
}

/// Which metrics.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub(super) struct MetricProperties {
    /// `strict` or `regexp`.
    match_type: String,
    /// Options of `match_type: regexp`.
    regexp: Option<RegexpOptions>,
    /// Names, of which one has to match.
    metric_names: Vec<String>,
    /// Of the Go collector's `match_type: expr`, which is not available.
    expressions: Vec<String>,
    /// Attributes of the resource, all of which have to match.
    resource_attributes: Vec<Attribute>,
}

/// Which log records.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub(super) struct LogProperties {
    /// `strict` or `regexp`.
    match_type: String,
    /// Attributes of the resource, all of which have to match.
    resource_attributes: Vec<Attribute>,
    /// Attributes of the record, all of which have to match.
    record_attributes: Vec<Attribute>,
    /// Severities as their senders name them, of which one has to match.
    severity_texts: Vec<String>,
    /// Severities from one on.
    severity_number: Option<Severity>,
    /// Bodies as text, of which one has to match.
    bodies: Vec<String>,
}

/// Severities from one on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Severity {
    /// Its short name (`INFO`, `warn2`) or number.
    min: String,
    /// Whether a record without a severity matches.
    match_undefined: bool,
}

impl Selector {
    /// `spans`
    pub(super) fn spans(
        include: Option<&Properties>,
        exclude: Option<&Properties>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        Self::new(Signal::Traces, "/spans", [include.cloned(), exclude.cloned()], problems)
    }

    /// `metrics`
    pub(super) fn metrics(
        include: Option<&MetricProperties>,
        exclude: Option<&MetricProperties>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let blocks = [("include", include), ("exclude", exclude)];
        let blocks =
            blocks.map(|(key, block)| block.map(|block| block.properties(&format!("/metrics/{key}"), problems)));
        Self::new(Signal::Metrics, "/metrics", blocks, problems)
    }

    /// `logs`
    pub(super) fn logs(
        include: Option<&LogProperties>,
        exclude: Option<&LogProperties>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let blocks = [("include", include), ("exclude", exclude)];
        let blocks = blocks.map(|(key, block)| {
            // As in the Go collector: a block that asks for nothing is none.
            let block = block.filter(|block| !block.is_empty())?;
            Some(block.properties(&format!("/logs/{key}"), problems))
        });
        Self::new(Signal::Logs, "/logs", blocks, problems)
    }

    fn new(
        signal: Signal,
        path: &str,
        [include, exclude]: [Option<Properties>; 2],
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        if include.is_none() && exclude.is_none() {
            return None;
        }
        let mut found = Diagnostics::none();
        let selection = Selection::new(include.as_ref(), exclude.as_ref(), &mut found);
        if let Err(why) = selection.accepts(signal) {
            found.push("", why);
        }
        for (place, message) in found.iter() {
            problems.push(format!("{path}{}", own_keys(signal, place)), message);
        }
        Some(Self { signal, selection })
    }

    /// One pass; `None` if nothing is dropped.
    pub(super) fn run(&self, request: &[u8]) -> Option<Vec<u8>> {
        pass(self.signal, Level::Item, request, |place| {
            let (body, scope, resource) = (place.item.body(), place.scope.body(), place.resource.body());
            let item = Item { signal: self.signal, body, scope, resource };
            if self.selection.selects(item) { Keep::Yes } else { Keep::No }
        })
    }
}

/// A place in the properties that all processors have in common, by the keys that this one has.
fn own_keys(signal: Signal, place: &str) -> String {
    let own = |key: &str| match (signal, key) {
        (Signal::Metrics | Signal::Logs, "resources") => "resource_attributes".to_owned(),
        (Signal::Logs, "attributes") => "record_attributes".to_owned(),
        (Signal::Logs, key) => key.strip_prefix("log_").unwrap_or(key).to_owned(),
        (_, key) => key.to_owned(),
    };
    place.split('/').map(own).collect::<Vec<_>>().join("/")
}

impl MetricProperties {
    fn properties(&self, path: &str, problems: &mut Diagnostics) -> Properties {
        if self.match_type == "expr" || !self.expressions.is_empty() {
            let message = "match_type 'expr' is not available: say it as a condition in metric_conditions, such as \
                           'metric.name == \"a\" and HasAttrOnDatapoint(\"label\", \"b\")'";
            problems.push(format!("{path}/expressions"), message);
        }
        // Said above.
        let match_type = if self.match_type == "expr" { "strict" } else { &self.match_type };
        Properties {
            match_type: match_type.to_owned(),
            regexp: self.regexp,
            metric_names: self.metric_names.clone(),
            resources: self.resource_attributes.clone(),
            ..Properties::default()
        }
    }
}

impl LogProperties {
    fn is_empty(&self) -> bool {
        self.resource_attributes.is_empty()
            && self.record_attributes.is_empty()
            && self.severity_texts.is_empty()
            && self.severity_number.is_none()
            && self.bodies.is_empty()
    }

    fn properties(&self, path: &str, problems: &mut Diagnostics) -> Properties {
        let severity = self.severity_number.as_ref();
        Properties {
            match_type: self.match_type.clone(),
            log_bodies: self.bodies.clone(),
            log_severity_texts: self.severity_texts.clone(),
            log_severity_number: severity
                .map(|severity| severity.number(&format!("{path}/severity_number/min"), problems)),
            attributes: self.record_attributes.clone(),
            resources: self.resource_attributes.clone(),
            ..Properties::default()
        }
    }
}

impl Severity {
    fn number(&self, path: &str, problems: &mut Diagnostics) -> SeverityNumber {
        const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        let name = self.min.to_ascii_uppercase();
        let named =
            NAMES.iter().zip([1, 5, 9, 13, 17, 21]).find_map(|(known, first)| match name.strip_prefix(known)? {
                "" => Some(first),
                "2" => Some(first + 1),
                "3" => Some(first + 2),
                "4" => Some(first + 3),
                _ => None,
            });
        let numbered = name.parse().ok().filter(|number| (1..=24).contains(number));
        let min = if name.is_empty() { Some(0) } else { named.or(numbered) };
        if min.is_none() {
            problems.push(path, format!("'{}' is not a valid severity: not a valid severity", self.min));
        }
        SeverityNumber { min: min.unwrap_or_default(), match_undefined: self.match_undefined }
    }
}
