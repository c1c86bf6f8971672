//! Numbers written as text.

use super::arguments::{int, string, unsupported};
use super::{Function, Parameter, pure};
use crate::Value;

/// Reading numbers, and checking them.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "IsValidLuhn",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| is_valid_luhn(&a[0])),
    },
    Function {
        name: "ParseInt",
        parameters: &[Parameter::required("target"), Parameter::required("base")],
        make: |_| pure(|a| parse_int(string(&a[0])?, int(&a[1])?).map(Value::Int)),
    },
];

/// Whether the last digit is the check digit of the others: every second one from the right is doubled, and all digits of what
/// comes out add up to tens.
fn is_valid_luhn<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    let number;
    let text = match value {
        Value::Str(text) => &**text,
        Value::Int(int) => {
            number = int.to_string();
            &number
        }
        other => return Err(unsupported(other)),
    };
    if let Some(other) = text.chars().find(|c| !c.is_ascii_digit()) {
        return Err(format!("IsValidLuhn takes digits only, not {other:?}"));
    }
    let sum: u64 = text.bytes().rev().enumerate().map(|(place, digit)| luhn(place, u64::from(digit - b'0'))).sum();
    Ok(Value::Bool(!text.is_empty() && sum.is_multiple_of(10)))
}

fn luhn(place: usize, digit: u64) -> u64 {
    match place % 2 {
        0 => digit,
        _ => digit * 2 / 10 + digit * 2 % 10,
    }
}

/// As Go's `strconv.ParseInt` with 64 bits.
fn parse_int(text: &str, base: i64) -> Result<i64, String> {
    let failed = |what: &str| format!("strconv.ParseInt: parsing {text:?}: {what}");
    if base < 0 || base == 1 || base > 36 {
        return Err(failed(&format!("invalid base {base}")));
    }
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = match base {
        0 => literal(digits).ok_or_else(|| failed("invalid syntax"))?,
        base => (base as u32, digits.to_owned()),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(failed("invalid syntax"));
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).map_err(|_| failed("value out of range"))
}

/// The base of a literal of Go's, by its prefix, and its digits. An underscore may stand between two of them, or after the
/// prefix.
fn literal(text: &str) -> Option<(u32, String)> {
    let lower = text.to_ascii_lowercase();
    let (radix, rest) = match lower.as_bytes() {
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &*lower),
    };
    let may_start = rest.len() < lower.len();
    let misplaced = rest.contains("__") || rest.ends_with('_') || (rest.starts_with('_') && !may_start);
    (!misplaced).then(|| (radix, rest.replace('_', "")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, s};
    use crate::Value::{Bool, Double, Int, Nil};

    #[test]
    fn checks_digits() {
        check(&[
            ("IsValidLuhn", &[s("17893729974")], Ok(Bool(true))),
            ("IsValidLuhn", &[Int(17_893_729_974)], Ok(Bool(true))),
            ("IsValidLuhn", &[s("17893729975")], Ok(Bool(false))),
            ("IsValidLuhn", &[s("4111111111111111")], Ok(Bool(true))),
            ("IsValidLuhn", &[s("0")], Ok(Bool(true))),
            ("IsValidLuhn", &[s("")], Ok(Bool(false))),
            ("IsValidLuhn", &[s("4111-1111")], Err("IsValidLuhn takes digits only, not '-'")),
            ("IsValidLuhn", &[Double(1.0)], Err("unsupported type: float64")),
            ("IsValidLuhn", &[Nil], Err("unsupported type: nil")),
        ]);
    }

    #[test]
    fn reads_integers() {
        check(&[
            ("ParseInt", &[s("12345"), Int(10)], Ok(Int(12345))),
            ("ParseInt", &[s("AA"), Int(16)], Ok(Int(170))),
            ("ParseInt", &[s("-20"), Int(8)], Ok(Int(-16))),
            ("ParseInt", &[s("+z"), Int(36)], Ok(Int(35))),
            ("ParseInt", &[s("-9223372036854775808"), Int(10)], Ok(Int(i64::MIN))),
            ("ParseInt", &[s("0b1111_0000"), Int(0)], Ok(Int(240))),
            ("ParseInt", &[s("-0xFF"), Int(0)], Ok(Int(-255))),
            ("ParseInt", &[s("-0o123"), Int(0)], Ok(Int(-83))),
            ("ParseInt", &[s("0123"), Int(0)], Ok(Int(83))),
            ("ParseInt", &[s("0_1"), Int(0)], Ok(Int(1))),
            ("ParseInt", &[s("0x_f"), Int(0)], Ok(Int(15))),
            ("ParseInt", &[s("1_000"), Int(0)], Ok(Int(1000))),
            ("ParseInt", &[s("_1"), Int(0)], Err("invalid syntax")),
            ("ParseInt", &[s("1__0"), Int(0)], Err("invalid syntax")),
            ("ParseInt", &[s("1_0"), Int(10)], Err("strconv.ParseInt: parsing \"1_0\": invalid syntax")),
            ("ParseInt", &[s("9223372036854775808"), Int(10)], Err("value out of range")),
            ("ParseInt", &[s("0x"), Int(0)], Err("invalid syntax")),
            ("ParseInt", &[s("--1"), Int(10)], Err("invalid syntax")),
            ("ParseInt", &[s(""), Int(10)], Err("invalid syntax")),
            ("ParseInt", &[s("1"), Int(-1)], Err("invalid base -1")),
            ("ParseInt", &[s("1"), Int(37)], Err("invalid base 37")),
            ("ParseInt", &[Int(1), Int(10)], Err("expected string but got int64")),
            ("ParseInt", &[s("1"), s("10")], Err("expected int64 but got string")),
        ]);
    }
}
