//! Refuses data while the process holds too much memory, before a body is read, so that senders wait instead of the process
//! being killed.
//!
//! ```yaml
//! processors:
//!   memory_limiter:
//!     check_interval: 1s
//!     limit_mib: 2048               # hard limit; or limit_percentage of what the cgroup (else the machine) has
//!     spike_limit_mib: 512          # soft limit = limit - spike; 20 % of the limit unless given
//! ```
//!
//! What counts are the allocator's live bytes and the bytes held outside of it (log segments, guest memories), not RSS: pages
//! that the allocator keeps would make the limiter refuse for ever. Above the soft limit everything is refused, for now, until a
//! check finds it below again. There is no garbage collector to force; at the points where the Go collector forces one,
//! components give back what they do not use and the allocator returns free pages to the system. `min_gc_interval_*` bound how
//! often that happens, `max_gc_interval_*` how far apart it is when it does not help.
//!
//! All instances of one id share one checker.

mod checker;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use self::checker::Checker;
pub use self::settings::Settings;
use crate::pipeline::{Batch, BuildError, Cx, Next, Processor, Refusal, Signal, Stop, UpdateError};
use crate::telemetry::Counter;
use crate::telemetry::items::ProcessorItems;
use crate::telemetry::metrics::Desc;

const ACCEPTED: [Desc; 3] = [
    desc("processor_memory_limiter_accepted_spans", "{span}", ACCEPTED_HELP),
    desc("processor_memory_limiter_accepted_metric_points", "{datapoint}", ACCEPTED_HELP),
    desc("processor_memory_limiter_accepted_log_records", "{record}", ACCEPTED_HELP),
];
const REFUSED: [Desc; 3] = [
    desc("processor_memory_limiter_refused_spans", "{span}", REFUSED_HELP),
    desc("processor_memory_limiter_refused_metric_points", "{datapoint}", REFUSED_HELP),
    desc("processor_memory_limiter_refused_log_records", "{record}", REFUSED_HELP),
];
const REFUSED_REQUESTS: Desc = desc(
    "processor_memory_limiter_refused_requests",
    "{request}",
    "Requests refused before their body was read; the refused items in them are estimated from those accepted before.",
);
const ACCEPTED_HELP: &str = "Number of items accepted by the memory limiter.";
const REFUSED_HELP: &str = "Number of items refused by the memory limiter; estimated for requests that were refused before their body was read.";

const fn desc(name: &'static str, unit: &'static str, help: &'static str) -> Desc {
    Desc { name, unit, help }
}

/// The processor.
pub struct MemoryLimiter {
    checker: Arc<Checker>,
    any: ProcessorItems,
    own: ProcessorItems,
    refused_requests: Counter,
    /// Accepted so far, to guess what is in a request that nobody read.
    accepted_batches: AtomicU64,
}

impl Processor for MemoryLimiter {
    const TYPE: &'static str = "memory_limiter";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let signal = cx.signal.unwrap_or(Signal::Traces);
        let id = cx.id.to_string();
        let limits = settings.limits()?;
        let checker = cx
            .host
            .shared
            .get_or_make(&id, || Checker::new(id.clone(), settings.clone(), limits, Arc::clone(&cx.host)));
        // A checker that was there already may have older settings.
        checker.configure(&settings, limits);
        let labels = [("processor", id.as_str())];
        let own = ProcessorItems {
            accepted: cx.metrics.counter(ACCEPTED[signal as usize], &labels),
            refused: cx.metrics.counter(REFUSED[signal as usize], &labels),
        };
        own.refused.add(0);
        let refused_requests = cx.metrics.counter(REFUSED_REQUESTS, &labels);
        refused_requests.add(0);
        Ok(Self {
            checker,
            any: ProcessorItems::new(cx, signal),
            own,
            refused_requests,
            accepted_batches: AtomicU64::new(0),
        })
    }

    async fn process(&self, batch: Batch, next: &Next) -> Result<(), Refusal> {
        let items = batch.items as u64;
        if self.checker.is_refusing() {
            return Err(self.refuse(items));
        }
        self.accepted_batches.fetch_add(1, Ordering::Relaxed);
        self.own.accepted.add(items);
        self.any.accepted.add(items);
        next.consume(batch).await
    }

    fn admit(&self) -> Result<(), Refusal> {
        if !self.checker.is_refusing() {
            return Ok(());
        }
        self.refused_requests.add(1);
        Err(self.refuse(self.usual_items()))
    }

    async fn run(&self, _next: Next, stop: Stop) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.checker.interval()) => self.checker.check(Instant::now()),
                () = stop.requested() => return,
            }
        }
    }

    fn update(&self, new: &Settings) -> Result<(), UpdateError> {
        let limits = new.limits().map_err(UpdateError::Failed)?;
        self.checker.configure(new, limits);
        Ok(())
    }
}

impl MemoryLimiter {
    fn refuse(&self, items: u64) -> Refusal {
        self.own.refused.add(items);
        self.any.refused.add(items);
        Refusal::retry("data refused due to high memory usage")
    }

    /// Items in a request so far, on average.
    fn usual_items(&self) -> u64 {
        let batches = self.accepted_batches.load(Ordering::Relaxed).max(1);
        (self.own.accepted.get() / batches).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::pipeline::Rope;
    use crate::telemetry::Metrics;

    fn cx() -> Cx {
        Cx {
            id: "memory_limiter".parse().unwrap(),
            pipeline: Some("traces".parse().unwrap()),
            signal: Some(Signal::Traces),
            metrics: Metrics::default(),
            host: Host::new(),
        }
    }

    fn batch(items: usize) -> Batch {
        Batch::new(Signal::Traces, Rope::new(), items)
    }

    struct Sink;
    impl crate::pipeline::Consume for Sink {
        fn consume(&self, _: Batch) -> crate::pipeline::BoxFuture<'_, Result<(), Refusal>> {
            Box::pin(std::future::ready(Ok(())))
        }
        fn admit(&self) -> Result<(), Refusal> {
            Ok(())
        }
    }

    /// Both instances of an id refuse together; what is refused is counted under the old and the new name.
    #[tokio::test]
    async fn instances_share_the_checker_and_count_what_they_refuse() {
        let cx = cx();
        let settings = Settings { limit_mib: 100_000, ..Settings::for_tests() };
        let (a, b) = (MemoryLimiter::new(settings.clone(), &cx).unwrap(), MemoryLimiter::new(settings, &cx).unwrap());
        let next = Next::to(Box::new(Sink));
        a.process(batch(10), &next).await.unwrap();
        a.process(batch(20), &next).await.unwrap();
        cx.host.memory.add_outside(100_000 << 20);
        a.checker.check(Instant::now());
        let refusal = b.process(batch(7), &next).await.unwrap_err();
        assert_eq!((refusal.why.as_str(), refusal.is_permanent()), ("data refused due to high memory usage", false));
        assert!(a.admit().is_err());
        let labels = [("processor", "memory_limiter")];
        for name in ["processor_refused_spans", "processor_memory_limiter_refused_spans"] {
            // 7 that arrived, 15 that are usual in a request.
            assert_eq!(cx.metrics.counter(desc(name, "", ""), &labels).get(), 7 + 15, "{name}");
        }
        assert_eq!(cx.metrics.counter(desc("processor_accepted_spans", "", ""), &labels).get(), 30);
        assert_eq!(cx.metrics.counter(REFUSED_REQUESTS, &labels).get(), 1);
        cx.host.memory.sub_outside(100_000 << 20);
        b.checker.check(Instant::now() + std::time::Duration::from_secs(1));
        assert!(b.admit().is_ok());
        assert!(cx.host.memory.limit().is_some());
        drop((a, b));
        assert_eq!(cx.host.memory.limit(), None);
    }
}
