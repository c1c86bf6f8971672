//! Statements: what `transform` does to an item.

use std::sync::Arc;

use crate::check::{Checker, Paths};
use crate::editors::{self, Edit};
use crate::expr::{Cx, Test};
use crate::failure::What;
use crate::{Context, Env, Failure, Item, Problem, parser, syntax};

/// A statement, ready to run.
pub struct Statement {
    text: Arc<str>,
    context: Context,
    condition: Option<Test>,
    edit: Box<dyn Edit>,
}

impl Statement {
    /// A statement on that context. Paths may leave the context out.
    pub fn parse(text: &str, context: Context) -> Result<Self, Vec<Problem>> {
        let tree = parser::statement(text).map_err(|problem| vec![problem])?;
        Self::check(text, &tree, context, Paths::Bare)
    }

    /// A statement of a tree that was read from `text`.
    pub(crate) fn check(
        text: &str,
        tree: &syntax::Statement,
        context: Context,
        paths: Paths,
    ) -> Result<Self, Vec<Problem>> {
        let mut checker = Checker::new(context, paths);
        let edit = editors::make(&mut checker, &tree.editor);
        let condition = tree.condition.as_ref().map(|test| checker.test(test));
        let (edit, condition) = checker.finish(edit.zip(condition.map_or(Some(None), |test| test.map(Some))))?;
        Ok(Self { text: text.into(), context, condition, edit })
    }

    /// Runs it on an item; tells whether its condition held.
    pub fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<bool, Failure> {
        self.try_run(item, env).map_err(|why| Failure { what: What::ExecuteStatement, text: self.text.clone(), why })
    }

    fn try_run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<bool, String> {
        if let Some(condition) = &self.condition
            && !condition.eval(Cx { source: item, env })?
        {
            return Ok(false);
        }
        self.edit.run(item, env).map(|()| true)
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it runs on.
    pub fn context(&self) -> Context {
        self.context
    }
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").field("text", &self.text).field("context", &self.context).finish_non_exhaustive()
    }
}
