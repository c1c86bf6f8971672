//! Writes what arrives to the log, in one of three verbosities.
//!
//! ```yaml
//! exporters:
//!   debug:
//!     verbosity: basic              # one line per request; normal: one per item; detailed: everything
//!     sampling_initial: 2           # requests shown each second,
//!     sampling_thereafter: 1        # then one in so many (1 = all, 0 = none)
//!     use_internal_logger: true     # false: without time and level, to output_paths
//!     sending_queue: {enabled: false}
//! ```
//!
//! Slow and verbose on purpose: it decodes requests into structs. The format of `detailed` follows the Go collector's, which
//! declares it unstable.

mod detailed;
mod normal;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tailrace_otlp::check;

use crate::config::Check;
use crate::exporters::queue::{Delivery, QueueSettings};
use crate::pipeline::{Batch, BuildError, Cx, Exporter, Refusal, Signal};
use crate::telemetry::logs::PLAIN_TARGET;
use crate::telemetry::logs::writer::{Output, Writer};

/// `debug:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How much is told.
    pub verbosity: Verbosity,
    /// Requests shown at the start of every second.
    pub sampling_initial: u64,
    /// Then one in so many; 0 = none.
    pub sampling_thereafter: u64,
    /// Write to the host's log.
    pub use_internal_logger: bool,
    /// Where to write otherwise; standard output unless given.
    pub output_paths: Vec<String>,
    /// Off unless present.
    pub sending_queue: Option<QueueSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            verbosity: Verbosity::Basic,
            sampling_initial: 2,
            sampling_thereafter: 1,
            use_internal_logger: true,
            output_paths: Vec::new(),
            sending_queue: None,
        }
    }
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verbosity {
    /// Numbers.
    #[serde(alias = "basic", alias = "BASIC")]
    Basic,
    /// A line per span, data point, log record.
    #[serde(alias = "normal", alias = "NORMAL")]
    Normal,
    /// Everything.
    #[serde(alias = "detailed", alias = "DETAILED")]
    Detailed,
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.use_internal_logger && !self.output_paths.is_empty() {
            check.problem_with_help(
                "output_paths",
                "output_paths requires use_internal_logger to be false",
                "add use_internal_logger: false",
            );
        }
        if let Some(queue) = &self.sending_queue {
            queue.check("sending_queue", check);
        }
    }
}

/// The exporter.
pub struct Debug {
    settings: Settings,
    id: String,
    own_output: Option<Writer>,
    sampler: Sampler,
}

impl Exporter for Debug {
    const TYPE: &'static str = "debug";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let own_output = if settings.use_internal_logger { None } else { Some(own_output(&settings.output_paths)?) };
        Ok(Self { settings, id: cx.id.to_string(), own_output, sampler: Sampler::new() })
    }

    async fn send(&self, batch: Batch) -> Result<(), Refusal> {
        if self.sampler.admits(&self.settings) {
            self.show(batch)?;
        }
        Ok(())
    }

    fn delivery(settings: &Settings) -> Delivery {
        Delivery { queue: settings.sending_queue.clone(), ..Delivery::direct() }
    }
}

fn own_output(paths: &[String]) -> Result<Writer, BuildError> {
    let stdout = ["stdout".to_owned()];
    let paths = if paths.is_empty() { &stdout } else { paths };
    let outputs = paths.iter().map(|path| Output::open(path)).collect::<Result<_, _>>().map_err(BuildError::new)?;
    let writer = Writer::spawn();
    writer.set_outputs(outputs);
    Ok(writer)
}

impl Debug {
    fn show(&self, batch: Batch) -> Result<(), Refusal> {
        self.show_numbers(&batch)?;
        let signal = batch.signal;
        match self.settings.verbosity {
            Verbosity::Basic => {}
            Verbosity::Normal => self.line(signal, decoded(batch)?.normal()),
            Verbosity::Detailed => self.line(signal, decoded(batch)?.detailed()),
        }
        Ok(())
    }

    fn show_numbers(&self, batch: &Batch) -> Result<(), Refusal> {
        let (mut resources, mut metrics, mut items) = (0, 0, 0);
        for chunk in batch.data.chunks() {
            let counts = check(batch.signal, chunk).map_err(|error| Refusal::permanent(error.to_string()))?;
            resources += counts.resources;
            metrics += counts.metrics;
            items += counts.items;
        }
        if let Some(output) = &self.own_output {
            let (message, fields) = match batch.signal {
                Signal::Traces => ("Traces", json!({"resource spans": resources, "spans": items})),
                Signal::Metrics => {
                    ("Metrics", json!({"resource metrics": resources, "metrics": metrics, "data points": items}))
                }
                Signal::Logs => ("Logs", json!({"resource logs": resources, "log records": items})),
            };
            output.write(format!("{message}\t{fields}\n"));
            return Ok(());
        }
        let (id, signal) = (self.id.as_str(), batch.signal.as_str());
        match batch.signal {
            Signal::Traces => tracing::info!(
                target: PLAIN_TARGET,
                { "otelcol.component.id" = id, "otelcol.component.kind" = "exporter", "otelcol.signal" = signal, "resource spans" = resources, "spans" = items },
                "Traces"
            ),
            Signal::Metrics => tracing::info!(
                target: PLAIN_TARGET,
                { "otelcol.component.id" = id, "otelcol.component.kind" = "exporter", "otelcol.signal" = signal, "resource metrics" = resources, "metrics" = metrics, "data points" = items },
                "Metrics"
            ),
            Signal::Logs => tracing::info!(
                target: PLAIN_TARGET,
                { "otelcol.component.id" = id, "otelcol.component.kind" = "exporter", "otelcol.signal" = signal, "resource logs" = resources, "log records" = items },
                "Logs"
            ),
        }
        Ok(())
    }

    fn line(&self, signal: Signal, text: String) {
        if let Some(output) = &self.own_output {
            output.write(text + "\n");
            return;
        }
        let (id, signal) = (self.id.as_str(), signal.as_str());
        tracing::info!(
            target: PLAIN_TARGET,
            { "otelcol.component.id" = id, "otelcol.component.kind" = "exporter", "otelcol.signal" = signal },
            "{text}"
        );
    }
}

/// A request as structs.
enum Decoded {
    Traces(opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest),
    Metrics(opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest),
    Logs(opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest),
}

fn decoded(batch: Batch) -> Result<Decoded, Refusal> {
    let data = batch.data.into_bytes();
    let decoded = match batch.signal {
        Signal::Traces => Message::decode(data).map(Decoded::Traces),
        Signal::Metrics => Message::decode(data).map(Decoded::Metrics),
        Signal::Logs => Message::decode(data).map(Decoded::Logs),
    };
    decoded.map_err(|error| Refusal::permanent(error.to_string()))
}

impl Decoded {
    fn normal(&self) -> String {
        match self {
            Self::Traces(request) => normal::traces(&request.resource_spans),
            Self::Metrics(request) => normal::metrics(&request.resource_metrics),
            Self::Logs(request) => normal::logs(&request.resource_logs),
        }
    }

    fn detailed(&self) -> String {
        match self {
            Self::Traces(request) => detailed::traces(&request.resource_spans),
            Self::Metrics(request) => detailed::metrics::metrics(&request.resource_metrics),
            Self::Logs(request) => detailed::logs(&request.resource_logs),
        }
    }
}

/// Counts the requests of the current second.
struct Sampler {
    started: Instant,
    /// Second since `started`, and requests in it: in one number, so that both change together.
    state: AtomicU64,
}

impl Sampler {
    fn new() -> Self {
        Self { started: Instant::now(), state: AtomicU64::new(0) }
    }

    fn admits(&self, settings: &Settings) -> bool {
        self.admits_at(self.started.elapsed(), settings)
    }

    fn admits_at(&self, now: Duration, settings: &Settings) -> bool {
        let second = now.as_secs() << 32;
        let next = |state: u64| Some(if state & !0xffff_ffff == second { state + 1 } else { second + 1 });
        let before = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(0);
        let seen = next(before).unwrap_or(0) & 0xffff_ffff;
        let (initial, thereafter) = (settings.sampling_initial, settings.sampling_thereafter);
        seen <= initial || (thereafter > 0 && (seen - initial).is_multiple_of(thereafter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;

    #[test]
    fn sampling_counts_by_the_second() {
        let settings = Settings { sampling_initial: 2, sampling_thereafter: 3, ..Settings::default() };
        let sampler = Sampler::new();
        let at = |millis: u64| sampler.admits_at(Duration::from_millis(millis), &settings);
        let shown: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 7, 1000, 1001, 1002].into_iter().filter(|t| at(*t)).collect();
        assert_eq!(shown, [0, 1, 4, 7, 1000, 1001]);
    }

    #[test]
    fn settings() {
        let settings = |yaml| testing::settings::<Settings>(yaml);
        assert_eq!(settings("{verbosity: detailed}").0.unwrap().verbosity, Verbosity::Detailed);
        assert!(settings("{verbosity: none}").1.has_errors());
        assert!(settings("{output_paths: [x]}").1.has_errors());
        assert!(!settings("{output_paths: [x], use_internal_logger: false}").1.has_errors());
    }
}
