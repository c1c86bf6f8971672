//! The flags, named and defaulted as `telemetrygen` has them where that makes sense here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use tailrace_otlp::Signal;

/// What to generate.
#[derive(Clone, Debug, Subcommand)]
pub enum Generate {
    /// Traces: a root span with children, some with errors, some slow
    Traces(Traces),
    /// Metrics: one data point each
    Metrics(Metrics),
    /// Log records
    Logs(Logs),
}

/// `tailrace generate traces`.
#[derive(Clone, Debug, Args)]
pub struct Traces {
    /// Number of traces that each worker sends (ignored with --duration)
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub traces: u64,
    /// Spans below the root of each trace
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub child_spans: usize,
    /// Spans of each trace, the root included; overrides --child-spans
    #[arg(long, value_name = "N")]
    pub spans: Option<usize>,
    /// Status of every span: 0 or Unset, 1 or Ok, 2 or Error
    #[arg(long, value_name = "STATUS", default_value = "Unset", value_parser = status)]
    pub status_code: i32,
    /// Share of the traces (0 to 1) in which one span has the status Error
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub error_share: f64,
    /// How long the root span of a trace lasts
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = duration)]
    pub span_duration: Duration,
    /// Share of the traces (0 to 1) that are slow
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub slow_share: f64,
    /// How long the root span of a slow trace lasts
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    pub slow_duration: Duration,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags of all three signals")]
    pub common: Common,
}

/// `tailrace generate metrics`.
#[derive(Clone, Debug, Args)]
pub struct Metrics {
    /// Number of metrics that each worker sends (ignored with --duration)
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub metrics: u64,
    /// Kind of metric
    #[arg(long, value_enum, default_value_t = MetricType::Gauge)]
    pub metric_type: MetricType,
    /// Name of the metric
    #[arg(long, value_name = "NAME", default_value = "gen")]
    pub otlp_metric_name: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags of all three signals")]
    pub common: Common,
}

/// Kinds of metrics that can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MetricType {
    /// The last value.
    Gauge,
    /// A monotonic cumulative sum.
    Sum,
    /// A cumulative histogram.
    Histogram,
}

/// `tailrace generate logs`.
#[derive(Clone, Debug, Args)]
pub struct Logs {
    /// Number of log records that each worker sends (ignored with --duration)
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub logs: u64,
    /// Text of each record
    #[arg(long, value_name = "TEXT", default_value = "the message")]
    pub body: String,
    /// Severity as text
    #[arg(long, value_name = "TEXT", default_value = "Info")]
    pub severity_text: String,
    /// Severity as a number from 1 to 24
    #[arg(long, value_name = "N", default_value_t = 9)]
    pub severity_number: i32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags of all three signals")]
    pub common: Common,
}

/// Flags of all three signals.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Number of workers, each with one request under way
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: usize,
    /// Traces (metrics, records) a second that each worker sends; 0: as fast as it can
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    pub rate: f64,
    /// Send for so long instead of a fixed number (10s, 1m30s, inf)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Where to send to: host:port, or a URL [default: localhost:4317, with --otlp-http localhost:4318]
    #[arg(long, value_name = "ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// Plaintext; --otlp-insecure=false for TLS
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true,
          default_missing_value = "true")]
    pub otlp_insecure: bool,
    /// Trust the certificates in this PEM file instead of the system's (with TLS)
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// Use HTTP with protobuf instead of gRPC
    #[arg(long)]
    pub otlp_http: bool,
    /// Path for --otlp-http [default: /v1/<signal>]
    #[arg(long, value_name = "PATH")]
    pub otlp_http_url_path: Option<String>,
    /// A header or metadata entry to send along; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = header)]
    pub otlp_header: Vec<(String, String)>,
    /// A resource attribute: key="text", key=true, key=12; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = attribute)]
    pub otlp_attributes: Vec<KeyValue>,
    /// An attribute of every span, data point or record; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = attribute)]
    pub telemetry_attributes: Vec<KeyValue>,
    /// service.name of the resource
    #[arg(long, value_name = "NAME", default_value = "tailrace-generate")]
    pub service: String,
    /// Compress requests
    #[arg(long, value_enum, default_value_t = Compression::None)]
    pub compression: Compression,
    /// Fill up every trace (metric, record) with attributes of so many MB
    #[arg(long, value_name = "MB", default_value_t = 0)]
    pub size: usize,
    /// Fill up every span, data point or record to about so many bytes on the wire
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub item_size: usize,
    /// Spans, data points or records in a request, at most
    #[arg(long, visible_alias = "batch-size", value_name = "N", default_value_t = 100)]
    pub batch: usize,
    /// How long to wait for the answer to a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// How often to send a request again that was refused for now
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub retries: u32,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Generate {
    /// The flags of all three signals.
    pub fn common(&self) -> &Common {
        match self {
            Self::Traces(Traces { common, .. })
            | Self::Metrics(Metrics { common, .. })
            | Self::Logs(Logs { common, .. }) => common,
        }
    }

    /// What is generated.
    pub fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Metrics(_) => Signal::Metrics,
            Self::Logs(_) => Signal::Logs,
        }
    }

    /// Traces, metrics or records for each worker, if no duration is given.
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Traces(traces) => traces.traces,
            Self::Metrics(metrics) => metrics.metrics,
            Self::Logs(logs) => logs.logs,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share lies between 0 and 1".to_owned()) }
}

fn status(text: &str) -> Result<i32, String> {
    match text.to_ascii_lowercase().as_str() {
        "0" | "unset" => Ok(0),
        "1" | "ok" => Ok(1),
        "2" | "error" => Ok(2),
        _ => Err("one of 0, 1, 2, Unset, Ok, Error".to_owned()),
    }
}

/// `inf`, or numbers with units as Go writes them.
fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    if text == "inf" {
        return Ok(Duration::MAX);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or("missing unit in duration")?;
        let number: f64 = rest[..digits].parse().map_err(|_| "invalid duration".to_owned())?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let unit = &rest[digits..unit_end];
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(format!("unknown unit {unit:?}"))?;
        seconds += number * factor;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not of the form key=value")?;
    Ok((key.trim().to_ascii_lowercase(), unquote(value).unwrap_or(value).to_owned()))
}

fn attribute(text: &str) -> Result<KeyValue, String> {
    let (key, value) = text.split_once('=').ok_or("not of the form key=value")?;
    let value = match (unquote(value), value) {
        (Some(quoted), _) => Value::StringValue(quoted.to_owned()),
        (None, "true") => Value::BoolValue(true),
        (None, "false") => Value::BoolValue(false),
        (None, plain) => match (plain.parse::<i64>(), plain.parse::<f64>()) {
            (Ok(int), _) => Value::IntValue(int),
            (Err(_), Ok(double)) => Value::DoubleValue(double),
            _ => Value::StringValue(plain.to_owned()),
        },
    };
    Ok(KeyValue { key: key.trim().to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() })
}

fn unquote(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_go_writes_them() {
        for (text, millis) in [("10s", 10_000), ("1m30s", 90_000), ("1.5s", 1500), ("200ms", 200), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("inf"), Ok(Duration::MAX));
        for wrong in ["10", "s", "10x", "1..2s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attributes_take_their_type_from_how_they_are_written() {
        for (text, value) in [
            ("a=\"12\"", Value::StringValue("12".to_owned())),
            ("a=12", Value::IntValue(12)),
            ("a=1.5", Value::DoubleValue(1.5)),
            ("a=true", Value::BoolValue(true)),
            ("a=plain=text", Value::StringValue("plain=text".to_owned())),
        ] {
            let parsed = attribute(text).unwrap();
            assert_eq!((parsed.key.as_str(), parsed.value.unwrap().value), ("a", Some(value)), "{text}");
        }
        assert!(attribute("novalue").is_err());
    }

    #[test]
    fn shares_and_statuses_are_checked() {
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("1.5").is_err());
        assert_eq!(status("error"), Ok(2));
        assert!(status("bad").is_err());
    }
}
