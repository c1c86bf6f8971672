//! `tailrace capture`: a recording of what a running host decides.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::config::types::Duration;
use crate::console;
use crate::recording::{Content, Reader, Rule, Trailer, With};
use crate::remote::Admin;

/// `tailrace capture`.
#[derive(Debug, Args)]
pub struct Capture {
    #[command(flatten)]
    admin: Admin,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Which `tail_sampling` processor; may be left out if there is one.
    #[arg(long, value_name = "ID")]
    processor: Option<String>,
    /// How long.
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    duration: Duration,
    /// How large the file may become: a number of bytes, with KiB, MiB or GiB behind it.
    #[arg(long, default_value = "64MiB", value_name = "SIZE", value_parser = size)]
    max_bytes: u64,
    /// Ends after so many traces.
    #[arg(long, default_value_t = 0, value_name = "N")]
    max_traces: u64,
    /// Attributes whose values do not leave the host, wherever they stand: `user.email,http.request.header.*`. Case does not matter. Nor
    /// does the state that policies keep, which may hold such values: in a replay, those begin anew.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    redact: Vec<String>,
    /// What stands in their place: `[REDACTED]`, or a hash that keeps equal values equal within the recording.
    #[arg(long, value_enum, default_value_t = With::Text)]
    redact_with: With,
}

fn size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("B", 0), ("", 0)];
    let split = units.into_iter().find_map(|(unit, shift)| text.strip_suffix(unit).map(|number| (number, shift)));
    let (number, shift) = split.unwrap_or((text, 0));
    let number: u64 = number.trim().parse().map_err(|_| format!("{text:?} is no size: write 64MiB"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("{text} is too much"))
}

impl Capture {
    /// Records until the bounds are reached.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let Self { processor, max_bytes, max_traces, redact, redact_with, output, .. } = self;
        let order = json!({
            "processor": processor, "duration_ms": self.duration.0.as_millis() as u64, "max_bytes": max_bytes,
            "max_traces": max_traces, "redact": redact, "redact_with": redact_with,
        });
        // Beside its place until it is whole: what is there under the name is a recording.
        let part = output.with_added_extension("part");
        let failed = || format!("can not write {}", part.display());
        let mut file = private(&part).with_context(failed)?;
        let received = self.admin.stream("/v1/capture", &order, |piece| file.write_all(piece).with_context(failed));
        if let Err(error) = received {
            if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                let _ = fs::remove_file(&part);
            }
            return Err(error);
        }
        fs::rename(&part, output).with_context(|| format!("can not write {}", output.display()))?;
        let trailer = trailer(output)?.context("the host ended the recording early: it is shutting down")?;
        console::out(&format!("{}\n", told(&trailer, output)))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Recordings hold what users sent: for the one who asked alone.
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn trailer(path: &Path) -> anyhow::Result<Option<Trailer>> {
    let mut reader = Reader::open(path, Rule { decision_wait: std::time::Duration::from_secs(1) })?;
    while let Some(content) = reader.read()? {
        if let Content::Trailer(trailer) = content {
            return Ok(Some(trailer));
        }
    }
    Ok(None)
}

fn told(trailer: &Trailer, output: &Path) -> String {
    let Trailer { truncated, missed_slices, missed_traces, slices, traces, ended_by } = trailer;
    let mut said = format!("{}: {traces} traces in {slices} batches; ended by {ended_by}", output.display());
    if *truncated {
        let missed = format!("{missed_traces} traces in {missed_slices} batches");
        said.extend(["\ntruncated: ", &missed, " were decided but not recorded"]);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [("5", 5), ("2KiB", 2048), ("64MiB", 64 << 20), ("1GiB", 1 << 30), ("7B", 7)] {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        assert!(size("x").is_err() && size("99999999999999999GiB").is_err() && size("-1").is_err());
    }
}
