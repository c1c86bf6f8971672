//! Taking arguments apart: what is there, as the type that a converter asks for, or a message in Go's words.

use std::borrow::Cow;
use std::ops::Range;

use crate::{Map, Time, Value};

fn expected(what: &str, found: &Value<'_>) -> String {
    format!("expected {what} but got {}", found.type_name())
}

/// That a value is of no type that the converter takes.
pub(super) fn unsupported(value: &Value<'_>) -> String {
    format!("unsupported type: {}", value.type_name())
}

pub(super) fn string<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Cow<'a, str>, String> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(expected("string", other)),
    }
}

pub(super) fn int(value: &Value<'_>) -> Result<i64, String> {
    match value {
        Value::Int(int) => Ok(*int),
        other => Err(expected("int64", other)),
    }
}

pub(super) fn map<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Map<'a>, String> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(expected("pcommon.Map", other)),
    }
}

pub(super) fn list<'v, 'a>(value: &'v Value<'a>) -> Result<&'v [Value<'a>], String> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(expected("pcommon.Slice", other)),
    }
}

pub(super) fn time(value: &Value<'_>) -> Result<Time, String> {
    match value {
        Value::Time(time) => Ok(*time),
        other => Err(expected("time", other)),
    }
}

pub(super) fn duration(value: &Value<'_>) -> Result<i64, String> {
    match value {
        Value::Duration(ns) => Ok(*ns),
        other => Err(expected("duration", other)),
    }
}

/// A part of a string: of the request's bytes if the string is.
pub(super) fn part<'a>(text: &Cow<'a, str>, range: Range<usize>) -> Value<'a> {
    Value::Str(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    })
}

/// A string of our own.
pub(super) fn owned<'a>(text: impl Into<String>) -> Value<'a> {
    Value::Str(Cow::Owned(text.into()))
}
