//! Formats, with what Go's `fmt.Sprintf` makes of them.

use super::super::testing::{b, call, check, l, m, s};
use crate::Value;
use crate::Value::{Bool, Double, Duration, Int, Nil};

#[test]
fn prints_as_go_does() {
    let cases: &[(&str, Vec<Value<'static>>, &str)] = &[
        ("%02d", vec![Int(7)], "07"),
        ("%04d-%02d-%02d", vec![Int(2023), Int(5), Int(6)], "2023-05-06"),
        ("%s/%s.log", vec![s("a"), s("b")], "a/b.log"),
        ("100%%", vec![], "100%"),
        ("%d|%5d|%-5d|%+d|% d|%05d", vec![Int(42); 6], "42|   42|42   |+42| 42|00042"),
        ("%d|%05d|%.3d|%.0d|%6.3d", vec![Int(-42), Int(-42), Int(7), Int(0), Int(-7)], "-42|-0042|007||  -007"),
        ("%b %o %O %x %X %#x %#o %#b", vec![Int(10); 8], "1010 12 0o12 a A 0xa 012 0b1010"),
        ("%x %d", vec![Int(-255), Int(i64::MIN)], "-ff -9223372036854775808"),
        ("%c %q %U %#U", vec![Int(0x4e16); 4], "世 '世' U+4E16 U+4E16 '世'"),
        (
            "%f %.2f %8.3f %-8.1f| %+.1f %08.3f",
            vec![Double(3.141_57); 6],
            "3.141570 3.14    3.142 3.1     | +3.1 0003.142",
        ),
        ("%e %.2e %E %g %G", vec![Double(123_456.789); 5], "1.234568e+05 1.23e+05 1.234568E+05 123456.789 123456.789"),
        (
            "%g %g %g %g %.3g %.3g",
            vec![Double(1e21), Double(1e20), Double(1e-5), Double(0.0001), Double(1234.5), Double(0.5)],
            "1e+21 1e+20 1e-05 0.0001 1.23e+03 0.5",
        ),
        ("%v %v %v", vec![Double(100_000.0), Double(1e6), Double(2.5)], "100000 1e+06 2.5"),
        (
            "%v %f %+v %6.1f",
            vec![Double(f64::NAN), Double(f64::INFINITY), Double(f64::INFINITY), Double(f64::NEG_INFINITY)],
            "NaN +Inf +Inf   -Inf",
        ),
        (
            "%s|%5s|%-5s|%.2s|%q|%x|%X|% x|%#x",
            vec![s("héy"); 9],
            "héy|  héy|héy  |hé|\"héy\"|68c3a979|68C3A979|68 c3 a9 79|0x68c3a979",
        ),
        ("%v %s %x %d", vec![b(b"hi"), b(b"hi"), b(b"hi"), b(b"hi")], "[104 105] hi 6869 [104 105]"),
        ("%t %v %5t", vec![Bool(true), Bool(false), Bool(true)], "true false  true"),
        ("%v %v", vec![l([Int(1), s("a")]), m([("k", Bool(true)), ("a", Int(1))])], "[1 a] map[a:1 k:true]"),
        ("%03d %d", vec![l([Int(1), s("a")]), m([])], "[001 %!d(string=a)] map[]"),
        (
            "%s",
            vec![Value::Time(crate::Time { unix_ns: 1_500_000_000, offset_seconds: 0 })],
            "1970-01-01 00:00:01.5 +0000 UTC",
        ),
        ("%v %g %v", vec![Double(1_234_567.0), Double(1_234_567.0), Double(1e20)], "1.234567e+06 1.234567e+06 1e+20"),
        ("%06.2f|%+06d|%05s", vec![Double(-1.5), Int(42), s("héy")], "-01.50|+00042|00héy"),
        ("%[2]*[1]d %[1]d", vec![Int(12), Int(5)], "   12 12"),
        ("%.d|%5%|%!", vec![Int(42)], "42|%|%!!(MISSING)"),
        ("%[1", vec![Int(42)], "%!(NOVERB)%!(EXTRA int64=42)"),
        ("%v %s %d", vec![Duration(5_430_500_000_000), Duration(1_500), Duration(7)], "1h30m30.5s 1.5µs 7"),
        ("%T %T %T %T", vec![s(""), Int(1), Double(1.0), Nil], "string int64 float64 <nil>"),
        ("%v|%5v|%d", vec![Nil, Nil, Nil], "<nil>|<nil>|%!d(<nil>)"),
        ("%[2]s %[1]s", vec![s("a"), s("b")], "b a"),
        ("%[3]d", vec![Int(1)], "%!d(BADINDEX)"),
        ("%*d|%-*d|%.*f", vec![Int(5), Int(1), Int(3), Int(2), Int(1), Double(1.25)], "    1|2  |1.2"),
        ("%d", vec![s("hi")], "%!d(string=hi)"),
        ("%s", vec![Int(1)], "%!s(int64=1)"),
        ("%s", vec![Double(1.5)], "%!s(float64=1.5)"),
        ("%z", vec![Bool(true)], "%!z(bool=true)"),
        ("%d %d", vec![Int(1)], "1 %!d(MISSING)"),
        ("%d", vec![Int(1), s("x"), Nil], "1%!(EXTRA string=x, <nil>)"),
        ("%", vec![], "%!(NOVERB)"),
        ("%*d", vec![s("x"), Int(1)], "%!(BADWIDTH)1"),
        ("%.*d", vec![Int(-1), Int(1)], "%!(BADPREC)1"),
        ("é%dé", vec![Int(1)], "é1é"),
    ];
    for (format, values, expected) in cases {
        assert_eq!(call("Format", &[s(format), l(values.clone())]), Ok(Value::Str((*expected).into())), "{format}");
    }
}

#[test]
fn has_bounds() {
    check(&[
        ("Format", &[s("%*d"), l([Int(1_000_000), Int(1)])], Ok(s("%!(BADWIDTH)1"))),
        ("Format", &[s("%99999d"), l([Int(1)])], Ok(s("%!(BADWIDTH)1"))),
        ("Format", &[s("%.*f"), l([Int(i64::MAX), Double(1.5)])], Ok(s("%!(BADPREC)1.500000"))),
        ("Format", &[s("%d"), Int(1)], Err("expected pcommon.Slice but got int64")),
        ("Format", &[Int(1), l([])], Err("must be a string")),
    ]);
}

#[test]
fn durations_print_as_go_does() {
    for (ns, text) in [
        (0, "0s"),
        (1, "1ns"),
        (-1_100, "-1.1µs"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (245_000_000_000, "4m5s"),
        (245_001_000_000, "4m5.001s"),
        (18_367_001_000_000, "5h6m7.001s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(super::verbs::go_duration(ns), text);
    }
}

proptest::proptest! {
    #[test]
    fn takes_any_format(format in "[%+# 0-9.*\\[\\]a-zA-Zé-]{0,12}") {
        let values = [Int(-7), Double(2.5), Value::Str("é".into()), Bool(true), Nil];
        let text = super::print(&super::pieces(&format), &values);
        proptest::prop_assert!(text.len() < 200_000);
    }
}
