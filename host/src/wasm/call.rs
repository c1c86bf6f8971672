//! A call into a guest: its deadline, and what went wrong if something did.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use wasmtime::{Store, Trap};

use super::plugin::{Plugin, first_line, panic_text, ticks};
use super::state::State;

/// A call that failed, before `on_error` is asked.
pub(super) type Broken = (Reason, String);

/// Why a plugin gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The guest did something that ends it: `unreachable`, an access outside its memory, too deep a recursion.
    Trap,
    /// The guest panicked and said so.
    Panic,
    /// The guest ran longer than it may.
    Timeout,
    /// The guest asked for more memory than it may have.
    OutOfMemory,
    /// The guest answered with an error.
    Error,
    /// The guest's votes are too few, too many, or none that there are.
    BadVotes,
    /// The guest's output is no request of that signal, or larger than it may be.
    BadOutput,
    /// The request is larger than the guest is to be given.
    TooLarge,
    /// There is no working instance at the moment.
    Unavailable,
    /// It failed so often that it is not asked for a while.
    BreakerOpen,
    /// The engine panicked.
    HostPanic,
}

impl Reason {
    /// Every reason, for metrics.
    pub const ALL: [Self; 11] = [
        Self::Trap,
        Self::Panic,
        Self::Timeout,
        Self::OutOfMemory,
        Self::Error,
        Self::BadVotes,
        Self::BadOutput,
        Self::TooLarge,
        Self::Unavailable,
        Self::BreakerOpen,
        Self::HostPanic,
    ];

    /// As it stands in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "oom",
            Self::Error => "error",
            Self::BadVotes => "bad_votes",
            Self::BadOutput => "bad_output",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::BreakerOpen => "breaker_open",
            Self::HostPanic => "host_panic",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A wait that doubles with each instance that can not be made, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// When a new instance may be made after one that could not be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Restart {
    not_before: Option<Instant>,
    failed: u32,
}

impl Restart {
    /// Whether it may be tried now.
    pub(super) fn admits(&self, now: Instant) -> Result<(), Broken> {
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Err((Reason::Unavailable, "the plugin could not be started just now".to_owned()));
        }
        Ok(())
    }

    /// How it went.
    pub(super) fn tried(&mut self, now: Instant, started: bool) {
        if started {
            *self = Self::default();
            return;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.failed.min(16)).min(LONGEST_WAIT);
        self.not_before = Some(now + wait);
        self.failed += 1;
    }
}

/// Runs guest code with a deadline, and finds out what went wrong if something did.
pub(super) fn enter<R>(
    plugin: &Plugin,
    store: &mut Store<State>,
    budget: Duration,
    work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>,
) -> Result<R, Broken> {
    let deadline = store.data_mut().deadline.start(ticks(budget));
    store.set_epoch_deadline(deadline);
    store.data_mut().memory.take_refused();
    let running = plugin.runtime.ticker.run();
    let outcome = catch_unwind(AssertUnwindSafe(|| work(store)));
    drop(running);
    match outcome {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(diagnose(store.data_mut(), &error, budget)),
        Err(panic) => Err((Reason::HostPanic, panic_text(&*panic))),
    }
}

fn diagnose(state: &mut State, error: &wasmtime::Error, budget: Duration) -> Broken {
    let said = state.log.take_error();
    let refused = state.memory.take_refused();
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => (Reason::Timeout, format!("it ran longer than {budget:?}")),
        _ if refused => (Reason::OutOfMemory, "it asked for more memory than it may have".to_owned()),
        _ => match said {
            Some(text) if text.starts_with("panicked at") => (Reason::Panic, text),
            _ => (Reason::Trap, first_line(error)),
        },
    }
}
