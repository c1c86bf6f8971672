//! Strings: their case, their parts, joining and splitting them.

use std::borrow::Cow;

use super::arguments::{int, list, owned, part, string};
use super::text::text_of;
use super::{Function, Literals, Made, Parameter, pure};
use crate::Value;

mod case;

/// What is a string, taken apart or put together.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "Concat",
        parameters: &[Parameter::required("vals"), Parameter::required("delimiter")],
        make: |_| pure(concat),
    },
    Function {
        name: "ConvertCase",
        parameters: &[Parameter::required("target"), Parameter::literal("toCase")],
        make: convert_case,
    },
    Function {
        name: "HasPrefix",
        parameters: &[Parameter::required("target"), Parameter::required("prefix")],
        make: |_| pure(|a| Ok(Value::Bool(string(&a[0])?.starts_with(&**string(&a[1])?)))),
    },
    Function {
        name: "HasSuffix",
        parameters: &[Parameter::required("target"), Parameter::required("suffix")],
        make: |_| pure(|a| Ok(Value::Bool(string(&a[0])?.ends_with(&**string(&a[1])?)))),
    },
    Function {
        name: "Split",
        parameters: &[Parameter::required("target"), Parameter::required("delimiter")],
        make: |_| pure(split),
    },
    Function {
        name: "Substring",
        parameters: &[
            Parameter::required("target"),
            Parameter::required("start"),
            Parameter::required("length"),
            Parameter::optional_literal("utf8Safe"),
        ],
        make: |literals| {
            let utf8_safe = literals.boolean(3)?.unwrap_or_default();
            pure(move |arguments| substring(arguments, utf8_safe))
        },
    },
    Function {
        name: "ToCamelCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(|text| owned(case::camel(text)))),
    },
    Function {
        name: "ToLowerCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(lower)),
    },
    Function {
        name: "ToSnakeCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(|text| owned(case::snake(text)))),
    },
    Function {
        name: "ToUpperCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(upper)),
    },
    Function {
        name: "Trim",
        parameters: &[Parameter::required("target"), Parameter::optional_literal("replacement")],
        make: |literals| {
            let cut: Vec<char> = literals.text(1)?.unwrap_or(" ").chars().collect();
            pure(move |a| trim(&a[0], &cut))
        },
    },
    Function {
        name: "TrimPrefix",
        parameters: &[Parameter::required("target"), Parameter::required("prefix")],
        make: |_| {
            pure(|a| {
                let (text, prefix) = (string(&a[0])?, string(&a[1])?);
                let start = if text.starts_with(&**prefix) { prefix.len() } else { 0 };
                Ok(part(text, start..text.len()))
            })
        },
    },
    Function {
        name: "TrimSuffix",
        parameters: &[Parameter::required("target"), Parameter::required("suffix")],
        make: |_| {
            pure(|a| {
                let (text, suffix) = (string(&a[0])?, string(&a[1])?);
                Ok(part(text, 0..text.strip_suffix(&**suffix).unwrap_or(text).len()))
            })
        },
    },
];

/// The texts of values, nothing being `<nil>`, with a delimiter between them.
fn concat<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let delimiter = string(&arguments[1])?;
    let mut joined = String::new();
    for (index, value) in list(&arguments[0])?.iter().enumerate() {
        if index > 0 {
            joined.push_str(delimiter);
        }
        joined.push_str(&text_of(value)?.unwrap_or(Cow::Borrowed("<nil>")));
    }
    Ok(owned(joined))
}

fn convert_case(literals: &Literals<'_>) -> Made {
    let convert: for<'v, 'a> fn(&'v Cow<'a, str>) -> Value<'a> = match literals.text(1)?.unwrap_or_default() {
        "lower" => lower,
        "upper" => upper,
        "snake" => |text| owned(case::snake(text)),
        "camel" => |text| owned(case::camel(text)),
        other => return Err(format!("invalid case: {other}, allowed cases are: lower, upper, snake, camel")),
    };
    pure(move |a| string(&a[0]).map(convert))
}

/// Nothing is allocated for a text that is in lower case.
fn lower<'a>(text: &Cow<'a, str>) -> Value<'a> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => owned(case::lower(text)),
        false => Value::Str(text.clone()),
    }
}

fn upper<'a>(text: &Cow<'a, str>) -> Value<'a> {
    match text.bytes().any(|byte| byte.is_ascii_lowercase() || !byte.is_ascii()) {
        true => owned(case::upper(text)),
        false => Value::Str(text.clone()),
    }
}

/// Without a delimiter, the characters.
fn split<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (text, delimiter) = (string(&arguments[0])?, string(&arguments[1])?);
    let piece = |piece: &str| {
        let start = piece.as_ptr().addr() - text.as_ptr().addr();
        part(text, start..start + piece.len())
    };
    Ok(Value::List(match delimiter.is_empty() {
        true => text.char_indices().map(|(start, c)| part(text, start..start + c.len_utf8())).collect(),
        false => text.split(&**delimiter).map(piece).collect(),
    }))
}

/// `length` bytes from `start`. Where Go would cut through a character, so that the result is no UTF-8, what is left of it reads
/// as a replacement character; `utf8Safe` leaves it out.
fn substring<'a>(arguments: &[Value<'a>], utf8_safe: bool) -> Result<Value<'a>, String> {
    let (text, start, length) = (string(&arguments[0])?, int(&arguments[1])?, int(&arguments[2])?);
    if start < 0 {
        return Err(format!("invalid start for substring function, {start} cannot be negative"));
    }
    if length <= 0 {
        return Err(format!("invalid length for substring function, {length} cannot be negative or zero"));
    }
    let range = usize::try_from(start).ok().zip(usize::try_from(length).ok());
    let range =
        range.and_then(|(start, length)| Some(start..start.checked_add(length).filter(|&end| end <= text.len())?));
    let Some(range) = range else {
        return Err(format!(
            "invalid range for substring function, start({start})+length({length}) cannot be greater than the length of target \
             string({})",
            text.len()
        ));
    };
    if utf8_safe {
        let (start, end) = (text.ceil_char_boundary(range.start), text.floor_char_boundary(range.end));
        return Ok(part(text, start..end.max(start)));
    }
    match text.is_char_boundary(range.start) && text.is_char_boundary(range.end) {
        true => Ok(part(text, range)),
        false => Ok(owned(String::from_utf8_lossy(&text.as_bytes()[range]))),
    }
}

/// Cuts characters of a set off both ends.
fn trim<'a>(text: &Value<'a>, cut: &[char]) -> Result<Value<'a>, String> {
    let text = string(text)?;
    let start = text.len() - text.trim_start_matches(cut).len();
    let end = text.trim_end_matches(cut).len();
    Ok(part(text, start..end.max(start)))
}

#[cfg(test)]
mod tests;
