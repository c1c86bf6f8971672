//! Swaps plugins whose file changes: a complete new [`Policies`] is built beside the running one, and handed over when all of it
//! works. Whatever fails keeps the old one.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Policies, PolicySpec};
use crate::pipeline::Cx;
use crate::wasm::Plugin;
use crate::wasm::files::Files;
use crate::wasm::metrics::SwapMetrics;
use crate::wasm::plugin::Origin;

/// Watches the files that policies were loaded from, on a thread of its own that ends with it.
pub struct Watch {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Told when the watch is over.
    over: Condvar,
}

#[derive(Default)]
struct Inner {
    over: bool,
    /// The newest that works and was not taken.
    fresh: Option<Policies>,
}

/// The truth; no notification reaches through every kind of mount.
const POLL_EVERY: Duration = Duration::from_secs(1);

impl Watch {
    /// Watches the files of `specs`; `None` if all of them are embedded.
    pub fn start(specs: Vec<PolicySpec>, cx: &Cx) -> Option<Self> {
        Self::start_polling(specs, cx, POLL_EVERY)
    }

    pub(super) fn start_polling(specs: Vec<PolicySpec>, cx: &Cx, every: Duration) -> Option<Self> {
        let files = Files::of(specs.iter().map(|spec| &*spec.plugin));
        if files.is_empty() {
            return None;
        }
        let shared = Arc::new(Shared::default());
        let worker = Worker { specs, files, cx: cx.clone(), metrics: SwapMetrics::new(cx), shared: shared.clone() };
        let spawned = thread::Builder::new().name("plugin-watch".to_owned()).spawn(move || worker.run(every));
        if let Err(error) = spawned {
            tracing::error!(%error, "changes of plugins' files will not be noticed: there is no thread for it");
        }
        Some(Self { shared })
    }

    /// Policies that are to take the place of the running ones, if a file changed. Costs a lock; ask between ticks.
    pub fn take(&self) -> Option<Policies> {
        self.shared.inner.lock().fresh.take()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.inner.lock().over = true;
        self.shared.over.notify_all();
    }
}

struct Worker {
    specs: Vec<PolicySpec>,
    files: Files,
    cx: Cx,
    metrics: Arc<SwapMetrics>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self, every: Duration) {
        loop {
            {
                let mut inner = self.shared.inner.lock();
                if !inner.over {
                    self.shared.over.wait_for(&mut inner, every);
                }
                if inner.over {
                    return;
                }
            }
            if self.files.changed() {
                self.swap();
            }
        }
    }

    fn swap(&mut self) {
        match self.build() {
            Ok(None) => {}
            Ok(Some((specs, policies))) => {
                self.specs = specs;
                self.metrics.succeeded.add(1);
                let mut inner = self.shared.inner.lock();
                if !inner.over {
                    inner.fresh = Some(policies);
                }
            }
            Err(error) => {
                self.metrics.failed.add(1);
                tracing::error!(processor = %self.cx.id, "the changed plugin is not used, the old one goes on: {error}");
            }
        }
    }

    /// The specs with what the files hold now, configured; `None` if they hold what they held.
    fn build(&self) -> Result<Option<(Vec<PolicySpec>, Policies)>, String> {
        let mut specs = self.specs.clone();
        let mut any = false;
        for spec in &mut specs {
            let Some(Origin { path, pin }) = spec.plugin.origin.clone() else { continue };
            let plugin = self.cx.host.wasm.load(&path, pin.as_deref());
            let plugin = plugin.map_err(|error| format!("{}: {error}", path.display()))?;
            if plugin.digest != spec.plugin.digest {
                announce(&spec.policy, &path, &spec.plugin, &plugin);
                spec.plugin = plugin;
                any = true;
            }
        }
        if !any {
            return Ok(None);
        }
        let policies = Policies::new(specs.clone(), &self.cx).map_err(|problems| {
            let said = problems
                .iter()
                .map(|problem| format!("policy {}: {} {}", specs[problem.spec].policy, problem.path, problem.message));
            said.collect::<Vec<_>>().join("; ")
        })?;
        Ok(Some((specs, policies)))
    }
}

fn announce(policy: &str, path: &Path, old: &Plugin, new: &Plugin) {
    let (from, to) = (old.short_digest(), new.short_digest());
    tracing::info!(policy, file = %path.display(), from, to, version = new.version, "the plugin's file changed");
}

#[cfg(test)]
mod tests;
