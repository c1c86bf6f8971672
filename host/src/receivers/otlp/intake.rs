//! What both protocols do with a request's bytes: admission, framing, handing on, counting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::HeaderMap;

use crate::host::Host;
use crate::net::auth::{self, Denied, Identity};
use crate::net::compression::Packed;
use crate::net::status::{Status, code};
use crate::pipeline::{Batch, Cx, Metadata, Next, Outputs, Refusal, Signal};
use crate::telemetry::Counter;
use crate::telemetry::metrics::Desc;

/// Bytes of bodies under way when no memory limiter says how much there is: some hundred requests of usual size.
const MAX_BODY_BYTES: u64 = 256 << 20;

const ACCEPTED: [Desc; 3] = [
    Desc {
        name: "receiver_accepted_spans",
        unit: "{span}",
        help: "Number of spans successfully pushed into the pipeline.",
    },
    Desc {
        name: "receiver_accepted_metric_points",
        unit: "{datapoint}",
        help: "Number of metric points successfully pushed into the pipeline.",
    },
    Desc {
        name: "receiver_accepted_log_records",
        unit: "{record}",
        help: "Number of log records successfully pushed into the pipeline.",
    },
];
const REFUSED: [Desc; 3] = [
    Desc {
        name: "receiver_refused_spans",
        unit: "{span}",
        help: "Number of spans that could not be pushed into the pipeline.",
    },
    Desc {
        name: "receiver_refused_metric_points",
        unit: "{datapoint}",
        help: "Number of metric points that could not be pushed into the pipeline.",
    },
    Desc {
        name: "receiver_refused_log_records",
        unit: "{record}",
        help: "Number of log records that could not be pushed into the pipeline.",
    },
];
const FAILED: [Desc; 3] = [
    Desc {
        name: "receiver_failed_spans",
        unit: "{span}",
        help: "The number of spans that failed to be processed by the receiver due to internal errors.",
    },
    Desc {
        name: "receiver_failed_metric_points",
        unit: "{datapoint}",
        help: "The number of metric points that failed to be processed by the receiver due to internal errors.",
    },
    Desc {
        name: "receiver_failed_log_records",
        unit: "{record}",
        help: "The number of log records that failed to be processed by the receiver due to internal errors.",
    },
];
const TURNED_AWAY: Desc = Desc {
    name: "receiver_turned_away_requests",
    unit: "{request}",
    help: "Number of requests that were refused on their headers, before their bodies were read.",
};

const UNAUTHENTICATED: Desc = Desc {
    name: "receiver_unauthenticated_requests",
    unit: "{request}",
    help: "Number of requests that were refused on their headers because it could not be told who sent them.",
};

/// The protocol that a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Grpc,
    Http,
}

/// The way from a server into the pipelines.
#[derive(Clone)]
pub(super) struct Intake(Arc<State>);

struct State {
    outputs: Outputs,
    budget: Arc<Budget>,
    counters: [Counters; 3],
    turned_away: Counter,
    auth: Option<auth::Server>,
    unauthenticated: Counter,
}

struct Counters {
    accepted: Counter,
    refused: Counter,
    failed: Counter,
}

/// A request's bytes.
pub(super) struct Received {
    /// The message, in protobuf.
    pub(super) data: Bytes,
    /// How it came, if it came packed.
    pub(super) packed: Option<Packed>,
}

/// What is known of who sent a request.
#[derive(Default)]
pub(super) struct Client {
    /// What it sent beside the data, if that is kept.
    pub(super) metadata: Option<Metadata>,
    /// What the authenticator found out.
    pub(super) identity: Option<Arc<Identity>>,
}

impl Client {
    fn into_metadata(self) -> Option<Metadata> {
        match (self.metadata, self.identity) {
            (None, None) => None,
            (metadata, identity) => Some(Metadata { identity, ..metadata.unwrap_or_default() }),
        }
    }
}

/// Why a request is not even read.
#[derive(Debug)]
pub(super) enum Unwanted {
    /// No pipeline has its signal.
    Unknown,
    /// Not now.
    Refused(Status),
}

/// Bytes that bodies under way may hold together.
pub(super) struct Budget {
    used: AtomicU64,
    host: Arc<Host>,
}

/// A share of the budget, given back on drop.
pub(super) struct Claim {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Intake {
    pub(super) fn new(
        outputs: Outputs,
        budget: Arc<Budget>,
        transport: Transport,
        auth: Option<auth::Server>,
        cx: &Cx,
    ) -> Self {
        let id = cx.id.to_string();
        let transport = match transport {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
        };
        let labels = [("receiver", id.as_str()), ("transport", transport)];
        let counters = Signal::ALL.map(|signal| Counters {
            accepted: cx.metrics.counter(ACCEPTED[signal as usize], &labels),
            refused: cx.metrics.counter(REFUSED[signal as usize], &labels),
            failed: cx.metrics.counter(FAILED[signal as usize], &labels),
        });
        let turned_away = cx.metrics.counter(TURNED_AWAY, &labels);
        let unauthenticated = cx.metrics.counter(UNAUTHENTICATED, &labels);
        Self(Arc::new(State { outputs, budget, counters, turned_away, auth, unauthenticated }))
    }

    /// Who sent these headers, as far as that is asked and known. What is refused is counted and logged, without what was shown.
    pub(super) async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Arc<Identity>>, Denied> {
        let Some(auth) = &self.0.auth else { return Ok(None) };
        auth.authenticate(headers).await.inspect_err(|denied| {
            self.0.unauthenticated.add(1);
            tracing::warn!(reason = %denied.why, "A request was refused because it is not authenticated");
        })
    }

    /// Whether a request of this signal should be read at all.
    pub(super) fn admit(&self, signal: Signal) -> Result<(), Unwanted> {
        let next = self.next(signal);
        if !next.is_connected() {
            return Err(Unwanted::Unknown);
        }
        next.admit().map_err(|refusal| {
            self.0.turned_away.add(1);
            Unwanted::Refused(Status::from(&refusal))
        })
    }

    /// A share of the bytes that bodies may hold.
    pub(super) fn claim(&self, bytes: usize) -> Result<Claim, Status> {
        Budget::claim(&self.0.budget, bytes as u64).ok_or_else(|| {
            self.0.turned_away.add(1);
            Status::new(code::UNAVAILABLE, "too many bytes of requests under way")
        })
    }

    /// Makes `claim` one of `bytes`, if it is one of less.
    pub(super) fn grow(&self, claim: &mut Claim, bytes: usize) -> Result<(), Status> {
        let more = bytes.saturating_sub(claim.bytes as usize);
        if more > 0 {
            claim.absorb(self.claim(more)?);
        }
        Ok(())
    }

    /// Checks a request and hands it on.
    pub(super) async fn take(&self, signal: Signal, request: Received, client: Client) -> Result<(), Status> {
        let counts = tailrace_otlp::check(signal, &request.data)
            .map_err(|malformed| Status::from(&Refusal::bad_data(malformed.to_string())))?;
        if counts.items == 0 {
            return Ok(());
        }
        let Received { data, packed } = request;
        let metadata = client.into_metadata().map(Arc::new);
        let batch = Batch { metadata, packed, ..Batch::new(signal, data.into(), counts.items) };
        let result = self.next(signal).consume(batch).await;
        let counters = &self.0.counters[signal as usize];
        let (accepted, refused) = if result.is_ok() { (counts.items, 0) } else { (0, counts.items) };
        counters.accepted.add(accepted as u64);
        counters.refused.add(refused as u64);
        counters.failed.add(0);
        result.map_err(|refusal| Status::from(&refusal))
    }

    fn next(&self, signal: Signal) -> &Next {
        self.0.outputs.of(signal)
    }
}

impl Budget {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self { used: AtomicU64::new(0), host }
    }

    /// A body alone is always let in, however large: its own limit bounds it.
    fn claim(budget: &Arc<Self>, bytes: u64) -> Option<Claim> {
        let limit = budget.host.memory.limit().map_or(MAX_BODY_BYTES, |limit| limit.soft_bytes / 4);
        let fits = |used: u64| (used == 0 || used + bytes <= limit).then_some(used + bytes);
        budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Claim { budget: budget.clone(), bytes })
    }
}

impl Claim {
    fn absorb(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Claims `bytes` in all, if that is more than it has. A body that is unpacked already gets its share in any case:
    /// refusing it would only have the client send it again. Others wait for its end.
    pub(super) fn grow_to(&mut self, bytes: usize) {
        let more = (bytes as u64).saturating_sub(self.bytes);
        self.budget.used.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What the client sent beside the data; the authority of its URI under `authority_name`, unless a header has that.
pub(super) fn metadata(headers: &HeaderMap, authority: Option<&str>, authority_name: &str) -> Metadata {
    let own = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().to_owned(), String::from_utf8(value.as_bytes().to_vec()).ok()?))
    };
    let mut entries: Vec<_> = headers.iter().filter_map(own).collect();
    if let Some(authority) = authority.filter(|_| !headers.contains_key(authority_name)) {
        entries.push((authority_name.to_owned(), authority.to_owned()));
    }
    Metadata { entries, identity: None }
}
