//! Who the backends are: as the resolver says, without those that are left out for being down.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::backend::{Backend, Maker};
use super::resolver::Backends;
use super::table::{Core, Table};
use super::{Failover, ring};
use crate::pipeline::Consume;

/// The longest that a connection to a backend that is left out may take.
const PROBE: Duration = Duration::from_secs(5);

pub(super) struct Members {
    core: Arc<Core>,
    maker: Arc<Maker>,
    heir: Weak<Box<dyn Consume>>,
    retry_interval: Duration,
    /// Those that data goes to, by name.
    live: BTreeMap<String, Arc<Backend>>,
    /// Those that are down, with what waits for them to come back.
    out: BTreeMap<String, AbortOnDropHandle<()>>,
    back: (mpsc::Sender<String>, mpsc::Receiver<String>),
    /// Every backend's, those that have left and still send included.
    tasks: TaskTracker,
}

impl Members {
    pub(super) fn new(core: &Arc<Core>, maker: &Arc<Maker>, heir: &Arc<Box<dyn Consume>>, failover: &Failover) -> Self {
        Self {
            core: Arc::clone(core),
            maker: Arc::clone(maker),
            heir: Arc::downgrade(heir),
            retry_interval: failover.retry_interval.0,
            live: BTreeMap::new(),
            out: BTreeMap::new(),
            back: mpsc::channel(1),
            tasks: TaskTracker::new(),
        }
    }

    /// Follows the resolver and the backends' health for as long as it is polled. Only dropped between two changes, or in one that has
    /// not been published yet.
    pub(super) async fn keep(&mut self, backends: &mut watch::Receiver<Backends>) {
        loop {
            let trouble = Arc::clone(&self.maker.trouble);
            tokio::select! {
                changed = backends.changed() => if changed.is_err() { return },
                () = trouble.notified() => self.leave_out_the_dead(),
                back = self.back.1.recv() => self.let_in(back),
            }
            let wanted = backends.borrow_and_update().clone();
            self.change_to(&wanted).await;
        }
    }

    /// Ends all backends; what waits goes to `successor` where there is one.
    pub(super) async fn finish(mut self, successor: Option<&Weak<Box<dyn Consume>>>) {
        self.out.clear();
        for backend in self.live.values() {
            backend.retire(successor);
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn change_to(&mut self, wanted: &[String]) {
        self.out.retain(|name, _| wanted.contains(name));
        let wanted: Vec<_> = wanted.iter().filter(|name| !self.out.contains_key(*name)).collect();
        if wanted.iter().copied().eq(self.live.keys()) {
            return;
        }
        if wanted.len() > ring::MAX_BACKENDS {
            tracing::error!(
                backends = wanted.len(),
                used = ring::MAX_BACKENDS,
                "Too many backends; the last are not used"
            );
        }
        let mut live = BTreeMap::new();
        for name in wanted.into_iter().take(ring::MAX_BACKENDS) {
            let backend = match self.live.get(name) {
                Some(backend) => Ok(Arc::clone(backend)),
                None => self.maker.start(name, &self.tasks),
            };
            match backend {
                Ok(backend) => _ = live.insert(name.clone(), backend),
                Err(error) => tracing::error!(endpoint = %name, %error, "Cannot send to a backend; it is left out"),
            }
        }
        self.publish(live).await;
    }

    /// First the new table, then the end of those that are not in it, so that nothing is refused in between.
    async fn publish(&mut self, live: BTreeMap<String, Arc<Backend>>) {
        let all: Vec<_> = live.values().cloned().collect();
        for backend in &all {
            backend.shipping.share_among(all.len());
        }
        let generation = self.core.generation;
        // A ring of hundreds of backends takes milliseconds.
        let Ok(table) = tokio::task::spawn_blocking(move || Table::new(generation, all)).await else { return };
        self.core.set_table(table);
        let before = std::mem::replace(&mut self.live, live);
        for (name, backend) in before {
            if !self.live.get(&name).is_some_and(|stays| Arc::ptr_eq(stays, &backend)) {
                backend.retire(Some(&self.heir));
            }
        }
    }

    /// All but the last one that is up.
    fn leave_out_the_dead(&mut self) {
        let down: Vec<_> = self.live.values().filter(|backend| backend.is_down()).cloned().collect();
        let can_go = if down.len() == self.live.len() { down.len().saturating_sub(1) } else { down.len() };
        for backend in down.into_iter().take(can_go) {
            tracing::warn!(endpoint = %backend.name, "A backend is down; its keys go to the others until it is back");
            let waiting =
                wait_for(backend.name.clone(), Arc::clone(&self.maker), self.retry_interval, self.back.0.clone());
            self.out.insert(backend.name.clone(), AbortOnDropHandle::new(tokio::spawn(waiting)));
        }
    }

    fn let_in(&mut self, name: Option<String>) {
        let Some(name) = name else { return };
        if self.out.remove(&name).is_some() {
            tracing::info!(endpoint = %name, "A backend is back; its keys go to it again");
        }
    }
}

/// Tries to connect until that succeeds, and says so.
async fn wait_for(name: String, maker: Arc<Maker>, interval: Duration, back: mpsc::Sender<String>) {
    loop {
        tokio::time::sleep(interval).await;
        let Ok(exporter) = maker.exporter(&name) else { return };
        if tokio::time::timeout(PROBE, exporter.connected()).await == Ok(true) {
            // Nobody listens when the host ends.
            let _ = back.send(name).await;
            return;
        }
    }
}
