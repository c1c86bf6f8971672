//! The two formats of a line.

use std::fmt::Write as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};
use tracing::Level;

/// One line, before it has a format.
pub(super) struct Line<'a> {
    pub(super) level: Level,
    pub(super) caller: Option<(&'a str, u32)>,
    pub(super) message: &'a str,
    pub(super) common: &'a Map<String, Value>,
    pub(super) fields: &'a Map<String, Value>,
}

impl Line<'_> {
    /// `time <tab> level <tab> file:line <tab> message <tab> fields`.
    pub(super) fn console(&self, now: SystemTime) -> String {
        let mut out = String::with_capacity(256);
        write_time(&mut out, now);
        let _ = write!(out, "\t{}", level_name(self.level));
        if let Some((file, line)) = self.caller {
            let _ = write!(out, "\t{}:{line}", short(file));
        }
        out.push('\t');
        out.push_str(self.message);
        if !self.common.is_empty() || !self.fields.is_empty() {
            out.push('\t');
            let all: Map<_, _> = self.common.iter().chain(self.fields).map(|(k, v)| (k.clone(), v.clone())).collect();
            out.push_str(&spaced(&all));
        }
        out.push('\n');
        out
    }

    /// One JSON object with the collector's keys.
    pub(super) fn json(&self, now: SystemTime) -> String {
        let mut all = Map::new();
        all.insert("level".to_owned(), level_name(self.level).into());
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        all.insert("ts".to_owned(), seconds.into());
        if let Some((file, line)) = self.caller {
            all.insert("caller".to_owned(), format!("{}:{line}", short(file)).into());
        }
        all.insert("msg".to_owned(), self.message.into());
        all.extend(self.common.iter().chain(self.fields).map(|(k, v)| (k.clone(), v.clone())));
        let mut out = Value::Object(all).to_string();
        out.push('\n');
        out
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

/// Folder and file: `exporters/debug.rs`.
fn short(file: &str) -> &str {
    file.rmatch_indices('/').nth(1).map_or(file, |(at, _)| &file[at + 1..])
}

/// ISO 8601 with milliseconds, in UTC.
fn write_time(out: &mut String, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = ((since.as_secs() / 86_400) as i64, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second, milli) = (second / 3600, second / 60 % 60, second % 60, since.subsec_millis());
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// JSON with a blank after colons and commas, as the collector's console has it.
fn spaced(fields: &Map<String, Value>) -> String {
    let mut out = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Spaced);
    if fields.serialize(&mut serializer).is_err() {
        out.clear();
    }
    String::from_utf8(out).unwrap_or_default()
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_read_as_iso_8601() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_544_712_660_001, "2018-12-13T14:51:00.001Z"),
        ];
        for (millis, want) in cases {
            let mut out = String::new();
            write_time(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(out, want);
        }
    }

    #[test]
    fn callers_are_shortened() {
        assert_eq!(short("host/src/exporters/debug.rs"), "exporters/debug.rs");
        assert_eq!(short("main.rs"), "main.rs");
    }
}
