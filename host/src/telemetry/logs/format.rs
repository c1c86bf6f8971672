//! The two formats of a line.

use std::fmt::Write as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};
use tracing::Level;

use crate::telemetry::clock;

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
        out.push_str(&clock::iso8601(now));
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
    use super::*;

    #[test]
    fn callers_are_shortened() {
        assert_eq!(short("host/src/exporters/debug.rs"), "exporters/debug.rs");
        assert_eq!(short("main.rs"), "main.rs");
    }
}
