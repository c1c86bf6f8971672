//! Grok: regular expressions with names for parts that many of them need, as `%{IP:client.address}`.

mod definitions;

use std::borrow::Cow;
use std::collections::HashMap;

use regex::Regex;

use super::arguments::{list, part, string};
use super::text::append;
use super::{Argument, Function, Literals, Made, Parameter, pure};
use crate::{Map, Value, re2};

/// One converter, with its own language.
pub(super) static FUNCTIONS: &[Function] = &[Function {
    name: "ExtractGrokPatterns",
    parameters: &[
        Parameter::required("target"),
        Parameter::required("pattern"),
        Parameter::optional_literal("namedCapturesOnly"),
        Parameter::optional_literal("patternDefinitions"),
    ],
    make: extract_grok_patterns,
}];

/// A pattern, with every reference replaced.
struct Grok {
    regex: Regex,
    groups: Vec<Group>,
}

/// What is captured.
struct Group {
    /// Its number in the expression.
    index: usize,
    name: String,
    kind: Kind,
}

/// What a captured text becomes.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Int,
    Double,
    Bool,
}

impl Kind {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "string" => Self::Text,
            "int" | "long" => Self::Int,
            "float" | "double" => Self::Double,
            "bool" | "boolean" => Self::Bool,
            other => {
                return Err(format!("unknown type {other:?}, use string, int, long, float, double, bool or boolean"));
            }
        })
    }

    fn convert<'a>(self, text: &Cow<'a, str>, range: std::ops::Range<usize>) -> Result<Value<'a>, String> {
        let found = &text[range.clone()];
        let invalid = || format!("cannot convert {found:?}: invalid syntax");
        Ok(match self {
            Self::Text => part(text, range),
            Self::Int => Value::Int(found.parse().map_err(|_| invalid())?),
            Self::Double => Value::Double(found.parse().map_err(|_| invalid())?),
            Self::Bool => match found {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Value::Bool(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Value::Bool(false),
                _ => return Err(invalid()),
            },
        })
    }
}

/// The definitions of a call site, and how it captures.
struct Dictionary {
    own: HashMap<String, String>,
    captures_named_only: bool,
}

/// References within references. The definitions here go four deep; one that goes on is a circle.
const MAX_DEPTH: usize = 32;
/// Bytes of an expression with every reference replaced. The longest definition here has 20 kB.
const MAX_EXPANDED_BYTES: usize = 256 * 1024;

impl Dictionary {
    fn new(literals: &Literals<'_>) -> Result<Self, String> {
        let mut own = HashMap::new();
        let definitions = literals.get(3).map_or(Ok(&[][..]), list)?;
        for (index, definition) in definitions.iter().enumerate() {
            let definition = string(definition)?;
            let Some((name, pattern)) = definition.split_once('=') else {
                return Err(format!(
                    "pattern {definition:?} supplied to ExtractGrokPatterns at index {index} has incorrect format, expecting \
                     PATTERNNAME=pattern definition"
                ));
            };
            if name.contains(':') {
                return Err(format!("pattern ID {name:?} should not contain ':'"));
            }
            own.insert(name.to_owned(), pattern.to_owned());
        }
        Ok(Self { own, captures_named_only: literals.boolean(2)?.unwrap_or_default() })
    }

    fn compile(&self, pattern: &str, is_foreign: bool) -> Result<Grok, String> {
        let failed = |why: String| {
            format!("the regex pattern supplied to ExtractGrokPatterns '{pattern:?}' is not a valid pattern: {why}")
        };
        let mut expansion = Expansion { dictionary: self, regex: String::new(), groups: Vec::new() };
        expansion.expand(pattern, 0).map_err(failed)?;
        let compile = if is_foreign { re2::compile_foreign } else { re2::compile };
        let regex = compile(&expansion.regex).map_err(|error| failed(error.to_string()))?;
        let groups = regex.capture_names().enumerate().filter_map(|(index, name)| {
            let name = name?;
            let own =
                name.strip_prefix(GROUP_PREFIX).and_then(|number| expansion.groups.get(number.parse::<usize>().ok()?));
            let (name, kind) = own.cloned().unwrap_or_else(|| (name.replace("___", "."), Kind::Text));
            Some(Group { index, name, kind })
        });
        let groups: Vec<_> = groups.collect();
        if self.captures_named_only && groups.is_empty() {
            return Err("at least 1 named capture group must be supplied in the given regex".to_owned());
        }
        Ok(Grok { regex, groups })
    }

    fn definition(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.own.get(name) {
            Some(own) => Some(Cow::Borrowed(own)),
            None => definitions::find(name),
        }
    }
}

/// What groups are called in the expression, with their number; their names may repeat, which `regex` does not take.
const GROUP_PREFIX: &str = "grok_group_";

struct Expansion<'d> {
    dictionary: &'d Dictionary,
    regex: String,
    groups: Vec<(String, Kind)>,
}

impl Expansion<'_> {
    fn expand(&mut self, pattern: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("references are nested deeper than {MAX_DEPTH} levels, or in a circle"));
        }
        let mut rest = pattern;
        while let Some(start) = rest.find("%{") {
            self.regex.push_str(&rest[..start]);
            let end = rest[start..].find('}').ok_or_else(|| format!("{:?} has no closing brace", &rest[start..]))?;
            self.reference(&rest[start + 2..start + end], depth)?;
            if self.regex.len() > MAX_EXPANDED_BYTES {
                return Err(format!("it has more than {MAX_EXPANDED_BYTES} bytes when its references are replaced"));
            }
            rest = &rest[start + end + 1..];
        }
        self.regex.push_str(rest);
        Ok(())
    }

    /// `SYNTAX`, `SYNTAX:ID` or `SYNTAX:ID:TYPE`.
    fn reference(&mut self, reference: &str, depth: usize) -> Result<(), String> {
        let parts: Vec<_> = reference.split(':').collect();
        let is_word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_id = |part: &str| is_word(&part.replace(['.', '+'], "_"));
        let (syntax, id, kind) = match *parts {
            [syntax] if is_word(syntax) => (syntax, None, Kind::Text),
            [syntax, id] if is_word(syntax) && is_id(id) => (syntax, Some(id), Kind::Text),
            [syntax, id, kind] if is_word(syntax) && is_id(id) => (syntax, Some(id), Kind::named(kind)?),
            _ => {
                return Err(format!(
                    "%{{{reference}}} is not of the form %{{SYNTAX}}, %{{SYNTAX:ID}} or %{{SYNTAX:ID:TYPE}}, with letters, digits, \
                     underscores, and points in the ID"
                ));
            }
        };
        let Some(definition) = self.dictionary.definition(syntax) else {
            return Err(format!("pattern definition {syntax:?} unknown: give it in patternDefinitions"));
        };
        let definition = definition.into_owned();
        match id.or((!self.dictionary.captures_named_only).then_some(syntax)) {
            Some(name) => {
                append(&mut self.regex, format_args!("(?P<{GROUP_PREFIX}{}>", self.groups.len()));
                self.groups.push((name.to_owned(), kind));
            }
            None => self.regex.push_str("(?:"),
        }
        self.expand(&definition, depth + 1)?;
        self.regex.push(')');
        Ok(())
    }
}

impl Grok {
    /// What the groups of the first match found, without what is empty. Of groups of one name the last counts.
    fn extract<'a>(&self, text: &Cow<'a, str>) -> Result<Value<'a>, String> {
        let Some(captures) = self.regex.captures(text) else { return Ok(Value::Map(Map::default())) };
        let found = self.groups.iter().filter_map(|group| Some((group, captures.get(group.index)?.range())));
        let found = found.filter(|(_, range)| !range.is_empty());
        let entries = found.map(|(group, range)| Ok((group.name.clone().into(), group.kind.convert(text, range)?)));
        Ok(Value::Map(entries.collect::<Result<Map<'_>, String>>()?))
    }
}

fn extract_grok_patterns(literals: &Literals<'_>) -> Made {
    let dictionary = Dictionary::new(literals)?;
    let written = match &literals.0[1] {
        Argument::Literal(pattern) => Some(dictionary.compile(string(pattern)?, false)?),
        _ => None,
    };
    pure(move |a| {
        let text = string(&a[0])?;
        match &written {
            Some(grok) => grok.extract(text),
            None => dictionary.compile(string(&a[1])?, true)?.extract(text),
        }
    })
}

#[cfg(test)]
mod tests;
