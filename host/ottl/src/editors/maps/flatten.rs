//! `flatten`: maps in a map to entries of it.

use std::collections::BTreeMap;

use tailrace_otlp::view;

use super::{Bound, Edit, Made, Target};
use crate::{Env, Item, Map, Value, codec};

pub(super) fn make(bound: &mut Bound) -> Made {
    let target = bound.map(0)?;
    let prefix = bound.text(1)?.unwrap_or_default();
    let depth = match bound.int(2)? {
        None => u64::MAX,
        Some(depth) => u64::try_from(depth)
            .map_err(|_| bound.problem(2, format!("invalid depth for flatten function, {depth} cannot be negative")))?,
    };
    let resolves_conflicts = bound.flag(3)?.unwrap_or_default();
    Ok(Box::new(Flatten { target, prefix, depth, resolves_conflicts }))
}

struct Flatten {
    target: Target,
    prefix: String,
    depth: u64,
    resolves_conflicts: bool,
}

impl Edit for Flatten {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        item.edit_map(&path, &mut |message, number| {
            let has_inner = view::attributes(message, number)
                .any(|(_, value)| matches!(value, view::Value::Map(_) | view::Value::Array(_)));
            if !has_inner && self.prefix.is_empty() {
                return Ok(None);
            }
            let map = codec::decode_map(view::attributes(message, number));
            let mut flat =
                Flat { resolves_conflicts: self.resolves_conflicts, max_depth: self.depth, ..Flat::default() };
            flat.map(map, &self.prefix, 0);
            // Everything else of the message, and then the entries.
            let mut out = Vec::with_capacity(message.len());
            for field in tailrace_otlp::wire::fields(message).filter(|field| field.number != number) {
                out.extend_from_slice(field.framed);
            }
            codec::encode_map(&mut out, number, &flat.out)?;
            Ok(Some(out))
        })
    }
}

/// A map being flattened.
#[derive(Default)]
struct Flat<'a> {
    resolves_conflicts: bool,
    max_depth: u64,
    out: Map<'a>,
    /// Where a key stands in `out` is asked for each entry.
    seen: BTreeMap<String, u64>,
}

impl<'a> Flat<'a> {
    fn map(&mut self, map: Map<'a>, prefix: &str, depth: u64) {
        for (key, value) in map.into_entries() {
            let key = if prefix.is_empty() { key.into_owned() } else { format!("{prefix}.{key}") };
            match value {
                Value::Map(inner) if depth < self.max_depth => self.map(inner, &key, depth + 1),
                Value::List(items) if depth < self.max_depth => self.list(items, &key),
                value => self.put(key, value),
            }
        }
    }

    fn list(&mut self, items: Vec<Value<'a>>, key: &str) {
        for (at, item) in items.into_iter().enumerate() {
            match self.resolves_conflicts {
                true => self.put(key.to_owned(), item),
                false => self.put(format!("{key}.{at}"), item),
            }
        }
    }

    /// Puts an entry in. Of two with one key the later counts, or gets a number.
    fn put(&mut self, key: String, value: Value<'a>) {
        match self.seen.get_mut(&key) {
            None => {
                self.seen.insert(key.clone(), 0);
                self.out.push(key, value);
            }
            Some(next) if self.resolves_conflicts => {
                let numbered = format!("{key}.{next}");
                *next += 1;
                self.out.insert(numbered, value);
            }
            Some(_) => self.out.insert(key, value),
        }
    }
}
