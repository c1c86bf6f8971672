//! An item of a request: the wire bytes of what a pass visits, read and changed where they lie.

mod entries;
mod read;
mod slot;
mod trace_state;
mod write;

use tailrace_otlp::edit::{Draft, Place};
use tailrace_otlp::{view, walk, wire};

use crate::source::{Glance, Source};
use crate::{Context, Field, Key, Map, Path, Value, codec, expr, fields};

pub(crate) use entries::{Change, merge, rewrite};
use slot::{Codec, Slot, slot};
pub(crate) use slot::{EXPONENTIAL, GAUGE, HISTOGRAM, SUM, SUMMARY};

/// Edits the message that holds the entries of a map: is shown it and the number of the field that they are, and gives what is to
/// stand there, or none if it is the same.
type EditMap<'e> = dyn FnMut(&[u8], u32) -> Result<Option<Vec<u8>>, String> + 'e;

/// What statements run on, and conditions are asked of: where a pass over a request is.
pub struct Item<'i, 'a> {
    context: Context,
    place: &'i mut Place<'a>,
    memory: &'i mut Memory,
}

/// What statements remember of an item beside its bytes, and buffers that are used again.
#[derive(Debug, Default)]
pub struct Memory {
    cache: Map<'static>,
    scratch: Vec<u8>,
    added: Vec<Vec<u8>>,
}

impl Memory {
    /// Empties the `cache` of the language: between items, unless they are to share one.
    pub fn forget(&mut self) {
        if !self.cache.is_empty() {
            self.cache = Map::default();
        }
    }

    /// The metrics that statements made since this was last asked, each a message that belongs into the scope of the item. (Spans
    /// and log records are made by none.) [`Group::run`](crate::Group::run) puts them there.
    pub fn take_added(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.added)
    }
}

impl<'i, 'a> Item<'i, 'a> {
    /// The item at a place that a pass at the [level](Context::level) of `context` visits.
    pub fn new(context: Context, place: &'i mut Place<'a>, memory: &'i mut Memory) -> Self {
        Self { context, place, memory }
    }

    /// What the item is.
    pub fn context(&self) -> Context {
        self.context
    }

    /// The metric that the item is or lies in.
    pub(crate) fn metric(&self) -> &[u8] {
        self.place.item.body()
    }

    /// The data point that the item is, and the field of the metric that it lies in.
    pub(crate) fn data_point(&self) -> (&[u8], u32) {
        (self.place.part.body(), self.place.data)
    }

    /// Puts a metric beside the one of the item.
    pub(crate) fn add_metric(&mut self, metric: Vec<u8>) {
        self.memory.added.push(metric);
    }

    /// The message that holds the fields of a context.
    fn draft(&self, context: Context) -> &Draft<'a> {
        match context {
            Context::Resource | Context::Request => &self.place.resource,
            Context::Scope => &self.place.scope,
            Context::Span | Context::Log | Context::Metric => &self.place.item,
            Context::SpanEvent | Context::DataPoint => &self.place.part,
            Context::Exemplar => &self.place.exemplar,
        }
    }

    pub(crate) fn draft_mut(&mut self, context: Context) -> &mut Draft<'a> {
        match context {
            Context::Resource | Context::Request => &mut self.place.resource,
            Context::Scope => &mut self.place.scope,
            Context::Span | Context::Log | Context::Metric => &mut self.place.item,
            Context::SpanEvent | Context::DataPoint => &mut self.place.part,
            Context::Exemplar => &mut self.place.exemplar,
        }
    }

    /// Where a field lies on the wire; none for one that this item has none of, as a gauge has no buckets.
    fn slot(&self, path: &Path) -> Option<Slot> {
        let data = match path.context {
            Context::Metric => data_of(self.place.item.body()),
            _ => self.place.data,
        };
        slot(path.context, path.field, data)
    }

    /// The message that a slot is a field of.
    fn message(&self, context: Context, slot: &Slot) -> &[u8] {
        let body = self.draft(context).body();
        match slot.inner {
            None => body,
            Some(inner) => walk::children(body, inner).next().map_or(&[], |(_, inner)| inner),
        }
    }

    /// Gives a field a value.
    pub(crate) fn set(&mut self, path: &Path, value: &Value<'_>) -> Result<(), String> {
        if path.field == Field::Cache {
            return self.set_cache(&path.keys, value);
        }
        let Some(slot) = self.slot(path) else { return Ok(()) };
        self.edit_message(path.context, &slot, |draft| write::write(draft, &slot, &path.keys, value))
    }

    /// Changes the message that a slot is a field of. It is made if it is not there.
    fn edit_message(
        &mut self,
        context: Context,
        slot: &Slot,
        change: impl FnOnce(&mut Draft<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let draft = self.draft_mut(context);
        let Some(inner) = slot.inner else { return change(draft) };
        if walk::children(draft.body(), inner).next().is_some() {
            return draft.edit(inner, 0, change).unwrap_or(Ok(()));
        }
        let mut made = Draft::default();
        let result = change(&mut made);
        if made.is_changed() {
            draft.push(inner, made.body());
        }
        result
    }

    /// Gives an attribute a value that is encoded already.
    pub(crate) fn set_attribute(&mut self, path: &Path, key: &str, any_value: &[u8]) -> Result<(), String> {
        let Some(slot) = self.slot(path) else { return Ok(()) };
        self.edit_message(path.context, &slot, |draft| {
            draft.set_attribute(slot.number, key.as_bytes(), any_value);
            Ok(())
        })
    }

    /// The message `AnyValue` of an attribute, if the path is one: none for one that is not there.
    pub(crate) fn encoded_attribute(&self, path: &Path) -> Option<&[u8]> {
        let slot = self.slot(path).filter(|slot| slot.codec == Codec::Map && path.field != Field::Cache)?;
        codec::encoded_attribute(self.message(path.context, &slot), slot.number, path.only_key()?.as_bytes())
    }

    /// Runs something with a buffer that the item lends.
    pub(crate) fn with_scratch<R>(&mut self, run: impl FnOnce(&mut Self, &mut Vec<u8>) -> R) -> R {
        let mut scratch = std::mem::take(&mut self.memory.scratch);
        scratch.clear();
        let result = run(self, &mut scratch);
        self.memory.scratch = scratch;
        result
    }

    /// The cache holds what attributes can, as in the collector.
    fn set_cache(&mut self, keys: &[Key], value: &Value<'_>) -> Result<(), String> {
        let mut whole = Value::Map(self.memory.cache.clone());
        write::put(&mut whole, keys, value.by_ref().into_owned())?;
        codec::check(&whole)?;
        match whole {
            Value::Map(map) => self.memory.cache = map,
            Value::Nil => self.memory.cache = Map::default(),
            other => return Err(format!("expects pcommon.Map but got {}", other.type_name())),
        }
        Ok(())
    }

    /// Edits the map at a path.
    pub(crate) fn edit_map(&mut self, path: &Path, edit: &mut EditMap<'_>) -> Result<(), String> {
        if let (false, true, Some(slot)) = (path.field == Field::Cache, path.keys.is_empty(), self.slot(path))
            && slot.codec == Codec::Map
        {
            return self.edit_message(path.context, &slot, |draft| {
                if let Some(edited) = edit(draft.body(), slot.number)? {
                    draft.splice(0..draft.body().len(), &edited);
                }
                Ok(())
            });
        }
        let mut list = Vec::new();
        match self.get(path)? {
            Value::Map(map) => codec::encode_map(&mut list, 1, &map)?,
            other => return Err(format!("expected pcommon.Map but got {}", other.type_name())),
        }
        match edit(&list, 1)? {
            None => Ok(()),
            Some(edited) => {
                let map = codec::decode_map(view::attributes(&edited, 1));
                self.set(path, &Value::Map(map))
            }
        }
    }
}

/// The field of a metric that holds its data points: 5 gauge, 7 sum, 9 histogram, 10 exponential histogram, 11 summary; 0 if
/// none.
pub(crate) fn data_of(metric: &[u8]) -> u32 {
    let is_data =
        |field: &wire::Field<'_>| matches!(field.number, 5 | 7 | 9 | 10 | 11) && field.payload.bytes().is_some();
    wire::fields(metric).find(is_data).map_or(0, |field| field.number)
}

impl Source for Item<'_, '_> {
    fn get<'s>(&'s self, path: &Path) -> Result<Value<'s>, String> {
        match path.field {
            Field::Cache => match path.keys.is_empty() {
                true => Ok(Value::Map(Map::clone(&self.memory.cache))),
                false => cached(&self.memory.cache, &path.keys),
            },
            Field::EventIndex => Ok(Value::Int(self.place.part_index as i64)),
            Field::Type => Ok(Value::Int(slot::data_type(data_of(self.place.item.body())))),
            _ => match self.slot(path) {
                None => Ok(Value::Nil),
                Some(slot) => read::read(self.message(path.context, &slot), &slot, &path.keys),
            },
        }
    }

    fn glance<'s>(&'s self, path: &Path) -> Glance<'s> {
        if matches!(path.field, Field::Cache) {
            return Glance::Unknown;
        }
        let Some(slot) = self.slot(path) else {
            // Of what lies on the wire; the rest is asked for by `get`.
            return if matches!(path.field, Field::Type | Field::EventIndex) {
                Glance::Unknown
            } else {
                Glance::Nothing
            };
        };
        match (slot.codec, path.only_key()) {
            (Codec::Map, Some(key)) => {
                glanced(codec::attribute(self.message(path.context, &slot), slot.number, key.as_bytes()))
            }
            (Codec::Text, _) => Glance::Text(fields::bytes(self.message(path.context, &slot), slot.number)),
            (Codec::Enum, _) => {
                Glance::Int((fields::scalar(self.message(path.context, &slot), slot.number) as i32).into())
            }
            _ => Glance::Unknown,
        }
    }

    fn any_data_point(&self, key: &str, value: Option<&str>) -> Result<bool, String> {
        let metric = self.place.item.body();
        let data = data_of(metric);
        let Some(attributes) = slot(Context::DataPoint, Field::Attributes, data) else { return Ok(false) };
        let mut points = walk::children(metric, data).flat_map(|(_, data)| walk::children(data, 1));
        Ok(points.any(|(_, point)| match codec::attribute(point, attributes.number, key.as_bytes()) {
            None => false,
            // What is no string compares as an empty one, as in the collector.
            Some(view::Value::Str(text)) => value.is_none_or(|value| value.as_bytes() == text),
            Some(_) => value.is_none_or(str::is_empty),
        }))
    }
}

#[inline]
fn glanced(value: Option<view::Value<'_>>) -> Glance<'_> {
    match value {
        None | Some(view::Value::Empty) => Glance::Nothing,
        Some(view::Value::Str(text)) => Glance::Text(text),
        Some(view::Value::Bool(flag)) => Glance::Bool(flag),
        Some(view::Value::Int(number)) => Glance::Int(number),
        Some(view::Value::Double(number)) => Glance::Double(number),
        Some(view::Value::Bytes(_) | view::Value::Array(_) | view::Value::Map(_)) => Glance::Other,
    }
}

/// What lies at keys of the cache.
fn cached<'s>(cache: &'s Map<'static>, keys: &[Key]) -> Result<Value<'s>, String> {
    match keys {
        [Key::Str(key), rest @ ..] => match cache.get(key) {
            None => Ok(Value::Nil),
            Some(value) => expr::index(value.by_ref(), rest, expr::Missing::Nil),
        },
        _ => Err(codec::NO_STRING_KEY.to_owned()),
    }
}

#[cfg(test)]
mod tests;
