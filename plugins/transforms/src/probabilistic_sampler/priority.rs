//! What an item itself says of how much it is wanted.

use tailrace_sdk::otlp::view::Value;

use super::threshold::Threshold;
use crate::actions::double;

/// The attribute of a span that settles the matter: 0 drops it, anything greater keeps it.
pub(super) const SPAN_PRIORITY: &[u8] = b"sampling.priority";

/// By the value of [`SPAN_PRIORITY`].
pub(super) fn of_span(value: Value<'_>) -> Option<Threshold> {
    let number = match value {
        Value::Int(number) => number as f64,
        Value::Double(number) => number,
        Value::Str(text) => double(str::from_utf8(text).ok()?)?,
        _ => return None,
    };
    if number == 0.0 { Some(Threshold::NEVER) } else { (number > 0.0).then_some(Threshold::ALWAYS) }
}

/// By the value of a log record's attribute: a percentage. 0, and what is no percentage, says nothing.
pub(super) fn of_record(value: Value<'_>, precision: usize) -> Option<Threshold> {
    let percentage = match value {
        Value::Int(number) => number as f64,
        Value::Double(number) => number,
        _ => return None,
    };
    Threshold::of_probability(percentage / 100.0, precision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_wanted_or_not() {
        let (never, always) = (Some(Threshold::NEVER), Some(Threshold::ALWAYS));
        for (value, expected) in [
            (Value::Int(0), never),
            (Value::Int(2), always),
            (Value::Int(-1), None),
            (Value::Double(0.0), never),
            (Value::Double(0.1), always),
            (Value::Str(b"0"), never),
            (Value::Str(b"1.5"), always),
            (Value::Str(b"high"), None),
            (Value::Bool(true), None),
            (Value::Empty, None),
        ] {
            assert_eq!(of_span(value), expected, "{value:?}");
        }
    }

    #[test]
    fn records_have_a_percentage_of_their_own() {
        for (value, expected) in [
            (Value::Int(50), Some("8")),
            (Value::Double(50.0), Some("8")),
            (Value::Int(100), Some("0")),
            (Value::Int(0), None),
            (Value::Int(101), None),
            (Value::Str(b"50"), None),
        ] {
            assert_eq!(of_record(value, 4).map(Threshold::text).as_deref(), expected, "{value:?}");
        }
    }
}
