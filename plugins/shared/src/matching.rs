//! `include` and `exclude`: which spans, log records and metrics a processor of the Go collector works on.
//!
//! Within one block every property that is given has to match. Of a list one element is enough, but `attributes` and
//! `resources` have to match whole.

mod attributes;
mod texts;

use serde::Deserialize;
use serde_json::Value as Json;
use tailrace_sdk::otlp::view::{Span, Value};
use tailrace_sdk::otlp::{Signal, wire};
use tailrace_sdk::{Diagnostics, JsonSchema};

use self::attributes::Attributes;
pub use self::texts::{MatchType, RegexpOptions, Texts};

/// The block under `include` or `exclude`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Properties {
    /// How texts are compared: `strict` or `regexp`.
    pub match_type: String,
    /// Options of `match_type: regexp`.
    pub regexp: Option<RegexpOptions>,
    /// The resource's `service.name`; of spans only.
    pub services: Vec<String>,
    /// Names of spans.
    pub span_names: Vec<String>,
    /// Kinds of spans: `SPAN_KIND_SERVER` and so on.
    pub span_kinds: Vec<String>,
    /// Bodies of log records, as text.
    pub log_bodies: Vec<String>,
    /// Severities of log records, as their senders name them.
    pub log_severity_texts: Vec<String>,
    /// Severities of log records, by number.
    pub log_severity_number: Option<SeverityNumber>,
    /// Names of metrics.
    pub metric_names: Vec<String>,
    /// Attributes of the span or log record.
    pub attributes: Vec<Attribute>,
    /// Attributes of the resource.
    pub resources: Vec<Attribute>,
    /// Instrumentation scopes of spans and log records.
    pub libraries: Vec<Library>,
}

/// An attribute that has to be there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Attribute {
    /// Its key.
    pub key: String,
    /// Its value; without one, any will do.
    pub value: Option<Json>,
}

/// An instrumentation scope.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its version; without one, any will do.
    pub version: Option<String>,
}

/// Severities from a number on.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct SeverityNumber {
    /// The lowest that matches.
    pub min: i64,
    /// Whether a record without a severity matches.
    pub match_undefined: bool,
}

/// A span, log record or metric, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// What it is.
    pub signal: Signal,
    /// Its message.
    pub body: &'a [u8],
    /// The message that holds its scope in field 1.
    pub scope: &'a [u8],
    /// The message that holds its resource in field 1.
    pub resource: &'a [u8],
}

/// What both blocks together say.
#[derive(Debug, Default)]
pub struct Selection {
    include: Option<Matcher>,
    exclude: Option<Matcher>,
}

impl Selection {
    /// From the blocks under `/include` and `/exclude`; adds what is wrong with them.
    pub fn new(include: Option<&Properties>, exclude: Option<&Properties>, problems: &mut Diagnostics) -> Self {
        let mut matcher = |block: Option<&Properties>, path| block.map(|block| Matcher::new(block, path, problems));
        Self { include: matcher(include, "/include"), exclude: matcher(exclude, "/exclude") }
    }

    /// Whether everything is selected.
    pub fn is_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Whether the blocks mean something for that signal, all of them.
    pub fn accepts(&self, signal: Signal) -> Result<(), String> {
        let blocks = [("include", &self.include), ("exclude", &self.exclude)];
        blocks.into_iter().try_for_each(|(name, block)| match block {
            Some(matcher) => matcher.accepts(signal).map_err(|why| format!("{name}: {why}")),
            None => Ok(()),
        })
    }

    /// Whether it is included and not excluded.
    pub fn selects(&self, item: Item<'_>) -> bool {
        self.include.as_ref().is_none_or(|matcher| matcher.matches(item))
            && !self.exclude.as_ref().is_some_and(|matcher| matcher.matches(item))
    }
}

/// One block.
#[derive(Debug)]
pub struct Matcher {
    services: Option<Texts>,
    span_names: Option<Texts>,
    span_kinds: Option<Texts>,
    log_bodies: Option<Texts>,
    severity_texts: Option<Texts>,
    severity_number: Option<SeverityNumber>,
    metric_names: Option<Texts>,
    attributes: Attributes,
    resources: Attributes,
    libraries: Vec<(Texts, Option<Texts>)>,
    /// The keys that were given.
    given: Vec<&'static str>,
}

/// Which properties mean something for a signal.
fn known(signal: Signal) -> &'static [&'static str] {
    match signal {
        Signal::Traces => &["services", "span_names", "span_kinds", "attributes", "resources", "libraries"],
        Signal::Logs => {
            &["log_bodies", "log_severity_texts", "log_severity_number", "attributes", "resources", "libraries"]
        }
        Signal::Metrics => &["metric_names", "resources"],
    }
}

/// In the order of their numbers.
const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

impl Matcher {
    /// From the block at `path`; adds what is wrong with it.
    pub fn new(block: &Properties, path: &str, problems: &mut Diagnostics) -> Self {
        let given = given(block);
        let means_something = |signal: &Signal| given.iter().all(|key| known(*signal).contains(key));
        if given.is_empty() {
            let keys = "services, span_names, span_kinds, log_bodies, log_severity_texts, log_severity_number, \
                        metric_names, attributes, resources, libraries";
            problems.push(path, format!("nothing to match: give at least one of {keys}"));
        } else if !Signal::ALL.iter().any(means_something) {
            problems.push(path, format!("{} mean nothing together, for any signal", given.join(", ")));
        }
        let how = MatchType::parse(&block.match_type, path, given != ["log_severity_number"], problems);
        if how == MatchType::Strict {
            check_kinds(&block.span_kinds, path, problems);
        }
        let regexp = block.regexp.as_ref();
        let mut all = |values: &[String], key: &str| {
            (!values.is_empty()).then(|| Texts::list(values, how, regexp, &format!("{path}/{key}"), problems))
        };
        let (services, span_names) = (all(&block.services, "services"), all(&block.span_names, "span_names"));
        let (span_kinds, log_bodies) = (all(&block.span_kinds, "span_kinds"), all(&block.log_bodies, "log_bodies"));
        let severity_texts = all(&block.log_severity_texts, "log_severity_texts");
        let metric_names = all(&block.metric_names, "metric_names");
        let libraries = block.libraries.iter().enumerate().map(|(place, library)| {
            let mut one = |text: &str, key: &str| {
                Texts::one(text, how, regexp, &format!("{path}/libraries/{place}/{key}"), problems)
            };
            (one(&library.name, "name"), library.version.as_ref().map(|version| one(version, "version")))
        });
        let libraries = libraries.collect();
        Self {
            services,
            span_names,
            span_kinds,
            log_bodies,
            severity_texts,
            severity_number: block.log_severity_number,
            metric_names,
            libraries,
            attributes: Attributes::new(&block.attributes, how, regexp, &format!("{path}/attributes"), problems),
            resources: Attributes::new(&block.resources, how, regexp, &format!("{path}/resources"), problems),
            given,
        }
    }

    /// Whether all its properties mean something for that signal.
    pub fn accepts(&self, signal: Signal) -> Result<(), String> {
        match self.given.iter().find(|key| !known(signal).contains(key)) {
            Some(key) => Err(format!("{key} means nothing for {signal}")),
            None => Ok(()),
        }
    }

    /// Whether all properties match.
    pub fn matches(&self, item: Item<'_>) -> bool {
        let own = match item.signal {
            Signal::Traces => self.matches_span(item),
            Signal::Logs => self.matches_record(item.body),
            Signal::Metrics => is_in(self.metric_names.as_ref(), || text(item.body, METRIC_NAME)),
        };
        own && self.matches_library(item.scope)
            && self.resources.all_in(|key| attribute_below(item.resource, RESOURCE_ATTRIBUTES, key))
            && self.attributes.all_in(|key| attribute(item.body, attributes_of(item.signal), key))
    }

    fn matches_span(&self, item: Item<'_>) -> bool {
        let span = Span(item.body);
        is_in(self.span_names.as_ref(), || span.name())
            && is_in(self.span_kinds.as_ref(), || {
                let kind = usize::try_from(span.kind()).ok().and_then(|kind| SPAN_KINDS.get(kind));
                kind.map_or(&[][..], |kind| kind.as_bytes())
            })
            && self.services.as_ref().is_none_or(|services| {
                match attribute_below(item.resource, RESOURCE_ATTRIBUTES, b"service.name") {
                    Some(Value::Str(name)) => services.matches(name),
                    Some(other) => services.matches(other.as_text().as_bytes()),
                    // What the Go collector takes for it.
                    None => services.matches(b"<nil-service-name>"),
                }
            })
    }

    fn matches_record(&self, record: &[u8]) -> bool {
        self.log_bodies.as_ref().is_none_or(|bodies| match Value::parse(text(record, RECORD_BODY)) {
            Value::Str(body) => bodies.matches(body),
            other => bodies.matches(other.as_text().as_bytes()),
        }) && is_in(self.severity_texts.as_ref(), || text(record, RECORD_SEVERITY_TEXT))
            && self.severity_number.is_none_or(|wanted| match severity_number(record) {
                0 => wanted.match_undefined,
                number => number >= wanted.min,
            })
    }

    fn matches_library(&self, holder: &[u8]) -> bool {
        if self.libraries.is_empty() {
            return true;
        }
        let scope = text(holder, 1);
        let (name, version) = (text(scope, 1), text(scope, 2));
        self.libraries.iter().any(|(names, versions)| {
            names.matches(name) && versions.as_ref().is_none_or(|versions| versions.matches(version))
        })
    }
}

fn given(block: &Properties) -> Vec<&'static str> {
    let lengths = [
        ("services", block.services.len()),
        ("span_names", block.span_names.len()),
        ("span_kinds", block.span_kinds.len()),
        ("log_bodies", block.log_bodies.len()),
        ("log_severity_texts", block.log_severity_texts.len()),
        ("log_severity_number", usize::from(block.log_severity_number.is_some())),
        ("metric_names", block.metric_names.len()),
        ("attributes", block.attributes.len()),
        ("resources", block.resources.len()),
        ("libraries", block.libraries.len()),
    ];
    lengths.into_iter().filter(|(_, len)| *len > 0).map(|(key, _)| key).collect()
}

fn check_kinds(kinds: &[String], path: &str, problems: &mut Diagnostics) {
    for (place, kind) in kinds.iter().enumerate() {
        if !SPAN_KINDS.iter().skip(1).any(|known| known == kind) {
            let known = SPAN_KINDS[1..].join(", ");
            problems
                .push(format!("{path}/span_kinds/{place}"), format!("unknown span kind {kind:?}, supported: {known}"));
        }
    }
}

fn is_in<'a>(texts: Option<&Texts>, text: impl FnOnce() -> &'a [u8]) -> bool {
    texts.is_none_or(|texts| texts.matches(text()))
}

const RESOURCE_ATTRIBUTES: u32 = 1;
const METRIC_NAME: u32 = 1;
const RECORD_SEVERITY_NUMBER: u32 = 2;
const RECORD_SEVERITY_TEXT: u32 = 3;
const RECORD_BODY: u32 = 5;

/// The field that holds the attributes of a span or log record. Metrics have none of their own.
fn attributes_of(signal: Signal) -> u32 {
    match signal {
        Signal::Traces => 9,
        Signal::Logs => 6,
        Signal::Metrics => 0,
    }
}

/// A string or message; the last of its number, if a sender wrote several.
fn text(message: &[u8], number: u32) -> &[u8] {
    let all = wire::fields(message).filter(|field| field.number == number);
    all.filter_map(|field| field.payload.bytes()).last().unwrap_or_default()
}

fn severity_number(record: &[u8]) -> i64 {
    wire::fields(record).fold(0, |last, field| match field.payload {
        wire::Payload::Varint(number) if field.number == RECORD_SEVERITY_NUMBER => number.cast_signed(),
        _ => last,
    })
}

/// Of several attributes of one key the first counts, as in the Go collector.
fn attribute<'a>(message: &'a [u8], number: u32, key: &[u8]) -> Option<Value<'a>> {
    tailrace_sdk::otlp::view::attributes(message, number).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// An attribute of the message in field 1.
fn attribute_below<'a>(holder: &'a [u8], number: u32, key: &[u8]) -> Option<Value<'a>> {
    let mut inner = wire::fields(holder).filter(|field| field.number == 1).filter_map(|field| field.payload.bytes());
    inner.find_map(|message| attribute(message, number, key))
}

#[cfg(test)]
mod tests;
