//! Swaps plugins whose file changes: the new version is tried beside the running one over the last recorded batches, then a complete
//! new [`Policies`] is built and handed over. Whatever fails keeps the old one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::trial::{self, Recorded, Trial};
use super::{Policies, PolicySpec};
use crate::host::health::Degraded;
use crate::pipeline::Cx;
use crate::wasm::engine::off_runtime;
use crate::wasm::files::Files;
use crate::wasm::metrics::SwapMetrics;
use crate::wasm::plugin::Origin;
use crate::wasm::reload::Refused;
use crate::wasm::ring::{Bounds, Ring};
use crate::wasm::{Checked, Outcome, Plugin, Reload};

/// Watches the files that policies were loaded from, on a thread of its own that ends with it.
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    /// Held while files are looked at, by the thread or by who asks for it now.
    worker: Mutex<Worker>,
    inner: Mutex<Inner>,
    /// Told when the watch is over.
    over: Condvar,
    recent: Arc<Ring<Recorded>>,
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
        let metrics = SwapMetrics::new(cx);
        let watched = specs.iter().filter(|spec| spec.plugin.origin.is_some());
        let bounds = watched.map(|spec| spec.limits.trial).reduce(Bounds::max)?;
        let recent = Ring::new(bounds, cx.host.clone());
        let worker = Worker { specs, files, cx: cx.clone(), metrics, refused: BTreeMap::new() };
        let shared =
            Arc::new(Shared { worker: Mutex::new(worker), inner: Mutex::default(), over: Condvar::new(), recent });
        let known: Arc<dyn Reload> = shared.clone();
        cx.host.wasm.watched_by(Arc::downgrade(&known));
        let of_thread = shared.clone();
        let spawned = thread::Builder::new().name("plugin-watch".to_owned()).spawn(move || of_thread.run(every));
        if let Err(error) = spawned {
            tracing::error!(%error, "changes of plugins' files will not be noticed: there is no thread for it");
        }
        Some(Self { shared })
    }

    /// Policies that are to take the place of the running ones, if a file changed. Costs a lock; ask between ticks.
    pub fn take(&self) -> Option<Policies> {
        self.shared.inner.lock().fresh.take()
    }

    /// Looks at the files now instead of at the next poll, and says what came of each. What is new is there to be taken when this
    /// returns. Takes as long as compiling does.
    pub fn check_now(&self) -> Vec<Checked> {
        self.shared.check_now()
    }

    pub(super) fn recent(&self) -> Arc<Ring<Recorded>> {
        self.shared.recent.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.inner.lock().over = true;
        self.shared.over.notify_all();
    }
}

impl Shared {
    fn run(&self, every: Duration) {
        loop {
            {
                let mut inner = self.inner.lock();
                if !inner.over {
                    self.over.wait_for(&mut inner, every);
                }
                if inner.over {
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
        let (checked, fresh) = off_runtime(|| worker.check(&self.recent));
        if let Some(mut fresh) = fresh {
            fresh.recent = Some(self.recent.clone());
            let mut inner = self.inner.lock();
            if !inner.over {
                inner.fresh = Some(fresh);
            }
        }
        checked
    }
}

struct Worker {
    /// What runs, or will from the next tick on.
    specs: Vec<PolicySpec>,
    files: Files,
    cx: Cx,
    metrics: SwapMetrics,
    /// Files whose newest content is not used, for as long as it is so.
    refused: BTreeMap<PathBuf, Degraded>,
}

impl Worker {
    /// Looks at all files, and makes new policies if one of them holds something new that works.
    fn check(&mut self, recent: &Ring<Recorded>) -> (Vec<Checked>, Option<Policies>) {
        let mut next = self.specs.clone();
        let mut origins: Vec<Origin> = Vec::new();
        for origin in self.specs.iter().filter_map(|spec| spec.plugin.origin.as_ref()) {
            if !origins.contains(origin) {
                origins.push(origin.clone());
            }
        }
        let mut checked: Vec<_> = origins.iter().map(|origin| self.look(origin, &mut next, recent)).collect();
        let mut fresh = None;
        if checked.iter().any(|checked| matches!(checked.outcome, Outcome::Swapped { .. })) {
            match Policies::configure(next.clone(), &self.cx) {
                Ok(policies) => {
                    fresh = Some(policies);
                    self.specs = next;
                }
                Err(problems) => refuse_all(&mut checked, &trial::misconfigured(&next, &problems)),
            }
        }
        for checked in &checked {
            self.tell(checked);
        }
        (checked, fresh)
    }

    /// Tries what the file holds; what works stands in `next` afterwards.
    fn look(&self, origin: &Origin, next: &mut [PolicySpec], recent: &Ring<Recorded>) -> Checked {
        let places: Vec<_> = (0..next.len()).filter(|at| next[*at].plugin.origin.as_ref() == Some(origin)).collect();
        // Alone: what is beside it in another file is not tried.
        let alone = |place: &usize| PolicySpec { canary_of: None, ..next[*place].clone() };
        let old: Vec<_> = places.iter().map(alone).collect();
        let digest = old.first().map(|spec| spec.plugin.digest.clone()).unwrap_or_default();
        let outcome = match self.try_file(origin, &old, recent) {
            Ok(None) => Outcome::Unchanged { digest },
            Ok(Some((plugin, Trial { compared, disagreements }))) => {
                for place in &places {
                    next[*place].plugin = plugin.clone();
                }
                Outcome::Swapped { from: digest, to: plugin.digest.clone(), tried: compared, disagreements }
            }
            Err(Refused { reason, message }) => Outcome::Refused { digest, reason, message },
        };
        let policies = old.into_iter().map(|spec| spec.policy).collect();
        Checked { component: self.cx.id.to_string(), policies, file: origin.path.clone(), outcome }
    }

    /// What the file holds, if that is something new and stood its trial.
    fn try_file(
        &self,
        origin: &Origin,
        old: &[PolicySpec],
        recent: &Ring<Recorded>,
    ) -> Result<Option<(Arc<Plugin>, Trial)>, Refused> {
        let plugin = self.cx.host.wasm.load(&origin.path, origin.pin.as_deref())?;
        if old.iter().all(|spec| spec.plugin.digest == plugin.digest) {
            return Ok(None);
        }
        let new: Vec<_> = old.iter().map(|spec| PolicySpec { plugin: plugin.clone(), ..spec.clone() }).collect();
        let trials = trial::run(old, &new, &recent.items(), &self.cx)?;
        let mut sum = Trial::default();
        for (spec, Trial { compared, disagreements }) in new.iter().zip(trials) {
            self.metrics.tried(&spec.policy, compared, disagreements);
            sum.compared += compared;
            sum.disagreements += disagreements;
        }
        Ok(Some((plugin, sum)))
    }

    /// In the log, the metrics and the host's health.
    fn tell(&mut self, Checked { policies, file, outcome, .. }: &Checked) {
        let policies = policies.join(", ");
        match outcome {
            Outcome::Unchanged { .. } => drop(self.refused.remove(file)),
            Outcome::Swapped { from, to, tried, disagreements } => {
                self.refused.remove(file);
                self.metrics.succeeded();
                let (from, to) = (short(from), short(to));
                tracing::info!(
                    policies, file = %file.display(), from, to, tried, disagreements,
                    "the plugin's file changed; the new version takes over"
                );
            }
            Outcome::Refused { digest, reason, message } => {
                self.metrics.failed(reason);
                let why = format!("{} holds a plugin that is not used: {message}", file.display());
                tracing::error!(
                    processor = %self.cx.id, policies, file = %file.display(), reason, running = short(digest),
                    "the changed plugin is not used, the old one goes on: {message}"
                );
                // The old guard goes after the new one has come: it is degraded all the time.
                let degraded = Degraded::new(&self.cx.host, &self.cx.id.to_string(), why);
                self.refused.insert(file.clone(), degraded);
            }
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// All together do not work although each did.
fn refuse_all(checked: &mut [Checked], Refused { reason, message }: &Refused) {
    for Checked { outcome, .. } in checked {
        if let Outcome::Swapped { from, .. } = outcome {
            *outcome = Outcome::Refused { digest: std::mem::take(from), reason, message: message.clone() };
        }
    }
}

#[cfg(test)]
mod tests;
