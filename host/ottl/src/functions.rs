//! The functions of the language, a family a file.
//!
//! A converter takes values and gives a value; it sees nothing of the request but its arguments. What is the same at each call (a
//! compiled pattern, a parsed layout) is made once, from the arguments that are literals.

use crate::Value;

/// A converter as the language knows it: a row of a table.
pub struct Function {
    /// What statements call it, as in `IsMatch`.
    pub name: &'static str,
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// Makes a call site's converter, or says what is wrong with its arguments.
    pub make: fn(&Literals<'_>) -> Result<Box<dyn Converter>, String>,
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, for `name=value` and messages.
    pub name: &'static str,
    /// Whether a call may leave it out; its value is then absent from [`Literals`] and [`Value::Nil`] at the call.
    pub is_optional: bool,
    /// What it takes.
    pub kind: Kind,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any value; the function says at the call what it can not do with it.
    Any,
    /// A value that must be written out as a literal, since something is made of it ahead.
    Literal,
    /// The name of a converter, for those that apply one to what they find.
    Function,
}

/// The arguments of a call site, as far as they are known before it runs.
#[derive(Debug)]
pub struct Literals<'a>(pub &'a [Argument]);

/// An argument, before the call.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Left out.
    Absent,
    /// Written out.
    Literal(Value<'static>),
    /// Known only when the statement runs.
    Expression,
    /// The name of a converter.
    Function(String),
}

/// A converter at its call site.
pub trait Converter: Send + Sync {
    /// The value that comes of the arguments, one for each parameter: [`Value::Nil`] for one that was left out.
    fn call<'a>(&self, arguments: &[Value<'a>], world: &World<'_>) -> Result<Value<'a>, String>;
}

/// What a function may know besides its arguments.
pub struct World<'a> {
    /// The time of the request, Unix ns.
    pub now_unix_ns: i64,
    /// Gives random bits: for ids.
    pub random: &'a dyn Fn() -> u64,
}
