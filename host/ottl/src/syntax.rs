//! A text's syntax tree: what is said, before anyone asks whether it exists.

use std::ops::Range;

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A name that is neither called nor a path: of an enum, or of a function that is handed on.
    Name(String),
    Path(Vec<Segment>),
    Call(Call),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// Operands in order, each with the operator before it; the first one's is `+`. Flat, so that a long sum is not a deep tree.
    Math(Vec<(MathOp, Node)>),
    Minus(Box<Node>),
}

/// A part of a path between points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) keys: Vec<Node>,
}

/// A function called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) name_span: Range<usize>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) keys: Vec<Node>,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) value: Node,
    pub(crate) span: Range<usize>,
}

/// An operator between numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MathOp {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// An operator between values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl CompareOp {
    /// The operator that says the same with its sides exchanged.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

/// What is true or false.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Constant(bool),
    /// A converter that gives a boolean.
    Converter(Node),
    Compare(CompareOp, Node, Node),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) editor: Call,
    pub(crate) condition: Option<Test>,
}
