//! Dealing requests out to the backends of the moment.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::backend::Backend;
use super::ring::{Generation, Ring};
use super::routing::Routing;
use crate::pipeline::{Batch, BoxFuture, Consume, Cx, Refusal, RefusalKind};
use crate::telemetry::Counter;
use crate::telemetry::metrics::Desc;

const MOVED: Desc = Desc {
    name: "tailrace_loadbalancer_moved_items",
    unit: "{item}",
    help: "Items that waited for a backend that left, or was left out, and went to where they belong without it.",
};

/// How long after the exporter is made requests wait for the first list of backends: one that a reload puts in another's place has it
/// within that time, and refuses none.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// What everything that sends holds on to.
pub(super) struct Core {
    pub(super) routing: Routing,
    pub(super) generation: Generation,
    table: ArcSwap<Table>,
    /// Whether there has been a list.
    began: watch::Sender<bool>,
    /// Until when the first one is waited for.
    patience: Instant,
}

/// The backends, with the ring of their names.
pub(super) struct Table {
    backends: Vec<Arc<Backend>>,
    ring: Ring,
}

impl Core {
    pub(super) fn new(routing: Routing, generation: Generation) -> Self {
        Self {
            routing,
            generation,
            table: ArcSwap::from_pointee(Table::new(generation, Vec::new())),
            began: watch::Sender::new(false),
            patience: Instant::now() + FIRST_LIST,
        }
    }

    /// From now on it is these.
    pub(super) fn set_table(&self, table: Table) {
        self.table.store(Arc::new(table));
        self.began.send_replace(true);
    }

    async fn wait_for_first_list(&self) {
        let mut began = self.began.subscribe();
        // Too late is no reason to wait for the next: the empty table refuses.
        let _ = timeout_at(self.patience, began.wait_for(|began| *began)).await;
    }

    /// Deals a request out. What a backend does not take for having left meanwhile goes by the next table.
    pub(super) async fn send(&self, mut batch: Batch) -> Result<(), Refusal> {
        if !*self.began.borrow() {
            self.wait_for_first_list().await;
        }
        let mut table = self.table.load_full();
        loop {
            let Err(mut refusal) = table.send(&self.routing, batch.clone()).await else { return Ok(()) };
            let next = self.table.load_full();
            if refusal.is_permanent() || Arc::ptr_eq(&table, &next) {
                return Err(refusal);
            }
            if let Some(rest) = refusal.rest.take() {
                batch = *rest;
            }
            table = next;
        }
    }

    /// How many backends there are.
    #[cfg(test)]
    pub(super) fn backends(&self) -> usize {
        self.table.load().backends.len()
    }

    /// As long as one backend takes something, requests are let in.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        if !*self.began.borrow() && Instant::now() < self.patience {
            return Ok(());
        }
        let table = self.table.load();
        let mut refused = None;
        for backend in &table.backends {
            match backend.shipping.admit() {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = Some(refusal),
            }
        }
        Err(refused.unwrap_or_else(no_backend))
    }
}

impl Table {
    /// `backends` are sorted by name. Takes milliseconds where there are hundreds.
    pub(super) fn new(generation: Generation, backends: Vec<Arc<Backend>>) -> Self {
        let names: Vec<_> = backends.iter().map(|backend| backend.name.as_str()).collect();
        let ring = Ring::new(generation, &names);
        Self { backends, ring }
    }

    async fn send(&self, routing: &Routing, batch: Batch) -> Result<(), Refusal> {
        if self.backends.is_empty() {
            return Err(no_backend());
        }
        let mut shares = routing.deal(&batch, &self.ring, self.backends.len());
        if shares.len() <= 1 {
            let Some(backend) = shares.pop().and_then(|share| self.backends.get(share.way)) else { return Ok(()) };
            return backend.shipping.consume(batch).await;
        }
        let sends = shares.into_iter().filter_map(|share| {
            let backend = self.backends.get(share.way)?;
            let part = Batch { metadata: batch.metadata.clone(), ..Batch::new(batch.signal, share.data, share.items) };
            Some(
                async move { backend.shipping.consume(part.clone()).await.map_err(|refusal| Failed { part, refusal }) },
            )
        });
        let failed = join_all(sends).await.into_iter().filter_map(Result::err).collect();
        all_refusals(failed)
    }
}

/// A backend's part that it did not take, or not all of it.
struct Failed {
    part: Batch,
    refusal: Refusal,
}

/// The refusals of several backends in one: of what may yet succeed, or of everything if nothing may.
fn all_refusals(failed: Vec<Failed>) -> Result<(), Refusal> {
    let may_succeed = failed.iter().any(|failed| !failed.refusal.is_permanent());
    let mut failed = failed.into_iter().filter(|failed| !may_succeed || !failed.refusal.is_permanent());
    let Some(first) = failed.next() else { return Ok(()) };
    let (mut refusal, mut rest) = first.open();
    for other in failed {
        let (other, part) = other.open();
        rest.items += part.items;
        rest.data.append(part.data);
        if let (RefusalKind::Retry { after }, RefusalKind::Retry { after: longer }) = (&mut refusal.kind, other.kind) {
            *after = (*after).max(longer);
        }
        if !refusal.why.contains(&other.why) {
            refusal.why = format!("{}; {}", refusal.why, other.why);
        }
    }
    Err(Refusal { rest: Some(Box::new(rest)), ..refusal })
}

impl Failed {
    fn open(mut self) -> (Refusal, Batch) {
        let rest = self.refusal.rest.take().map_or(self.part, |rest| *rest);
        (self.refusal, rest)
    }
}

fn no_backend() -> Refusal {
    Refusal::retry("couldn't find the exporter for the endpoint \"\": there is no backend yet")
}

/// Takes over what waits for a backend that is no more.
pub(super) struct Heir {
    core: Arc<Core>,
    moved: Counter,
}

impl Heir {
    pub(super) fn new(core: &Arc<Core>, cx: &Cx) -> Self {
        let moved = cx.metrics.counter(MOVED, &[("exporter", &cx.id.to_string())]);
        Self { core: Arc::clone(core), moved }
    }
}

impl Consume for Heir {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let items = batch.items;
            let result = self.core.send(batch).await;
            let left = match &result {
                Ok(()) => 0,
                Err(refusal) => refusal.rest.as_ref().map_or(items, |rest| rest.items),
            };
            self.moved.add((items - left) as u64);
            result
        })
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.core.admit()
    }
}
