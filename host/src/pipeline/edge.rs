//! What stands between components: edges count, fan out, and know when nobody can reach a component any more. None takes a
//! lock; only the fan-out allocates.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::kind::{DynConnector, DynProcessor};
use super::{Batch, BoxFuture, Consume, Next, Outputs, Refusal, RefusalKind, Signal};
use crate::exporters::queue::Shipping;
use crate::telemetry::Counter;

/// What a [`Next`] leads to.
pub type Target = Arc<Box<dyn Consume>>;

/// Held by everything through which a component can be reached.
pub(super) type Hold = mpsc::Sender<Infallible>;

/// Tells when every [`Hold`] is gone: no call is under way and none can come.
pub(super) struct Users(mpsc::Receiver<Infallible>);

impl Users {
    pub(super) fn new() -> (Hold, Self) {
        let (hold, users) = mpsc::channel(1);
        (hold, Self(users))
    }

    pub(super) async fn gone(&mut self) {
        // Nothing can be sent: it ends when the last sender does.
        let _ = self.0.recv().await;
    }
}

pub(super) fn target(consume: impl Consume) -> Target {
    Arc::new(Box::new(consume))
}

/// The way into a processor.
pub(super) struct IntoProcessor {
    pub(super) processor: Arc<dyn DynProcessor>,
    pub(super) next: Next,
    pub(super) incoming: Counter,
    pub(super) _hold: Hold,
}

impl Consume for IntoProcessor {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        self.incoming.add(batch.items as u64);
        self.processor.process(batch, &self.next)
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.processor.admit()?;
        if self.processor.buffers() { Ok(()) } else { self.next.admit() }
    }
}

/// The way into an exporter.
pub(super) struct IntoExporter {
    pub(super) shipping: Arc<Shipping>,
    pub(super) _hold: Hold,
}

impl Consume for IntoExporter {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        self.shipping.consume(batch)
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.shipping.admit()
    }
}

/// The way into a connector, for one signal.
pub(super) struct IntoConnector {
    pub(super) connector: Arc<dyn DynConnector>,
    pub(super) outputs: Outputs,
    /// Set if the connector hands on what it gets; one that makes another signal of it answers for itself.
    pub(super) passes_on: Option<Signal>,
    pub(super) _hold: Hold,
}

impl Consume for IntoConnector {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        self.connector.connect(batch, &self.outputs)
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.passes_on.map_or(Ok(()), |signal| self.outputs.of(signal).admit())
    }
}

/// Counts what a processor hands on.
pub(super) struct Outgoing {
    pub(super) items: Counter,
    pub(super) target: Target,
}

impl Consume for Outgoing {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        self.items.add(batch.items as u64);
        self.target.consume(batch)
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.target.admit()
    }
}

/// Hands every batch to several, one after the other. One that refuses fails the call for all, so that the sender tries
/// again, as in the Go collector; those that took the batch will then see it twice.
pub(super) struct FanOut(pub(super) Vec<Target>);

impl FanOut {
    async fn deal(&self, batch: Batch) -> Result<(), Refusal> {
        let mut refused = None;
        let Some((last, others)) = self.0.split_last() else { return Ok(()) };
        for target in others {
            if let Err(refusal) = target.consume(batch.clone()).await {
                refused = Some(both(refused, refusal));
            }
        }
        if let Err(refusal) = last.consume(batch).await {
            refused = Some(both(refused, refusal));
        }
        refused.map_or(Ok(()), Err)
    }
}

impl Consume for FanOut {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.deal(batch))
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.0.iter().try_for_each(|target| target.admit())
    }
}

/// Two refusals in one: permanent if either is, no sooner than either asks, and of the whole batch.
fn both(first: Option<Refusal>, second: Refusal) -> Refusal {
    let Some(first) = first else { return second };
    let kind = match (first.kind, second.kind) {
        (RefusalKind::Retry { after: a }, RefusalKind::Retry { after: b }) => RefusalKind::Retry { after: later(a, b) },
        _ => RefusalKind::Permanent,
    };
    let why = format!("{}; {}", first.why, second.why);
    // The code must not contradict the kind: it is the permanent one's, if there is one.
    let leading = if second.is_permanent() && !first.is_permanent() { &second } else { &first };
    Refusal { kind, who: leading.who, code: leading.code, ..Refusal::permanent(why) }
}

fn later(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.max(b)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::pipeline::Rope;

    /// Answers what it is told to and remembers what it saw.
    #[derive(Clone)]
    struct Scripted(Result<(), Refusal>, Arc<Mutex<Vec<usize>>>);

    impl Consume for Scripted {
        fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
            self.1.lock().push(batch.items);
            Box::pin(std::future::ready(self.0.clone()))
        }
        fn admit(&self) -> Result<(), Refusal> {
            self.0.clone()
        }
    }

    fn batch() -> Batch {
        Batch::new(Signal::Traces, Rope::new(), 3)
    }

    /// Every branch sees the batch, and the sender hears of every refusal: permanent if any is.
    #[tokio::test]
    async fn refusals_of_branches_are_combined() {
        let full = || Err(Refusal::retry("full"));
        let bad = || Err(Refusal::permanent("bad"));
        let cases = [
            (vec![Ok(()), Ok(())], None),
            (vec![full(), Ok(())], Some(("full", false))),
            (vec![full(), full()], Some(("full; full", false))),
            (vec![full(), Ok(()), bad()], Some(("full; bad", true))),
            (vec![], None),
        ];
        for (answers, want) in cases {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let branches: Vec<_> = answers.iter().map(|a| target(Scripted(a.clone(), seen.clone()))).collect();
            let fan_out = FanOut(branches);
            let got = fan_out.consume(batch()).await;
            assert_eq!(seen.lock().len(), answers.len());
            let got = got.err().map(|refusal| (refusal.why.clone(), refusal.is_permanent()));
            assert_eq!(got, want.map(|(why, permanent)| (why.to_owned(), permanent)));
            assert_eq!(fan_out.admit().is_ok(), want.is_none());
        }
    }

    #[test]
    fn the_longer_wait_counts() {
        let after = |secs| Refusal {
            kind: RefusalKind::Retry { after: Some(Duration::from_secs(secs)) },
            ..Refusal::retry("wait")
        };
        let kind = both(Some(after(2)), after(5)).kind;
        assert_eq!(kind, RefusalKind::Retry { after: Some(Duration::from_secs(5)) });
    }

    /// A component may be stopped only when calls that began before it was cut off have ended.
    #[tokio::test]
    async fn users_are_gone_when_the_last_hold_is() {
        let (hold, mut users) = Users::new();
        let second = hold.clone();
        drop(hold);
        let waiting = tokio::time::timeout(Duration::from_millis(10), users.gone()).await;
        assert!(waiting.is_err());
        drop(second);
        users.gone().await;
    }
}
