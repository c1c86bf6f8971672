//! Regular expressions, in the syntax of RE2.

use std::borrow::Cow;
use std::cell::RefCell;

use regex::Regex;

use super::arguments::{part, string};
use super::text::text_of;
use super::{Argument, Function, Literals, Made, Parameter, pure};
use crate::{Map, Value, re2};

/// What matches a pattern, and what of it.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "ExtractPatterns",
        parameters: &[Parameter::required("target"), Parameter::required("pattern")],
        make: extract_patterns,
    },
    Function {
        name: "IsMatch",
        parameters: &[Parameter::required("target"), Parameter::required("pattern")],
        make: is_match,
    },
];

/// A pattern, compiled ahead if it is written out.
struct Pattern {
    function: &'static str,
    written: Option<Regex>,
}

impl Pattern {
    fn new(function: &'static str, literals: &Literals<'_>, index: usize) -> Result<Self, String> {
        let written = match &literals.0[index] {
            Argument::Literal(value) => {
                let pattern = string(value)?;
                Some(re2::compile(pattern).map_err(|error| invalid(function, pattern, &error))?)
            }
            _ => None,
        };
        Ok(Self { function, written })
    }

    /// The compiled pattern; `pattern` is its text if it was not written out.
    fn with<T>(&self, pattern: &Value<'_>, then: impl FnOnce(&Regex) -> T) -> Result<T, String> {
        match &self.written {
            Some(regex) => Ok(then(regex)),
            None => with_compiled(self.function, string(pattern)?, then),
        }
    }
}

fn invalid(function: &str, pattern: &str, error: &regex::Error) -> String {
    format!("the regex pattern supplied to {function} '{pattern:?}' is not a valid pattern: {error}")
}

/// Patterns out of requests that stay compiled. They are few; a sender that sends others only makes its own statements slow.
const MAX_COMPILED: usize = 16;

thread_local! {
    /// The latest first.
    static COMPILED: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

fn with_compiled<T>(function: &str, pattern: &str, then: impl FnOnce(&Regex) -> T) -> Result<T, String> {
    COMPILED.with_borrow_mut(|compiled| {
        match compiled.iter().position(|(known, _)| known == pattern) {
            Some(index) => compiled[..=index].rotate_right(1),
            None => {
                let regex = re2::compile_foreign(pattern).map_err(|error| invalid(function, pattern, &error))?;
                compiled.truncate(MAX_COMPILED - 1);
                compiled.insert(0, (pattern.to_owned(), regex));
            }
        }
        Ok(then(&compiled[0].1))
    })
}

fn is_match(literals: &Literals<'_>) -> Made {
    let pattern = Pattern::new("IsMatch", literals, 1)?;
    pure(move |a| {
        let text = text_of(&a[0])?;
        pattern.with(&a[1], |regex| Value::Bool(text.is_some_and(|text| regex.is_match(&text))))
    })
}

const UNNAMED: &str = "at least 1 named capture group must be supplied in the given regex";

fn extract_patterns(literals: &Literals<'_>) -> Made {
    let pattern = Pattern::new("ExtractPatterns", literals, 1)?;
    if pattern.written.as_ref().is_some_and(|regex| regex.capture_names().flatten().next().is_none()) {
        return Err(UNNAMED.to_owned());
    }
    pure(move |a| {
        let text = string(&a[0])?;
        pattern.with(&a[1], |regex| extract(text, regex))?
    })
}

/// The named groups of the first match: empty for those that took no part in it, none without a match.
fn extract<'a>(text: &Cow<'a, str>, regex: &Regex) -> Result<Value<'a>, String> {
    if regex.capture_names().flatten().next().is_none() {
        return Err(UNNAMED.to_owned());
    }
    let mut map = Map::default();
    if let Some(captures) = regex.captures(text) {
        for (index, name) in regex.capture_names().enumerate() {
            if let Some(name) = name {
                map.insert(name.to_owned(), part(text, captures.get(index).map_or(0..0, |found| found.range())));
            }
        }
    }
    Ok(Value::Map(map))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{b, call, check, l, m, s};
    use crate::Value::{Bool, Double, Int, Nil};

    #[test]
    fn matches() {
        check(&[
            ("IsMatch", &[s("operationA"), s("operation[AC]")], Ok(Bool(true))),
            ("IsMatch", &[s("operationB"), s("operation[AC]")], Ok(Bool(false))),
            ("IsMatch", &[s("a operation"), s("^operation")], Ok(Bool(false))),
            ("IsMatch", &[Int(123), s(r"^\d{3}$")], Ok(Bool(true))),
            ("IsMatch", &[Double(1.5), s(r"1\.5")], Ok(Bool(true))),
            ("IsMatch", &[Bool(true), s("true")], Ok(Bool(true))),
            ("IsMatch", &[b(&[0xab]), s("^ab$")], Ok(Bool(true))),
            ("IsMatch", &[m([("k", Int(1))]), s(r#"^\{"k":1\}$"#)], Ok(Bool(true))),
            ("IsMatch", &[l([Int(1)]), s(r"^\[1\]$")], Ok(Bool(true))),
            ("IsMatch", &[Nil, s(".*")], Ok(Bool(false))),
            (
                "IsMatch",
                &[s("a"), s("(")],
                Err("the regex pattern supplied to IsMatch '\"(\"' is not a valid pattern: "),
            ),
            ("IsMatch", &[s("a"), Int(1)], Err("expected string but got int64")),
        ]);
    }

    #[test]
    fn extracts() {
        let version = r"^(?P<major>\d+)\.(?P<minor>\d+)(?:-(?P<label>\w+))?$";
        check(&[
            (
                "ExtractPatterns",
                &[s("1.22-rc1"), s(version)],
                Ok(m([("major", s("1")), ("minor", s("22")), ("label", s("rc1"))])),
            ),
            (
                "ExtractPatterns",
                &[s("1.2"), s(version)],
                Ok(m([("major", s("1")), ("minor", s("2")), ("label", s(""))])),
            ),
            ("ExtractPatterns", &[s("x"), s(version)], Ok(m([]))),
            ("ExtractPatterns", &[s("x"), s("(x)")], Err("at least 1 named capture group must be supplied")),
            ("ExtractPatterns", &[s("x"), s("(?P<a>x")], Err("is not a valid pattern")),
            ("ExtractPatterns", &[Nil, s(version)], Err("expected string but got nil")),
            ("ExtractPatterns", &[Int(1), s(version)], Err("expected string but got int64")),
        ]);
    }

    #[test]
    fn keeps_few_patterns() {
        for length in 1..50 {
            let pattern: &'static str = Box::leak(format!("^a{{{length}}}$").into_boxed_str());
            assert_eq!(call("IsMatch", &[s("aaa"), s(pattern)]), Ok(Bool(length == 3)));
        }
        super::COMPILED.with_borrow(|compiled| assert_eq!(compiled.len(), super::MAX_COMPILED));
    }
}
