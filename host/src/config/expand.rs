//! `${…}` in values, after all sources are merged.
//!
//! The innermost reference goes first; an odd number of `$` before a `${` makes it text; `$$` becomes `$` in the end.

use std::sync::Arc;

use super::node::{Location, Node, Value};
use super::problem::{Path, Problems};
use super::source::{Env, Uri, as_value};

/// The collector's bound for one value.
const MAX_ROUNDS: usize = 1000;
/// Files that include one another, and not for long.
const MAX_DEPTH: usize = 32;
/// For one configuration; two files that each include both twice would double for ever.
const MAX_REFERENCES: usize = 20_000;

/// Replaces every reference below `root`.
pub(super) fn expand(root: &mut Node, env: Env<'_>, problems: &mut Problems) {
    let mut expansion = Expansion { env, problems, references: 0 };
    expansion.node(root, &Path::root(), 0);
    unescape(root);
}

struct Expansion<'a> {
    env: Env<'a>,
    problems: &'a mut Problems,
    references: usize,
}

/// What one value becomes.
enum Expanded {
    Text(String),
    Node(Node),
}

impl Expansion<'_> {
    fn node(&mut self, node: &mut Node, path: &Path, depth: usize) {
        match &mut node.value {
            Value::List(list) => {
                for (index, element) in list.iter_mut().enumerate() {
                    self.node(element, &path.join(index.to_string()), depth);
                }
            }
            Value::Map(map) => {
                for (key, value) in map.nodes_mut() {
                    self.node(value, &path.join(key), depth);
                }
            }
            Value::Str(text) if find(text).is_some() => {
                let text = std::mem::take(text);
                match self.text(text, &node.at, path, depth) {
                    Ok(Expanded::Text(text)) => node.value = Value::Str(text),
                    Ok(Expanded::Node(expanded)) => *node = expanded,
                    Err(wrong) => {
                        self.report(wrong, &node.at, path);
                        node.value = Value::Null;
                    }
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, mut text: String, at: &Location, path: &Path, depth: usize) -> Result<Expanded, Wrong> {
        for _ in 0..MAX_ROUNDS {
            let Some(found) = find(&text) else { return Ok(Expanded::Text(text)) };
            let origin: Arc<str> = text[found.clone()].into();
            let uri = reference(&origin[2..origin.len() - 1])?;
            let retrieved = self.retrieve(&uri, at, path)?;
            if found.len() < text.len() {
                text.replace_range(found, &retrieved);
                continue;
            }
            let mut node = as_value(&uri, retrieved, at, &origin);
            if let Value::Str(again) = &node.value
                && find(again).is_some()
            {
                text.clone_from(again);
                continue;
            }
            self.below(&mut node, path, depth)?;
            return Ok(Expanded::Node(node));
        }
        Err(Wrong::recursive())
    }

    /// Expands what an expansion brought, and the other face of it.
    fn below(&mut self, node: &mut Node, path: &Path, depth: usize) -> Result<(), Wrong> {
        if depth == MAX_DEPTH {
            return Err(Wrong::recursive());
        }
        self.node(node, path, depth + 1);
        if let Some(text) = node.text.take_if(|text| find(text).is_some()) {
            // A face that can not be had is only missed by a field of text.
            node.text = match self.text(text.to_string(), &node.at, path, depth + 1) {
                Ok(Expanded::Text(text)) => Some(text.into()),
                Ok(Expanded::Node(_)) | Err(_) => None,
            };
        }
        Ok(())
    }

    fn retrieve(&mut self, uri: &Uri<'_>, at: &Location, path: &Path) -> Result<String, Wrong> {
        self.references += 1;
        if self.references > MAX_REFERENCES {
            return Err(Wrong::recursive());
        }
        let retrieved = uri.retrieve(self.env).map_err(|why| Wrong { why, help: None })?;
        if retrieved.is_none() {
            let name = uri.variable().unwrap_or_default();
            self.problems
                .warning(path, format!("Configuration references unset environment variable {name:?}"))
                .at(Some(at))
                .help(format!("set it, or give a default: ${{env:{name}:-…}}"));
        }
        Ok(retrieved.unwrap_or_default())
    }

    fn report(&mut self, wrong: Wrong, at: &Location, path: &Path) {
        let message = format!("failed to get config: cannot resolve the configuration: {}", wrong.why);
        self.problems.error(path, message).at(Some(at)).help.extend(wrong.help);
    }
}

/// Why a reference can not be replaced.
struct Wrong {
    why: String,
    help: Option<String>,
}

impl Wrong {
    fn recursive() -> Self {
        Self { why: "too many recursive expansions".to_owned(), help: None }
    }
}

fn reference(text: &str) -> Result<Uri<'_>, Wrong> {
    Uri::of_reference(text).map_err(|why| {
        // `${X:-d}`, as shells have it.
        let is_default = text.contains(":-");
        Wrong { why, help: is_default.then(|| format!("a default needs the scheme in front: ${{env:{text}}}")) }
    })
}

/// The bytes of the first reference that holds no other.
fn find(text: &str) -> Option<std::ops::Range<usize>> {
    let mut from = 0;
    loop {
        let close = from + text[from..].find('}')?;
        if let Some(open) = text[from..close].rfind("${") {
            let open = from + open;
            let dollars = text[..open].bytes().rev().take_while(|byte| *byte == b'$').count();
            if dollars % 2 == 0 {
                return Some(open..close + 1);
            }
        }
        from = close + 1;
    }
}

/// `$$` to `$`, everywhere.
fn unescape(node: &mut Node) {
    if let Some(text) = &node.text
        && text.contains("$$")
    {
        node.text = Some(text.replace("$$", "$").into());
    }
    match &mut node.value {
        Value::Str(text) if text.contains("$$") => *text = text.replace("$$", "$"),
        Value::List(list) => list.iter_mut().for_each(unescape),
        Value::Map(map) => map.nodes_mut().for_each(|(_, node)| unescape(node)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
