//! What fields take.

use crate::{Map, Value};

fn unexpected(expected: &str, value: &Value<'_>) -> String {
    match value {
        Value::Nil => "setting a value to nil is not supported".to_owned(),
        _ => format!("expects {expected} but got {}", value.type_name()),
    }
}

pub(super) fn text<'v>(value: &'v Value<'_>) -> Result<&'v str, String> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(unexpected("string", other)),
    }
}

pub(super) fn flag(value: &Value<'_>) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        other => Err(unexpected("bool", other)),
    }
}

pub(super) fn int(value: &Value<'_>) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(unexpected("int64", other)),
    }
}

pub(super) fn double(value: &Value<'_>) -> Result<f64, String> {
    match value {
        Value::Double(number) => Ok(*number),
        other => Err(unexpected("float64", other)),
    }
}

pub(super) fn bytes<'v>(value: &'v Value<'_>) -> Result<&'v [u8], String> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => Err(unexpected("[]uint8", other)),
    }
}

pub(super) fn time(value: &Value<'_>) -> Result<u64, String> {
    match value {
        Value::Time(time) => {
            u64::try_from(time.unix_ns).map_err(|_| "a time before 1970 or after 2554 can not be written".to_owned())
        }
        other => Err(unexpected("time.Time", other)),
    }
}

pub(super) fn list<'v, 'a>(value: &'v Value<'a>) -> Result<&'v [Value<'a>], String> {
    match value {
        Value::List(items) => Ok(items),
        Value::Nil => Ok(&[]),
        other => Err(unexpected("pcommon.Slice", other)),
    }
}

pub(super) fn entries<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Map<'a>, String> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(unexpected("pcommon.Map", other)),
    }
}
