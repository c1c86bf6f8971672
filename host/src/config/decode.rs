//! From a [`Node`] to a type, by the rules of the Go collector's decoder (mapstructure without weak typing).
//!
//! serde stops at the first error. Here a failing place is recorded and left out, and decoding starts over, until
//! nothing fails: so all problems are found. Unknown keys are found on the way, from the field list that serde passes.
//!
//! | written | target | becomes |
//! |---|---|---|
//! | null, unset `${env:X}` | scalar | its zero value |
//! | null | section, list | its default; `Option<Section>`: the section's own defaults, so that presence turns it on |
//! | `4.5` | integer | 4 |
//! | `"4"`, `"true"` | integer, bool | refused |
//! | `${env:X}` | text | the text, `0123` too; for other targets what YAML makes of it |
//! | `a,b` | list of texts | both |

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor};

use super::node::{Entry, Location, Map, Node, Value};
use super::problem::{Check, Path, Problems, closest, nearest};

/// Decodes what stands at `at`, `None` being a section that is not there or null. `Some` does not mean that all is well:
/// what failed was replaced by its default, and a problem recorded. `None`: nothing could be made of it.
pub fn decode<S: DeserializeOwned>(node: Option<&Node>, at: &Path, problems: &mut Problems) -> Option<S> {
    let state = State {
        top: node,
        at,
        leave_out: RefCell::default(),
        reported: RefCell::default(),
        nones: RefCell::default(),
        unknown: RefCell::default(),
    };
    let decoded = state.run(problems);
    state.report_unknown(problems);
    decoded
}

/// Checks what was decoded; `decoding` are the problems that came up then. Nothing is said about places that could not be
/// decoded: it would be about a default.
pub fn check(
    node: Option<&Node>,
    at: &Path,
    decoding: &Problems,
    problems: &mut Problems,
    check: impl FnOnce(Check<'_>),
) {
    let broken: Vec<Path> = decoding.errors().filter(|p| !p.is_unknown_keys()).map(|p| p.path.clone()).collect();
    check(Check::new(node, at, &broken, problems));
}

/// `text` about `path`, in the shape of the collector's decoder.
pub(super) fn decode_message(path: &Path, text: &str) -> String {
    const SECTIONS: [&str; 5] = ["receivers", "processors", "exporters", "connectors", "extensions"];
    let keys: Vec<&str> = path.keys().collect();
    match keys.as_slice() {
        [] => format!("'otelcol.configSettings' {text}"),
        [section, id, below @ ..] if SECTIONS.contains(section) => {
            let place = if below.is_empty() { (*id).to_owned() } else { joined(below) };
            format!("'{section}' error reading configuration for {id:?}: '{place}' {text}")
        }
        keys => format!("'{}' {text}", joined(keys)),
    }
}

fn joined(keys: &[&str]) -> String {
    let mut text = String::new();
    for key in keys {
        match key.parse::<usize>() {
            Ok(index) => text.extend(["[", &index.to_string(), "]"]),
            Err(_) if text.is_empty() => text.push_str(key),
            Err(_) => text.extend([".", *key]),
        }
    }
    text
}

/// Keys that a struct does not have.
struct Unknown {
    path: Path,
    keys: Vec<(String, Location)>,
    fields: &'static [&'static str],
}

/// What is known after the passes so far.
struct State<'a> {
    top: Option<&'a Node>,
    at: &'a Path,
    leave_out: RefCell<BTreeSet<Path>>,
    /// What of it was reported; the rest are null sections.
    reported: RefCell<Vec<Path>>,
    /// Null scalars in an `Option`.
    nones: RefCell<BTreeSet<Path>>,
    unknown: RefCell<Vec<Unknown>>,
}

impl State<'_> {
    fn run<S: DeserializeOwned>(&self, problems: &mut Problems) -> Option<S> {
        loop {
            let reader = Reader { node: self.top, path: self.at.clone(), state: self, place: Place::Top };
            let failure = match S::deserialize(reader) {
                Ok(decoded) => return Some(decoded),
                Err(failure) => failure,
            };
            let path = failure.path.clone().unwrap_or_else(|| self.at.clone());
            let set = if matches!(failure.kind, FailureKind::NullOption) { &self.nones } else { &self.leave_out };
            // An enclosing place that fails because something below it was left out is no news.
            let consequence = self.reported.borrow().iter().any(|below| below.after(&path).is_some());
            if matches!(failure.kind, FailureKind::Wrong(_)) && !consequence {
                self.report(&failure, &path, problems);
                self.reported.borrow_mut().push(path.clone());
            }
            if path == *self.at || !set.borrow_mut().insert(path) {
                return None;
            }
        }
    }

    fn report(&self, failure: &Failure, path: &Path, problems: &mut Problems) {
        let FailureKind::Wrong(text) = &failure.kind else { return };
        let below = Path::root().below(&path.after(self.at).unwrap_or_default().join("."));
        let place = self.top.and_then(|top| nearest(top, &below));
        let problem = problems.error(path, decode_message(path, text));
        problem.at(place.as_ref()).help.extend(failure.help.clone());
    }

    fn note_unknown(&self, path: &Path, keys: Vec<(String, Location)>, fields: &'static [&'static str]) {
        let mut unknown = self.unknown.borrow_mut();
        if !keys.is_empty() && !unknown.iter().any(|known| known.path == *path) {
            unknown.push(Unknown { path: path.clone(), keys, fields });
        }
    }

    fn report_unknown(&self, problems: &mut Problems) {
        for mut unknown in self.unknown.take() {
            report_unknown_keys(&unknown.path, &mut unknown.keys, unknown.fields, problems);
        }
    }
}

/// Says that the map at `path` has keys that are none of `fields`.
pub(super) fn report_unknown_keys(
    path: &Path,
    keys: &mut [(String, Location)],
    fields: &[&str],
    problems: &mut Problems,
) {
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    let names = keys.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>();
    let problem = problems.error(path, decode_message(path, &format!("has invalid keys: {}", names.join(", "))));
    for (key, at) in &*keys {
        problem.at(Some(at));
        if let Some(meant) = closest(key, fields.iter().copied()) {
            problem.help(format!("did you mean {meant:?} instead of {key:?}?"));
        }
    }
    if problem.help.is_empty() && !fields.is_empty() {
        problem.help(format!("the keys here are {}", fields.join(", ")));
    }
}

/// Why a pass ended.
#[derive(Debug)]
struct Failure {
    kind: FailureKind,
    help: Option<String>,
    path: Option<Path>,
}

#[derive(Debug)]
enum FailureKind {
    Wrong(String),
    /// A null list or section of a struct: its default is the struct's to know.
    NullSection,
    /// A null scalar in an `Option`.
    NullOption,
}

impl Failure {
    fn wrong(text: impl Into<String>) -> Self {
        Self { kind: FailureKind::Wrong(text.into()), help: None, path: None }
    }

    fn unconvertible(expected: &str, got: &str) -> Self {
        Self::wrong(format!("expected type '{expected}', got unconvertible type '{got}'"))
    }

    fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FailureKind::Wrong(text) => f.write_str(text),
            FailureKind::NullSection | FailureKind::NullOption => f.write_str("null"),
        }
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::wrong(message.to_string())
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unconvertible(go_expected(&expected.to_string()), go_unexpected(&got))
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        match got {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) if go_expected(&expected) == "int" => {
                let number = got.to_string().chars().filter(|c| matches!(c, '-' | '0'..='9')).collect::<String>();
                Self::wrong(format!("cannot parse value as '{}': {number} overflows {0}", go_int(&expected)))
            }
            got => Self::wrong(format!("invalid value: {got}, expected {expected}")),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut failure = Self::wrong(format!("unknown value {variant:?} (valid values: [{}])", expected.join(" ")));
        failure.help = closest(variant, expected.iter().copied()).map(|known| format!("did you mean {known:?}?"));
        failure
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut failure = Self::wrong(format!("has invalid keys: {field}"));
        failure.help = closest(field, expected.iter().copied()).map(|known| format!("did you mean {known:?}?"));
        failure
    }

    fn missing_field(field: &'static str) -> Self {
        Self::wrong(format!("requires {field:?}"))
    }
}

fn go_unexpected(got: &Unexpected<'_>) -> &'static str {
    match got {
        Unexpected::Bool(_) => "bool",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "int",
        Unexpected::Float(_) => "float64",
        Unexpected::Seq => "slice",
        Unexpected::Map => "map",
        Unexpected::Unit | Unexpected::Option => "nil",
        _ => "string",
    }
}

fn go_expected(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => "int",
        "f32" | "f64" => "float64",
        "a boolean" => "bool",
        "a string" => "string",
        "a sequence" => "[]interface {}",
        "a map" => "map[string]interface {}",
        other => other.strip_prefix("struct ").map_or(other, |_| "map[string]interface {}"),
    }
}

fn go_int(rust: &str) -> String {
    rust.replace("size", "64").replace('u', "uint").replace('i', "int").replace("uintnt", "uint")
}

/// Where a value stands decides what null means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Field,
    Option,
    Element,
}

/// serde's view of a node. `None` is null.
struct Reader<'a> {
    node: Option<&'a Node>,
    path: Path,
    state: &'a State<'a>,
    place: Place,
}

impl<'a> Reader<'a> {
    fn value(&self) -> &'a Value {
        self.node.map_or(&Value::Null, |node| &node.value)
    }

    fn got(&self) -> &'static str {
        self.node.map_or("nil", Node::go_type)
    }

    fn below(&self, key: &str, node: &'a Node, place: Place) -> Self {
        Self { node: Some(node), path: self.path.join(key), state: self.state, place }
    }

    /// Runs `visit`, and says of what fails that it fails here unless it happened further below.
    fn visiting<T>(self, visit: impl FnOnce(Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let path = self.path.clone();
        visit(self).map_err(|failure| failure.at(&path))
    }

    /// A scalar; `zero` is what null means.
    fn scalar<T>(self, visit: impl FnOnce(&'a Value, Option<&'a str>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.visiting(|this| {
            if this.place == Place::Option && matches!(this.value(), Value::Null) {
                return Err(Failure { kind: FailureKind::NullOption, help: None, path: None });
            }
            visit(this.value(), this.node.and_then(Node::as_text))
        })
    }

    fn elements(&self, list: &'a [Node]) -> Elements<'a> {
        let below = |(index, node): (usize, &'a Node)| self.below(&index.to_string(), node, Place::Element);
        let readers: Vec<_> = list.iter().enumerate().map(below).filter(|reader| !reader.is_left_out()).collect();
        Elements(readers.into_iter())
    }

    fn entries(&self, map: impl Iterator<Item = &'a Entry>, place: Place) -> Entries<'a> {
        let below = |entry: &'a Entry| (entry.key.as_str(), self.below(&entry.key, &entry.node, place));
        let readers: Vec<_> = map.map(below).filter(|(_, reader)| !reader.is_left_out()).collect();
        Entries { rest: readers.into_iter(), value: None }
    }

    fn is_left_out(&self) -> bool {
        self.state.leave_out.borrow().contains(&self.path)
    }

    /// Null where a list or section is expected: nothing in it, unless an enclosing struct has a default for it.
    fn null_section(&self) -> Result<(), Failure> {
        match self.place {
            Place::Field => Err(Failure { kind: FailureKind::NullSection, help: None, path: None }),
            Place::Top | Place::Option | Place::Element => Ok(()),
        }
    }

    /// The entries that a struct has fields for; the others are reported.
    fn fields(&self, map: &'a Map, fields: &'static [&'static str]) -> Entries<'a> {
        let (known, unknown): (Vec<_>, Vec<_>) = map.iter().partition(|entry| fields.contains(&entry.key.as_str()));
        let unknown = unknown.into_iter().map(|entry| (entry.key.clone(), entry.at.clone())).collect();
        self.state.note_unknown(&self.path, unknown, fields);
        self.entries(known.into_iter(), Place::Field)
    }

    fn whole<'de, V: Visitor<'de>>(self, visitor: V, signed: bool) -> Result<V::Value, Failure> {
        let number = |value: i128| match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) if !signed => visitor.visit_u64(value),
            (_, Ok(value)) if signed => visitor.visit_i64(value),
            _ if signed => Err(Failure::wrong(format!("cannot parse value as 'int64': {value} overflows int64"))),
            _ => Err(Failure::wrong(format!("cannot parse value as 'uint': {value} overflows uint"))),
        };
        let got = self.got();
        self.scalar(|value, _| match value {
            Value::Null => number(0),
            Value::Int(value) => number(*value),
            // Truncated, as Go does.
            Value::Float(value) => number(*value as i128),
            _ => Err(Failure::unconvertible("int", got)),
        })
    }
}

macro_rules! whole_numbers {
    ($signed:literal: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.whole(visitor, $signed)
        })*
    };
}

macro_rules! same_as {
    ($target:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.$target(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::List(list) => {
                let elements = self.elements(list);
                self.visiting(|_| visitor.visit_seq(elements))
            }
            Value::Map(map) => {
                let entries = self.entries(map.iter(), Place::Element);
                self.visiting(|_| visitor.visit_map(entries))
            }
            _ => self.scalar(|value, _| match value {
                Value::Bool(value) => visitor.visit_bool(*value),
                Value::Int(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                    (Ok(value), _) => visitor.visit_u64(value),
                    (_, Ok(value)) => visitor.visit_i64(value),
                    _ => visitor.visit_i128(*value),
                },
                Value::Float(value) => visitor.visit_f64(*value),
                Value::Str(value) => visitor.visit_str(value),
                Value::Null | Value::List(_) | Value::Map(_) => visitor.visit_unit(),
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let got = self.got();
        self.scalar(|value, _| match value {
            Value::Null => visitor.visit_bool(false),
            Value::Bool(value) => visitor.visit_bool(*value),
            _ => Err(Failure::unconvertible("bool", got)),
        })
    }

    whole_numbers!(true: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    whole_numbers!(false: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let got = self.got();
        self.scalar(|value, _| match value {
            Value::Null => visitor.visit_f64(0.0),
            Value::Int(value) => visitor.visit_f64(*value as f64),
            Value::Float(value) => visitor.visit_f64(*value),
            _ => Err(Failure::unconvertible("float64", got)),
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let got = self.got();
        self.scalar(|value, text| match (value, text) {
            (_, Some(text)) => visitor.visit_str(text),
            (Value::Null, None) => visitor.visit_str(""),
            _ => Err(Failure::unconvertible("string", got)),
        })
    }

    same_as!(deserialize_f64: deserialize_f32);
    same_as!(deserialize_str: deserialize_string deserialize_char deserialize_bytes deserialize_byte_buf deserialize_identifier);
    same_as!(deserialize_any: deserialize_ignored_any);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.state.nones.borrow().contains(&self.path) {
            return visitor.visit_none();
        }
        visitor.visit_some(Self { place: Place::Option, ..self })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        self.visiting(|this| visitor.visit_newtype_struct(this))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visiting(|this| match this.value() {
            Value::List(list) => visitor.visit_seq(this.elements(list)),
            Value::Null => this.null_section().and_then(|()| visitor.visit_seq(this.elements(&[]))),
            Value::Str(text) => visitor.visit_seq(Parts(text.split(','))),
            _ => Err(Failure::wrong(format!("source data must be an array or slice, got {}", this.got()))),
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, v: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(v)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visiting(|this| match this.value() {
            Value::Map(map) => visitor.visit_map(this.entries(map.iter(), Place::Element)),
            Value::Null => {
                this.null_section().and_then(|()| visitor.visit_map(this.entries([].iter(), Place::Element)))
            }
            _ => Err(Failure::unconvertible("map[string]interface {}", this.got())),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.visiting(|this| match this.value() {
            Value::Map(map) => visitor.visit_map(this.fields(map, fields)),
            Value::Null => this.null_section().and_then(|()| visitor.visit_map(this.entries([].iter(), Place::Field))),
            _ => Err(Failure::unconvertible("map[string]interface {}", this.got())),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if let Value::Map(map) = self.value() {
            let entries = self.entries(map.iter(), Place::Element);
            return self.visiting(|_| visitor.visit_enum(MapAccessDeserializer::new(entries)));
        }
        let got = self.got();
        self.scalar(|value, text| match (value, text) {
            (_, Some(text)) => visitor.visit_enum(StrDeserializer::new(text)),
            (Value::Null, None) => visitor.visit_enum(StrDeserializer::new("")),
            _ => Err(Failure::unconvertible("string", got)),
        })
    }
}

/// What is left of a list.
struct Elements<'a>(std::vec::IntoIter<Reader<'a>>);

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Failure;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        self.0.next().map(|reader| reader.visiting(|reader| seed.deserialize(reader))).transpose()
    }
}

/// What is left of a map.
struct Entries<'a> {
    rest: std::vec::IntoIter<(&'a str, Reader<'a>)>,
    value: Option<Reader<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((key, reader)) = self.rest.next() else { return Ok(None) };
        let path = reader.path.clone();
        self.value = Some(reader);
        seed.deserialize(StrDeserializer::<Failure>::new(key)).map(Some).map_err(|failure| failure.at(&path))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(reader) = self.value.take() else { return Err(Failure::wrong("a value without a key")) };
        reader.visiting(|reader| seed.deserialize(reader))
    }
}

/// A text with commas where a list of texts is expected.
struct Parts<'a>(std::str::Split<'a, char>);

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Failure;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        self.0.next().map(|part| seed.deserialize(Part(part))).transpose()
    }
}

struct Part<'a>(&'a str);

impl<'de> Deserializer<'de> for Part<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Failure> {
        Err(Failure::wrong("source data must be an array or slice, got string"))
    }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.0)
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.0)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
