//! Lists and maps.

mod sort;

use super::arguments::{list, map, owned, string};
use super::{Function, Literals, Made, Parameter, pure};
use crate::{Map, Value};

/// What is in a collection, or becomes one.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "Coalesce",
        parameters: &[Parameter::required("values")],
        make: |_| pure(|a| Ok(list(&a[0])?.iter().find(|value| **value != Value::Nil).cloned().unwrap_or(Value::Nil))),
    },
    Function {
        name: "ContainsValue",
        parameters: &[Parameter::required("target"), Parameter::required("item")],
        make: |_| pure(|a| Ok(Value::Bool(list(&a[0])?.iter().any(|value| equal(value, &a[1]))))),
    },
    Function {
        name: "Index",
        parameters: &[Parameter::required("target"), Parameter::required("value")],
        make: |_| pure(index),
    },
    Function { name: "Keys", parameters: &[Parameter::required("target")], make: |_| pure(|a| keys(&a[0])) },
    Function {
        name: "SliceToMap",
        parameters: &[
            Parameter::required("target"),
            Parameter::optional_literal("keyPath"),
            Parameter::optional_literal("valuePath"),
        ],
        make: slice_to_map,
    },
    Function {
        name: "Sort",
        parameters: &[Parameter::required("target"), Parameter::optional_literal("order")],
        make: sort::sort,
    },
    Function { name: "Values", parameters: &[Parameter::required("target")], make: |_| pure(|a| values(&a[0])) },
];

/// Equality as the language has it: numbers by their value, whatever their type.
#[expect(clippy::float_cmp, reason = "the language compares so")]
fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Int(int), Value::Double(double)) | (Value::Double(double), Value::Int(int)) => *int as f64 == *double,
        _ => a == b,
    }
}

/// Where a value is in a list, or a string in a string, in bytes; -1 for nowhere.
fn index<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let found = match (&arguments[0], &arguments[1]) {
        (Value::Str(text), Value::Str(part)) => text.find(&**part),
        (Value::Str(_), _) => return Err("invalid value type for Index function, value must be a string".to_owned()),
        (target, value) => list(target)?.iter().position(|element| equal(element, value)),
    };
    Ok(Value::Int(found.map_or(-1, |index| index as i64)))
}

fn keys<'a>(value: &Value<'a>) -> Result<Value<'a>, String> {
    Ok(Value::List(map(value)?.iter().map(|(key, _)| owned(key)).collect()))
}

fn values<'a>(value: &Value<'a>) -> Result<Value<'a>, String> {
    Ok(Value::List(map(value)?.iter().map(|(_, value)| value.clone()).collect()))
}

/// Where in an element something lies.
fn path(literals: &Literals<'_>, index: usize) -> Result<Option<Vec<String>>, String> {
    let Some(value) = literals.get(index) else { return Ok(None) };
    let path = list(value)?.iter().map(|key| string(key).map(ToString::to_string)).collect::<Result<Vec<_>, _>>()?;
    if path.is_empty() {
        return Err("must provide at least one path item".to_owned());
    }
    Ok(Some(path))
}

/// A list as a map: under what `keyPath` leads to in each element, or the element's number; what `valuePath` leads to, or the
/// element.
fn slice_to_map(literals: &Literals<'_>) -> Made {
    let (key_path, value_path) = (path(literals, 1)?, path(literals, 2)?);
    pure(move |a| {
        let entries = list(&a[0])?.iter().enumerate().map(|(index, element)| {
            Ok((
                key_of(index, element, key_path.as_deref())?.into(),
                value_of(index, element, value_path.as_deref())?.clone(),
            ))
        });
        Ok(Value::Map(entries.collect::<Result<Map<'_>, String>>()?))
    })
}

fn key_of(index: usize, element: &Value<'_>, path: Option<&[String]>) -> Result<String, String> {
    let Some(path) = path else { return Ok(index.to_string()) };
    match follow(element, path).map_err(|why| format!("could not extract key from element {index}: {why}"))? {
        Value::Str(key) => Ok(key.to_string()),
        other => {
            let found = other.type_name();
            Err(format!("element {index}: extracted key attribute is not of type string, got {found:?}"))
        }
    }
}

fn value_of<'v, 'a>(index: usize, element: &'v Value<'a>, path: Option<&[String]>) -> Result<&'v Value<'a>, String> {
    let Some(path) = path else { return Ok(element) };
    follow(element, path).map_err(|why| format!("could not extract value from element {index}: {why}"))
}

fn follow<'v, 'a>(element: &'v Value<'a>, path: &[String]) -> Result<&'v Value<'a>, String> {
    let mut at = element;
    for (depth, key) in path.iter().enumerate() {
        at = match at {
            Value::Map(map) => map.get(key),
            other if depth == 0 => {
                return Err(format!(
                    "slice elements must be maps when using `key_path` or `value_path`, but could not cast element of type `{}` to a \
                     map",
                    other.type_name()
                ));
            }
            _ => None,
        }
        .ok_or_else(|| format!("provided object does not contain the path {path:?}"))?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, l, m, s};
    use crate::Value::{Bool, Double, Int, Nil};

    #[test]
    fn finds() {
        let tags = l([s("prod"), Int(1), Double(2.0), Nil, m([("k", Int(1))])]);
        check(&[
            ("Coalesce", &[l([Nil, s(""), s("x")])], Ok(s(""))),
            ("Coalesce", &[l([Nil, Nil])], Ok(Nil)),
            ("Coalesce", &[l([])], Ok(Nil)),
            ("Coalesce", &[s("x")], Err("expected pcommon.Slice but got string")),
            ("ContainsValue", &[tags.clone(), s("prod")], Ok(Bool(true))),
            ("ContainsValue", &[tags.clone(), Double(1.0)], Ok(Bool(true))),
            ("ContainsValue", &[tags.clone(), Int(2)], Ok(Bool(true))),
            ("ContainsValue", &[tags.clone(), Nil], Ok(Bool(true))),
            ("ContainsValue", &[tags.clone(), m([("k", Int(1))])], Ok(Bool(true))),
            ("ContainsValue", &[tags.clone(), s("1")], Ok(Bool(false))),
            ("ContainsValue", &[Nil, s("1")], Err("expected pcommon.Slice but got nil")),
            ("Index", &[tags.clone(), Int(2)], Ok(Int(2))),
            ("Index", &[tags, s("staging")], Ok(Int(-1))),
            ("Index", &[s("héllo world"), s("world")], Ok(Int(7))),
            ("Index", &[s("hello"), s("")], Ok(Int(0))),
            ("Index", &[s("hello"), s("x")], Ok(Int(-1))),
            ("Index", &[s("hello"), Int(1)], Err("invalid value type for Index function, value must be a string")),
            ("Index", &[Int(1), Int(1)], Err("expected pcommon.Slice but got int64")),
        ]);
    }

    #[test]
    fn lists_entries() {
        let map = m([("b", Int(1)), ("a", s("x"))]);
        check(&[
            ("Keys", &[m([("b", Int(1)), ("a", s("x"))])], Ok(l([s("b"), s("a")]))),
            ("Keys", &[m([])], Ok(l([]))),
            ("Keys", &[s("a")], Err("expected pcommon.Map but got string")),
            ("Values", &[map], Ok(l([Int(1), s("x")]))),
            ("Values", &[Nil], Err("expected pcommon.Map but got nil")),
        ]);
    }

    #[test]
    fn makes_maps() {
        let foo = m([("name", s("foo")), ("at", m([("value", Int(2))]))]);
        let bar = m([("name", s("bar")), ("at", m([("value", Int(5))]))]);
        let things = l([foo.clone(), bar.clone()]);
        check(&[
            ("SliceToMap", &[things.clone(), l([s("name")])], Ok(m([("foo", foo.clone()), ("bar", bar.clone())]))),
            ("SliceToMap", &[l([foo.clone(), bar.clone()])], Ok(m([("0", foo), ("1", bar)]))),
            (
                "SliceToMap",
                &[things.clone(), l([s("name")]), l([s("at"), s("value")])],
                Ok(m([("foo", Int(2)), ("bar", Int(5))])),
            ),
            ("SliceToMap", &[things.clone(), Nil, l([s("name")])], Ok(m([("0", s("foo")), ("1", s("bar"))]))),
            ("SliceToMap", &[l([s("a")])], Ok(m([("0", s("a"))]))),
            ("SliceToMap", &[l([s("a")]), l([s("name")])], Err("could not cast element of type `string` to a map")),
            (
                "SliceToMap",
                &[things.clone(), l([s("at")])],
                Err("element 0: extracted key attribute is not of type string"),
            ),
            (
                "SliceToMap",
                &[things.clone(), l([s("x")])],
                Err("could not extract key from element 0: provided object"),
            ),
            (
                "SliceToMap",
                &[things.clone(), Nil, l([s("name"), s("x")])],
                Err("could not extract value from element 0"),
            ),
            ("SliceToMap", &[things, l([])], Err("must provide at least one path item")),
            ("SliceToMap", &[Nil], Err("expected pcommon.Slice but got nil")),
        ]);
    }
}
