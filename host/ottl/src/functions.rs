//! The functions of the language, a family a file.
//!
//! A converter takes values and gives a value; it sees nothing of the request but its arguments. What is the same at each call (a
//! compiled pattern, a parsed layout) is made once, from the arguments that are literals.

mod arguments;
mod collections;
mod encodings;
mod format;
mod grok;
mod hash;
mod ids;
mod logs;
mod net;
mod numbers;
mod parse;
mod patterns;
mod strings;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod types;
mod user_agent;
mod xml;

use crate::Value;

/// All that there are, by family.
static FAMILIES: [&[Function]; 16] = [
    collections::FUNCTIONS,
    encodings::FUNCTIONS,
    format::FUNCTIONS,
    grok::FUNCTIONS,
    hash::FUNCTIONS,
    ids::FUNCTIONS,
    logs::FUNCTIONS,
    net::FUNCTIONS,
    numbers::FUNCTIONS,
    parse::FUNCTIONS,
    patterns::FUNCTIONS,
    strings::FUNCTIONS,
    time::FUNCTIONS,
    types::FUNCTIONS,
    user_agent::FUNCTIONS,
    xml::FUNCTIONS,
];

/// The converter of a name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// The names of the converters, for messages that suggest one.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|function| function.name)
}

fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().copied().flatten()
}

/// A converter as the language knows it: a row of a table.
pub struct Function {
    /// What statements call it, as in `IsMatch`.
    pub name: &'static str,
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// Makes a call site's converter, or says what is wrong with its arguments.
    pub make: fn(&Literals<'_>) -> Result<Box<dyn Converter>, String>,
}

impl Function {
    /// The place of the parameter that a call gives by name. `pairDelimiter` and `pair_delimiter` are one name, as in Go.
    pub fn position(&self, name: &str) -> Option<usize> {
        let letters =
            |name: &str| name.chars().filter(|&c| c != '_').map(|c| c.to_ascii_lowercase()).collect::<String>();
        self.parameters.iter().position(|parameter| letters(parameter.name) == letters(name))
    }
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

impl Parameter {
    const fn required(name: &'static str) -> Self {
        Self { name, is_optional: false, kind: Kind::Any }
    }

    const fn optional(name: &'static str) -> Self {
        Self { name, is_optional: true, kind: Kind::Any }
    }

    const fn literal(name: &'static str) -> Self {
        Self { name, is_optional: false, kind: Kind::Literal }
    }

    const fn optional_literal(name: &'static str) -> Self {
        Self { name, is_optional: true, kind: Kind::Literal }
    }
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

impl Literals<'_> {
    /// The value of an argument that is written out; absent otherwise.
    fn get(&self, index: usize) -> Option<&Value<'static>> {
        match self.0.get(index) {
            Some(Argument::Literal(value)) => Some(value),
            _ => None,
        }
    }

    /// A written-out string, if the argument is there.
    fn text(&self, index: usize) -> Result<Option<&str>, String> {
        match self.get(index) {
            None => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text)),
            Some(_) => Err(format!("invalid argument at position {index}: must be a string")),
        }
    }

    /// A written-out boolean, if the argument is there.
    fn boolean(&self, index: usize) -> Result<Option<bool>, String> {
        match self.get(index) {
            None => Ok(None),
            Some(Value::Bool(boolean)) => Ok(Some(*boolean)),
            Some(_) => Err(format!("invalid argument at position {index}: must be a bool")),
        }
    }
}

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

/// What [`Function::make`] gives.
type Made = Result<Box<dyn Converter>, String>;

/// A converter that is a function.
#[expect(clippy::unnecessary_wraps, reason = "what `Function::make` gives")]
fn made<F>(call: F) -> Made
where
    F: for<'a> Fn(&[Value<'a>], &World<'_>) -> Result<Value<'a>, String> + Send + Sync + 'static,
{
    Ok(Box::new(Call(call)))
}

/// A converter that knows its arguments alone.
fn pure<F>(call: F) -> Made
where
    F: for<'a> Fn(&[Value<'a>]) -> Result<Value<'a>, String> + Send + Sync + 'static,
{
    made(move |arguments, _| call(arguments))
}

struct Call<F>(F);

impl<F> Converter for Call<F>
where
    F: for<'a> Fn(&[Value<'a>], &World<'_>) -> Result<Value<'a>, String> + Send + Sync,
{
    fn call<'a>(&self, arguments: &[Value<'a>], world: &World<'_>) -> Result<Value<'a>, String> {
        (self.0)(arguments, world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let mut names: Vec<_> = names().collect();
        names.sort_unstable();
        let known = names.len();
        names.dedup();
        assert_eq!(names.len(), known);
        assert!(names.iter().all(|name| find(name).is_some_and(|function| function.name == *name)));
        assert!(find("Nonsense").is_none());
    }

    #[test]
    fn what_may_be_left_out_comes_last() {
        for function in all() {
            let first = function.parameters.iter().position(|parameter| parameter.is_optional);
            let required = function.parameters.iter().filter(|parameter| !parameter.is_optional).count();
            assert!(first.is_none_or(|first| first == required), "{}", function.name);
        }
    }

    #[test]
    fn parameters_have_two_spellings() {
        let function = find("ConvertCase").expect("a converter");
        assert_eq!(function.position("toCase"), Some(1));
        assert_eq!(function.position("to_case"), Some(1));
        assert_eq!(function.position("case"), None);
    }
}
