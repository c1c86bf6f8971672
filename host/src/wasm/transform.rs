//! Transforms in guests: an OTLP request's bytes go in; out comes that it stays as it is, another request, or nothing.
//!
//! ```text
//! Pool ── threads, queue ──▶ Transform (one configured version) ── idle instances, breaker, metrics
//!      └─ watch: a changed file becomes the next Transform
//! ```
//!
//! A request checks an instance out, last in first out, so that a quiet host keeps one warm and no more. What a guest gives back
//! is checked as if a stranger had sent it. An instance that fails is thrown away, and with it nothing but its answer to one request.

mod instance;
mod metrics;
mod pool;
mod trial;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use self::instance::Instance;
use self::metrics::TransformMetrics;
use super::breaker::Breaker;
use super::call::{Broken, Restart};
use super::engine::off_runtime;
use super::metrics::GuestMetrics;
use super::plugin::Plugin;
use super::ring::Bounds;
use crate::config::{Fault, Path};
use crate::host::Host;
use crate::pipeline::{Cx, Signal};
use crate::telemetry::Metrics;

pub use super::call::Reason;
pub use super::counters::Series;
pub use super::request::About;
pub use pool::Pool;

/// A transform to be configured.
#[derive(Clone)]
pub struct TransformSpec {
    /// Its name in metrics and logs: the id of its processor.
    pub name: String,
    /// The component that offers it.
    pub plugin: Arc<Plugin>,
    /// Which of the plugin's transforms it is.
    pub kind: String,
    /// Its configuration.
    pub config: serde_json::Value,
    /// What it may take.
    pub limits: TransformLimits,
    /// Metrics that show what the plugin counts for it.
    pub series: &'static [Series],
}

/// What a transform may take, and when it is given up on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformLimits {
    /// Linear memory of each instance.
    pub memory_bytes: usize,
    /// Bytes of a request, and of what becomes of it.
    pub request_bytes: usize,
    /// Time of one call, whatever the size of the request.
    pub apply: Duration,
    /// Time beyond that for each MiB of the request.
    pub apply_per_mib: Duration,
    /// Time to instantiate and configure.
    pub configure: Duration,
    /// Lines of each instance's log.
    pub log_lines_per_second: u32,
    /// Failures in a row after which it is not asked for a while.
    pub max_failures: u32,
    /// How long that while is.
    pub retry_after: Duration,
    /// Share of its memory from which on an instance that has grown is replaced: some languages never give memory back.
    pub recycle_percentage: u32,
    /// The last requests that are kept, while its file is watched, for the trial of a new version.
    pub trial: Bounds,
}

impl Default for TransformLimits {
    fn default() -> Self {
        Self {
            // Four of the largest requests, and an interpreter.
            memory_bytes: 128 << 20,
            // The largest that receivers take unless told otherwise.
            request_bytes: 20 << 20,
            apply: Duration::from_millis(200),
            // A guest that decodes in an interpreted language takes a tenth.
            apply_per_mib: Duration::from_secs(2),
            configure: Duration::from_secs(5),
            log_lines_per_second: 20,
            max_failures: 5,
            retry_after: Duration::from_secs(30),
            recycle_percentage: 75,
            // As many as policies keep batches, and more, as a request may be small.
            trial: Bounds { items: 32, bytes: 16 << 20 },
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it is.
    Unchanged,
    /// This goes on in its place; it has passed the same check as a request that arrives.
    Replaced {
        /// The request.
        data: Bytes,
        /// Spans, data points or log records in it.
        items: usize,
    },
    /// Nothing goes on.
    Discarded,
}

/// A request that got no answer. It is counted and logged already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct TransformFailure {
    /// What kind of failure.
    pub reason: Reason,
    /// What went wrong.
    pub message: String,
}

/// All that is wrong with a transform's configuration, which stands at `at`: what its schema has against it and, where that is nothing,
/// what the transform itself says in an instance that is thrown away.
pub fn try_out(spec: &TransformSpec, at: &Path, cx: &Cx) -> Vec<Fault> {
    let mut faults = spec.misfits(at);
    if Fault::errors(&faults).is_none() {
        // What is tried is not counted as if it ran.
        let cx = Cx { metrics: Metrics::default(), ..cx.clone() };
        faults.extend(Transform::new(spec.clone(), &cx).err().into_iter().flatten().map(|problem| problem.at(at)));
    }
    faults
}

impl TransformSpec {
    /// What the schema that the plugin gives has against the configuration, which stands at `at`.
    fn misfits(&self, at: &Path) -> Vec<Fault> {
        let kind = self.plugin.transforms.iter().find(|kind| kind.name == self.kind);
        kind.map(|kind| kind.misfits(&self.plugin.name, &self.options(), at)).unwrap_or_default()
    }

    /// What YAML has as nothing, plugins take as no options.
    fn options(&self) -> serde_json::Value {
        if self.config.is_null() { serde_json::json!({}) } else { self.config.clone() }
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformProblem {
    /// A JSON pointer into it; empty for all of it.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl TransformProblem {
    /// With its place, where the configuration stands at `config`.
    fn at(&self, config: &Path) -> Fault {
        Fault::of_diagnostic(config, &self.path, &self.message)
    }
}

/// One configured transform of one plugin. It may be asked from several threads at once, none of them the tokio runtime's.
pub struct Transform {
    spec: TransformSpec,
    config: String,
    idle: Mutex<Vec<Instance>>,
    health: Mutex<Health>,
    metrics: TransformMetrics,
    guest_metrics: GuestMetrics,
    host: Arc<Host>,
}

/// Whether it is asked, and what was said about that.
struct Health {
    breaker: Breaker,
    restart: Restart,
    /// When a failure was last logged, and how many were not since.
    logged: Option<Instant>,
    unlogged: u64,
}

/// A transform that fails at each request writes one line in this time.
const LOG_EVERY: Duration = Duration::from_secs(10);

impl Transform {
    /// Makes an instance and configures it, or says all that is wrong.
    pub fn new(spec: TransformSpec, cx: &Cx) -> Result<Self, Vec<TransformProblem>> {
        let transform = Self {
            config: spec.options().to_string(),
            idle: Mutex::default(),
            health: Mutex::new(Health {
                breaker: Breaker::new(spec.limits.max_failures, spec.limits.retry_after),
                restart: Restart::default(),
                logged: None,
                unlogged: 0,
            }),
            metrics: TransformMetrics::new(&spec.plugin, &spec.name, cx),
            guest_metrics: guest_metrics(&spec, cx),
            host: cx.host.clone(),
            spec,
        };
        let first = off_runtime(|| transform.instance())?;
        transform.idle.lock().push(first);
        Ok(transform)
    }

    /// The plugin.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.spec.plugin
    }

    /// Instructions that the instances of now have executed; 0 unless the plugin comes from [`super::Wasm::counting`].
    pub fn instructions(&self) -> u64 {
        self.idle.lock().iter().map(Instance::instructions).sum()
    }

    /// Whether it has anything to do with requests of that signal: it is shown an empty one, which is counted nowhere.
    pub fn accepts(&self, signal: Signal) -> Result<(), String> {
        match off_runtime(|| self.try_apply(signal, &[], &About::default(), Instant::now())) {
            Ok(_) => Ok(()),
            Err((Reason::Error, message)) => Err(message),
            Err((reason, message)) => Err(format!("{reason}: {message}")),
        }
    }

    /// Shows it a request that has passed the check of its signal.
    pub fn apply(&self, signal: Signal, request: &[u8]) -> Result<Outcome, TransformFailure> {
        self.apply_to(signal, request, &About::default())
    }

    /// Shows it a request that has passed the check of its signal.
    pub fn apply_to(&self, signal: Signal, request: &[u8], about: &About) -> Result<Outcome, TransformFailure> {
        let now = Instant::now();
        if !self.health.lock().breaker.admits(now) {
            return Err(self.failed((Reason::BreakerOpen, "it failed too often".to_owned()), now));
        }
        let outcome = self.try_apply(signal, request, about, now);
        self.metrics.asked(request.len(), now.elapsed());
        match outcome {
            Ok(outcome) => {
                self.metrics.answered(&outcome);
                let mut health = self.health.lock();
                health.breaker.succeeded();
                self.metrics.breaker.set(health.breaker.gauge());
                Ok(outcome)
            }
            Err(broken) => Err(self.failed(broken, now)),
        }
    }

    fn try_apply(&self, signal: Signal, request: &[u8], about: &About, now: Instant) -> Result<Outcome, Broken> {
        let limits = &self.spec.limits;
        if request.len() > limits.request_bytes {
            let message =
                format!("the request has {} bytes, more than the {} allowed", request.len(), limits.request_bytes);
            return Err((Reason::TooLarge, message));
        }
        let idle = self.idle.lock().pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.restarted(now)?,
        };
        let answer = match instance.apply(&self.spec, signal, request, about) {
            Ok(answer) => answer,
            Err(broken) => {
                self.guest_metrics.replaced();
                return Err(broken);
            }
        };
        self.guest_metrics.used(instance.memory_bytes());
        if instance.has_outgrown(limits) {
            self.guest_metrics.outgrown();
        } else {
            self.idle.lock().push(instance);
        }
        instance::checked(signal, answer, limits.request_bytes)
    }

    /// An instance, unless the last attempt to make one failed just now.
    fn restarted(&self, now: Instant) -> Result<Instance, Broken> {
        self.health.lock().restart.admits(now)?;
        let made = self.instance().map_err(|problems| {
            let problems: Vec<_> =
                problems.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
            (Reason::Unavailable, format!("it can not be started: {}", problems.join("; ")))
        });
        self.health.lock().restart.tried(now, made.is_ok());
        made
    }

    fn instance(&self) -> Result<Instance, Vec<TransformProblem>> {
        Instance::start(&self.spec, &self.config, &self.guest_metrics, &self.host)
    }

    /// Counts and logs a failure.
    fn failed(&self, (reason, message): Broken, now: Instant) -> TransformFailure {
        self.metrics.failed(reason);
        let mut health = self.health.lock();
        // A request that is too large says nothing about the transform.
        let opened = !matches!(reason, Reason::BreakerOpen | Reason::TooLarge) && health.breaker.failed(now);
        self.metrics.breaker.set(health.breaker.gauge());
        if opened || health.logged.is_none_or(|logged| now.duration_since(logged) >= LOG_EVERY) {
            tracing::warn!(
                plugin = self.spec.plugin.name,
                digest = self.spec.plugin.short_digest(),
                processor = self.spec.name,
                reason = reason.as_str(),
                suppressed = health.unlogged,
                "the transform gave no answer: {message}{}",
                if opened { "; it is not asked for a while" } else { "" }
            );
            (health.logged, health.unlogged) = (Some(now), 0);
        } else {
            health.unlogged += 1;
        }
        TransformFailure { reason, message }
    }
}

fn guest_metrics(spec: &TransformSpec, cx: &Cx) -> GuestMetrics {
    let names = &spec.plugin.transform_counters;
    let mut metrics = GuestMetrics::new(&spec.plugin, names, cx);
    metrics.counters.show(names, spec.series, &spec.name, &spec.config, cx);
    metrics
}

#[cfg(test)]
mod tests;
