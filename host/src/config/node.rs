//! The tree that a configuration is read into: every value knows where it was written.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that configuration was read from.
#[derive(Debug)]
pub struct SourceText {
    /// As messages call it: the file's path, `env:NAME`, `--set a.b=v`.
    pub name: String,
    /// What it said.
    pub text: String,
    /// Whether `text` is worth showing. A `--set` already stands in the name.
    pub quote: bool,
}

/// Where something was written.
#[derive(Clone)]
pub struct Location {
    /// In which text.
    pub source: Arc<SourceText>,
    /// From 1; 0 = the source as a whole.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The bytes of `source.text` that it takes.
    pub bytes: Range<usize>,
    /// The `${…}` that the value came from.
    pub origin: Option<Arc<str>>,
}

impl Location {
    /// The source as a whole.
    pub fn of_source(source: Arc<SourceText>) -> Self {
        Self { source, line: 0, column: 0, bytes: 0..0, origin: None }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 || !self.source.quote {
            return f.write_str(&self.source.name);
        }
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it was written; for a value out of the environment, where the `${…}` stands.
    pub at: Location,
    /// The other face of a value that is exactly one `${…}`: the text before it was read as YAML. Fields of text take it.
    pub text: Option<Arc<str>>,
}

/// What a [`Node`] can be, by YAML's core schema as Go's yaml.v3 resolves it.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: `key:`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; YAML's hexadecimal, octal and `1_000` included. Wide enough for `i64` and `u64`.
    Int(i128),
    /// A number with a fraction or exponent.
    Float(f64),
    /// Text, quoted or not.
    Str(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Map),
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub at: Location,
    /// What it leads to.
    pub node: Node,
}

/// A map in the order written. Keys are distinct.
#[derive(Clone, Debug, Default)]
pub struct Map(Vec<Entry>);

impl Map {
    /// The entries in the order written.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.0.iter()
    }

    /// The values, to be changed; the keys stay.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.0.iter_mut().map(|entry| (entry.key.as_str(), &mut entry.node))
    }

    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Whether it is `{}`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `over` into this map: maps are merged, anything else (lists and null too) replaces what was there.
    pub fn merge(&mut self, over: Self) {
        for entry in over.0 {
            match self.0.iter_mut().find(|known| known.key == entry.key) {
                Some(known) => known.merge(entry),
                None => self.0.push(entry),
            }
        }
    }
}

impl Entry {
    fn merge(&mut self, over: Self) {
        match (&mut self.node.value, over.node.value) {
            (Value::Map(old), Value::Map(new)) => old.merge(new),
            (_, value) => {
                self.node.value = value;
                self.node.text = over.node.text;
            }
        }
        self.node.at = over.node.at;
        self.at = over.at;
    }
}

/// Merges documents from left to right; a null one changes nothing. `None` if there is none.
pub(super) fn merge_all(trees: impl IntoIterator<Item = Node>) -> Option<Node> {
    trees.into_iter().reduce(|mut base, over| {
        match (&mut base.value, over.value) {
            (_, Value::Null) => {}
            (Value::Map(old), Value::Map(new)) => old.merge(new),
            (_, value) => base = Node::new(value, over.at),
        }
        base
    })
}

impl FromIterator<Entry> for Map {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut map = Self::default();
        map.merge(Self(entries.into_iter().collect()));
        map
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Node {
    /// A value without a second face.
    pub fn new(value: Value, at: Location) -> Self {
        Self { value, at, text: None }
    }

    /// The map that it is.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list that it is.
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What a field of text takes; `None` if it is not text.
    pub fn as_text(&self) -> Option<&str> {
        match (&self.text, &self.value) {
            (Some(text), _) => Some(text),
            (None, Value::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The node below, by map keys and list places.
    pub fn find<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter().try_fold(self, |node, key| match &node.value {
            Value::Map(map) => map.get(key),
            Value::List(list) => list.get(key.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The name that the Go collector's messages have for what it is.
    pub fn go_type(&self) -> &'static str {
        match &self.value {
            Value::Null => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Str(_) => "string",
            Value::List(_) => "slice",
            Value::Map(_) => "map",
        }
    }
}
