//! The arguments of an editor.

use std::borrow::Cow;
use std::ops::Range;

use super::{Edit, Editor, Takes};
use crate::check::{Checker, as_literal};
use crate::expr::{Cx, Expr, PathExpr};
use crate::functions::{self, Argument, Converter, Literals};
use crate::path::{Shape, shape};
use crate::syntax::{self, Kind, Node};
use crate::{Env, Item, Path, Problem, Value};

/// What came of making an editor.
pub(crate) type Made = Result<Box<dyn Edit>, Problem>;

/// The arguments of a call, one for each parameter.
pub(crate) struct Bound {
    editor: &'static str,
    /// The name of the editor.
    span: Range<usize>,
    given: Vec<Given>,
}

struct Given {
    span: Range<usize>,
    what: What,
}

enum What {
    Absent,
    Target(PathExpr),
    Value(Expr),
    Function(Handed),
}

/// A converter that is handed on: it takes one value.
pub(crate) struct Handed {
    converter: Box<dyn Converter>,
    parameters: usize,
}

impl Handed {
    /// What the converter gives for a value.
    pub(crate) fn call<'v>(&self, value: Value<'v>, env: &Env<'_>) -> Result<Value<'v>, String> {
        let mut arguments = vec![Value::Nil; self.parameters.max(1)];
        if let Some(first) = arguments.first_mut() {
            *first = value;
        }
        self.converter.call(&arguments, &env.world)
    }
}

impl Bound {
    /// Looks all arguments of a call up.
    pub(super) fn of(checker: &mut Checker, editor: &'static Editor, call: &syntax::Call) -> Option<Self> {
        let parameters = editor.parameters.iter().map(|parameter| (parameter.name, parameter.is_optional));
        let bound = checker.bind(call, parameters)?;
        let mut given = Vec::new();
        let mut is_whole = true;
        for (parameter, node) in editor.parameters.iter().zip(bound) {
            let (span, what) = match node {
                None => (call.name_span.clone(), Some(What::Absent)),
                Some(node) => (node.span.clone(), argument(checker, parameter.takes, node)),
            };
            match what {
                Some(what) => given.push(Given { span, what }),
                None => is_whole = false,
            }
        }
        is_whole.then_some(Self { editor: editor.name, span: call.name_span.clone(), given })
    }

    /// The problem that an argument is.
    pub(crate) fn problem(&self, at: usize, message: impl AsRef<str>) -> Problem {
        let span = self.given.get(at).map_or(self.span.clone(), |given| given.span.clone());
        Problem::new(
            span,
            format!("error while parsing arguments for call to \"{}\": {}", self.editor, message.as_ref()),
        )
    }

    fn take(&mut self, at: usize) -> What {
        self.given.get_mut(at).map_or(What::Absent, |given| std::mem::replace(&mut given.what, What::Absent))
    }

    /// The path to be set.
    pub(crate) fn target(&mut self, at: usize) -> Result<Target, Problem> {
        match self.take(at) {
            What::Target(path) => Ok(Target(path)),
            _ => Err(self.problem(at, "must be a path")),
        }
    }

    /// The path to be set, which holds a map.
    pub(crate) fn map(&mut self, at: usize) -> Result<Target, Problem> {
        let target = self.target(at)?;
        let path = &target.0.path;
        match shape(path) {
            Some(Shape::Map | Shape::Any) => Ok(target),
            _ => Err(self.problem(at, format!("{path} is no map"))),
        }
    }

    /// A value.
    pub(crate) fn value(&mut self, at: usize) -> Option<Expr> {
        match self.take(at) {
            What::Value(expr) => Some(expr),
            _ => None,
        }
    }

    /// A value that there must be.
    pub(crate) fn required(&mut self, at: usize) -> Result<Expr, Problem> {
        self.value(at).ok_or_else(|| self.problem(at, "is missing"))
    }

    /// A converter that is handed on.
    pub(crate) fn function(&mut self, at: usize) -> Option<Handed> {
        match self.take(at) {
            What::Function(function) => Some(function),
            _ => None,
        }
    }

    /// A value that is written out, if it is given.
    pub(crate) fn literal(&mut self, at: usize) -> Result<Option<Value<'static>>, Problem> {
        match self.value(at) {
            None => Ok(None),
            Some(expr) => match as_literal(&expr) {
                Some(value) => Ok(Some(value)),
                None => Err(self.problem(at, "must be written out: it is needed before there is data")),
            },
        }
    }

    /// A string that is written out, if it is given.
    pub(crate) fn text(&mut self, at: usize) -> Result<Option<String>, Problem> {
        match self.literal(at)? {
            None => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text.into_owned())),
            Some(other) => Err(self.problem(at, format!("must be a string but got {}", other.type_name()))),
        }
    }

    /// An integer that is written out, if it is given.
    pub(crate) fn int(&mut self, at: usize) -> Result<Option<i64>, Problem> {
        match self.literal(at)? {
            None => Ok(None),
            Some(Value::Int(number)) => Ok(Some(number)),
            Some(other) => Err(self.problem(at, format!("must be an int but got {}", other.type_name()))),
        }
    }

    /// A number that is written out, if it is given.
    pub(crate) fn number(&mut self, at: usize) -> Result<Option<f64>, Problem> {
        match self.literal(at)? {
            None => Ok(None),
            Some(Value::Double(number)) => Ok(Some(number)),
            Some(Value::Int(number)) => Ok(Some(number as f64)),
            Some(other) => Err(self.problem(at, format!("must be a float but got {}", other.type_name()))),
        }
    }

    /// A list of numbers that is written out, if it is given.
    pub(crate) fn numbers(&mut self, at: usize) -> Result<Option<Vec<f64>>, Problem> {
        let Some(value) = self.literal(at)? else { return Ok(None) };
        let number = |value: &Value<'_>| match value {
            Value::Double(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            _ => None,
        };
        let numbers = match &value {
            Value::List(items) => items.iter().map(number).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        numbers.map(Some).ok_or_else(|| self.problem(at, "must be a list of floats"))
    }

    /// A boolean that is written out, if it is given.
    pub(crate) fn flag(&mut self, at: usize) -> Result<Option<bool>, Problem> {
        match self.literal(at)? {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.problem(at, format!("must be a bool but got {}", other.type_name()))),
        }
    }

    /// A list of strings that is written out, if it is given.
    pub(crate) fn texts(&mut self, at: usize) -> Result<Option<Vec<String>>, Problem> {
        let Some(value) = self.literal(at)? else { return Ok(None) };
        let text = |value: Value<'static>| match value {
            Value::Str(text) => Some(text.into_owned()),
            _ => None,
        };
        let texts = match value {
            Value::List(items) => items.into_iter().map(text).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        texts.map(Some).ok_or_else(|| self.problem(at, "must be a list of strings"))
    }
}

fn argument(checker: &mut Checker, takes: Takes, node: &Node) -> Option<What> {
    match takes {
        Takes::Value => checker.expr(node).map(What::Value),
        Takes::Function => {
            let name = checker.function_name(node)?;
            handed(checker, name, node).map(What::Function)
        }
        Takes::Target => match &node.kind {
            Kind::Path(segments) => {
                let path = checker.path(segments, &node.span)?;
                match shape(&path.path) {
                    Some(Shape::Fixed | Shape::Lists) => checker
                        .fail(Problem::new(node.span.clone(), format!("the '{}' path cannot be modified", path.path))),
                    _ => Some(What::Target(path)),
                }
            }
            _ => checker.fail(Problem::new(node.span.clone(), "must be a path to a field that can be set")),
        },
    }
}

fn handed(checker: &mut Checker, name: &str, node: &Node) -> Option<Handed> {
    let function = functions::find(name)?;
    if function.parameters.iter().skip(1).any(|parameter| !parameter.is_optional) || function.parameters.is_empty() {
        let message = format!("{name} does not take one value");
        return checker.fail(Problem::new(node.span.clone(), message));
    }
    let parameters = function.parameters.len();
    let known: Vec<_> =
        (0..parameters).map(|at| if at == 0 { Argument::Expression } else { Argument::Absent }).collect();
    match (function.make)(&Literals(&known)) {
        Ok(converter) => Some(Handed { converter, parameters }),
        Err(message) => checker.fail(Problem::new(node.span.clone(), message)),
    }
}

/// A path to be changed.
pub(crate) struct Target(pub(crate) PathExpr);

impl Target {
    /// The path for an item.
    pub(crate) fn path(&self, item: &Item<'_, '_>, env: &Env<'_>) -> Result<Cow<'_, Path>, String> {
        match self.0.more.is_empty() {
            true => Ok(Cow::Borrowed(&self.0.path)),
            false => self.0.resolve(Cx { source: item, env }).map(Cow::Owned),
        }
    }
}

/// The string that an expression gives.
pub(crate) fn text_of<'v>(expr: &'v Expr, cx: Cx<'v>) -> Result<Cow<'v, str>, String> {
    match expr.eval(cx)? {
        Value::Str(text) => Ok(text),
        other => Err(format!("expected string but got {}", other.type_name())),
    }
}
