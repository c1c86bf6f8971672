//! Calls of the converters of times.

use super::super::testing::{NOW_UNIX_NS, call, check, s};
use super::*;
use crate::Value::{Double, Duration, Int, Nil};

fn t(unix_s: i64, nanoseconds: i128, offset_seconds: i32) -> Value<'static> {
    Value::Time(Time { unix_ns: i128::from(unix_s) * NS_PER_SECOND + nanoseconds, offset_seconds })
}

#[test]
fn reads_times() {
    check(&[
        ("Time", &[s("2023-04-12"), s("%Y-%m-%d")], Ok(t(1_681_257_600, 0, 0))),
        ("Time", &[s("02/04/2023"), s("%m/%d/%Y")], Ok(t(1_675_468_800, 0, 0))),
        ("Time", &[s("Feb 15, 2023"), s("%b %d, %Y")], Ok(t(1_676_419_200, 0, 0))),
        ("Time", &[s("2023-05-26 12:34:56 HST"), s("%Y-%m-%d %H:%M:%S %Z")], Ok(t(1_685_140_496, 0, -36_000))),
        ("Time", &[s("1986-10-01T00:17:33 MST"), s("%Y-%m-%dT%H:%M:%S %Z")], Ok(t(528_535_053, 0, -25_200))),
        ("Time", &[s("2012-11-01T22:08:41+0000 EST"), s("%Y-%m-%dT%H:%M:%S%z %Z")], Ok(t(1_351_807_721, 0, 0))),
        (
            "Time",
            &[s("2023-05-26 12:34:56"), s("%Y-%m-%d %H:%M:%S"), s("America/New_York")],
            Ok(t(1_685_118_896, 0, -14_400)),
        ),
        (
            "Time",
            &[s("2023-05-26 12:34:56 EST"), s("%Y-%m-%d %H:%M:%S %Z"), s("America/New_York")],
            Ok(t(1_685_122_496, 0, -14_400)),
        ),
        ("Time", &[s("2023-05-26 12:34:56 GMT+3"), s("%F %T %Z")], Ok(t(1_685_093_696, 0, 10_800))),
        ("Time", &[s("2023-05-26T12:34:56.789Z"), s("%Y-%m-%dT%H:%M:%S.%LZ")], Ok(t(1_685_104_496, 789_000_000, 0))),
        ("Time", &[s("2023-05-26T12:34:56,123456789"), s("%FT%T")], Ok(t(1_685_104_496, 123_456_789, 0))),
        ("Time", &[s("2023-05-26T12:34:56+05:30"), s("2006-01-02T15:04:05Z07:00")], Ok(t(1_685_084_696, 0, 19_800))),
        ("Time", &[s("26 5 23  1:04:09 pm"), s("%g %q %y %l:%M:%S %P")], Ok(t(1_685_106_249, 0, 0))),
        ("Time", &[s("12:00:00 AM Monday May  1 2023"), s("%I:%M:%S %p %A %B %e %Y")], Ok(t(1_682_899_200, 0, 0))),
        ("Time", &[s("2024 366"), s("2006 002")], Ok(t(1_735_603_200, 0, 0))),
        ("Time", &[s("0001-01-01"), s("%F")], Ok(t(-62_135_596_800, 0, 0))),
        ("Time", &[s("9999-12-31"), s("%F")], Ok(t(253_402_214_400, 0, 0))),
        ("Time", &[s("mercoledì set 4 2024"), s("%A %h %e %Y"), s(""), s("it")], Ok(t(1_725_408_000, 0, 0))),
        (
            "Time",
            &[s("Febrero 25 lunes, 2002, 02:03:04 p.m."), s("%B %d %A, %Y, %r"), s("America/New_York"), s("es-ES")],
            Ok(t(1_014_663_784, 0, -18_000)),
        ),
    ]);
}

/// Now is 2023-05-26T12:34:56.
#[test]
fn completes_times() {
    check(&[
        ("Time", &[s("May 26 12:00:00"), s("%b %d %H:%M:%S")], Ok(t(1_685_102_400, 0, 0))),
        ("Time", &[s("Jun  2 12:00:00"), s("%b %e %H:%M:%S")], Ok(t(1_685_707_200, 0, 0))),
        ("Time", &[s("Jun  3 12:00:00"), s("%b %e %H:%M:%S")], Ok(t(1_654_257_600, 0, 0))),
        ("Time", &[s("01:02:03"), s("%H:%M:%S")], Ok(t(1_685_062_923, 0, 0))),
    ]);
}

#[test]
fn says_what_is_wrong() {
    check(&[
        ("Time", &[s("2023-13-01"), s("%Y-%m-%d")], Err("parsing time \"2023-13-01\": month out of range")),
        ("Time", &[s("2023-02-29"), s("%Y-%m-%d")], Err("parsing time \"2023-02-29\": day out of range")),
        ("Time", &[s("2023 366"), s("%Y 002")], Err("day-of-year out of range")),
        ("Time", &[s("24:00"), s("%H:%M")], Err("hour out of range")),
        ("Time", &[s("2023-5-1"), s("%Y-%m-%d")], Err("as \"%Y-%m-%d\": cannot parse \"5-1\" as \"01\"")),
        ("Time", &[s("2023-05-01x"), s("%Y-%m-%d")], Err("parsing time \"2023-05-01x\": extra text: \"x\"")),
        ("Time", &[s("2023"), s("%Y-%m")], Err("cannot parse \"\" as \"-\"")),
        ("Time", &[s("+2500"), s("%z")], Err("time zone offset hour out of range")),
        ("Time", &[s("2023 PST"), s("%Y %Z")], Err("failed to load location PST: unknown time zone PST")),
        ("Time", &[s("x"), s("%Q")], Err("unsupported ctimefmt.ToNative() directive: %Q")),
        ("Time", &[s("x"), s("%Y"), s("Mars/Base")], Err("failed to load location Mars/Base")),
        ("Time", &[s("x"), s("%Y"), Nil, s("tlh")], Err("unsupported locale 'tlh'")),
        ("Time", &[s("x"), s("")], Err("format cannot be nil")),
        ("Time", &[s(""), s("%Y")], Err("time cannot be nil")),
        ("Time", &[Nil, s("%Y")], Err("expected string but got nil")),
        ("Time", &[s("x"), Int(1)], Err("must be a string")),
    ]);
}

#[test]
fn writes_times() {
    let time = t(1_685_104_496, 7_000_000, 0);
    let india = t(1_685_104_496, 0, 19_800);
    let formats: [(&str, &str); 21] = [
        ("%Y-%m-%dT%H:%M:%S.%LZ", "2023-05-26T12:34:56.007Z"),
        ("%A %h %e %Y", "Friday May 26 2023"),
        ("%a %B %d %y", "Fri May 26 23"),
        ("%o|%q|%g", " 5|5|26"),
        ("%I:%M %p %l%P", "12:34 PM 12pm"),
        ("%D %x %F", "05/26/2023 05/26/2023 2023-05-26"),
        ("%T %X %R %r", "12:34:56 12:34:56 12:34 12:34:56 pm"),
        ("%c", "Fri May 26 12:34:56 2023"),
        ("%z %Z %i %j %k %w", "+0000 UTC +00 +00:00 +00:00:00 +000000"),
        ("%%%n%t", "%\n\t"),
        ("%S.%f", "56.007"),
        ("%S,%s", "56,007"),
        ("05.000", "56.007"),
        ("05.000000", "56.007000"),
        ("2006-01-02T15:04:05Z07:00", "2023-05-26T12:34:56Z"),
        ("__2 002", "146 146"),
        ("Jan _2", "May 26"),
        ("3:4:5", "12:34:56"),
        ("%H%M", "1234"),
        ("at %Y", "at 2023"),
        ("Mondays", "Fridays"),
    ];
    for (format, text) in formats {
        check(&[("FormatTime", &[time.clone(), s(format)], Ok(s(text)))]);
    }
    check(&[
        ("FormatTime", &[india.clone(), s("%H:%M %z %Z")], Ok(s("18:04 +0530 +0530"))),
        ("FormatTime", &[india, s("Z07:00 %j %k %i")], Ok(s("+05:30 +05:30 +05:30:00 +05"))),
        ("FormatTime", &[t(0, 0, -5400), s("%H:%M %z")], Ok(s("22:30 -0130"))),
        ("FormatTime", &[t(1_685_104_496, 0, 0), s("%S.%L")], Ok(s("56"))),
        ("FormatTime", &[time.clone(), s("%Q")], Err("unsupported ctimefmt.ToNative() directive: %Q")),
        ("FormatTime", &[time, s("")], Err("format cannot be nil")),
        ("FormatTime", &[s("x"), s("%Y")], Err("expected time but got string")),
    ]);
}

#[test]
fn takes_times_apart() {
    let time = t(1_685_104_496, 7, 19_800);
    for (name, part) in [
        ("Year", 2023),
        ("Month", 5),
        ("Day", 26),
        ("Hour", 18),
        ("Minute", 4),
        ("Second", 56),
        ("Nanosecond", 7),
        ("Weekday", 5),
        ("UnixSeconds", 1_685_104_496),
        ("UnixMilli", 1_685_104_496_000),
        ("UnixMicro", 1_685_104_496_000_000),
        ("UnixNano", 1_685_104_496_000_000_007),
    ] {
        check(&[
            (name, std::slice::from_ref(&time), Ok(Int(part))),
            (name, &[Int(1)], Err("expected time but got int64")),
            (name, &[Nil], Err("expected time but got nil")),
        ]);
    }
    check(&[
        ("UnixSeconds", &[t(-2, 1, 0)], Ok(Int(-2))),
        ("UnixNano", &[t(253_402_214_400, 0, 0)], Err("does not fit into an int64")),
    ]);
}

#[test]
fn takes_durations_apart() {
    let ns = 5_400_000_001_500;
    check(&[
        ("Nanoseconds", &[Duration(ns)], Ok(Int(ns))),
        ("Microseconds", &[Duration(ns)], Ok(Int(5_400_000_001))),
        ("Milliseconds", &[Duration(ns)], Ok(Int(5_400_000))),
        ("Seconds", &[Duration(ns)], Ok(Double(5_400.000_001_5))),
        ("Minutes", &[Duration(5_400_000_000_000)], Ok(Double(90.0))),
        ("Hours", &[Duration(-5_400_000_000_000)], Ok(Double(-1.5))),
        ("Duration", &[s("1h15m")], Ok(Duration(4_500_000_000_000))),
        ("Duration", &[s("one second")], Err("time: invalid duration \"one second\"")),
        ("Duration", &[Nil], Err("expected string but got nil")),
    ]);
    for name in ["Nanoseconds", "Microseconds", "Milliseconds", "Seconds", "Minutes", "Hours"] {
        check(&[(name, &[s("1h")], Err("expected duration but got string"))]);
    }
}

#[test]
fn makes_times() {
    check(&[
        ("Now", &[], Ok(Value::Time(Time { unix_ns: NOW_UNIX_NS.into(), offset_seconds: 0 }))),
        ("Unix", &[Int(1_672_527_600)], Ok(t(1_672_527_600, 0, 0))),
        ("Unix", &[Int(-1), Int(1_500_000_000)], Ok(t(-1, 1_500_000_000, 0))),
        ("Unix", &[Int(i64::MAX), Int(i64::MAX)], Ok(t(i64::MAX, i64::MAX.into(), 0))),
        ("Unix", &[s("1")], Err("expected int64 but got string")),
        ("Unix", &[Int(1), Double(1.0)], Err("expected int64 but got float64")),
        ("TruncateTime", &[t(1_685_104_496, 7, 60), Duration(1_000_000_000)], Ok(t(1_685_104_496, 0, 60))),
        ("TruncateTime", &[t(1_685_104_496, 7, 0), Duration(3_600_000_000_000)], Ok(t(1_685_102_400, 0, 0))),
        // A week: 2023-05-22 is a Monday.
        ("TruncateTime", &[t(1_685_104_496, 7, 0), Duration(604_800_000_000_000)], Ok(t(1_684_713_600, 0, 0))),
        ("TruncateTime", &[t(-1, 0, 0), Duration(2_000_000_000)], Ok(t(-2, 0, 0))),
        ("TruncateTime", &[t(5, 7, 0), Duration(0)], Ok(t(5, 7, 0))),
        ("TruncateTime", &[t(5, 7, 0), s("1s")], Err("expected duration but got string")),
        ("TruncateTime", &[Int(5), Duration(1)], Err("expected time but got int64")),
    ]);
    // Any time is something to take apart.
    let far = call("Unix", &[Int(i64::MAX)]).expect("a time");
    assert!(call("Year", &[far]).is_ok());
}

proptest::proptest! {
    #[test]
    fn reads_what_it_writes(unix_s in -62_135_596_800i64..253_402_300_799, nanoseconds in 0i128..1_000_000_000) {
        let layout = Layout::new("%Y-%m-%dT%H:%M:%S.%s %z").expect("a layout");
        let time = Time { unix_ns: i128::from(unix_s) * NS_PER_SECOND + nanoseconds, offset_seconds: 3600 };
        proptest::prop_assume!(Civil::of(time).year > 0 && Civil::of(time).year < 10_000);
        let text = layout.format(time);
        proptest::prop_assert_eq!(layout.parse(&text, &Zone::utc(), names::of("en").expect("names"), 0), Ok(time));
    }

    #[test]
    fn takes_any_text(format in "[%A-Za-z0-9 :.,_-]{0,16}", text in "[A-Za-z0-9 :.,+_é-]{0,24}") {
        if let Ok(layout) = Layout::new(&format) {
            for locale in ["en", "fr"] {
                let _ = layout.parse(&text, &Zone::utc(), names::of(locale).expect("names"), NOW_UNIX_NS);
            }
        }
    }
}
