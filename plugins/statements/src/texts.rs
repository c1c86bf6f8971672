//! Lists of statements and conditions as they stand in a configuration, and the groups that they are.

use serde::Deserialize;
use tailrace_ottl::{Context, Group, Part, PartProblem};
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::{Diagnostics, JsonSchema};

use crate::errors::ErrorMode;

/// An element of a list that holds either texts or groups of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(untagged)]
pub(crate) enum Entry<G> {
    /// A statement or condition by itself.
    Text(String),
    /// A group.
    Group(G),
}

/// A list, all of one style.
pub(crate) enum Style<'a, G> {
    Texts(Vec<&'a str>),
    Groups(Vec<&'a G>),
}

impl<'a, G> Style<'a, G> {
    /// Of the list at `path`; says what is wrong if it has both.
    pub(crate) fn of(entries: &'a [Entry<G>], path: &str, problems: &mut Diagnostics) -> Self {
        let (mut texts, mut groups) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let first_of_its_style = match entry {
                Entry::Text(text) => {
                    texts.push(text.as_str());
                    texts.len() == 1
                }
                Entry::Group(group) => {
                    groups.push(group);
                    groups.len() == 1
                }
            };
            if at > 0 && first_of_its_style {
                problems.push(
                    format!("{path}/{at}"),
                    "configuring multiple configuration styles is not supported, please use only Basic configuration or only Advanced \
                     configuration",
                );
            }
        }
        if groups.is_empty() { Self::Texts(texts) } else { Self::Groups(groups) }
    }
}

/// The context of that name, if statements on the signal can run on it.
pub(crate) fn context(name: &str, signal: Signal, path: &str, problems: &mut Diagnostics) -> Option<Context> {
    let known = Context::of(signal);
    let found = Context::named(name).filter(|context| known.contains(context));
    if found.is_none() {
        let names: Vec<_> = known.iter().rev().map(|context| context.name()).collect();
        problems.push(path, format!("unknown context {name:?} of {signal}; there are {}", names.join(", ")));
    }
    found
}

/// Says what is wrong with the texts of a group; the `n`th statement lies at `statements(n)`.
pub(crate) fn explain(
    found: Vec<PartProblem>,
    statements: &dyn Fn(usize) -> String,
    conditions: &dyn Fn(usize) -> String,
    problems: &mut Diagnostics,
) {
    for PartProblem { part, problem } in found {
        let path = match part {
            Part::Statement(at) => statements(at),
            Part::Condition(at) => conditions(at),
        };
        let message = match &problem.hint {
            Some(hint) => format!("{}; {hint}", problem.message),
            None => problem.message.clone(),
        };
        problems.push_part(path, problem.span.clone(), message);
    }
}

/// A group of conditions, each of which says by itself what it is about if there is no `context`.
pub(crate) fn conditions(
    signal: Signal,
    context: Option<Context>,
    texts: &[&str],
    path: &dyn Fn(usize) -> String,
    problems: &mut Diagnostics,
) -> Vec<Group> {
    let mut groups = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let group = match context {
            Some(context) => Group::on(context, &[], &[text]),
            None => Group::infer(signal, &[], &[text]),
        };
        match group {
            Ok(group) => groups.push(group),
            Err(found) => explain(found, &|_| String::new(), &|_| path(at), problems),
        }
    }
    groups
}

/// What the Go collector knows and this host has nothing to do with.
pub(crate) fn no_profiles<T>(list: &[T], key: &str, problems: &mut Diagnostics) {
    if !list.is_empty() {
        problems.push(format!("/{key}"), "there are no pipelines of profiles: remove it");
    }
}

/// The error mode of a group in a configuration.
pub(crate) fn mode(own: Option<ErrorMode>, of_all: Option<ErrorMode>) -> ErrorMode {
    own.or(of_all).unwrap_or_default()
}
