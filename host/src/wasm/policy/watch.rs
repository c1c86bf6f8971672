//! Swaps plugins whose file changes: a complete new [`Policies`] is built beside the running one, and handed over when all of it
//! works. Whatever fails keeps the old one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::metrics::SwapMetrics;
use super::{Policies, PolicySpec};
use crate::pipeline::Cx;
use crate::wasm::Plugin;
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
        let files = Files::of(&specs);
        if files.0.is_empty() {
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

/// Files and what they looked like.
struct Files(BTreeMap<PathBuf, File>);

struct File {
    /// What was last acted on.
    known: Option<Signature>,
    /// What it looked like at the last poll.
    last: Option<Signature>,
}

/// Changes with the content, also when a mount flips a symbolic link of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    modified: SystemTime,
    bytes: u64,
    inode: (u64, u64),
}

impl Signature {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self { modified, bytes: metadata.len(), inode: (metadata.dev(), metadata.ino()) })
    }
}

impl Files {
    fn of(specs: &[PolicySpec]) -> Self {
        let paths = specs.iter().filter_map(|spec| spec.plugin.origin.as_ref()).map(|origin| origin.path.clone());
        // Nothing is known of a file that may have changed since it was loaded: the first poll compares digests.
        Self(paths.map(|path| (path, File { known: None, last: None })).collect())
    }

    /// Whether a file changed and has come to rest: a copy under way is not looked at.
    fn changed(&mut self) -> bool {
        let mut changed = false;
        for (path, file) in &mut self.0 {
            let now = Signature::of(path);
            if now.is_some() && now == file.last && now != file.known {
                file.known = now;
                changed = true;
            }
            file.last = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests;
