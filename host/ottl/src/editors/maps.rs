//! Editors of whole maps.

mod flatten;

use super::arguments::Target;
use super::{Bound, Edit, Editor, Made, Parameter};
use crate::expr::{Cx, Expr};
use crate::item::{Change, merge, rewrite};
use crate::{Env, Item, Map, Value, codec};

pub(super) static EDITORS: &[Editor] = &[
    Editor {
        name: "merge_maps",
        parameters: &[Parameter::target(), Parameter::value("source"), Parameter::value("strategy")],
        contexts: &[],
        make: merge_maps,
    },
    Editor {
        name: "flatten",
        parameters: &[
            Parameter::target(),
            Parameter::optional("prefix"),
            Parameter::optional("depth"),
            Parameter::optional("resolveConflicts"),
        ],
        contexts: &[],
        make: flatten::make,
    },
    Editor { name: "stringify_all", parameters: &[Parameter::target()], contexts: &[], make: stringify_all },
];

fn merge_maps(bound: &mut Bound) -> Made {
    let target = bound.map(0)?;
    let source = bound.required(1)?;
    let strategy = bound.text(2)?.unwrap_or_default();
    let (replaces, adds) = match strategy.as_str() {
        "insert" => (false, true),
        "update" => (true, false),
        "upsert" => (true, true),
        other => {
            let message = format!("invalid value for strategy, {other}, must be 'insert', 'update' or 'upsert'");
            return Err(bound.problem(2, message));
        }
    };
    Ok(Box::new(MergeMaps { target, source, replaces, adds }))
}

struct MergeMaps {
    target: Target,
    source: Expr,
    /// Whether entries of the target give way.
    replaces: bool,
    /// Whether entries that the target lacks come in.
    adds: bool,
}

impl Edit for MergeMaps {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let entries = match self.source.eval(Cx { source: item, env })? {
            Value::Map(map) => encoded(&map)?,
            other => return Err(format!("expected pcommon.Map but got {}", other.type_name())),
        };
        let path = self.target.path(item, env)?.into_owned();
        item.edit_map(&path, &mut |message, number| merge(message, number, &entries, self.replaces, self.adds))
    }
}

/// The entries of a map, each value as the message `AnyValue`.
fn encoded(map: &Map<'_>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let encode = |(key, value): (&str, &Value<'_>)| {
        let mut any = Vec::new();
        codec::encode(&mut any, value).map(|()| (key.to_owned(), any))
    };
    map.iter().map(encode).collect()
}

fn stringify_all(bound: &mut Bound) -> Made {
    Ok(Box::new(StringifyAll(bound.map(0)?)))
}

struct StringifyAll(Target);

impl Edit for StringifyAll {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.0.path(item, env)?.into_owned();
        item.edit_map(&path, &mut |message, number| {
            rewrite(message, number, &mut |_, value| match value {
                tailrace_otlp::view::Value::Str(_) => Ok(Change::Keep),
                other => Ok(Change::Value(codec::encode_text(other.as_text().as_bytes()))),
            })
        })
    }
}
