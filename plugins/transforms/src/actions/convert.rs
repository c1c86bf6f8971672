//! The action `convert`.

use std::borrow::Cow;

use tailrace_sdk::otlp::view::Value;

use super::encoded;

/// What an attribute is converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    String,
    Int,
    Double,
}

impl Target {
    /// By its name in the configuration.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "int" => Self::Int,
            "double" => Self::Double,
            _ => return None,
        })
    }

    /// The message `AnyValue` of the converted value; `None` if it stays as it is, be it that it can not be converted.
    pub(super) fn convert(self, value: Value<'_>) -> Option<Vec<u8>> {
        let number = match (self, value) {
            (Self::String, Value::Str(_)) => return None,
            (Self::String, other) => return Some(encoded(Value::Str(other.as_text().as_bytes()))),
            (Self::Int, Value::Double(number)) => Value::Int(number as i64),
            (Self::Int, Value::Bool(flag)) => Value::Int(i64::from(flag)),
            (Self::Int, Value::Str(text)) => Value::Int(str::from_utf8(text).ok()?.parse().ok()?),
            (Self::Double, Value::Int(number)) => Value::Double(number as f64),
            (Self::Double, Value::Bool(flag)) => Value::Double(f64::from(u8::from(flag))),
            (Self::Double, Value::Str(text)) => Value::Double(double(str::from_utf8(text).ok()?)?),
            // It is that already, or can not be converted.
            (Self::Int | Self::Double, _) => return None,
        };
        Some(encoded(number))
    }
}

/// A double as Go reads it, but for hexadecimal ones. What is too large is none.
pub(crate) fn double(text: &str) -> Option<f64> {
    let number: f64 = without_underscores(text)?.parse().ok()?;
    let says_infinite = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    let is_signed_nan = number.is_nan() && text.starts_with(['+', '-']);
    (number.is_infinite() == says_infinite && !is_signed_nan).then_some(number)
}

/// Go lets them stand between digits.
fn without_underscores(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let is_digit = |part: Option<char>| part.is_some_and(|char| char.is_ascii_digit());
    let parts: Vec<&str> = text.split('_').collect();
    let fits = parts.windows(2).all(|pair| is_digit(pair[0].chars().next_back()) && is_digit(pair[1].chars().next()));
    fits.then(|| parts.concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_converted_as_by_the_go_collector() {
        let list = encoded(Value::Int(1));
        let list = [&[0x0a, list.len() as u8][..], &list].concat();
        for (to, value, expected) in [
            (Target::String, Value::Str(b"a"), None),
            (Target::String, Value::Int(-7), Some(Value::Str(b"-7"))),
            (Target::String, Value::Double(1.0), Some(Value::Str(b"1"))),
            (Target::String, Value::Bool(true), Some(Value::Str(b"true"))),
            (Target::String, Value::Bytes(b"ab"), Some(Value::Str(b"YWI="))),
            (Target::String, Value::Array(&list), Some(Value::Str(b"[1]"))),
            (Target::String, Value::Empty, Some(Value::Str(b""))),
            (Target::Int, Value::Int(3), None),
            (Target::Int, Value::Double(-3.9), Some(Value::Int(-3))),
            (Target::Int, Value::Bool(true), Some(Value::Int(1))),
            (Target::Int, Value::Str(b"123"), Some(Value::Int(123))),
            (Target::Int, Value::Str(b"+5"), Some(Value::Int(5))),
            (Target::Int, Value::Str(b"12.5"), None),
            (Target::Int, Value::Str(b""), None),
            (Target::Int, Value::Str(b"9223372036854775808"), None),
            (Target::Int, Value::Array(&list), None),
            (Target::Int, Value::Empty, None),
            (Target::Double, Value::Double(0.5), None),
            (Target::Double, Value::Int(3), Some(Value::Double(3.0))),
            (Target::Double, Value::Bool(false), Some(Value::Double(0.0))),
            (Target::Double, Value::Str(b"2.5e3"), Some(Value::Double(2500.0))),
            (Target::Double, Value::Str(b"-Inf"), Some(Value::Double(f64::NEG_INFINITY))),
            (Target::Double, Value::Str(b"1e999"), None),
            (Target::Double, Value::Str(b"-nan"), None),
            (Target::Double, Value::Str(b"1_000.5"), Some(Value::Double(1000.5))),
            (Target::Double, Value::Str(b"_1"), None),
            (Target::Double, Value::Str(b"1__0"), None),
            (Target::Double, Value::Str(b"x"), None),
            (Target::Double, Value::Map(b""), None),
        ] {
            assert_eq!(to.convert(value), expected.map(encoded), "{to:?} {value:?}");
        }
    }
}
