//! Arithmetic: integers with integers, doubles with doubles, times and durations.

use crate::syntax::MathOp;
use crate::{Time, Value};

impl MathOp {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

/// What comes of two values.
pub(crate) fn apply(operator: MathOp, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'static>, String> {
    use MathOp::{Add, Subtract};
    match (left, operator, right) {
        (Value::Int(left), _, Value::Int(right)) => ints(operator, *left, *right).map(Value::Int),
        (Value::Double(left), _, Value::Double(right)) => doubles(operator, *left, *right).map(Value::Double),
        (Value::Time(left), Subtract, Value::Time(right)) => {
            Ok(Value::Duration(saturated(left.unix_ns - right.unix_ns)))
        }
        (Value::Time(time), Add, Value::Duration(ns)) | (Value::Duration(ns), Add, Value::Time(time)) => {
            Ok(moved(*time, *ns))
        }
        (Value::Time(time), Subtract, Value::Duration(ns)) => Ok(moved(*time, ns.saturating_neg())),
        (Value::Duration(left), Add | Subtract, Value::Duration(right)) => {
            ints(operator, *left, *right).map(Value::Duration)
        }
        (Value::Time(_) | Value::Duration(_), _, Value::Time(_) | Value::Duration(_)) => Err(format!(
            "only addition and subtraction supported for time.Time and time.Duration, not {}",
            operator.symbol()
        )),
        _ => Err(format!(
            "cannot {} {} and {}: both must be of one type",
            verb(operator),
            left.type_name(),
            right.type_name()
        )),
    }
}

/// The value with its sign changed.
pub(crate) fn negate(value: &Value<'_>) -> Result<Value<'static>, String> {
    match value {
        Value::Int(number) => Ok(Value::Int(number.wrapping_neg())),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Duration(ns) => Ok(Value::Duration(ns.wrapping_neg())),
        _ => Err(format!("unsupported type for unary minus: {}", value.type_name())),
    }
}

fn verb(operator: MathOp) -> &'static str {
    match operator {
        MathOp::Add => "add",
        MathOp::Subtract => "subtract",
        MathOp::Multiply => "multiply",
        MathOp::Divide => "divide",
    }
}

/// Wraps around, as Go's integers do.
fn ints(operator: MathOp, left: i64, right: i64) -> Result<i64, String> {
    match operator {
        MathOp::Add => Ok(left.wrapping_add(right)),
        MathOp::Subtract => Ok(left.wrapping_sub(right)),
        MathOp::Multiply => Ok(left.wrapping_mul(right)),
        MathOp::Divide if right == 0 => Err("attempted to divide by 0".to_owned()),
        MathOp::Divide => Ok(left.wrapping_div(right)),
    }
}

fn doubles(operator: MathOp, left: f64, right: f64) -> Result<f64, String> {
    match operator {
        MathOp::Add => Ok(left + right),
        MathOp::Subtract => Ok(left - right),
        MathOp::Multiply => Ok(left * right),
        MathOp::Divide if right == 0.0 => Err("attempted to divide by 0".to_owned()),
        MathOp::Divide => Ok(left / right),
    }
}

fn moved(time: Time, ns: i64) -> Value<'static> {
    Value::Time(Time { unix_ns: time.unix_ns.saturating_add(ns.into()), ..time })
}

/// As Go's times are subtracted.
fn saturated(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_go() {
        use MathOp::{Add, Divide, Multiply, Subtract};
        let time = |unix_ns| Value::Time(Time { unix_ns, offset_seconds: 60 });
        let cases = [
            (Value::Int(7), Divide, Value::Int(2), Some(Value::Int(3))),
            (Value::Int(-7), Divide, Value::Int(2), Some(Value::Int(-3))),
            (Value::Int(i64::MIN), Divide, Value::Int(-1), Some(Value::Int(i64::MIN))),
            (Value::Int(i64::MAX), Add, Value::Int(1), Some(Value::Int(i64::MIN))),
            (Value::Int(3), Multiply, Value::Int(4), Some(Value::Int(12))),
            (Value::Double(1.5), Subtract, Value::Double(0.5), Some(Value::Double(1.0))),
            (Value::Int(1), Divide, Value::Int(0), None),
            (Value::Double(1.0), Divide, Value::Double(0.0), None),
            (Value::Int(1), Add, Value::Double(1.0), None),
            ("a".into(), Add, "b".into(), None),
            (Value::Nil, Add, Value::Int(1), None),
            (time(5), Subtract, time(3), Some(Value::Duration(2))),
            (time(5), Add, Value::Duration(3), Some(time(8))),
            (Value::Duration(3), Add, time(5), Some(time(8))),
            (time(5), Subtract, Value::Duration(3), Some(time(2))),
            (Value::Duration(3), Subtract, Value::Duration(5), Some(Value::Duration(-2))),
            (time(5), Add, time(5), None),
            (Value::Duration(3), Multiply, Value::Duration(5), None),
            (Value::Duration(3), Subtract, time(5), None),
        ];
        for (left, operator, right, expected) in cases {
            let result = apply(operator, &left, &right);
            assert_eq!(result.clone().ok(), expected, "{left:?} {operator:?} {right:?}: {result:?}");
        }
        assert_eq!(negate(&Value::Int(5)), Ok(Value::Int(-5)));
        assert!(negate(&"5".into()).is_err());
    }
}
