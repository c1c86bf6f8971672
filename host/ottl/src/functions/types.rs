//! What a value is, and making it something else.

use super::arguments::{owned, unsupported};
use super::text::text_of;
use super::{Function, Made, Parameter, pure};
use crate::Value;

/// Tests of types and conversions between them.
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "Bool", parameters: TARGET, make: |_| pure(|a| to_bool(&a[0])) },
    Function { name: "Double", parameters: TARGET, make: |_| pure(|a| to_double(&a[0])) },
    Function { name: "Hex", parameters: TARGET, make: |_| pure(|a| to_hex(&a[0])) },
    Function { name: "Int", parameters: TARGET, make: |_| pure(|a| to_int(&a[0])) },
    Function { name: "IsBool", parameters: TARGET, make: |_| tests(|value| matches!(value, Value::Bool(_))) },
    Function { name: "IsDouble", parameters: TARGET, make: |_| tests(|value| matches!(value, Value::Double(_))) },
    Function { name: "IsEmpty", parameters: TARGET, make: |_| tests(is_empty) },
    Function { name: "IsInt", parameters: TARGET, make: |_| tests(|value| matches!(value, Value::Int(_))) },
    Function { name: "IsList", parameters: TARGET, make: |_| tests(|value| matches!(value, Value::List(_))) },
    Function { name: "IsMap", parameters: TARGET, make: |_| tests(|value| matches!(value, Value::Map(_))) },
    Function { name: "IsString", parameters: TARGET, make: |_| tests(|value| matches!(value, Value::Str(_))) },
    Function { name: "Len", parameters: TARGET, make: |_| pure(|a| len(&a[0])) },
    Function { name: "Log", parameters: TARGET, make: |_| pure(|a| log(&a[0])) },
    Function { name: "String", parameters: TARGET, make: |_| pure(|a| to_string(&a[0])) },
];

const TARGET: &[Parameter] = &[Parameter::required("target")];

fn tests(test: fn(&Value<'_>) -> bool) -> Made {
    pure(move |a| Ok(Value::Bool(test(&a[0]))))
}

fn to_bool<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(Value::Bool(match value {
        Value::Nil => return Ok(Value::Nil),
        Value::Bool(boolean) => *boolean,
        Value::Int(int) => *int != 0,
        Value::Double(double) => *double != 0.0,
        Value::Str(text) => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            other => return Err(format!("strconv.ParseBool: parsing {other:?}: invalid syntax")),
        },
        other => return Err(unsupported(other)),
    }))
}

fn to_double<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    match value {
        Value::Nil => Ok(Value::Nil),
        other => double_like(other).map(Value::Double),
    }
}

/// A number, whatever it is written as.
fn double_like(value: &Value<'_>) -> Result<f64, String> {
    match value {
        Value::Bool(boolean) => Ok(f64::from(u8::from(*boolean))),
        Value::Int(int) => Ok(*int as f64),
        Value::Double(double) => Ok(*double),
        Value::Str(text) => parse_double(text),
        other => Err(unsupported(other)),
    }
}

/// As Go reads a number, but for hexadecimal fractions and underscores, which it takes in literals of its own only.
fn parse_double(text: &str) -> Result<f64, String> {
    let failed = |what: &str| format!("strconv.ParseFloat: parsing {text:?}: {what}");
    let double: f64 = text.parse().map_err(|_| failed("invalid syntax"))?;
    match double.is_infinite() && !text.to_ascii_lowercase().contains("inf") {
        true => Err(failed("value out of range")),
        false => Ok(double),
    }
}

/// What is no number gives nothing; a fraction is cut off.
fn to_int<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(Value::Int(match value {
        Value::Nil => return Ok(Value::Nil),
        Value::Bool(boolean) => i64::from(*boolean),
        Value::Int(int) => *int,
        // What does not fit becomes the nearest; Go leaves it to the processor.
        Value::Double(double) => *double as i64,
        Value::Str(text) => return Ok(text.parse().map_or(Value::Nil, Value::Int)),
        other => return Err(unsupported(other)),
    }))
}

fn to_string<'a>(value: &Value<'a>) -> Result<Value<'a>, String> {
    match value {
        Value::Str(_) => Ok(value.clone()),
        other => Ok(text_of(other)?.map_or(Value::Nil, owned)),
    }
}

/// Numbers are eight bytes, the first one the most significant.
fn to_hex<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(owned(match value {
        Value::Nil => String::new(),
        Value::Bool(boolean) => hex::encode([u8::from(*boolean)]),
        Value::Int(int) => hex::encode(int.to_be_bytes()),
        Value::Double(double) => hex::encode(double.to_be_bytes()),
        Value::Str(text) => hex::encode(&**text),
        Value::Bytes(bytes) => hex::encode(bytes),
        other => return Err(unsupported(other)),
    }))
}

/// An id of zeros (16 or 8 bytes) is unset.
fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Nil => true,
        Value::Bool(boolean) => !boolean,
        Value::Int(number) | Value::Duration(number) => *number == 0,
        Value::Double(double) => *double == 0.0 && double.is_sign_positive(),
        Value::Str(text) => text.is_empty(),
        Value::Bytes(bytes) => matches!(bytes.len(), 0 | 8 | 16) && bytes.iter().all(|byte| *byte == 0),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        // Go's zero time is in the year 1.
        Value::Time(time) => time.unix_ns == -62_135_596_800_000_000_000,
    }
}

fn len<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(Value::Int(match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        other => {
            let found = other.type_name();
            return Err(format!("target arg must be of type string, bytes, slice or map, not {found}"));
        }
    } as i64))
}

/// The natural logarithm.
fn log<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    if *value == Value::Nil {
        return Err("could not convert target to float64: nil".to_owned());
    }
    match double_like(value)? {
        double if double > 0.0 => Ok(Value::Double(double.ln())),
        double => Err(format!("target must be greater than zero, not {double}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{b, check, l, m, s};
    use crate::Value::{Bool, Double, Duration, Int, Nil};
    use crate::{Time, Value};

    const TIME: Value<'static> = Value::Time(Time { unix_ns: 0, offset_seconds: 0 });

    #[test]
    fn converts() {
        check(&[
            ("Bool", &[Bool(true)], Ok(Bool(true))),
            ("Bool", &[Int(-1)], Ok(Bool(true))),
            ("Bool", &[Double(0.0)], Ok(Bool(false))),
            ("Bool", &[s("T")], Ok(Bool(true))),
            ("Bool", &[s("FALSE")], Ok(Bool(false))),
            ("Bool", &[s("TrUe")], Err("strconv.ParseBool: parsing \"TrUe\": invalid syntax")),
            ("Bool", &[Nil], Ok(Nil)),
            ("Bool", &[l([])], Err("unsupported type: pcommon.Slice")),
            ("Double", &[Double(2.5)], Ok(Double(2.5))),
            ("Double", &[Int(3)], Ok(Double(3.0))),
            ("Double", &[Bool(true)], Ok(Double(1.0))),
            ("Double", &[s("-1.5e3")], Ok(Double(-1500.0))),
            ("Double", &[s("+Inf")], Ok(Double(f64::INFINITY))),
            ("Double", &[s("1e400")], Err("value out of range")),
            ("Double", &[s("")], Err("strconv.ParseFloat: parsing \"\": invalid syntax")),
            ("Double", &[Nil], Ok(Nil)),
            ("Double", &[b(b"1")], Err("unsupported type: []uint8")),
            ("Int", &[Int(5)], Ok(Int(5))),
            ("Int", &[Double(-2.9)], Ok(Int(-2))),
            ("Int", &[Double(1e300)], Ok(Int(i64::MAX))),
            ("Int", &[Bool(false)], Ok(Int(0))),
            ("Int", &[s("-50")], Ok(Int(-50))),
            ("Int", &[s("+50")], Ok(Int(50))),
            ("Int", &[s("2.0")], Ok(Nil)),
            ("Int", &[s("")], Ok(Nil)),
            ("Int", &[Nil], Ok(Nil)),
            ("Int", &[m([])], Err("unsupported type: pcommon.Map")),
        ]);
    }

    #[test]
    fn makes_text() {
        check(&[
            ("String", &[s("test")], Ok(s("test"))),
            ("String", &[Int(333)], Ok(s("333"))),
            ("String", &[Double(2.7)], Ok(s("2.7"))),
            ("String", &[Double(55.0)], Ok(s("55"))),
            ("String", &[Double(f64::NAN)], Err("json: unsupported value: NaN")),
            ("String", &[Bool(false)], Ok(s("false"))),
            ("String", &[b(&[123])], Ok(s("7b"))),
            ("String", &[m([("b", Bool(true)), ("a", Nil)])], Ok(s(r#"{"a":null,"b":true}"#))),
            ("String", &[l([Int(1), s("x<y"), b(b"hi")])], Ok(s(r#"[1,"x\u003cy","aGk="]"#))),
            ("String", &[TIME], Ok(s("\"1970-01-01T00:00:00Z\""))),
            ("String", &[Duration(1_500)], Ok(s("1500"))),
            ("String", &[Nil], Ok(Nil)),
            ("Hex", &[s("1")], Ok(s("31"))),
            ("Hex", &[Int(12)], Ok(s("000000000000000c"))),
            ("Hex", &[Double(1.1)], Ok(s("3ff199999999999a"))),
            ("Hex", &[Bool(true)], Ok(s("01"))),
            ("Hex", &[b(&[2, 0xff])], Ok(s("02ff"))),
            ("Hex", &[Nil], Ok(s(""))),
            ("Hex", &[l([])], Err("unsupported type: pcommon.Slice")),
        ]);
    }

    #[test]
    fn tells_types() {
        let values =
            [Nil, Bool(true), Int(1), Double(1.0), s("1"), b(b"1"), l([Int(1)]), m([("k", Int(1))]), TIME, Duration(1)];
        let names = ["", "IsBool", "IsInt", "IsDouble", "IsString", "", "IsList", "IsMap", "", ""];
        for name in names.iter().filter(|name| !name.is_empty()) {
            for (value, kind) in values.iter().zip(names) {
                check(&[(name, std::slice::from_ref(value), Ok(Bool(*name == kind)))]);
            }
        }
    }

    #[test]
    fn tells_emptiness() {
        let year_one = Value::Time(Time { unix_ns: -62_135_596_800_000_000_000, offset_seconds: 0 });
        for value in [
            Nil,
            Bool(false),
            Int(0),
            Double(0.0),
            s(""),
            b(b""),
            b(&[0; 16]),
            b(&[0; 8]),
            l([]),
            m([]),
            year_one,
            Duration(0),
        ] {
            check(&[("IsEmpty", &[value], Ok(Bool(true)))]);
        }
        for value in
            [Bool(true), Int(1), Double(-0.0), s(" "), b(&[0]), b(&[1; 8]), l([Nil]), m([("", Nil)]), TIME, Duration(1)]
        {
            check(&[("IsEmpty", &[value], Ok(Bool(false)))]);
        }
    }

    #[test]
    fn measures() {
        check(&[
            ("Len", &[s("é!")], Ok(Int(3))),
            ("Len", &[l([Int(1), Nil])], Ok(Int(2))),
            ("Len", &[m([("a", Nil)])], Ok(Int(1))),
            ("Len", &[b(b"abcd")], Ok(Int(4))),
            ("Len", &[Int(24)], Err("target arg must be of type string, bytes, slice or map, not int64")),
            ("Len", &[Nil], Err("not nil")),
            ("Log", &[Double(1.0)], Ok(Double(0.0))),
            ("Log", &[s("2.718281828459045")], Ok(Double(1.0))),
            ("Log", &[Bool(true)], Ok(Double(0.0))),
            ("Log", &[Int(10)], Ok(Double(10f64.ln()))),
            ("Log", &[Int(0)], Err("must be greater than zero")),
            ("Log", &[Double(f64::NAN)], Err("must be greater than zero")),
            ("Log", &[s("x")], Err("invalid syntax")),
            ("Log", &[Nil], Err("nil")),
        ]);
    }
}
