//! Comparing values.

use std::cmp::Ordering;

use crate::Value;
use crate::syntax::CompareOp;

impl CompareOp {
    /// Whether it holds for things that relate like this; things that can not be compared only differ.
    pub(crate) fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
        }
    }
}

/// Whether a comparison holds.
#[inline]
pub(crate) fn holds(operator: CompareOp, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => match operator {
            CompareOp::Equal => left == right,
            CompareOp::NotEqual => left != right,
            _ => false,
        },
        _ => operator.holds(order(left, right)),
    }
}

/// How two values relate, if they can be compared.
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Nil, Value::Nil) => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) | (Value::Duration(left), Value::Duration(right)) => {
            Some(left.cmp(right))
        }
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        (Value::Double(left), Value::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Str(left), Value::Str(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.unix_ns.cmp(&right.unix_ns)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Map, Time};

    const ALL: [(CompareOp, &str); 6] = [
        (CompareOp::Equal, "=="),
        (CompareOp::NotEqual, "!="),
        (CompareOp::Less, "<"),
        (CompareOp::LessOrEqual, "<="),
        (CompareOp::Greater, ">"),
        (CompareOp::GreaterOrEqual, ">="),
    ];

    fn holding(left: &Value<'_>, right: &Value<'_>) -> Vec<&'static str> {
        ALL.iter().filter(|(operator, _)| holds(*operator, left, right)).map(|(_, text)| *text).collect()
    }

    #[test]
    fn values_of_one_type_are_ordered() {
        let time = |unix_ns, offset_seconds| Value::Time(Time { unix_ns, offset_seconds });
        let rising = [
            (Value::Bool(false), Value::Bool(true)),
            (Value::Int(-1), Value::Int(0)),
            (Value::Double(-0.5), Value::Double(0.25)),
            (Value::Int(1), Value::Double(1.5)),
            (Value::Double(0.5), Value::Int(1)),
            ("a".into(), "b".into()),
            ("Z".into(), "a".into()),
            (Value::Bytes(vec![1].into()), Value::Bytes(vec![1, 0].into())),
            (time(1, 0), time(2, 0)),
            (Value::Duration(1), Value::Duration(2)),
        ];
        for (low, high) in rising {
            assert_eq!(holding(&low, &high), ["!=", "<", "<="], "{low:?} {high:?}");
            assert_eq!(holding(&high, &low), ["!=", ">", ">="], "{high:?} {low:?}");
            assert_eq!(holding(&low, &low), ["==", "<=", ">="], "{low:?}");
        }
        assert_eq!(holding(&time(1, 0), &time(1, 3600)), ["==", "<=", ">="], "a clock's offset is not its time");
        assert_eq!(holding(&Value::Int(1), &Value::Double(1.0)), ["==", "<=", ">="]);
        assert_eq!(holding(&Value::Double(f64::NAN), &Value::Double(f64::NAN)), ["!="]);
    }

    #[test]
    fn lists_and_maps_are_equal_or_not() {
        let list = |items: &[i64]| Value::List(items.iter().map(|item| Value::Int(*item)).collect());
        let map = |keys: &[&'static str]| {
            Value::Map(keys.iter().map(|key| ((*key).into(), Value::Int(1))).collect::<Map<'_>>())
        };
        assert_eq!(holding(&list(&[1, 2]), &list(&[1, 2])), ["=="]);
        assert_eq!(holding(&list(&[1, 2]), &list(&[2, 1])), ["!="]);
        assert_eq!(holding(&map(&["a", "b"]), &map(&["b", "a"])), ["=="], "maps have no order");
        assert_eq!(holding(&map(&["a"]), &map(&["a", "b"])), ["!="]);
    }

    #[test]
    fn values_of_different_types_differ() {
        let all = [
            Value::Nil,
            Value::Bool(true),
            Value::Int(1),
            "1".into(),
            Value::Bytes(b"1".into()),
            Value::List(vec![]),
            Value::Map(Map::default()),
            Value::Time(Time { unix_ns: 1, offset_seconds: 0 }),
            Value::Duration(1),
        ];
        for (at, left) in all.iter().enumerate() {
            for right in &all[at + 1..] {
                assert_eq!(holding(left, right), ["!="], "{left:?} {right:?}");
                assert_eq!(holding(right, left), ["!="], "{right:?} {left:?}");
            }
        }
        assert_eq!(holding(&Value::Nil, &Value::Nil), ["==", "<=", ">="]);
    }
}
