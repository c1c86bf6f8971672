//! By the values of attributes.
//!
//! A name is looked for on the resource, then the scope, then the span, log record or data point; `span.kind`, `span.name`, `log.severity`
//! and `log.body` are the item's own fields. Traces: the names keep the configuration's order, and all spans of a trace in one resource
//! follow the first one. Logs and metrics: what the resource has comes first, then the scope's, then the item's.

use std::collections::HashMap;

use tailrace_otlp::deal::{Deal, Turn};
use tailrace_otlp::view::{self, Span, Value};
use tailrace_otlp::walk::{self, Header};

use super::Ways;
use super::metrics::{MetricHead, any_value_text};
use super::trace_id::trace_id;
use crate::pipeline::Signal;

/// Fields of a log record.
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
const LOG_ATTRIBUTES: u32 = 6;

/// A value for each name that has one.
type Values = Vec<Option<String>>;

pub(super) struct ByAttributes<'a> {
    ring: Ways<'a>,
    signal: Signal,
    names: &'a [String],
    resource: Values,
    scope: Values,
    /// Of the last resource's traces.
    traces: HashMap<[u8; 16], usize>,
    /// The field of the last metric's data points with their attributes.
    point_attributes: u32,
}

impl<'a> ByAttributes<'a> {
    pub(super) fn new(ring: Ways<'a>, signal: Signal, names: &'a [String]) -> Self {
        Self {
            ring,
            signal,
            names,
            resource: Vec::new(),
            scope: Vec::new(),
            traces: HashMap::new(),
            point_attributes: 0,
        }
    }

    /// The way of an item whose own values are `own`.
    fn way(&self, own: &Values) -> usize {
        let mut key = String::new();
        if self.signal == Signal::Traces {
            for (at, name) in self.names.iter().enumerate() {
                let value = [&self.resource, &self.scope, own].into_iter().find_map(|values| value(values, at));
                push(&mut key, name, value.unwrap_or_default());
            }
            return self.ring.of(key.as_bytes());
        }
        let mut is_done = vec![false; self.names.len()];
        for values in [&self.resource, &self.scope, own] {
            let is_last = std::ptr::eq(values, own);
            for ((at, name), is_done) in self.names.iter().enumerate().zip(&mut is_done) {
                match value(values, at) {
                    Some(value) if !*is_done => push(&mut key, name, value),
                    None if is_last && !*is_done => push(&mut key, name, ""),
                    _ => continue,
                }
                *is_done = true;
            }
        }
        self.ring.of(key.as_bytes())
    }

    /// What decides is known without looking at the items.
    fn is_settled_by(&self, values: &Values) -> bool {
        (0..self.names.len()).all(|at| value(values, at).or_else(|| value(&self.resource, at)).is_some())
    }

    fn own_values(&self, item: &[u8]) -> Values {
        match self.signal {
            Signal::Traces => self.fields_and(Span(item).attributes(), |name| match name {
                "span.kind" => Some(view::span_kind_name(Span(item).kind()).to_owned()),
                "span.name" => Some(String::from_utf8_lossy(Span(item).name()).into_owned()),
                _ => None,
            }),
            Signal::Logs => self.fields_and(view::attributes(item, LOG_ATTRIBUTES), |name| match name {
                "log.severity" => {
                    let text = walk::children(item, SEVERITY_TEXT).last().map_or(&[][..], |(_, text)| text);
                    Some(String::from_utf8_lossy(text).into_owned())
                }
                "log.body" => Some(any_value_text(item, BODY)),
                _ => None,
            }),
            Signal::Metrics => self.fields_and(view::attributes(item, self.point_attributes), |_| None),
        }
    }

    fn fields_and<'b>(
        &self,
        attributes: impl Iterator<Item = (&'b [u8], Value<'b>)>,
        field: impl Fn(&str) -> Option<String>,
    ) -> Values {
        let attributes = pick(self.names, attributes);
        self.names.iter().zip(attributes).map(|(name, attribute)| field(name).or(attribute)).collect()
    }
}

impl Deal for ByAttributes<'_> {
    fn resource(&mut self, body: &[u8]) -> Turn {
        let header = Header::of(body);
        self.resource = pick(self.names, view::resource_attributes(&header));
        self.scope.clear();
        self.traces.clear();
        if self.is_settled_by(&self.resource) { Turn::All(self.way(&Vec::new())) } else { Turn::Inside }
    }

    fn scope(&mut self, body: &[u8]) -> Turn {
        let header = Header::of(body);
        self.scope = pick(self.names, view::scope_attributes(&header));
        // A trace may have begun in a scope before: its spans follow the first.
        let is_settled = self.signal != Signal::Traces && self.is_settled_by(&self.scope);
        if is_settled { Turn::All(self.way(&Vec::new())) } else { Turn::Inside }
    }

    fn metric(&mut self, body: &[u8]) -> Turn {
        self.point_attributes = MetricHead::of(body).point_attributes();
        Turn::Inside
    }

    fn item(&mut self, body: &[u8]) -> usize {
        if self.signal != Signal::Traces {
            return self.way(&self.own_values(body));
        }
        let id = trace_id(body);
        if let Some(way) = self.traces.get(&id) {
            return *way;
        }
        let way = self.way(&self.own_values(body));
        self.traces.insert(id, way);
        way
    }
}

fn value(values: &Values, at: usize) -> Option<&str> {
    values.get(at)?.as_deref()
}

fn push(key: &mut String, name: &str, value: &str) {
    key.extend([name, "=", value, "|"]);
}

/// The first value of each name.
fn pick<'a>(names: &[String], attributes: impl Iterator<Item = (&'a [u8], Value<'a>)>) -> Values {
    let mut values = vec![None; names.len()];
    for (key, found) in attributes {
        let place = names.iter().position(|name| name.as_bytes() == key);
        if let Some(value) = place.and_then(|place| values.get_mut(place)).filter(|value| value.is_none()) {
            *value = Some(found.as_text().into_owned());
        }
    }
    values
}
