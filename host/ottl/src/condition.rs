//! Conditions: what `filter` and `ottl_condition` ask about an item.

use std::sync::Arc;

use crate::check::{Checker, Paths};
use crate::expr::{Cx, Test};
use crate::failure::What;
use crate::{Context, Env, Failure, Path, Problem, Source, parser, syntax};

/// A condition, ready to be asked.
pub struct Condition {
    text: Arc<str>,
    context: Context,
    test: Test,
}

impl Condition {
    /// A condition on that context. Paths may leave the context out.
    pub fn parse(text: &str, context: Context) -> Result<Self, Vec<Problem>> {
        let tree = parser::condition(text).map_err(|problem| vec![problem])?;
        Self::check(text, &tree, context, Paths::Bare)
    }

    /// A condition of a tree that was read from `text`.
    pub(crate) fn check(text: &str, tree: &syntax::Test, context: Context, paths: Paths) -> Result<Self, Vec<Problem>> {
        let mut checker = Checker::new(context, paths);
        let test = checker.test(tree);
        let test = checker.finish(test)?;
        Ok(Self { text: text.into(), context, test })
    }

    /// Whether it is true of an item.
    pub fn holds(&self, item: &dyn Source, env: &Env<'_>) -> Result<bool, Failure> {
        self.test.eval(Cx { source: item, env }).map_err(|why| self.failure(why))
    }

    #[cold]
    fn failure(&self, why: String) -> Failure {
        Failure { what: What::EvalCondition, text: self.text.clone(), why }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is asked of.
    pub fn context(&self) -> Context {
        self.context
    }

    /// The paths it reads, each once, in the order of the text. Where a key is computed, the path ends before it: all of the map
    /// may be read.
    pub fn paths(&self) -> Vec<&Path> {
        let mut all = Vec::new();
        self.test.each_path(&mut |path| {
            if !all.contains(&path) {
                all.push(path);
            }
        });
        all
    }
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Condition").field("text", &self.text).field("context", &self.context).finish_non_exhaustive()
    }
}
