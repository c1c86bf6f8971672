//! The `replace_…` family.

mod glob;

use std::borrow::Cow;

use tailrace_otlp::view::Value as Wire;

use super::arguments::{Target, text_of};
use super::keys::Pattern;
use super::replacement::Replacement;
use super::{Bound, Edit, Editor, Made, Parameter};
use crate::expr::{Cx, Expr};
use crate::item::{Change, rewrite};
use crate::source::Source;
use crate::{Env, Item, Problem, Value, codec};
use glob::Glob;

const FUNCTION: Parameter = Parameter::optional_function("function");
const FORMAT: Parameter = Parameter::optional("replacementFormat");
const REPLACEMENT: Parameter = Parameter::value("replacement");

pub(super) static EDITORS: &[Editor] = &[
    Editor {
        name: "replace_pattern",
        parameters: &[Parameter::target(), Parameter::value("regex"), REPLACEMENT, FUNCTION, FORMAT],
        contexts: &[],
        make: pattern,
    },
    Editor {
        name: "replace_all_patterns",
        parameters: &[
            Parameter::target(),
            Parameter::value("mode"),
            Parameter::value("regex"),
            REPLACEMENT,
            FUNCTION,
            FORMAT,
        ],
        contexts: &[],
        make: all_patterns,
    },
    Editor {
        name: "replace_match",
        parameters: &[Parameter::target(), Parameter::value("pattern"), REPLACEMENT, FUNCTION, FORMAT],
        contexts: &[],
        make: match_one,
    },
    Editor {
        name: "replace_all_matches",
        parameters: &[Parameter::target(), Parameter::value("pattern"), REPLACEMENT, FUNCTION, FORMAT],
        contexts: &[],
        make: all_matches,
    },
];

fn pattern(bound: &mut Bound) -> Made {
    Ok(Box::new(ReplacePattern {
        target: bound.target(0)?,
        pattern: Pattern::of(bound, 1)?,
        replacement: Replacement::of(bound, 2)?,
    }))
}

/// Replaces what matches in a string.
struct ReplacePattern {
    target: Target,
    pattern: Pattern,
    replacement: Replacement,
}

impl Edit for ReplacePattern {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        let cx = Cx { source: item, env };
        let Value::Str(old) = item.get(&path)? else { return Ok(()) };
        let pattern = self.pattern.regex(cx)?;
        match self.replacement.known(item, env)?.all(&pattern, &old)? {
            Some(new) => item.set(&path, &Value::Str(new.into())),
            None => Ok(()),
        }
    }
}

fn all_patterns(bound: &mut Bound) -> Made {
    let target = bound.map(0)?;
    let of_keys = match bound.text(1)?.unwrap_or_default().as_str() {
        "key" => true,
        "value" => false,
        mode => return Err(bound.problem(1, format!("invalid mode {mode}, must be either 'key' or 'value'"))),
    };
    Ok(Box::new(ReplaceAllPatterns {
        target,
        of_keys,
        pattern: Pattern::of(bound, 2)?,
        replacement: Replacement::of(bound, 3)?,
    }))
}

/// Replaces what matches in the keys or the strings of a map.
struct ReplaceAllPatterns {
    target: Target,
    of_keys: bool,
    pattern: Pattern,
    replacement: Replacement,
}

impl Edit for ReplaceAllPatterns {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let cx = Cx { source: item, env };
        let (path, pattern) = (self.target.path(item, env)?.into_owned(), self.pattern.regex(cx)?);
        let replacement = self.replacement.known(item, env)?;
        item.edit_map(&path, &mut |message, number| {
            rewrite(message, number, &mut |key, value| {
                let old = match (self.of_keys, value) {
                    (true, _) => codec::text(key),
                    (false, Wire::Str(bytes)) => codec::text(bytes),
                    (false, _) => return Ok(Change::Keep),
                };
                Ok(match replacement.all(&pattern, &old)? {
                    None => Change::Keep,
                    Some(new) if self.of_keys => Change::Key(new.into_bytes()),
                    Some(new) => Change::Value(codec::encode_text(new.as_bytes())),
                })
            })
        })
    }
}

fn match_one(bound: &mut Bound) -> Made {
    Ok(Box::new(ReplaceMatch {
        target: bound.target(0)?,
        pattern: Globbing::of(bound, 1)?,
        replacement: Replacement::of(bound, 2)?,
    }))
}

/// Replaces a string that matches as a whole.
struct ReplaceMatch {
    target: Target,
    pattern: Globbing,
    replacement: Replacement,
}

impl Edit for ReplaceMatch {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        let cx = Cx { source: item, env };
        let Value::Str(old) = item.get(&path)? else { return Ok(()) };
        if !self.pattern.glob(cx)?.matches(&old) {
            return Ok(());
        }
        let new = self.replacement.known(item, env)?.whole()?;
        item.set(&path, &Value::Str(new.into()))
    }
}

fn all_matches(bound: &mut Bound) -> Made {
    Ok(Box::new(ReplaceAllMatches {
        target: bound.map(0)?,
        pattern: Globbing::of(bound, 1)?,
        replacement: Replacement::of(bound, 2)?,
    }))
}

/// Replaces the strings of a map that match as a whole.
struct ReplaceAllMatches {
    target: Target,
    pattern: Globbing,
    replacement: Replacement,
}

impl Edit for ReplaceAllMatches {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let cx = Cx { source: item, env };
        let (path, glob) = (self.target.path(item, env)?.into_owned(), self.pattern.glob(cx)?);
        let replacement = self.replacement.known(item, env)?;
        item.edit_map(&path, &mut |message, number| {
            rewrite(message, number, &mut |_, value| match value {
                Wire::Str(bytes) if glob.matches(&codec::text(bytes)) => {
                    Ok(Change::Value(codec::encode_text(replacement.whole()?.as_bytes())))
                }
                _ => Ok(Change::Keep),
            })
        })
    }
}

/// A glob: read ahead, or known only when the statement runs.
enum Globbing {
    Known(Glob),
    Computed(Expr),
}

impl Globbing {
    fn of(bound: &mut Bound, at: usize) -> Result<Self, Problem> {
        match bound.required(at)? {
            Expr::Literal(Value::Str(pattern)) => match Glob::parse(&pattern) {
                Ok(glob) => Ok(Self::Known(glob)),
                Err(message) => {
                    Err(bound.problem(at, format!("the pattern supplied is not a valid pattern: {message}")))
                }
            },
            Expr::Literal(other) => Err(bound.problem(at, format!("must be a string but got {}", other.type_name()))),
            expr => Ok(Self::Computed(expr)),
        }
    }

    fn glob(&self, cx: Cx<'_>) -> Result<Cow<'_, Glob>, String> {
        match self {
            Self::Known(glob) => Ok(Cow::Borrowed(glob)),
            Self::Computed(expr) => {
                let pattern = text_of(expr, cx)?;
                let glob = Glob::parse(&pattern);
                glob.map(Cow::Owned)
                    .map_err(|message| format!("the pattern supplied is not a valid pattern: {message}"))
            }
        }
    }
}
