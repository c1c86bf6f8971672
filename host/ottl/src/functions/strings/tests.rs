//! Calls of the converters of strings.

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
        ("Concat", &[l([b(&[0, 0xab]), Value::Duration(7), time]), s("|")], Ok(s("00ab|7|\"1970-01-01T00:00:01.5Z\""))),
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
