//! Points in time and spans of time.

mod civil;
mod duration;
mod format;
mod go;
mod layout;
mod names;
mod parse;
mod pieces;
mod zone;

pub(super) use civil::Civil;

use civil::NS_PER_SECOND;
use layout::Layout;
use zone::Zone;

use super::arguments::{duration, int, owned, string, time};
use super::{Function, Literals, Made, Parameter, made, pure};
use crate::{Time, Value};

/// Times from text and numbers and back, and their parts.
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "Day", parameters: TIME, make: |_| date_part(|civil| civil.day.into()) },
    Function {
        name: "Duration",
        parameters: &[Parameter::required("duration")],
        make: |_| pure(|a| duration::parse(string(&a[0])?).map(Value::Duration)),
    },
    Function {
        name: "FormatTime",
        parameters: &[Parameter::required("time"), Parameter::literal("format")],
        make: format_time,
    },
    Function { name: "Hour", parameters: TIME, make: |_| date_part(|civil| civil.hour.into()) },
    Function { name: "Hours", parameters: DURATION, make: |_| fraction(3_600_000_000_000) },
    Function { name: "Microseconds", parameters: DURATION, make: |_| whole(1_000) },
    Function { name: "Milliseconds", parameters: DURATION, make: |_| whole(1_000_000) },
    Function { name: "Minute", parameters: TIME, make: |_| date_part(|civil| civil.minute.into()) },
    Function { name: "Minutes", parameters: DURATION, make: |_| fraction(60_000_000_000) },
    Function { name: "Month", parameters: TIME, make: |_| date_part(|civil| civil.month.into()) },
    Function { name: "Nanosecond", parameters: TIME, make: |_| date_part(|civil| civil.nanosecond.into()) },
    Function { name: "Nanoseconds", parameters: DURATION, make: |_| whole(1) },
    Function {
        name: "Now",
        parameters: &[],
        make: |_| made(|_, world| Ok(Value::Time(Time { unix_ns: world.now_unix_ns.into(), offset_seconds: 0 }))),
    },
    Function { name: "Second", parameters: TIME, make: |_| date_part(|civil| civil.second.into()) },
    Function { name: "Seconds", parameters: DURATION, make: |_| fraction(1_000_000_000) },
    Function {
        name: "Time",
        parameters: &[
            Parameter::required("time"),
            Parameter::literal("format"),
            Parameter::optional_literal("location"),
            Parameter::optional_literal("locale"),
        ],
        make: parse_time,
    },
    Function {
        name: "TruncateTime",
        parameters: &[Parameter::required("time"), Parameter::required("duration")],
        make: |_| pure(|a| Ok(Value::Time(truncate(time(&a[0])?, duration(&a[1])?)))),
    },
    Function {
        name: "Unix",
        parameters: &[Parameter::required("seconds"), Parameter::optional("nanoseconds")],
        make: |_| pure(unix),
    },
    Function { name: "UnixMicro", parameters: TIME, make: |_| since_epoch(1_000) },
    Function { name: "UnixMilli", parameters: TIME, make: |_| since_epoch(1_000_000) },
    Function { name: "UnixNano", parameters: TIME, make: |_| since_epoch(1) },
    Function { name: "UnixSeconds", parameters: TIME, make: |_| since_epoch(NS_PER_SECOND) },
    Function { name: "Weekday", parameters: TIME, make: |_| date_part(|civil| civil.weekday().into()) },
    Function { name: "Year", parameters: TIME, make: |_| date_part(|civil| civil.year) },
];

const TIME: &[Parameter] = &[Parameter::required("time")];
const DURATION: &[Parameter] = &[Parameter::required("duration")];

/// By the clock of the location that the time was read in.
fn date_part(part: fn(Civil) -> i64) -> Made {
    pure(move |a| Ok(Value::Int(part(Civil::of(time(&a[0])?)))))
}

/// How many whole units a duration has.
fn whole(unit_ns: i64) -> Made {
    pure(move |a| Ok(Value::Int(duration(&a[0])? / unit_ns)))
}

/// A duration in units: the whole ones and the rest apart, as Go adds them.
fn fraction(unit_ns: i64) -> Made {
    pure(move |a| {
        let ns = duration(&a[0])?;
        Ok(Value::Double((ns / unit_ns) as f64 + (ns % unit_ns) as f64 / unit_ns as f64))
    })
}

/// Whole units since 1970, towards the past.
fn since_epoch(unit_ns: i128) -> Made {
    pure(move |a| {
        let unix_ns = time(&a[0])?.unix_ns;
        let units = i64::try_from(unix_ns.div_euclid(unit_ns));
        units.map(Value::Int).map_err(|_| format!("a time of {unix_ns} ns since 1970 does not fit into an int64"))
    })
}

fn unix<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let seconds = int(&arguments[0])?;
    let nanoseconds = match &arguments[1] {
        Value::Nil => 0,
        other => int(other)?,
    };
    let unix_ns = i128::from(seconds) * NS_PER_SECOND + i128::from(nanoseconds);
    Ok(Value::Time(Time { unix_ns, offset_seconds: 0 }))
}

/// Down to a multiple of the duration since the year 1, as in Go: weeks begin on Mondays.
fn truncate(time: Time, ns: i64) -> Time {
    match ns > 0 {
        true => {
            let since = time.unix_ns - Civil::midnight(1, 1, 1).at_offset(0).unix_ns;
            Time { unix_ns: time.unix_ns - since.rem_euclid(ns.into()), ..time }
        }
        false => time,
    }
}

/// As Go prints a time.
pub(super) fn go_text(time: Time) -> String {
    Layout::new("2006-01-02 15:04:05.999999999 -0700 MST").map(|layout| layout.format(time)).unwrap_or_default()
}

fn layout_of(literals: &Literals<'_>) -> Result<Layout, String> {
    match literals.text(1)?.unwrap_or_default() {
        "" => Err("format cannot be nil".to_owned()),
        format => Layout::new(format),
    }
}

fn format_time(literals: &Literals<'_>) -> Made {
    let layout = layout_of(literals)?;
    pure(move |a| Ok(owned(layout.format(time(&a[0])?))))
}

/// Without a location a time that names no zone is of UTC: there is no local time in a plugin.
fn parse_time(literals: &Literals<'_>) -> Made {
    let layout = layout_of(literals)?;
    let zone = match literals.text(2)? {
        None | Some("") => Zone::utc(),
        Some(name) => Zone::named(name)?,
    };
    let names = names::of(literals.text(3)?.unwrap_or("en"))?;
    made(move |a, world| {
        let text = string(&a[0])?;
        if text.is_empty() {
            return Err("time cannot be nil".to_owned());
        }
        layout.parse(text, &zone, names, world.now_unix_ns).map(Value::Time)
    })
}

#[cfg(test)]
mod tests;
