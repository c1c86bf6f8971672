//! `XPath` 1.0 over a document: what a path finds in it.

mod axes;
mod evaluate;
mod functions;
mod parse;
mod tokens;

use super::document::{Document, Id};

/// An expression that gives nodes.
pub(super) struct XPath(Expression);

/// A node that was found. They compare in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Found {
    Node(Id),
    /// Of an element, by its place there.
    Attribute(Id, usize),
}

impl XPath {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let expression = parse::parse(text)?;
        match expression {
            Expression::Path { .. } | Expression::Filter { .. } | Expression::Union(..) => Ok(Self(expression)),
            _ => Err("expression must evaluate to a node-set".to_owned()),
        }
    }

    /// Each node once.
    pub(super) fn find(&self, document: &Document) -> Result<Vec<Found>, String> {
        evaluate::find(&self.0, document)
    }
}

#[derive(Debug, PartialEq)]
enum Expression {
    Number(f64),
    Literal(String),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Union(Box<Expression>, Box<Expression>),
    Call(functions::Function, Vec<Expression>),
    Path {
        start: Start,
        steps: Vec<Step>,
    },
    /// An expression in parentheses with predicates, which count through all that it found.
    Filter {
        base: Box<Expression>,
        predicates: Vec<Expression>,
    },
}

/// Where a path begins.
#[derive(Debug, PartialEq)]
enum Start {
    Root,
    Context,
    Expression(Box<Expression>),
}

#[derive(Debug, PartialEq)]
struct Step {
    axis: Axis,
    test: Test,
    predicates: Vec<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Parent,
    Preceding,
    PrecedingSibling,
    Itself,
}

/// What a step takes of an axis.
#[derive(Debug, PartialEq)]
enum Test {
    /// Elements or attributes of any name.
    Any,
    /// Of a name, with its prefix.
    Name(String),
    /// Of a prefix.
    Prefix(String),
    Node,
    Text,
    Comment,
    Instruction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}
