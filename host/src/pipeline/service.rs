//! Starts, reloads and ends a whole host.

mod same;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::BuildError;
use super::build::{Environment, draft};
use super::graph::{Changes, Graph, Retired};
use crate::config::Config;
use crate::host::Host;
use crate::telemetry::metrics::Desc;
use crate::telemetry::{self, Counter, Metrics, Telemetry};

pub(super) use same::is_same;

const RELOADS: Desc = Desc {
    name: "tailrace_reloads",
    unit: "{reload}",
    help: "Configurations that were to replace the running one; a failure leaves the running one as it is.",
};

/// How long parts of earlier graphs may go on handing on what they hold into the last one, while that still takes it.
const EARLIER_PARTS: Duration = Duration::from_secs(10);

/// A running host.
pub struct Service {
    environment: Environment,
    telemetry: Arc<Telemetry>,
    telemetry_settings: telemetry::Settings,
    graph: Graph,
    /// Parts of earlier graphs that are still handing on what they hold.
    retiring: Vec<JoinHandle<()>>,
    succeeded: Counter,
    failed: Counter,
}

impl Service {
    /// Builds and starts everything that `config` asks for.
    pub fn start(config: &Config, telemetry: Arc<Telemetry>) -> Result<Self, BuildError> {
        let host = Host::new();
        let settings = config.service.telemetry.clone();
        telemetry.apply(&settings, &host)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        tracing::info!(Version = env!("CARGO_PKG_VERSION"), NumCPU = cores, "Starting {}...", env!("CARGO_PKG_NAME"));
        let metrics = telemetry.metrics.clone();
        let reloads = |outcome| metrics.counter(RELOADS, &[("outcome", outcome)]);
        let (succeeded, failed) = (reloads("success"), reloads("failure"));
        succeeded.add(0);
        failed.add(0);
        let environment = Environment { host, metrics };
        let mut graph = Graph::empty();
        let draft = draft(config, None, &environment)?;
        // Nothing ran before: nothing is left over.
        let _: Retired = graph.commit(draft, &environment);
        let service = Self {
            environment,
            telemetry,
            telemetry_settings: settings,
            graph,
            retiring: Vec::new(),
            succeeded,
            failed,
        };
        service.environment.host.health.set_ready(true);
        service.tell();
        tracing::info!("Everything is ready. Begin running and processing data.");
        Ok(service)
    }

    /// Replaces what runs by what `config` asks for. On an error everything stays as it was. Must be called from outside the
    /// runtime's workers: building may take as long as compiling a plugin takes.
    pub fn reload(&mut self, config: &Config) -> Result<(), BuildError> {
        let outcome = self.replace(config);
        match &outcome {
            Ok(Changes { kept, updated, started, stopped }) => {
                self.succeeded.add(1);
                self.tell();
                tracing::info!(kept, updated, started, stopped, "The new configuration is in force");
            }
            Err(error) => self.reload_failed(error),
        }
        self.close_unused_addresses();
        // What a plugin's file holds is part of what was asked for; what comes of it is logged and counted there.
        let _: Vec<_> = self.environment.host.wasm.check_now();
        outcome.map(drop)
    }

    /// Counts and logs that there is no new configuration to reload.
    pub fn reload_failed(&self, error: &dyn std::fmt::Display) {
        self.failed.add(1);
        tracing::error!(%error, "Reloading failed; the running configuration stays in force");
    }

    fn replace(&mut self, config: &Config) -> Result<Changes, BuildError> {
        let host = Arc::clone(&self.environment.host);
        let settings = &config.service.telemetry;
        self.telemetry.apply(settings, &host)?;
        let draft = draft(config, Some(&self.graph), &self.environment).inspect_err(|_| {
            if let Err(error) = self.telemetry.apply(&self.telemetry_settings, &host) {
                tracing::error!(%error, "The old telemetry settings could not be put back");
            }
        })?;
        self.telemetry_settings = settings.clone();
        let changes = self.graph.changes(&draft);
        let retired = self.graph.commit(draft, &self.environment);
        self.retiring.retain(|handle| !handle.is_finished());
        if !retired.is_empty() {
            self.retiring.push(tokio::spawn(retired.drain()));
        }
        Ok(changes)
    }

    fn close_unused_addresses(&self) {
        let mut used: Vec<_> = self.telemetry.bound();
        used.extend(self.graph.bound().into_iter().map(|(_, _, address)| address));
        self.environment.host.listeners.retain(|address| used.contains(address));
    }

    /// Takes nothing new in, hands on what is held, and returns when every task has ended.
    pub async fn shutdown(self) {
        tracing::info!("Starting shutdown...");
        self.environment.host.health.set_ready(false);
        self.environment.host.listeners.retain(|_| false);
        let last = self.graph.into_retired();
        last.stop_receivers();
        // Parts of earlier graphs hand on into this one, so it goes after them, unless they take too long. Panics of
        // components were caught inside.
        let mut earlier = join_all(self.retiring);
        let handed_on = timeout(EARLIER_PARTS, &mut earlier).await;
        last.drain().await;
        if handed_on.is_err() {
            earlier.await;
        }
        tracing::info!("Shutdown complete.");
    }

    /// Who listens where.
    pub fn bound(&self) -> Vec<(String, &'static str, SocketAddr)> {
        let metrics = self.telemetry.bound().into_iter().map(|address| ("telemetry".to_owned(), "metrics", address));
        self.graph.bound().into_iter().chain(metrics).collect()
    }

    /// What components say of themselves, by id.
    pub fn describe(&self) -> Vec<(String, Vec<String>)> {
        self.graph.describe()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.environment.metrics
    }

    /// What the process offers its components.
    pub fn host(&self) -> &Arc<Host> {
        &self.environment.host
    }

    fn tell(&self) {
        for (id, what, address) in self.bound() {
            tracing::info!(otelcol.component.id = %id, endpoint = %address, "Listening for {what}");
        }
        for (id, lines) in self.describe() {
            for line in lines {
                tracing::info!(otelcol.component.id = %id, "{line}");
            }
        }
    }
}
