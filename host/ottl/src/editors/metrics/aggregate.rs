//! `aggregate_on_attributes` and `aggregate_on_attribute_value`: points that have become alike are made one.
//!
//! Points are alike that have the same attributes and time; of deltas the same start too, of histograms the same buckets,
//! presence of minimum and maximum, and flags. The collector does not look at the number of buckets, and panics where it differs.

mod merge;

use std::collections::BTreeMap;
use std::fmt::Write;

use tailrace_otlp::edit::Draft;
use tailrace_otlp::view::{self, Value as Wire};
use tailrace_otlp::wire;

use super::{Bound, Edit, Made, attributes_of, data, points};
use crate::item::{EXPONENTIAL, HISTOGRAM, SUMMARY};
use crate::{Context, Env, Item, Problem, codec, fields};
use merge::Function;

fn function(bound: &mut Bound) -> Result<Function, Problem> {
    let name = bound.text(0)?.unwrap_or_default();
    Function::named(&name).ok_or_else(|| {
        let message = format!(
            "invalid aggregation function: 'unsupported function: '{name}'', valid options: {}",
            Function::names()
        );
        bound.problem(0, message)
    })
}

pub(super) fn on_attributes(bound: &mut Bound) -> Made {
    let function = function(bound)?;
    Ok(Box::new(OnAttributes { function, kept: bound.texts(1)? }))
}

/// Takes attributes away, and makes one of the points that are alike without.
struct OnAttributes {
    function: Function,
    /// The attributes that stay: all if none are given.
    kept: Option<Vec<String>>,
}

impl Edit for OnAttributes {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        aggregate(item, "aggregate_on_attributes", self.function, |point, number| {
            if let Some(kept) = &self.kept {
                point.retain(number, |pair| kept.iter().any(|key| key.as_bytes() == codec::pair(pair).0));
            }
        })
    }
}

pub(super) fn on_attribute_value(bound: &mut Bound) -> Made {
    let function = function(bound)?;
    Ok(Box::new(OnAttributeValue {
        function,
        key: bound.text(1)?.unwrap_or_default(),
        values: bound.texts(2)?.unwrap_or_default(),
        new: codec::encode_text(bound.text(3)?.unwrap_or_default().as_bytes()),
    }))
}

/// Gives an attribute one value for several, and makes one of the points that are alike with it.
struct OnAttributeValue {
    function: Function,
    key: String,
    values: Vec<String>,
    /// The message `AnyValue`.
    new: Vec<u8>,
}

impl Edit for OnAttributeValue {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        aggregate(item, "aggregate_on_attribute_value", self.function, |point, number| {
            let is_one = match point.attribute(number, self.key.as_bytes()) {
                Some(Wire::Str(text)) => self.values.iter().any(|value| value.as_bytes() == text),
                _ => false,
            };
            if is_one {
                point.set_attribute(number, self.key.as_bytes(), &self.new);
            }
        })
    }
}

/// Prepares each point of the metric, and makes one of those that are then alike.
fn aggregate(
    item: &mut Item<'_, '_>,
    editor: &str,
    function: Function,
    prepare: impl Fn(&mut Draft<'_>, u32),
) -> Result<(), String> {
    const DELTA: u64 = 1;
    let (number, body) = data(item.metric());
    if number == SUMMARY {
        return Err(format!("{editor} does not support aggregating Summary metrics"));
    }
    let is_delta = fields::scalar(body, 2) == DELTA;
    // In the order in which the first of each came.
    let mut groups: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for point in points(body) {
        let mut point = Draft::new(point);
        prepare(&mut point, attributes_of(number));
        let place = *places.entry(key(point.body(), number, is_delta)).or_insert(groups.len());
        let point = point.into_body().into_owned();
        match groups.get_mut(place) {
            Some(group) => group.push(point),
            None => groups.push(vec![point]),
        }
    }
    let mut merged = Vec::with_capacity(body.len());
    for group in &groups {
        wire::put_bytes(&mut merged, 1, &merge::points(group, number, function));
    }
    item.draft_mut(Context::Metric).edit(number, 0, |data| {
        data.remove(1);
        data.append(&merged);
    });
    Ok(())
}

/// What points that are alike have in common.
fn key(point: &[u8], number: u32, is_delta: bool) -> String {
    let attributes: BTreeMap<_, _> =
        view::attributes(point, attributes_of(number)).map(|(key, value)| (key, value.as_json())).collect();
    let mut key = format!("{attributes:?} {}", fields::scalar(point, 3));
    if is_delta {
        _ = write!(key, " from {}", fields::scalar(point, 2));
    }
    let has = |number| fields::bits(point, number).is_some();
    match number {
        HISTOGRAM => {
            let (bounds, counts) = (fields::numbers(point, 7, wire::FIXED64), fields::numbers(point, 6, wire::FIXED64));
            _ = write!(key, " {bounds:?} {} {} {} {}", counts.len(), has(11), has(12), fields::scalar(point, 10));
        }
        EXPONENTIAL => {
            let offsets = [8, 9].map(|number| fields::scalar(fields::bytes(point, number), 1));
            let same = [6, 10, 14].map(|number| fields::scalar(point, number));
            _ = write!(key, " {offsets:?} {same:?} {} {}", has(12), has(13));
        }
        _ => {}
    }
    key
}
