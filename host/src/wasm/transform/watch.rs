//! Swaps a transform whose file changes: the new one is compiled and configured beside the running one, and takes over between
//! two requests. Whatever fails keeps the old one.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::pool::Shared as Running;
use super::{Transform, TransformSpec};
use crate::host::health::Degraded;
use crate::pipeline::Cx;
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
            let mut worker = self.worker.lock();
            if worker.files.changed() {
                worker.check();
            }
        }
    }
}

impl Reload for Shared {
    fn check_now(&self) -> Vec<Checked> {
        self.worker.lock().check().into_iter().collect()
    }
}

impl Worker {
    fn check(&mut self) -> Option<Checked> {
        let Origin { path, pin } = self.spec.plugin.origin.clone()?;
        let before = self.spec.plugin.digest.clone();
        let outcome = match self.build(&Origin { path: path.clone(), pin }) {
            Ok(None) => Outcome::Unchanged { digest: before },
            Ok(Some((spec, transform))) => self.swap(spec, transform),
            Err(refused) => self.refuse(refused),
        };
        if !matches!(outcome, Outcome::Refused { .. }) {
            self.refused = None;
        }
        Some(Checked { component: self.spec.name.clone(), policies: Vec::new(), file: path, outcome })
    }

    fn swap(&mut self, spec: TransformSpec, transform: Transform) -> Outcome {
        let (from, to) = (self.spec.plugin.digest.clone(), spec.plugin.digest.clone());
        tracing::info!(
            processor = spec.name,
            from = self.spec.plugin.short_digest(),
            to = spec.plugin.short_digest(),
            version = spec.plugin.version,
            "the changed plugin has taken over"
        );
        self.metrics.succeeded();
        self.spec = spec;
        // Requests under way end in the old one, which goes with the last of them.
        self.running.current.store(Arc::new(transform));
        Outcome::Swapped { from, to, tried: 0, disagreements: 0 }
    }

    fn refuse(&mut self, Refused { reason, message }: Refused) -> Outcome {
        let name = &self.spec.name;
        tracing::error!(processor = name, "the changed plugin is not used, the old one goes on: {message}");
        self.metrics.failed(reason);
        let why = format!("the changed plugin is not used: {message}");
        self.refused = Some(Degraded::new(&self.cx.host, name, why));
        Outcome::Refused { digest: self.spec.plugin.digest.clone(), reason, message }
    }

    /// What the file holds now, configured; `None` if it holds what it held.
    fn build(&self, Origin { path, pin }: &Origin) -> Result<Option<(TransformSpec, Transform)>, Refused> {
        let plugin = self.cx.host.wasm.load(path, pin.as_deref())?;
        if plugin.digest == self.spec.plugin.digest {
            return Ok(None);
        }
        let spec = TransformSpec { plugin, ..self.spec.clone() };
        let transform = Transform::new(spec.clone(), &self.cx).map_err(|problems| {
            let said = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message));
            Refused { reason: "configure", message: said.collect::<Vec<_>>().join("; ") }
        })?;
        Ok(Some((spec, transform)))
    }
}
