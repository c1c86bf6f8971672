//! `service::telemetry`.
//!
//! ```yaml
//! service:
//!   telemetry:
//!     logs: {level: info, encoding: console}
//!     metrics:
//!       level: normal
//!       readers:
//!         - pull: {exporter: {prometheus: {host: localhost, port: 8888}}}
//!     resource: {deployment.environment: production}
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_yaml::Value;

use crate::config::{Check, Duration};

/// The whole section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What is logged, how and where to.
    pub logs: LogSettings,
    /// What is measured and where it can be read.
    pub metrics: MetricSettings,
    /// Spans about the host itself: not made.
    pub traces: TraceSettings,
    /// Attributes of the host itself: `k: v`, where null removes a default, or `attributes: [{name, value}]`.
    pub resource: BTreeMap<String, Value>,
}

/// `logs`.
#[expect(clippy::struct_excessive_bools, reason = "the collector's options")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// The lowest level that is written.
    pub level: LogLevel,
    /// `console` or `json`.
    pub encoding: String,
    /// Accepted; changes nothing here.
    pub development: bool,
    /// Leaves out file and line.
    pub disable_caller: bool,
    /// Accepted: an error says what went wrong, there are no stack traces to leave out.
    pub disable_stacktrace: bool,
    /// Thins out repeats.
    pub sampling: SamplingSettings,
    /// `stderr`, `stdout` or files.
    pub output_paths: Vec<String>,
    /// Accepted: where the Go collector's logger reports its own errors.
    pub error_output_paths: Vec<String>,
    /// Fields of every line.
    pub initial_fields: BTreeMap<String, Value>,
    /// Leaves the resource out of every line.
    pub disable_zap_resource: bool,
    /// Exporting logs about the host itself: not supported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processors: Vec<Value>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            encoding: "console".to_owned(),
            development: false,
            disable_caller: false,
            disable_stacktrace: false,
            sampling: SamplingSettings::default(),
            output_paths: vec!["stderr".to_owned()],
            error_output_paths: vec!["stderr".to_owned()],
            initial_fields: BTreeMap::new(),
            disable_zap_resource: false,
            processors: Vec::new(),
        }
    }
}

/// `logs::sampling`: of equal messages on one level, so many a tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingSettings {
    /// Whether repeats are thinned out at all.
    pub enabled: bool,
    /// The length of a tick.
    pub tick: Duration,
    /// Written at the start of a tick.
    pub initial: u64,
    /// After that, one in so many; 0 for none.
    pub thereafter: u64,
}

impl Default for SamplingSettings {
    fn default() -> Self {
        Self { enabled: true, tick: Duration::from_secs(10), initial: 10, thereafter: 100 }
    }
}

/// `metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricSettings {
    /// How much is measured.
    pub level: MetricLevel,
    /// Where it can be read.
    pub readers: Vec<Reader>,
    /// Changing metrics on their way out: not supported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<Value>,
    /// Removed from the collector; named so that the message can say what replaced it.
    #[serde(skip_serializing)]
    pub address: Option<Value>,
}

impl Default for MetricSettings {
    fn default() -> Self {
        let prometheus = Prometheus { host: "localhost".to_owned(), port: 8888, ..Prometheus::default() };
        let pull = Pull { exporter: PullExporter { prometheus: Some(prometheus) } };
        let readers = vec![Reader { pull: Some(pull), periodic: None }];
        Self { level: MetricLevel::Normal, readers, views: Vec::new(), address: None }
    }
}

/// One of `metrics::readers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reader {
    /// Metrics are fetched from us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
    /// Metrics are sent by us: not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periodic: Option<Value>,
}

/// `pull`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pull {
    /// How they are fetched.
    pub exporter: PullExporter,
}

/// `pull::exporter`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PullExporter {
    /// In Prometheus' text format, at `/metrics`.
    pub prometheus: Option<Prometheus>,
}

/// `pull::exporter::prometheus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prometheus {
    /// Name or address to listen on.
    pub host: String,
    /// Port to listen on; 0 for any free one.
    pub port: u16,
    /// Leaves out the `otel_scope_*` labels.
    pub without_scope_info: bool,
    /// Leaves the unit out of names.
    pub without_units: bool,
    /// Leaves `_total` out of names.
    pub without_type_suffix: bool,
}

impl Default for Prometheus {
    /// What a reader gets that says nothing: the three `without_*` are true even where a host and port are given.
    fn default() -> Self {
        Self { host: String::new(), port: 0, without_scope_info: true, without_units: true, without_type_suffix: true }
    }
}

/// `traces`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceSettings {
    /// Accepted; without processors no spans are made on any level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<MetricLevel>,
    /// Accepted; without spans nothing is propagated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub propagators: Vec<String>,
    /// Exporting spans about the host itself: not supported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processors: Vec<Value>,
}

/// The lowest level of log lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What may need action.
    Warn,
    /// What failed. `dpanic`, `panic` and `fatal` mean this here.
    Error,
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "info" | "" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" | "dpanic" | "panic" | "fatal" => Ok(Self::Error),
            _ => Err(format!("unrecognized level: {name:?}")),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricLevel {
    /// Nothing; the port stays closed.
    None,
    /// The essentials.
    Basic,
    /// The default.
    Normal,
    /// Sizes of every batch and queue too.
    Detailed,
}

impl FromStr for MetricLevel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "basic" => Ok(Self::Basic),
            "normal" | "" => Ok(Self::Normal),
            "detailed" => Ok(Self::Detailed),
            _ => Err(format!("unknown metrics level {name:?}")),
        }
    }
}

impl fmt::Display for MetricLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic => "Basic",
            Self::Normal => "Normal",
            Self::Detailed => "Detailed",
        })
    }
}

impl Serialize for LogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for MetricLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MetricLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        check_logs(&self.logs, check);
        check_metrics(&self.metrics, check);
        if !self.traces.processors.is_empty() {
            check.problem_with_help(
                "traces.processors",
                "internal traces are not supported",
                "remove the section; tailrace makes no spans about itself",
            );
        }
        check_resource(&self.resource, check);
    }
}

fn check_logs(logs: &LogSettings, check: &mut Check<'_>) {
    if !matches!(logs.encoding.as_str(), "console" | "json") {
        let message = format!("failed to create logger: no encoder registered for name {:?}", logs.encoding);
        check.problem_with_help("logs.encoding", message, "use console or json");
    }
    if !logs.processors.is_empty() {
        check.problem_with_help(
            "logs.processors",
            "exporting internal logs is not supported",
            "write them with output_paths, and collect them from there",
        );
    }
    if logs.sampling.enabled && logs.sampling.tick.is_zero() {
        check.problem("logs.sampling.tick", "must be greater than zero");
    }
}

fn check_metrics(metrics: &MetricSettings, check: &mut Check<'_>) {
    if metrics.address.is_some() {
        check.problem_with_help(
            "metrics.address",
            "'migration.MetricsConfigV030' has invalid keys: address",
            "use readers: [{pull: {exporter: {prometheus: {host: localhost, port: 8888}}}}]",
        );
    }
    if metrics.level != MetricLevel::None && metrics.readers.is_empty() {
        check.problem(
            "metrics.readers",
            "collector telemetry metrics reader should exist when metric level is not none",
        );
    }
    if !metrics.views.is_empty() {
        check.problem("metrics.views", "views on internal metrics are not supported");
    }
    for (place, reader) in metrics.readers.iter().enumerate() {
        let at = format!("metrics.readers.{place}");
        if reader.periodic.is_some() {
            check.problem_with_help(
                &format!("{at}.periodic"),
                "sending internal metrics is not supported",
                "scrape the prometheus reader",
            );
        } else if reader.prometheus().is_none() {
            check.problem(&at, "must specify pull::exporter::prometheus");
        }
    }
}

fn check_resource(resource: &BTreeMap<String, Value>, check: &mut Check<'_>) {
    let Some(attributes) = resource.get("attributes") else { return };
    let named = |entry: &Value| entry.get("name").is_some_and(Value::is_string);
    if !attributes.as_sequence().is_some_and(|list| list.iter().all(named)) {
        check.problem("resource.attributes", "must be a list of {name, value}");
    }
    if resource.keys().any(|key| !matches!(key.as_str(), "attributes" | "schema_url")) {
        check
            .problem("resource", "resource::attributes cannot be used together with legacy inline resource attributes");
    }
}

impl Reader {
    /// The one kind of reader there is.
    pub fn prometheus(&self) -> Option<&Prometheus> {
        self.pull.as_ref()?.exporter.prometheus.as_ref()
    }
}

impl Settings {
    /// The attributes of the host itself: `defaults` with what the section adds, changes and (by null) removes.
    pub fn resource_attributes(&self, defaults: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut all: BTreeMap<_, _> = defaults.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        if let Some(list) = self.resource.get("attributes").and_then(Value::as_sequence) {
            for entry in list {
                if let (Some(name), Some(value)) = (entry.get("name").and_then(Value::as_str), entry.get("value")) {
                    all.insert(name.to_owned(), text(value));
                }
            }
            return all;
        }
        for (name, value) in self.resource.iter().filter(|(name, _)| *name != "schema_url") {
            match value {
                Value::Null => all.remove(name),
                value => all.insert(name.clone(), text(value)),
            };
        }
        all
    }
}

/// A value as a label shows it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Settings {
        serde_yaml::from_str(yaml).unwrap()
    }

    /// A reader that names host and port keeps the names without suffixes; dashboards rely on it.
    #[test]
    fn readers_default_to_bare_names() {
        let settings =
            parse("metrics: {level: Detailed, readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9}}}}]}");
        let reader = settings.metrics.readers[0].prometheus().unwrap();
        assert_eq!((reader.host.as_str(), reader.port), ("0.0.0.0", 9));
        assert!(reader.without_scope_info && reader.without_units && reader.without_type_suffix);
        assert_eq!(settings.metrics.level, MetricLevel::Detailed);
    }

    #[test]
    fn resource_adds_changes_and_removes() {
        let defaults = [("service.name", "tailrace"), ("service.version", "1")];
        let cases = [
            ("{}", "service.name=tailrace service.version=1"),
            ("resource: {service.name: gw, service.version: null, zone: 3}", "service.name=gw zone=3"),
            ("resource: {attributes: [{name: a, value: true}]}", "a=true service.name=tailrace service.version=1"),
        ];
        for (yaml, want) in cases {
            let got: Vec<_> =
                parse(yaml).resource_attributes(&defaults).into_iter().map(|(k, v)| format!("{k}={v}")).collect();
            assert_eq!(got.join(" "), want, "{yaml}");
        }
    }

    #[test]
    fn levels_are_read_in_any_case() {
        assert_eq!("WARN".parse(), Ok(LogLevel::Warn));
        assert_eq!("fatal".parse(), Ok(LogLevel::Error));
        assert_eq!("verbose".parse::<LogLevel>(), Err("unrecognized level: \"verbose\"".to_owned()));
        assert_eq!("Normal".parse(), Ok(MetricLevel::Normal));
    }
}
