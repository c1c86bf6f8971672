//! Sorting lists.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::text::double_text;
use super::super::{Literals, Made, pure};
use crate::Value;

/// How a list's elements compare.
enum Order {
    Int,
    Double,
    Text,
}

impl Order {
    /// None if there is no order among them.
    fn of(list: &[Value<'_>]) -> Option<Self> {
        let mut order = Self::Int;
        for value in list {
            order = match (value, order) {
                (Value::Str(_) | Value::Bool(_) | Value::Nil, _) | (Value::Int(_) | Value::Double(_), Self::Text) => {
                    Self::Text
                }
                (Value::Double(_), _) | (Value::Int(_), Self::Double) => Self::Double,
                (Value::Int(_), Self::Int) => Self::Int,
                _ => return None,
            };
        }
        Some(order)
    }

    fn compare(&self, a: &Value<'_>, b: &Value<'_>) -> Ordering {
        match (self, a, b) {
            (Self::Int, Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Self::Int | Self::Double, a, b) => compare_doubles(double(a), double(b)),
            (Self::Text, a, b) => sort_text(a).cmp(&sort_text(b)),
        }
    }
}

fn double(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(int) => *int as f64,
        Value::Double(double) => *double,
        _ => 0.0,
    }
}

/// What is no number comes first.
fn compare_doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

fn sort_text<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Str(text) => (&**text).into(),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Int(int) => int.to_string().into(),
        Value::Double(double) => double_text(*double).into(),
        _ => "".into(),
    }
}

/// Numbers by value, others by their text. A list with lists, maps, bytes or times in it stays as it is.
pub(super) fn sort(literals: &Literals<'_>) -> Made {
    let is_descending = match literals.text(1)? {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => return Err(format!("invalid arguments: {other}. Order should be either \"asc\" or \"desc\"")),
    };
    pure(move |a| {
        let Value::List(list) = &a[0] else {
            return Err(format!("sort with unsupported type: '{}'. Target is not a list", a[0].type_name()));
        };
        let mut sorted = list.clone();
        if let Some(order) = Order::of(list) {
            sorted.sort_by(|a, b| if is_descending { order.compare(b, a) } else { order.compare(a, b) });
        }
        Ok(Value::List(sorted))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{b, check, l, m, s};
    use crate::Value::{Bool, Double, Int};

    #[test]
    fn sorts() {
        check(&[
            ("Sort", &[l([Int(3), Int(-1), Int(20)])], Ok(l([Int(-1), Int(3), Int(20)]))),
            ("Sort", &[l([Int(3), Int(-1), Int(20)]), s("desc")], Ok(l([Int(20), Int(3), Int(-1)]))),
            ("Sort", &[l([Int(3), Double(2.5), Int(1)]), s("asc")], Ok(l([Int(1), Double(2.5), Int(3)]))),
            ("Sort", &[l([s("b"), s("a"), s("B")])], Ok(l([s("B"), s("a"), s("b")]))),
            ("Sort", &[l([Bool(true), Bool(false)])], Ok(l([Bool(false), Bool(true)]))),
            (
                "Sort",
                &[l([s("x"), Int(10), Double(9.5), Bool(false)])],
                Ok(l([Int(10), Double(9.5), Bool(false), s("x")])),
            ),
            ("Sort", &[l([])], Ok(l([]))),
            ("Sort", &[l([b(b"b"), Int(1)])], Ok(l([b(b"b"), Int(1)]))),
            ("Sort", &[m([])], Err("sort with unsupported type: 'pcommon.Map'. Target is not a list")),
            ("Sort", &[l([]), s("up")], Err("invalid arguments: up. Order should be either \"asc\" or \"desc\"")),
        ]);
    }
}
