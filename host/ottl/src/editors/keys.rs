//! Editors that take entries out of maps.

use std::borrow::Cow;

use regex::Regex;

use super::arguments::{Target, text_of};
use super::{Bound, Edit, Editor, Made, Parameter};
use crate::expr::{Cx, Expr};
use crate::item::{Change, rewrite};
use crate::{Env, Item, Problem, codec, re2};

pub(super) static EDITORS: &[Editor] = &[
    Editor {
        name: "delete_key",
        parameters: &[Parameter::target(), Parameter::value("key")],
        contexts: &[],
        make: delete_key,
    },
    Editor {
        name: "delete_matching_keys",
        parameters: &[Parameter::target(), Parameter::value("pattern")],
        contexts: &[],
        make: |bound| matching_keys(bound, false),
    },
    Editor {
        name: "keep_matching_keys",
        parameters: &[Parameter::target(), Parameter::value("pattern")],
        contexts: &[],
        make: |bound| matching_keys(bound, true),
    },
    Editor {
        name: "keep_keys",
        parameters: &[Parameter::target(), Parameter::value("keys")],
        contexts: &[],
        make: keep_keys,
    },
    Editor {
        name: "limit",
        parameters: &[Parameter::target(), Parameter::value("limit"), Parameter::value("priority_keys")],
        contexts: &[],
        make: limit,
    },
];

/// Takes out the entries of a map that are not to be kept.
fn retain(
    item: &mut Item<'_, '_>,
    env: &Env<'_>,
    target: &Target,
    keep: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), String> {
    let path = target.path(item, env)?.into_owned();
    item.edit_map(&path, &mut |message, number| {
        rewrite(message, number, &mut |key, _| Ok(if keep(key) { Change::Keep } else { Change::Remove }))
    })
}

fn delete_key(bound: &mut Bound) -> Made {
    Ok(Box::new(DeleteKey { target: bound.map(0)?, key: bound.required(1)? }))
}

struct DeleteKey {
    target: Target,
    key: Expr,
}

impl Edit for DeleteKey {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let key = text_of(&self.key, Cx { source: item, env })?.into_owned();
        retain(item, env, &self.target, &mut |name| name != key.as_bytes())
    }
}

fn matching_keys(bound: &mut Bound, keeps: bool) -> Made {
    Ok(Box::new(MatchingKeys { target: bound.map(0)?, pattern: Pattern::of(bound, 1)?, keeps }))
}

struct MatchingKeys {
    target: Target,
    pattern: Pattern,
    /// Whether matching ones are what stays.
    keeps: bool,
}

impl Edit for MatchingKeys {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let pattern = self.pattern.regex(Cx { source: item, env })?;
        retain(item, env, &self.target, &mut |name| pattern.is_match(&codec::text(name)) == self.keeps)
    }
}

fn keep_keys(bound: &mut Bound) -> Made {
    let target = bound.map(0)?;
    match bound.texts(1)? {
        Some(keys) => Ok(Box::new(KeepKeys { target, keys })),
        None => Err(bound.problem(1, "must be a list of strings")),
    }
}

struct KeepKeys {
    target: Target,
    keys: Vec<String>,
}

impl Edit for KeepKeys {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        retain(item, env, &self.target, &mut |name| self.keys.iter().any(|key| key.as_bytes() == name))
    }
}

fn limit(bound: &mut Bound) -> Made {
    let target = bound.map(0)?;
    let limit = bound.int(1)?.unwrap_or_default();
    let keys = bound.texts(2)?.unwrap_or_default();
    let Ok(size) = usize::try_from(limit) else {
        return Err(bound.problem(1, format!("invalid limit for limit function, {limit} cannot be negative")));
    };
    if size < keys.len() {
        let message = "invalid limit for limit function, {} cannot be less than number of priority attributes {}";
        let message = message.replacen("{}", &size.to_string(), 1).replacen("{}", &keys.len().to_string(), 1);
        return Err(bound.problem(1, message));
    }
    Ok(Box::new(Limit { target, size, keys }))
}

/// Keeps so many entries: those of the given keys, and the first of the others. (The collector keeps any of the others.)
struct Limit {
    target: Target,
    size: usize,
    keys: Vec<String>,
}

impl Edit for Limit {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        let has_priority = |name: &[u8]| self.keys.iter().any(|key| key.as_bytes() == name);
        item.edit_map(&path, &mut |message, number| {
            let names = || tailrace_otlp::view::attributes(message, number).map(|(name, _)| name);
            if names().count() <= self.size {
                return Ok(None);
            }
            let mut room = self.size.saturating_sub(names().filter(|name| has_priority(name)).count());
            rewrite(message, number, &mut |name, _| {
                let keeps = has_priority(name) || room > 0;
                room = room.saturating_sub(usize::from(keeps && !has_priority(name)));
                Ok(if keeps { Change::Keep } else { Change::Remove })
            })
        })
    }
}

/// A regular expression: compiled ahead, or known only when the statement runs.
pub(super) enum Pattern {
    Known(Regex),
    Computed(Expr),
}

impl Pattern {
    /// That of an argument.
    pub(super) fn of(bound: &mut Bound, at: usize) -> Result<Self, Problem> {
        match bound.required(at)? {
            Expr::Literal(crate::Value::Str(pattern)) => match re2::compile(&pattern) {
                Ok(regex) => Ok(Self::Known(regex)),
                Err(error) => Err(bound.problem(at, format!("the regex pattern is not a valid pattern: {error}"))),
            },
            Expr::Literal(other) => Err(bound.problem(at, format!("must be a string but got {}", other.type_name()))),
            expr => Ok(Self::Computed(expr)),
        }
    }

    /// The expression, for an item.
    pub(super) fn regex(&self, cx: Cx<'_>) -> Result<Cow<'_, Regex>, String> {
        match self {
            Self::Known(regex) => Ok(Cow::Borrowed(regex)),
            Self::Computed(expr) => {
                let pattern = text_of(expr, cx)?;
                let regex = re2::compile_foreign(&pattern);
                regex.map(Cow::Owned).map_err(|error| format!("the regex pattern is not a valid pattern: {error}"))
            }
        }
    }
}
