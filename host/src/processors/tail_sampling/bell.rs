//! How the evaluator thread is called: it sleeps until a tick, or until somebody rings.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::judge::Court;

/// What the thread has been asked for.
#[derive(Default)]
pub(super) struct Calls {
    /// Something can not wait for the next tick.
    pub(super) rung: bool,
    /// Policies to go on with.
    pub(super) court: Option<Court>,
    /// Decide everything, answer, and end.
    pub(super) close: Option<oneshot::Sender<()>>,
    /// End as things are.
    pub(super) abandon: bool,
}

#[derive(Default)]
pub(super) struct Bell {
    calls: Mutex<Calls>,
    rung: Condvar,
}

impl Bell {
    /// Wakes the thread for something that can not wait for the next tick.
    pub(super) fn ring(&self) {
        self.call(|calls| calls.rung = true);
    }

    /// Hands it other policies.
    pub(super) fn convene(&self, court: Court) {
        self.call(|calls| calls.court = Some(court));
    }

    /// Asks it to decide everything and end; the receiver is told when that is done.
    pub(super) fn close(&self) -> oneshot::Receiver<()> {
        let (done, when_done) = oneshot::channel();
        self.call(|calls| calls.close = Some(done));
        when_done
    }

    /// Asks it to end without deciding anything.
    pub(super) fn abandon(&self) {
        self.call(|calls| calls.abandon = true);
    }

    fn call(&self, call: impl FnOnce(&mut Calls)) {
        call(&mut self.calls.lock());
        self.rung.notify_one();
    }

    /// Whether the thread is to end.
    pub(super) fn is_closing(&self) -> bool {
        let calls = self.calls.lock();
        calls.close.is_some() || calls.abandon
    }

    /// Sleeps until called or until `deadline`.
    pub(super) fn wait_until(&self, deadline: Instant) -> Calls {
        let mut calls = self.calls.lock();
        let called = |calls: &Calls| calls.rung || calls.court.is_some() || calls.close.is_some() || calls.abandon;
        while !called(&calls) && !self.rung.wait_until(&mut calls, deadline).timed_out() {}
        std::mem::take(&mut calls)
    }
}
