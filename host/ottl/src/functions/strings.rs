//! Strings: their case, their parts, joining and splitting them.

use std::borrow::Cow;

use super::arguments::{int, list, owned, part, string};
use super::text::text_of;
use super::{Function, Literals, Made, Parameter, pure};
use crate::Value;

mod case;

/// What is a string, taken apart or put together.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "Concat",
        parameters: &[Parameter::required("vals"), Parameter::required("delimiter")],
        make: |_| pure(concat),
    },
    Function {
        name: "ConvertCase",
        parameters: &[Parameter::required("target"), Parameter::literal("toCase")],
        make: convert_case,
    },
    Function {
        name: "HasPrefix",
        parameters: &[Parameter::required("target"), Parameter::required("prefix")],
        make: |_| pure(|a| Ok(Value::Bool(string(&a[0])?.starts_with(&**string(&a[1])?)))),
    },
    Function {
        name: "HasSuffix",
        parameters: &[Parameter::required("target"), Parameter::required("suffix")],
        make: |_| pure(|a| Ok(Value::Bool(string(&a[0])?.ends_with(&**string(&a[1])?)))),
    },
    Function {
        name: "Split",
        parameters: &[Parameter::required("target"), Parameter::required("delimiter")],
        make: |_| pure(split),
    },
    Function {
        name: "Substring",
        parameters: &[
            Parameter::required("target"),
            Parameter::required("start"),
            Parameter::required("length"),
            Parameter::optional_literal("utf8Safe"),
        ],
        make: |literals| {
            let utf8_safe = literals.boolean(3)?.unwrap_or_default();
            pure(move |arguments| substring(arguments, utf8_safe))
        },
    },
    Function {
        name: "ToCamelCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(|text| owned(case::camel(text)))),
    },
    Function {
        name: "ToLowerCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(lower)),
    },
    Function {
        name: "ToSnakeCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(|text| owned(case::snake(text)))),
    },
    Function {
        name: "ToUpperCase",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| string(&a[0]).map(upper)),
    },
    Function {
        name: "Trim",
        parameters: &[Parameter::required("target"), Parameter::optional_literal("replacement")],
        make: |literals| {
            let cut: Vec<char> = literals.text(1)?.unwrap_or(" ").chars().collect();
            pure(move |a| trim(&a[0], &cut))
        },
    },
    Function {
        name: "TrimPrefix",
        parameters: &[Parameter::required("target"), Parameter::required("prefix")],
        make: |_| {
            pure(|a| {
                let (text, prefix) = (string(&a[0])?, string(&a[1])?);
                let start = if text.starts_with(&**prefix) { prefix.len() } else { 0 };
                Ok(part(text, start..text.len()))
            })
        },
    },
    Function {
        name: "TrimSuffix",
        parameters: &[Parameter::required("target"), Parameter::required("suffix")],
        make: |_| {
            pure(|a| {
                let (text, suffix) = (string(&a[0])?, string(&a[1])?);
                Ok(part(text, 0..text.strip_suffix(&**suffix).unwrap_or(text).len()))
            })
        },
    },
];

/// The texts of values, nothing being `<nil>`, with a delimiter between them.
fn concat<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let delimiter = string(&arguments[1])?;
    let mut joined = String::new();
    for (index, value) in list(&arguments[0])?.iter().enumerate() {
        if index > 0 {
            joined.push_str(delimiter);
        }
        joined.push_str(&text_of(value)?.unwrap_or(Cow::Borrowed("<nil>")));
    }
    Ok(owned(joined))
}

fn convert_case(literals: &Literals<'_>) -> Made {
    let convert: for<'v, 'a> fn(&'v Cow<'a, str>) -> Value<'a> = match literals.text(1)?.unwrap_or_default() {
        "lower" => lower,
        "upper" => upper,
        "snake" => |text| owned(case::snake(text)),
        "camel" => |text| owned(case::camel(text)),
        other => return Err(format!("invalid case: {other}, allowed cases are: lower, upper, snake, camel")),
    };
    pure(move |a| string(&a[0]).map(convert))
}

/// Nothing is allocated for a text that is in lower case.
fn lower<'a>(text: &Cow<'a, str>) -> Value<'a> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => owned(case::lower(text)),
        false => Value::Str(text.clone()),
    }
}

fn upper<'a>(text: &Cow<'a, str>) -> Value<'a> {
    match text.bytes().any(|byte| byte.is_ascii_lowercase() || !byte.is_ascii()) {
        true => owned(case::upper(text)),
        false => Value::Str(text.clone()),
    }
}

/// Without a delimiter, the characters.
fn split<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (text, delimiter) = (string(&arguments[0])?, string(&arguments[1])?);
    let piece = |piece: &str| {
        let start = piece.as_ptr().addr() - text.as_ptr().addr();
        part(text, start..start + piece.len())
    };
    Ok(Value::List(match delimiter.is_empty() {
        true => text.char_indices().map(|(start, c)| part(text, start..start + c.len_utf8())).collect(),
        false => text.split(&**delimiter).map(piece).collect(),
    }))
}

/// `length` bytes from `start`. Where Go would cut through a character, so that the result is no UTF-8, what is left of it reads
/// as a replacement character; `utf8Safe` leaves it out.
fn substring<'a>(arguments: &[Value<'a>], utf8_safe: bool) -> Result<Value<'a>, String> {
    let (text, start, length) = (string(&arguments[0])?, int(&arguments[1])?, int(&arguments[2])?);
    if start < 0 {
        return Err(format!("invalid start for substring function, {start} cannot be negative"));
    }
    if length <= 0 {
        return Err(format!("invalid length for substring function, {length} cannot be negative or zero"));
    }
    let range = usize::try_from(start).ok().zip(usize::try_from(length).ok());
    let range =
        range.and_then(|(start, length)| Some(start..start.checked_add(length).filter(|&end| end <= text.len())?));
    let Some(range) = range else {
        return Err(format!(
            "invalid range for substring function, start({start})+length({length}) cannot be greater than the length of target \
             string({})",
            text.len()
        ));
    };
    if utf8_safe {
        let (start, end) = (text.ceil_char_boundary(range.start), text.floor_char_boundary(range.end));
        return Ok(part(text, start..end.max(start)));
    }
    match text.is_char_boundary(range.start) && text.is_char_boundary(range.end) {
        true => Ok(part(text, range)),
        false => Ok(owned(String::from_utf8_lossy(&text.as_bytes()[range]))),
    }
}

/// Cuts characters of a set off both ends.
fn trim<'a>(text: &Value<'a>, cut: &[char]) -> Result<Value<'a>, String> {
    let text = string(text)?;
    let start = text.len() - text.trim_start_matches(cut).len();
    let end = text.trim_end_matches(cut).len();
    Ok(part(text, start..end.max(start)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{b, check, l, m, s};
    use crate::Value::{Bool, Double, Int, Nil};
    use crate::{Time, Value};

    #[test]
    fn joins() {
        let time = Value::Time(Time { unix_ns: 1_500_000_000, offset_seconds: 0 });
        check(&[
            ("Concat", &[l([s("GET"), s("/cart")]), s(": ")], Ok(s("GET: /cart"))),
            ("Concat", &[l([s("orders"), Int(1)]), s(" ")], Ok(s("orders 1"))),
            ("Concat", &[l([]), s(",")], Ok(s(""))),
            ("Concat", &[l([Nil, Bool(true), Double(1.5), Double(2.0)]), s(",")], Ok(s("<nil>,true,1.5,2"))),
            (
                "Concat",
                &[l([b(&[0, 0xab]), Value::Duration(7), time]), s("|")],
                Ok(s("00ab|7|\"1970-01-01T00:00:01.5Z\"")),
            ),
            ("Concat", &[l([l([Int(1), s("a")]), m([("k", s("v"))])]), s("")], Ok(s("[1,\"a\"]{\"k\":\"v\"}"))),
            ("Concat", &[l([s("a")]), Int(1)], Err("expected string but got int64")),
            ("Concat", &[s("a"), s("")], Err("expected pcommon.Slice but got string")),
        ]);
    }

    #[test]
    fn converts_case() {
        check(&[
            ("ConvertCase", &[s("HTTPRequest_Count"), s("lower")], Ok(s("httprequest_count"))),
            ("ConvertCase", &[s("mY-mEtric é"), s("upper")], Ok(s("MY-METRIC É"))),
            ("ConvertCase", &[s("orderTotal"), s("snake")], Ok(s("order_total"))),
            ("ConvertCase", &[s("order_total"), s("camel")], Ok(s("OrderTotal"))),
            ("ConvertCase", &[s(""), s("camel")], Ok(s(""))),
            (
                "ConvertCase",
                &[s("a"), s("title")],
                Err("invalid case: title, allowed cases are: lower, upper, snake, camel"),
            ),
            ("ConvertCase", &[Nil, s("lower")], Err("expected string but got nil")),
            ("ToLowerCase", &[s("ABC")], Ok(s("abc"))),
            ("ToUpperCase", &[s("abc")], Ok(s("ABC"))),
            ("ToSnakeCase", &[s("JSONData")], Ok(s("json_data"))),
            ("ToCamelCase", &[s("json-data")], Ok(s("JsonData"))),
            ("ToLowerCase", &[Int(1)], Err("expected string but got int64")),
            ("ToUpperCase", &[Nil], Err("expected string but got nil")),
            ("ToSnakeCase", &[Bool(true)], Err("expected string but got bool")),
            ("ToCamelCase", &[Nil], Err("expected string but got nil")),
        ]);
    }

    #[test]
    fn looks_at_ends() {
        check(&[
            ("HasPrefix", &[s("ingest_orders"), s("ingest_")], Ok(Bool(true))),
            ("HasPrefix", &[s("orders"), s("ingest_")], Ok(Bool(false))),
            ("HasPrefix", &[s("orders"), s("")], Ok(Bool(true))),
            ("HasPrefix", &[Nil, s("a")], Err("expected string but got nil")),
            ("HasSuffix", &[s("orders_v1"), s("_v1")], Ok(Bool(true))),
            ("HasSuffix", &[s("orders"), s("_v1")], Ok(Bool(false))),
            ("HasSuffix", &[s("orders"), Int(1)], Err("expected string but got int64")),
            ("TrimPrefix", &[s("ingest_orders"), s("ingest_")], Ok(s("orders"))),
            ("TrimPrefix", &[s("orders"), s("ingest_")], Ok(s("orders"))),
            ("TrimPrefix", &[s("aab"), s("a")], Ok(s("ab"))),
            ("TrimPrefix", &[Int(1), s("a")], Err("expected string but got int64")),
            ("TrimSuffix", &[s("orders_v1"), s("_v1")], Ok(s("orders"))),
            ("TrimSuffix", &[s("orders"), s("_v1")], Ok(s("orders"))),
            ("TrimSuffix", &[s("a"), Nil], Err("expected string but got nil")),
            ("Trim", &[s("  a b  ")], Ok(s("a b"))),
            ("Trim", &[s("\ta ")], Ok(s("\ta"))),
            ("Trim", &[s("!!a!b!?"), s("?!")], Ok(s("a!b"))),
            ("Trim", &[s("éaé"), s("é")], Ok(s("a"))),
            ("Trim", &[s("xxx"), s("x")], Ok(s(""))),
            ("Trim", &[s("xxx"), s("")], Ok(s("xxx"))),
            ("Trim", &[s("xxx"), Int(1)], Err("must be a string")),
            ("Trim", &[Nil], Err("expected string but got nil")),
        ]);
    }

    #[test]
    fn takes_parts() {
        check(&[
            ("Split", &[s("a|b|c"), s("|")], Ok(l([s("a"), s("b"), s("c")]))),
            ("Split", &[s("a"), s("|")], Ok(l([s("a")]))),
            ("Split", &[s(""), s("|")], Ok(l([s("")]))),
            ("Split", &[s("aé"), s("")], Ok(l([s("a"), s("é")]))),
            ("Split", &[s("||"), s("||")], Ok(l([s(""), s("")]))),
            ("Split", &[Int(1), s("|")], Err("expected string but got int64")),
            ("Substring", &[s("12345"), Int(0), Int(3)], Ok(s("123"))),
            ("Substring", &[s("12345"), Int(3), Int(2)], Ok(s("45"))),
            ("Substring", &[s("12345"), Int(3), Int(3)], Err("start(3)+length(3) cannot be greater than the length")),
            ("Substring", &[s("12345"), Int(1), Int(i64::MAX)], Err("cannot be greater than the length")),
            ("Substring", &[s("12345"), Int(-1), Int(3)], Err("invalid start for substring function, -1")),
            ("Substring", &[s("12345"), Int(0), Int(0)], Err("invalid length for substring function, 0")),
            ("Substring", &[s("一二三"), Int(0), Int(4), Bool(true)], Ok(s("一"))),
            ("Substring", &[s("一二三"), Int(1), Int(5), Bool(true)], Ok(s("二"))),
            ("Substring", &[s("一二三"), Int(1), Int(1), Bool(true)], Ok(s(""))),
            ("Substring", &[s("一二三"), Int(0), Int(4)], Ok(s("一\u{fffd}"))),
            ("Substring", &[s("abc"), s("1"), Int(4)], Err("expected int64 but got string")),
            ("Substring", &[Nil, Int(0), Int(1)], Err("expected string but got nil")),
        ]);
    }

    #[test]
    fn borrows_what_it_can() {
        use super::super::testing::call_made;
        use super::super::{Argument, Literals, find};
        use std::borrow::Cow;
        let request = String::from("  ab  ");
        for (name, arguments) in [
            ("Trim", vec![]),
            ("TrimPrefix", vec![s(" ")]),
            ("TrimSuffix", vec![s(" ")]),
            ("Substring", vec![Int(1), Int(2)]),
            ("ToLowerCase", vec![]),
            ("String", vec![]),
        ] {
            let function = find(name).expect("a converter");
            let given = vec![Argument::Absent; function.parameters.len()];
            let converter = (function.make)(&Literals(&given)).expect("made");
            let mut values = vec![Value::Str(Cow::Borrowed(&request))];
            values.extend(arguments);
            values.resize(function.parameters.len(), Nil);
            let value = call_made(&*converter, &values).expect("a value");
            assert!(matches!(value, Value::Str(Cow::Borrowed(_))), "{name}: {value:?}");
        }
    }
}
