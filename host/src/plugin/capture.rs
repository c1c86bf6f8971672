//! What guests write to the host's log, kept for whoever runs a command.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines that are kept until they are taken.
const MAX_LINES: usize = 100;

/// Where guests' lines come from: the host's side of their log.
const TARGET: &str = "tailrace::wasm::state";

/// Lines of guests since they were last taken.
#[derive(Clone, Default)]
pub(super) struct Capture(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    kept: Vec<String>,
    more: usize,
}

impl Capture {
    /// Catches what is logged in this process from now on; the first one does.
    pub(super) fn start() -> Self {
        let capture = Self::default();
        let layer = capture.clone();
        // It fails where a test has a subscriber already: then nothing is caught.
        let _ = tracing_subscriber::registry().with(layer).try_init();
        capture
    }

    /// The lines, and forgets them.
    pub(super) fn take(&self) -> Vec<String> {
        let Lines { mut kept, more } = std::mem::take(&mut *self.0.lock());
        if more > 0 {
            kept.push(format!("and {more} lines more"));
        }
        kept
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let mut lines = self.0.lock();
        if lines.kept.len() < MAX_LINES {
            lines.kept.push(format!("{} {}", event.metadata().level(), message.0));
        } else {
            lines.more += 1;
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
