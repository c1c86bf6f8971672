//! Statements and conditions that belong together, and what they run on.

mod infer;
mod run;

use tailrace_otlp::Signal;

use crate::check::Paths;
use crate::{Condition, Context, Problem, Statement, parser, syntax};

pub use run::Then;

/// What a pass over a request runs: statements on every item, or conditions of which one must hold, or both.
///
/// ```
/// use tailrace_otlp::Signal;
/// use tailrace_ottl::{Context, Group, Part};
///
/// let group = Group::infer(Signal::Traces, &[r#"set(span.attributes["env"], resource.attributes["env"])"#], &[]).expect("valid");
/// assert_eq!(group.context, Context::Span);
/// let problems = Group::infer(Signal::Traces, &["set(span.nam, 1)", "st(span.name, 1)"], &[]).expect_err("two mistakes");
/// assert_eq!((problems[0].part, problems[0].problem.span.clone()), (Part::Statement(0), 9..12));
/// assert_eq!(problems[1].problem.hint.as_deref(), Some("did you mean set?"));
/// ```
#[derive(Debug)]
pub struct Group {
    /// What all of it runs on.
    pub context: Context,
    /// The statements, in order.
    pub statements: Vec<Statement>,
    /// The conditions, of which one must hold if there are any.
    pub conditions: Vec<Condition>,
}

/// One of the texts of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The statement at that place.
    Statement(usize),
    /// The condition at that place.
    Condition(usize),
}

/// A problem in one of the texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct PartProblem {
    /// The text.
    pub part: Part,
    /// What is wrong with it.
    pub problem: Problem,
}

/// A text that could be read.
enum Tree {
    Statement(syntax::Statement),
    Condition(syntax::Test),
}

impl Group {
    /// A group whose texts say what they run on: the innermost of what their paths belong to, if that has all functions and enums
    /// that they name, or else something in it that has.
    pub fn infer(signal: Signal, statements: &[&str], conditions: &[&str]) -> Result<Self, Vec<PartProblem>> {
        let trees = read(statements, conditions)?;
        match infer::context(signal, &trees) {
            Ok(context) => Self::check(context, Paths::Qualified, statements, conditions, trees),
            Err(problem) => Err(vec![problem]),
        }
    }

    /// A group on that context. Paths may leave it out.
    pub fn on(context: Context, statements: &[&str], conditions: &[&str]) -> Result<Self, Vec<PartProblem>> {
        let trees = read(statements, conditions)?;
        Self::check(context, Paths::Bare, statements, conditions, trees)
    }

    fn check(
        context: Context,
        paths: Paths,
        statement_texts: &[&str],
        condition_texts: &[&str],
        trees: Vec<(Part, Tree)>,
    ) -> Result<Self, Vec<PartProblem>> {
        let mut group = Self { context, statements: Vec::new(), conditions: Vec::new() };
        let mut problems = Vec::new();
        for (part, tree) in trees {
            let checked = match (part, &tree) {
                (Part::Statement(at), Tree::Statement(tree)) => {
                    let text = statement_texts.get(at).copied().unwrap_or_default();
                    Statement::check(text, tree, context, paths).map(|statement| group.statements.push(statement))
                }
                (Part::Condition(at), Tree::Condition(tree)) => {
                    let text = condition_texts.get(at).copied().unwrap_or_default();
                    Condition::check(text, tree, context, paths).map(|condition| group.conditions.push(condition))
                }
                _ => Ok(()),
            };
            problems.extend(checked.err().into_iter().flatten().map(|problem| PartProblem { part, problem }));
        }
        if problems.is_empty() { Ok(group) } else { Err(problems) }
    }
}

fn read(statements: &[&str], conditions: &[&str]) -> Result<Vec<(Part, Tree)>, Vec<PartProblem>> {
    let statements = statements
        .iter()
        .enumerate()
        .map(|(at, text)| (Part::Statement(at), parser::statement(text).map(Tree::Statement)));
    let conditions = conditions
        .iter()
        .enumerate()
        .map(|(at, text)| (Part::Condition(at), parser::condition(text).map(Tree::Condition)));
    let (mut trees, mut problems) = (Vec::new(), Vec::new());
    for (part, tree) in statements.chain(conditions) {
        match tree {
            Ok(tree) => trees.push((part, tree)),
            Err(problem) => problems.push(PartProblem { part, problem }),
        }
    }
    if problems.is_empty() { Ok(trees) } else { Err(problems) }
}

#[cfg(test)]
mod tests;
