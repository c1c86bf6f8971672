//! Editors: what statements do.

mod arguments;
mod keys;
mod lists;
mod maps;
mod metrics;
mod replace;
mod replacement;
mod semconv;
mod set;
mod truncate;

use crate::check::Checker;
use crate::{Context, Env, Item, Problem, syntax};

pub(crate) use arguments::{Bound, Made};

/// An editor at its call site.
pub(crate) trait Edit: Send + Sync {
    /// Does it.
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String>;
}

/// An editor as the language knows it: a row of a table.
pub(crate) struct Editor {
    /// What statements call it.
    pub(crate) name: &'static str,
    /// Its parameters in order.
    pub(crate) parameters: &'static [Parameter],
    /// What it runs on: everything if that is empty.
    pub(crate) contexts: &'static [Context],
    /// Makes it of its arguments.
    pub(crate) make: fn(&mut Bound) -> Made,
}

/// A parameter of an editor.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) is_optional: bool,
    pub(crate) takes: Takes,
}

/// What a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A path that can be set.
    Target,
    /// Any value.
    Value,
    /// The name of a converter.
    Function,
}

impl Parameter {
    pub(crate) const fn target() -> Self {
        Self { name: "target", is_optional: false, takes: Takes::Target }
    }

    pub(crate) const fn value(name: &'static str) -> Self {
        Self { name, is_optional: false, takes: Takes::Value }
    }

    pub(crate) const fn optional(name: &'static str) -> Self {
        Self { name, is_optional: true, takes: Takes::Value }
    }

    pub(crate) const fn optional_function(name: &'static str) -> Self {
        Self { name, is_optional: true, takes: Takes::Function }
    }
}

/// All that there are, by family.
static FAMILIES: [&[Editor]; 8] = [
    set::EDITORS,
    keys::EDITORS,
    lists::EDITORS,
    maps::EDITORS,
    replace::EDITORS,
    truncate::EDITORS,
    metrics::EDITORS,
    semconv::EDITORS,
];

fn all() -> impl Iterator<Item = &'static Editor> {
    FAMILIES.into_iter().flatten()
}

/// Whether statements on that context may call an editor of that name.
pub(crate) fn has(context: Context, name: &str) -> bool {
    all().any(|editor| editor.name == name && editor.runs_on(context))
}

impl Editor {
    fn runs_on(&self, context: Context) -> bool {
        self.contexts.is_empty() || self.contexts.contains(&context)
    }
}

/// The editor of a statement.
pub(crate) fn make(checker: &mut Checker, call: &syntax::Call) -> Option<Box<dyn Edit>> {
    let Some(editor) = all().find(|editor| editor.name == call.name) else {
        let problem = Problem::new(call.name_span.clone(), format!("undefined function \"{}\"", call.name));
        return checker.fail(problem.meant(&call.name, all().map(|editor| editor.name)));
    };
    if !editor.runs_on(checker.context) {
        let contexts: Vec<_> = editor.contexts.iter().map(|context| context.name()).collect();
        let problem = Problem::new(call.name_span.clone(), format!("undefined function \"{}\"", call.name));
        let hint = format!("it runs on {}, this runs on {}", contexts.join(" or "), checker.context.name());
        return checker.fail(problem.hint(hint));
    }
    let mut bound = Bound::of(checker, editor, call)?;
    match (editor.make)(&mut bound) {
        Ok(edit) => Some(edit),
        Err(problem) => checker.fail(problem),
    }
}

#[cfg(test)]
mod tests;
