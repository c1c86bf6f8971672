//! From syntax trees to what runs: names are looked up, literals are made, and everything that does not exist is told.

mod call;
mod path;

use std::ops::Range;

use crate::expr::{Expr, PathExpr, Test};
use crate::syntax::{self, CompareOp, Kind, Node};
use crate::{Context, Problem, Value, math};

pub(crate) use call::has_converter;

/// Whether paths must say what they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paths {
    /// They must: `span.name`.
    Qualified,
    /// A path that does not belongs to what the statement runs on: `name`.
    Bare,
}

/// Compiles one text.
pub(crate) struct Checker {
    pub(crate) context: Context,
    pub(crate) paths: Paths,
    pub(crate) problems: Vec<Problem>,
}

impl Checker {
    pub(crate) fn new(context: Context, paths: Paths) -> Self {
        Self { context, paths, problems: Vec::new() }
    }

    /// Notes a problem.
    pub(crate) fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// What came of the text, if nothing was wrong with it.
    pub(crate) fn finish<T>(self, compiled: Option<T>) -> Result<T, Vec<Problem>> {
        match compiled {
            Some(compiled) if self.problems.is_empty() => Ok(compiled),
            _ => Err(self.problems),
        }
    }

    pub(crate) fn test(&mut self, test: &syntax::Test) -> Option<Test> {
        match test {
            syntax::Test::Constant(flag) => Some(Test::Constant(*flag)),
            syntax::Test::Converter(node) => self.expr(node).map(Test::Value),
            syntax::Test::Compare(operator, left, right) => self.comparison(*operator, left, right),
            syntax::Test::Not(inner) => self.test(inner).map(|inner| Test::Not(Box::new(inner))),
            syntax::Test::All(all) => self.tests(all).map(Test::All),
            syntax::Test::Any(all) => self.tests(all).map(Test::Any),
        }
    }

    fn tests(&mut self, all: &[syntax::Test]) -> Option<Vec<Test>> {
        // Not with `collect` on options, which would stop at the first that is wrong.
        let all: Vec<_> = all.iter().map(|test| self.test(test)).collect();
        all.into_iter().collect()
    }

    fn comparison(&mut self, operator: CompareOp, left: &Node, right: &Node) -> Option<Test> {
        let (left, right) = (self.expr(left), self.expr(right));
        let (left, operator, right) = match (left?, right?) {
            (left @ Expr::Literal(_), right) => (right, operator.mirrored(), left),
            (left, right) => (left, operator, right),
        };
        Some(match (left, right) {
            (Expr::Path(path), Expr::Literal(literal)) if is_plain(&path, &literal) => {
                Test::Plain { path: path.path, operator, literal }
            }
            (left, right) => Test::Compare(operator, left, right),
        })
    }

    pub(crate) fn expr(&mut self, node: &Node) -> Option<Expr> {
        let literal = |value| Some(Expr::Literal(value));
        match &node.kind {
            Kind::Nil => literal(Value::Nil),
            Kind::Bool(flag) => literal(Value::Bool(*flag)),
            Kind::Int(number) => literal(Value::Int(*number)),
            Kind::Double(number) => literal(Value::Double(*number)),
            Kind::Text(text) => literal(Value::Str(text.clone().into())),
            Kind::Bytes(bytes) => literal(Value::Bytes(bytes.clone().into())),
            Kind::Name(name) => self.number(name, &node.span).map(|number| Expr::Literal(Value::Int(number))),
            Kind::Path(segments) => self.path(segments, &node.span).map(Expr::Path),
            Kind::Call(call) => self.converter(call),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Math(terms) => self.math(terms, &node.span),
            Kind::Minus(inner) => match self.expr(inner)? {
                Expr::Literal(value) => match math::negate(&value) {
                    Ok(value) => literal(value),
                    Err(message) => self.fail(Problem::new(node.span.clone(), message)),
                },
                inner => Some(Expr::Negate(Box::new(inner))),
            },
        }
    }

    /// The number of an enum.
    fn number(&mut self, name: &str, span: &Range<usize>) -> Option<i64> {
        if let Some(number) = self.context.number(name) {
            return Some(number);
        }
        let problem = Problem::new(span.clone(), format!("enum symbol, {name}, not found"));
        let elsewhere = ALL.into_iter().find(|context| context.number(name).is_some());
        self.fail(match elsewhere {
            Some(other) => {
                problem.hint(format!("it belongs to {}, this runs on {}", other.name(), self.context.name()))
            }
            None if crate::functions::find(name).is_some() => problem.hint(format!("a function is called: {name}(…)")),
            None => problem.meant(name, self.context.enums().map(|(known, _)| known)),
        })
    }

    fn list(&mut self, items: &[Node]) -> Option<Expr> {
        let items: Vec<_> = items.iter().map(|item| self.expr(item)).collect();
        let items = items.into_iter().collect::<Option<Vec<_>>>()?;
        let literals: Option<Vec<_>> = items.iter().map(as_literal).collect();
        Some(match literals {
            Some(values) => Expr::Literal(Value::List(values)),
            None => Expr::List(items),
        })
    }

    fn map(&mut self, entries: &[(String, Node)]) -> Option<Expr> {
        let entries: Vec<_> = entries.iter().map(|(key, value)| Some((key.as_str(), self.expr(value)?))).collect();
        let entries = entries.into_iter().collect::<Option<Vec<_>>>()?;
        let literals = entries.iter().map(|(key, value)| Some(((*key).to_owned().into(), as_literal(value)?)));
        Some(match literals.collect::<Option<_>>() {
            Some(map) => Expr::Literal(Value::Map(map)),
            None => Expr::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()),
        })
    }

    fn math(&mut self, terms: &[(syntax::MathOp, Node)], span: &Range<usize>) -> Option<Expr> {
        let terms: Vec<_> = terms.iter().map(|(operator, term)| Some((*operator, self.expr(term)?))).collect();
        let terms = terms.into_iter().collect::<Option<Vec<_>>>()?;
        let mut literals = terms.iter().map(|(operator, term)| Some((*operator, as_literal(term)?)));
        let Some(Some((_, mut value))) = literals.next() else { return Some(Expr::Math(terms)) };
        for literal in literals {
            let Some((operator, term)) = literal else { return Some(Expr::Math(terms)) };
            value = match math::apply(operator, &value, &term) {
                Ok(value) => value,
                Err(message) => return self.fail(Problem::new(span.clone(), message)),
            };
        }
        Some(Expr::Literal(value))
    }
}

/// Every context that statements run on.
pub(crate) const ALL: [Context; 8] = [
    Context::Log,
    Context::Exemplar,
    Context::DataPoint,
    Context::Metric,
    Context::SpanEvent,
    Context::Span,
    Context::Scope,
    Context::Resource,
];

/// Whether a path and a literal can be compared by a glance at the path.
fn is_plain(path: &PathExpr, literal: &Value<'_>) -> bool {
    let is_scalar = matches!(literal, Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Str(_));
    is_scalar && path.more.is_empty() && path.path.context != Context::Request
}

pub(crate) fn as_literal(expr: &Expr) -> Option<Value<'static>> {
    match expr {
        Expr::Literal(value) => Some(value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
