//! The host's log and counters.

use std::cell::RefCell;

#[cfg(target_arch = "wasm32")]
use crate::bindings::tailrace::plugin::host as imports;

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever debugs the policy.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd.
    Warn,
    /// Something is broken.
    Error,
}

thread_local! {
    /// The counters' names in the order that `describe` gives; a guest has one thread.
    static COUNTERS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the host's log, which cuts at 4 KiB and lets a bounded number of lines a second through. Outside a guest (in
/// tests) to standard error.
///
/// ```
/// use tailrace_sdk::{Level, log};
/// log(Level::Info, "the budget is used up");
/// ```
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    {
        let level = match level {
            Level::Debug => imports::Level::Debug,
            Level::Info => imports::Level::Info,
            Level::Warn => imports::Level::Warn,
            Level::Error => imports::Level::Error,
        };
        imports::log(level, message);
    }
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// Adds to one of the policy's [`crate::Policy::COUNTERS`]; a name that is not among them is ignored. Outside a guest it does
/// nothing. The host shows it as `otelcol_tailrace_plugin_counter{counter="…"}`.
///
/// ```
/// use tailrace_sdk::testing::{TestSpan, evaluate};
/// use tailrace_sdk::{Diagnostics, Policy, Trace, Verdict, count};
///
/// struct Counts;
///
/// impl Policy for Counts {
///     const KIND: &'static str = "counts";
///     const COUNTERS: &'static [&'static str] = &["roots_missing"];
///     type Config = ();
///
///     fn new((): ()) -> Result<Self, Diagnostics> {
///         Ok(Self)
///     }
///     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
///         if !trace.seen_root() {
///             count("roots_missing", 1);
///         }
///         Verdict::No
///     }
/// }
///
/// assert_eq!(evaluate::<Counts>("null", &[vec![TestSpan::default()]]).unwrap(), [Verdict::No]);
/// ```
pub fn count(counter: &str, delta: u32) {
    let place = COUNTERS.with_borrow(|names| names.iter().position(|name| *name == counter));
    let Some(id) = place.and_then(|place| u32::try_from(place).ok()) else { return };
    #[cfg(target_arch = "wasm32")]
    imports::counter_add(id, delta);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (id, delta);
}

pub(crate) fn set_counters(names: Vec<&'static str>) {
    COUNTERS.set(names);
}
