//! From YAML text to a [`Node`], with the scalars of Go's yaml.v3: `1_000` and `010` are numbers, `yes` is text, a
//! duplicate key is an error.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::node::{Entry, Location, Map, Node, SourceText, Value};

/// Deeper nesting than any configuration has; bounds recursion.
const MAX_DEPTH: usize = 50;

/// Why a text is not YAML.
#[derive(Debug)]
pub struct Invalid {
    /// In the collector's shape: `yaml: line 2: …`.
    pub message: String,
    /// Where it went wrong.
    pub at: Location,
}

/// Reads one document. An empty text is null.
pub fn parse(source: &Arc<SourceText>) -> Result<Node, Invalid> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
    };
    let starts = line_starts(&source.text);
    if source.text.trim().is_empty() {
        return Ok(Node::new(Value::Null, Location::of_source(source.clone())));
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, options) {
        Ok(raw) => Ok(Placing { source, starts: &starts }.node(raw)),
        Err(error) => {
            let at = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
            let at = Placing { source, starts: &starts }.location(at);
            Err(Invalid { message: format!("yaml: {}", in_gos_words(&error, &at)), at })
        }
    }
}

fn in_gos_words(error: &serde_saphyr::Error, at: &Location) -> String {
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error.without_snippet() {
        return match first_line_of(key, at) {
            Some(line) => format!("line {}: mapping key {key:?} already defined at line {line}", at.line),
            None => format!("line {}: mapping key {key:?} already defined", at.line),
        };
    }
    // saphyr appends the place to its message; Go's stands in front.
    let said = error.to_string();
    let first = said.lines().next().unwrap_or_default();
    let first = first.split(" at line ").next().unwrap_or(first);
    format!("line {}: {}", at.line, first.strip_prefix("error: ").unwrap_or(first))
}

/// The last line above `at` with the same key in the same column, which is the first definition unless a flow map is
/// involved.
fn first_line_of(key: &str, at: &Location) -> Option<usize> {
    let above = at.source.text.lines().take(at.line.saturating_sub(1)).enumerate();
    let same = above.filter(|(_, line)| {
        let key_part = line.split(':').next().unwrap_or_default();
        let indent = key_part.len() - key_part.trim_start().len();
        indent + 1 == at.column && key_part.trim().trim_matches(['"', '\'']) == key
    });
    same.last().map(|(index, _)| index + 1)
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// Turns saphyr's places into ours.
struct Placing<'a> {
    source: &'a Arc<SourceText>,
    starts: &'a [usize],
}

impl Placing<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let at = self.location(raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Int(value) => Value::Int(value),
            Raw::Float(value) => Value::Float(value),
            Raw::Str(value) => Value::Str(value),
            Raw::List(list) => Value::List(list.into_iter().map(|raw| self.node(raw)).collect()),
            Raw::Map(map) => Value::Map(map.into_iter().map(|(key, raw)| self.entry(&key, raw)).collect()),
        };
        Node::new(value, at)
    }

    /// A key with `::` in it is a path of keys.
    fn entry(&self, key: &Spanned<String>, raw: Spanned<Raw>) -> Entry {
        let at = self.location(key.referenced);
        let node = self.node(raw);
        let mut keys = key.value.rsplit("::");
        let last = keys.next().unwrap_or_default();
        keys.fold(Entry { key: last.to_owned(), at: at.clone(), node }, |inner, key| Entry {
            key: key.to_owned(),
            at: at.clone(),
            node: Node::new(Value::Map(Map::from_iter([inner])), at.clone()),
        })
    }

    fn location(&self, at: serde_saphyr::Location) -> Location {
        let (line, column) = (at.line() as usize, at.column() as usize);
        let text = &self.source.text;
        let start = match at.span().byte_offset() {
            Some(offset) => offset as usize,
            None => self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0),
        };
        let start = floor(text, start);
        let len = at.span().byte_len().unwrap_or(0) as usize;
        let line_end = text[start..].find('\n').map_or(text.len(), |len| start + len);
        let end = floor(text, start.saturating_add(len.max(1)).min(line_end)).max(start);
        Location { source: self.source.clone(), line, column, bytes: start..end, origin: None }
    }
}

/// The character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Str(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Str(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element()? {
            list.push(node);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            map.push((key, access.next_value()?));
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{node, show};

    #[test]
    fn scalars_are_what_yaml_v3_makes_of_them() {
        for (text, expected) in [
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("True", "true"),
            ("FALSE", "false"),
            ("~", "null"),
            ("Null", "null"),
            ("", "null"),
            ("''", "\"\""),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("010", "8"),
            ("1_000", "1000"),
            ("-5", "-5"),
            ("+5", "5"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            (".inf", "inf"),
            ("10s", "\"10s\""),
            ("1.2.3", "\"1.2.3\""),
            ("localhost:4317", "\"localhost:4317\""),
            ("12:30", "\"12:30\""),
            ("'010'", "\"010\""),
            ("|\n  a\n  b\n", "\"a\\nb\\n\""),
            ("!!str 5", "\"5\""),
        ] {
            assert_eq!(show(&node(&format!("k: {text}"))), format!("{{k: {expected}}}"), "{text}");
        }
    }

    #[test]
    fn anchors_merge_keys_and_paths_of_keys() {
        for (text, expected) in [
            ("a: &x {b: 1}\nc: *x", "{a: {b: 1}, c: {b: 1}}"),
            ("a: &x {b: 1, d: 1}\nc: {<<: *x, d: 2}", "{a: {b: 1, d: 1}, c: {d: 2, b: 1}}"),
            ("a::b::c: 1\na: {d: 2}", "{a: {b: {c: 1}, d: 2}}"),
            ("1: x\ntrue: y", "{1: \"x\", true: \"y\"}"),
            ("", "null"),
            ("# nothing\n", "null"),
            ("---\na: 1\n...\n", "{a: 1}"),
        ] {
            assert_eq!(show(&node(text)), expected, "{text}");
        }
    }

    /// Nesting is bounded, so that a stack is enough for it.
    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize| {
            let source =
                super::SourceText { name: String::new(), text: "[".repeat(depth) + &"]".repeat(depth), quote: true };
            super::parse(&std::sync::Arc::new(source))
        };
        assert!(nested(45).is_ok());
        assert!(nested(10_000).is_err());
        let source = super::SourceText { name: String::new(), text: "- ".repeat(10_000), quote: true };
        assert!(super::parse(&std::sync::Arc::new(source)).is_err());
    }

    #[test]
    fn places_are_those_of_the_text() {
        let node = node("\u{e4}: x\nb:\n  - \u{fc}: [1, 'two']\n");
        let at = |path: &[&str]| {
            let at = &node.find(path.iter().copied()).expect("there").at;
            (at.line, at.column, at.source.text[at.bytes.clone()].to_owned())
        };
        assert_eq!(at(&["\u{e4}"]), (1, 4, "x".to_owned()));
        assert_eq!(at(&["b", "0", "\u{fc}", "1"]), (3, 12, "'two'".to_owned()));
    }
}
