//! Swaps a transform whose file changes: the new one is compiled, configured and tried beside the running one over the last requests,
//! and takes over between two. Whatever fails keeps the old one.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::pool::Shared as Running;
use super::trial::{self, Trial};
use super::{Transform, TransformSpec};
use crate::host::health::Degraded;
use crate::pipeline::Cx;
use crate::wasm::engine::off_runtime;
use crate::wasm::files::Files;
use crate::wasm::metrics::SwapMetrics;
use crate::wasm::plugin::Origin;
use crate::wasm::reload::Refused;
use crate::wasm::{Checked, Outcome, Reload};

/// The truth; no notification reaches through every kind of mount.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Watches a transform's file, on a thread that ends with it.
pub(super) struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    /// Held while the file is looked at, by the thread or by who asks for it now.
    worker: Mutex<Worker>,
    over: Mutex<bool>,
    /// Told when the watch is over.
    told: Condvar,
}

struct Worker {
    spec: TransformSpec,
    files: Files,
    running: Arc<Running>,
    cx: Cx,
    metrics: SwapMetrics,
    /// There while the file holds something that does not work.
    refused: Option<Degraded>,
}

impl Watch {
    /// None if the plugin comes from no file.
    pub(super) fn start(spec: TransformSpec, running: Arc<Running>, cx: &Cx) -> Option<Self> {
        Self::start_polling(spec, running, cx, POLL_EVERY)
    }

    fn start_polling(spec: TransformSpec, running: Arc<Running>, cx: &Cx, every: Duration) -> Option<Self> {
        let files = Files::of([&*spec.plugin]);
        if files.is_empty() {
            return None;
        }
        let worker = Worker { spec, files, running, cx: cx.clone(), metrics: SwapMetrics::new(cx), refused: None };
        let shared = Arc::new(Shared { worker: Mutex::new(worker), over: Mutex::new(false), told: Condvar::new() });
        let known: Arc<dyn Reload> = shared.clone();
        cx.host.wasm.watched_by(Arc::downgrade(&known));
        let of_thread = shared.clone();
        let spawned = thread::Builder::new().name("transform-watch".to_owned()).spawn(move || of_thread.run(every));
        if let Err(error) = spawned {
            tracing::error!(%error, "changes of the plugin's file will not be noticed: there is no thread for it");
        }
        Some(Self { shared })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.shared.over.lock() = true;
        self.shared.told.notify_all();
    }
}

impl Shared {
    fn run(&self, every: Duration) {
        loop {
            {
                let mut over = self.over.lock();
                if !*over {
                    self.told.wait_for(&mut over, every);
                }
                if *over {
                    return;
                }
            }
            if self.worker.lock().files.changed() {
                self.check_now();
            }
        }
    }
}

impl Reload for Shared {
    fn check_now(&self) -> Vec<Checked> {
        let mut held = self.worker.lock();
        let worker = &mut *held;
        off_runtime(|| worker.check()).into_iter().collect()
    }
}

impl Worker {
    fn check(&mut self) -> Option<Checked> {
        let Origin { path, pin } = self.spec.plugin.origin.clone()?;
        let before = self.spec.plugin.digest.clone();
        let outcome = match self.build(&Origin { path: path.clone(), pin }) {
            Ok(None) => Outcome::Unchanged { digest: before },
            Ok(Some(New { spec, transform, trial })) => self.swap(spec, transform, trial),
            Err(refused) => self.refuse(refused),
        };
        if !matches!(outcome, Outcome::Refused { .. }) {
            self.refused = None;
        }
        Some(Checked { component: self.spec.name.clone(), policies: Vec::new(), file: path, outcome })
    }

    fn swap(&mut self, spec: TransformSpec, transform: Transform, trial: Trial) -> Outcome {
        let Trial { compared: tried, disagreements } = trial;
        let (from, to) = (self.spec.plugin.digest.clone(), spec.plugin.digest.clone());
        tracing::info!(
            processor = spec.name,
            from = self.spec.plugin.short_digest(),
            to = spec.plugin.short_digest(),
            version = spec.plugin.version,
            tried,
            disagreements,
            "the changed plugin has taken over"
        );
        self.metrics.succeeded();
        self.metrics.tried_on_requests(tried, disagreements);
        self.spec = spec;
        // Requests under way end in the old one, which goes with the last of them.
        self.running.current.store(Arc::new(transform));
        Outcome::Swapped { from, to, tried, disagreements }
    }

    fn refuse(&mut self, Refused { reason, message }: Refused) -> Outcome {
        let name = &self.spec.name;
        tracing::error!(processor = name, "the changed plugin is not used, the old one goes on: {message}");
        self.metrics.failed(reason);
        let why = format!("the changed plugin is not used: {message}");
        self.refused = Some(Degraded::new(&self.cx.host, name, why));
        Outcome::Refused { digest: self.spec.plugin.digest.clone(), reason, message }
    }

    /// What the file holds now, configured, if that is something new and stood its trial.
    fn build(&self, Origin { path, pin }: &Origin) -> Result<Option<New>, Refused> {
        let plugin = self.cx.host.wasm.load(path, pin.as_deref())?;
        if plugin.digest == self.spec.plugin.digest {
            return Ok(None);
        }
        let spec = TransformSpec { plugin, ..self.spec.clone() };
        let requests = self.running.recent.as_ref().map(|recent| recent.items()).unwrap_or_default();
        let trial = trial::run(&self.spec, &spec, &requests, &self.cx)?;
        let transform = Transform::new(spec.clone(), &self.cx).map_err(|problems| trial::misconfigured(&problems))?;
        Ok(Some(New { spec, transform, trial }))
    }
}

/// A version that may take over.
struct New {
    spec: TransformSpec,
    transform: Transform,
    trial: Trial,
}

#[cfg(test)]
mod tests;
