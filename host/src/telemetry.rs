//! The host's own telemetry: metrics under the Go collector's names, logs.

pub mod clock;
pub mod items;
pub mod logs;
pub mod metrics;
mod process;
pub mod prometheus;
mod server;
pub mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use parking_lot::Mutex;

use self::logs::Logger;
use self::server::{Page, Server};

use self::settings::{MetricLevel, Prometheus};
use crate::host::Host;
use crate::pipeline::BuildError;

pub use metrics::{Counter, Gauge, Histogram, Metrics};
pub use settings::Settings;

const LINES_LOST: metrics::Desc = metrics::Desc {
    name: "tailrace_log_lines_lost",
    unit: "{line}",
    help: "Log lines that were not written because the output did not keep up.",
};

/// The telemetry of the process; outlives every reload.
pub struct Telemetry {
    /// What is counted.
    pub metrics: Metrics,
    logger: Logger,
    instance: String,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    settings: Option<Settings>,
    servers: Vec<Server>,
}

impl Telemetry {
    /// Logs by the defaults until [`Telemetry::apply`] is called.
    pub fn new() -> Self {
        let metrics = Metrics::default();
        process::register(&metrics);
        let logger = Logger::install();
        let lost = logger.clone();
        metrics.observe_counter(LINES_LOST, &[], move || lost.lost() as f64);
        Self { metrics, logger, instance: random_uuid(), running: Mutex::default() }
    }

    /// Puts `settings` in force: at the start, and at a reload if they changed. On an error the old ones stay in force. Must
    /// be called within a tokio runtime.
    pub fn apply(&self, settings: &Settings, host: &Host) -> Result<(), BuildError> {
        let mut running = self.running.lock();
        if running.settings.as_ref() == Some(settings) {
            return Ok(());
        }
        let resource = settings.resource_attributes(&[
            ("service.instance.id", &self.instance),
            ("service.name", env!("CARGO_PKG_NAME")),
            ("service.version", env!("CARGO_PKG_VERSION")),
        ]);
        let servers = self.serve(settings, &resource, host)?;
        self.logger
            .apply(&settings.logs, resource.iter())
            .map_err(|error| BuildError(format!("failed to create logger: {error}")))?;
        if settings.metrics.level == MetricLevel::None {
            tracing::info!("Internal metrics telemetry disabled");
        }
        *running = Running { settings: Some(settings.clone()), servers };
        Ok(())
    }

    fn serve(
        &self,
        settings: &Settings,
        resource: &BTreeMap<String, String>,
        host: &Host,
    ) -> Result<Vec<Server>, BuildError> {
        if settings.metrics.level == MetricLevel::None {
            return Ok(Vec::new());
        }
        let readers = settings.metrics.readers.iter().filter_map(settings::Reader::prometheus);
        let serve = |reader: &Prometheus| {
            let page = Page {
                metrics: self.metrics.clone(),
                level: settings.metrics.level,
                reader: reader.clone(),
                resource: resource.clone(),
            };
            server::serve(page, host)
        };
        readers.map(serve).collect()
    }

    /// Where metrics can be read.
    pub fn bound(&self) -> Vec<SocketAddr> {
        self.running.lock().servers.iter().map(|server| server.address).collect()
    }

    /// The log, to be flushed before the process ends.
    pub fn logger(&self) -> &Logger {
        &self.logger
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

/// A random id of this run.
fn random_uuid() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/uuid").map(|id| id.trim().to_owned());
    kernel.unwrap_or_else(|_| format!("pid-{}", std::process::id()))
}
