//! What a guest may know of the request that it is shown, beyond its bytes.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::bindings::capabilities::tailrace::request::context;
use super::state::State;
use crate::pipeline::Metadata;

/// When a request came, and from whom.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Unix ns; 0 where there is no request.
    arrived_unix_ns: u64,
    metadata: Option<Arc<Metadata>>,
}

impl About {
    /// A request that came just now.
    pub fn now(metadata: Option<Arc<Metadata>>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { arrived_unix_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), metadata }
    }
}

impl context::Host for State {
    fn arrived(&mut self) -> context::Instant {
        const SECOND_NS: u64 = 1_000_000_000;
        let ns = self.about.arrived_unix_ns;
        context::Instant { seconds: ns / SECOND_NS, nanoseconds: (ns % SECOND_NS) as u32 }
    }

    fn client_metadata(&mut self) -> Vec<(String, String)> {
        self.about.metadata.as_ref().map(|metadata| metadata.entries.clone()).unwrap_or_default()
    }
}
