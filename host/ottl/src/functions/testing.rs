//! Calls converters in tests as the language does.

use std::borrow::Cow;
use std::cell::Cell;

use super::{Argument, Converter, Kind, Literals, World, find};
use crate::{Map, Value};

/// 2023-05-26T12:34:56.789012345Z.
pub(super) const NOW_UNIX_NS: i64 = 1_685_104_496_789_012_345;

/// Calls a converter with its arguments written out, and again with those that may be known at the call only: the outcome is one.
pub(super) fn call(name: &str, arguments: &[Value<'static>]) -> Result<Value<'static>, String> {
    let written = run(name, arguments, |_| false);
    let computed = run(name, arguments, |kind| kind == Kind::Any);
    assert_eq!(written.clone().ok(), computed.ok(), "{name}: literals and expressions differ");
    written
}

fn run(name: &str, arguments: &[Value<'static>], computed: impl Fn(Kind) -> bool) -> Result<Value<'static>, String> {
    let function = find(name).unwrap_or_else(|| panic!("no converter {name}"));
    assert!(arguments.len() <= function.parameters.len(), "{name} has no {} parameters", arguments.len());
    let given = function.parameters.iter().enumerate().map(|(index, parameter)| match arguments.get(index) {
        None | Some(Value::Nil) if parameter.is_optional => Argument::Absent,
        None => panic!("{name} needs {}", parameter.name),
        Some(_) if computed(parameter.kind) => Argument::Expression,
        Some(value) => Argument::Literal(value.clone()),
    });
    let converter = (function.make)(&Literals(&given.collect::<Vec<_>>()))?;
    let mut values = arguments.to_vec();
    values.resize(function.parameters.len(), Value::Nil);
    call_made(&*converter, &values)
}

/// Calls a converter that is made; random bits count up from 1.
pub(super) fn call_made<'a>(converter: &dyn Converter, values: &[Value<'a>]) -> Result<Value<'a>, String> {
    let bits = Cell::new(0);
    let random = || {
        bits.set(bits.get() + 1);
        bits.get()
    };
    converter.call(values, &World { now_unix_ns: NOW_UNIX_NS, random: &random })
}

/// Checks a table of calls: name, arguments, and the value or a part of the message.
pub(super) fn check(cases: &[(&str, &[Value<'static>], Result<Value<'static>, &str>)]) {
    for (name, arguments, expected) in cases {
        match (call(name, arguments), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, *expected, "{name}{arguments:?}"),
            (Err(message), Err(part)) => assert!(message.contains(part), "{name}{arguments:?}: {message}"),
            (outcome, _) => panic!("{name}{arguments:?}: {outcome:?} instead of {expected:?}"),
        }
    }
}

pub(super) fn s(text: &'static str) -> Value<'static> {
    Value::Str(Cow::Borrowed(text))
}

pub(super) fn b(bytes: &'static [u8]) -> Value<'static> {
    Value::Bytes(Cow::Borrowed(bytes))
}

pub(super) fn l(values: impl Into<Vec<Value<'static>>>) -> Value<'static> {
    Value::List(values.into())
}

pub(super) fn m(entries: impl IntoIterator<Item = (&'static str, Value<'static>)>) -> Value<'static> {
    Value::Map(entries.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)).collect::<Map<'static>>())
}
