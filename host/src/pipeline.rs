//! What every component is made of: the batch that travels, the refusal that comes back, the traits that authors
//! implement. Push with the result on the way back, as the Go collector does it: back-pressure, the kind of an error and
//! `wait_for_result` fall out of the call chain.
//!
//! ```text
//! receiver ── Next ──▶ processor ── Next ──▶ (fan-out) ──▶ exporter
//!          ◀─ Refusal ─          ◀─ Refusal ─
//! ```

pub mod build;
pub mod edge;
pub mod graph;
pub mod kind;
pub mod run;
pub mod service;
mod task;
pub mod topology;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use tailrace_otlp::{Rope, Signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Check, ComponentId, PipelineId};
use crate::host::Host;
use crate::net::auth::{Identity, Offer, Reference, Sides};
use crate::net::compression::Packed;
use crate::telemetry::Metrics;

/// A boxed future that can move between worker threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One signal's OTLP request as wire bytes. Its framing was validated at admission and is trusted from then on.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which of the three request messages `data` holds.
    pub signal: Signal,
    /// The request's bytes; several chunks are one message, by protobuf's rule that repeated fields concatenate.
    pub data: Rope,
    /// Spans, data points or log records in `data`.
    pub items: usize,
    /// What the client sent beside the data, where the receiver was told to keep it (`include_metadata`), and who it is.
    pub metadata: Option<Arc<Metadata>>,
    /// How `data` came over the network, if it came packed; of no use once `data` is another buffer.
    pub packed: Option<Packed>,
}

impl Batch {
    /// A batch without metadata.
    pub fn new(signal: Signal, data: Rope, items: usize) -> Self {
        Self { signal, data, items, metadata: None, packed: None }
    }

    /// Bytes that it keeps in memory.
    pub fn held_bytes(&self) -> usize {
        self.data.len() + self.packed.as_ref().map_or(0, Packed::len)
    }
}

/// What is known of the client beside its data: request headers or gRPC metadata, names in lower case, and who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Name and value in the order received; a name may repeat.
    pub entries: Vec<(String, String)>,
    /// What an authenticator found out.
    pub identity: Option<Arc<Identity>>,
}

impl Metadata {
    /// All values of `name`, which must be in lower case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Why a batch was not taken, or not all of it, and what the sender should do about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// Whether sending the same bytes again can succeed.
    pub kind: RefusalKind,
    /// Who is to blame; decides who is told.
    pub who: Who,
    /// The reason in words, as the client will read it.
    pub why: String,
    /// The gRPC code that a server downstream answered with, if one did; a receiver passes it on.
    pub code: Option<i32>,
    /// What was not taken, where the rest of the batch was: only this is to be sent again. `None`: nothing of the batch was taken.
    pub rest: Option<Box<Batch>>,
}

/// Whether sending again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It may succeed later, at the earliest `after` from now where that is known.
    Retry {
        /// The wait that the refusing side asked for.
        after: Option<Duration>,
    },
    /// The same bytes will be refused again.
    Permanent,
}

/// The side that caused a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The sender: its bytes are bad.
    Upstream,
    /// A server that we send to.
    Downstream,
    /// This process: full, shutting down, misconfigured.
    Internal,
}

impl Refusal {
    /// This process can not take the batch now; the sender should try again.
    pub fn retry(why: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Retry { after: None }, ..Self::permanent(why) }
    }

    /// This process will never take these bytes.
    pub fn permanent(why: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Permanent, who: Who::Internal, why: why.into(), code: None, rest: None }
    }

    /// The bytes are not what they claim to be.
    pub fn bad_data(why: impl Into<String>) -> Self {
        Self { who: Who::Upstream, code: Some(3), ..Self::permanent(why) }
    }

    /// By a server that we send to.
    pub fn downstream(kind: RefusalKind, why: impl Into<String>, code: Option<i32>) -> Self {
        Self { kind, who: Who::Downstream, code, ..Self::permanent(why) }
    }

    /// The same for a sender that can not send a part alone, since what it sent was made of something else.
    #[must_use]
    pub fn of_all(self) -> Self {
        Self { rest: None, ..self }
    }

    /// Whether the same bytes will be refused again.
    pub fn is_permanent(&self) -> bool {
        self.kind == RefusalKind::Permanent
    }
}

/// What the previous component calls. Implemented by the edges that `build` makes, not by authors.
pub trait Consume: Send + Sync + 'static {
    /// Takes the batch over, or refuses it whole.
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Whether a batch would be let in now: asked on a request's headers, before its body is read. True only if every
    /// pipeline behind it admits.
    fn admit(&self) -> Result<(), Refusal>;
}

/// The way to whatever comes next. It can be pointed elsewhere while components hold it: that is how a reload rewires a
/// component that stays, and how a removed one drains into the new graph.
#[derive(Clone, Default)]
pub struct Next(Arc<ArcSwapOption<Box<dyn Consume>>>);

impl Next {
    /// A next that leads nowhere until [`Next::point_at`] is called; consuming from it is a retryable refusal.
    pub fn unconnected() -> Self {
        Self::default()
    }

    /// A next that leads to `target`.
    pub fn to(target: Box<dyn Consume>) -> Self {
        let next = Self::default();
        next.point_at(Some(Arc::new(target)));
        next
    }

    /// Leads to `target` from now on; calls under way finish where they began.
    pub fn point_at(&self, target: Option<Arc<Box<dyn Consume>>>) {
        self.0.store(target);
    }

    /// Where it leads at present.
    pub fn target(&self) -> Option<Arc<Box<dyn Consume>>> {
        self.0.load_full()
    }

    /// Whether a pipeline takes this signal at all.
    pub fn is_connected(&self) -> bool {
        self.0.load().is_some()
    }

    /// See [`Consume::consume`].
    pub async fn consume(&self, batch: Batch) -> Result<(), Refusal> {
        match self.target() {
            Some(target) => target.consume(batch).await,
            None => Err(Refusal::retry("no pipeline takes this signal at the moment")),
        }
    }

    /// See [`Consume::admit`].
    pub fn admit(&self) -> Result<(), Refusal> {
        self.0.load().as_ref().map_or(Ok(()), |target| target.admit())
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Next").field(&self.is_connected()).finish()
    }
}

/// One [`Next`] per signal, for a receiver (or connector) that serves several. A signal that no pipeline uses is not
/// connected, and may become so at a reload.
#[derive(Clone, Debug, Default)]
pub struct Outputs([Next; 3]);

impl Outputs {
    /// Where batches of `signal` go.
    pub fn of(&self, signal: Signal) -> &Next {
        &self.0[signal as usize]
    }
}

/// Tells a component to finish: take nothing new in, hand on what it holds, then return from `run`.
#[derive(Clone, Debug)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A stop and the handle that triggers it.
    pub fn new() -> (CancellationToken, Self) {
        let token = CancellationToken::new();
        (token.clone(), Self(token))
    }

    /// Completes when the component is to finish.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether the component is to finish.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The body of `run` for components without a life of their own.
pub async fn idle(stop: Stop) {
    stop.requested().await;
}

/// A component's section of the YAML. `Default` holds the collector's defaults; derive `Deserialize` with
/// `#[serde(deny_unknown_fields, default)]` (no `flatten`, no `untagged`), `Serialize` for `print-config`.
pub trait Settings: DeserializeOwned + Serialize + Clone + PartialEq + Send + Sync + 'static {
    /// What the types can not express. Every problem is reported, not the first.
    fn check(&self, _check: &mut Check<'_>) {}
    /// The extensions that these settings name; whether they are there and fit is checked with the whole configuration.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
    /// Why an exporter can not have these settings in a pipeline of that signal, if it can not.
    fn misfit(&self, _signal: Signal) -> Option<String> {
        None
    }
}

/// No settings at all: `nop:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoSettings {}
impl Settings for NoSettings {}

/// A component could not be made: an address in use, a plugin that does not load. The old graph stays.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

impl BuildError {
    /// From anything that says what went wrong.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// Why [`Processor::update`] did not take the new settings in place.
#[derive(Debug)]
pub enum UpdateError {
    /// They can not be taken in place: make a new component.
    NeedsRebuild,
    /// They are wrong (a plugin that does not load); a new component would fail too. Nothing has changed.
    Failed(BuildError),
}

/// What a component may know of its place and use of the process.
#[derive(Clone)]
pub struct Cx {
    /// The id as the user wrote it, `otlp/backend`.
    pub id: ComponentId,
    /// The pipeline of a processor; `None` for shared components.
    pub pipeline: Option<PipelineId>,
    /// The signal of a processor or exporter instance; `None` for components shared by signals.
    pub signal: Option<Signal>,
    /// Where its metrics are registered.
    pub metrics: Metrics,
    /// What the process offers: memory accounts, listeners, health, the plugin engine.
    pub host: Arc<Host>,
}

impl Cx {
    /// For what runs a component's parts without a graph: commands on plugins. Its metrics and memory are nobody else's.
    pub fn offline() -> Self {
        Self {
            id: ComponentId { kind: "offline".to_owned(), name: None },
            pipeline: None,
            signal: None,
            metrics: Metrics::default(),
            host: Host::new(),
        }
    }
}

/// Brings data into the process. One instance per id, shared by all pipelines and signals that name it.
pub trait Receiver: Send + Sync + Sized + 'static {
    /// The canonical type name in YAML.
    const TYPE: &'static str;
    /// Other spellings.
    const ALIASES: &'static [&'static str] = &[];
    /// The signals it can produce.
    const SIGNALS: &'static [Signal] = &Signal::ALL;
    /// Its section of the YAML.
    type Settings: Settings;
    /// Takes what can fail: binds its addresses (through [`Host::listeners`], so that a rebuilt server inherits the socket).
    fn new(settings: Self::Settings, cx: &Cx) -> Result<Self, BuildError>;
    /// Serves until `stop`, then lets requests under way finish and returns.
    fn run(&self, outputs: Outputs, stop: Stop) -> impl Future<Output = ()> + Send;
    /// The addresses it is bound to, for the start-up message.
    fn bound(&self) -> Vec<(&'static str, std::net::SocketAddr)> {
        Vec::new()
    }
}

/// Sees every batch of a pipeline. One instance per pipeline.
pub trait Processor: Send + Sync + Sized + 'static {
    /// The canonical type name in YAML.
    const TYPE: &'static str;
    /// Other spellings.
    const ALIASES: &'static [&'static str] = &[];
    /// The signals it can work on.
    const SIGNALS: &'static [Signal] = &Signal::ALL;
    /// Whether it answers `Ok` before the batch went on. Then its own `admit` decides alone; what comes after it is not asked.
    const BUFFERS: bool = false;
    /// Its section of the YAML.
    type Settings: Settings;
    /// Takes what can fail.
    fn new(settings: Self::Settings, cx: &Cx) -> Result<Self, BuildError>;
    /// Handles one batch: hands it (or what became of it) to `next`, or holds it in a bounded buffer and answers `Ok`.
    fn process(&self, batch: Batch, next: &Next) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// Timers and flushing. After `stop` nothing new arrives; it hands on what it holds and returns.
    fn run(&self, _next: Next, stop: Stop) -> impl Future<Output = ()> + Send {
        idle(stop)
    }
    /// Whether a batch would be let in now; see [`Consume::admit`].
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// Takes changed settings in place at a reload, keeping its state.
    fn update(&self, _new: &Self::Settings) -> Result<(), UpdateError> {
        Err(UpdateError::NeedsRebuild)
    }
    /// Lines for the start-up message: what it runs, with plugin digests.
    fn describe(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Sends data out of the process. One instance per (signal, id). Queue, retry and timeout wrap it from outside.
pub trait Exporter: Send + Sync + Sized + 'static {
    /// The canonical type name in YAML.
    const TYPE: &'static str;
    /// Other spellings.
    const ALIASES: &'static [&'static str] = &[];
    /// The signals it can send.
    const SIGNALS: &'static [Signal] = &Signal::ALL;
    /// Its section of the YAML.
    type Settings: Settings;
    /// Takes what can fail. A server that can not be reached is no failure.
    fn new(settings: Self::Settings, cx: &Cx) -> Result<Self, BuildError>;
    /// One attempt.
    fn send(&self, batch: Batch) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// Whether a batch would be let in now, for one that is not wrapped in a queue; see [`Consume::admit`].
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// A reload puts `successor` in this exporter's place: what it holds itself at its stop goes there.
    fn succeed_by(&self, _successor: Weak<Box<dyn Consume>>) {}
    /// How it is wrapped: the queue, retry and timeout of its settings.
    fn delivery(_settings: &Self::Settings) -> crate::exporters::queue::Delivery {
        crate::exporters::queue::Delivery::direct()
    }
    /// Labels beside `exporter` on its sent and failed counters (`server_address`, `server_port`, `url_path`).
    fn labels(_settings: &Self::Settings, _signal: Signal) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// Background work; returns after `stop`.
    fn run(&self, stop: Stop) -> impl Future<Output = ()> + Send {
        idle(stop)
    }
}

/// The end of one pipeline and the start of others.
pub trait Connector: Send + Sync + Sized + 'static {
    /// The canonical type name in YAML.
    const TYPE: &'static str;
    /// Other spellings.
    const ALIASES: &'static [&'static str] = &[];
    /// Pairs of (signal it takes, signal it gives).
    const PAIRS: &'static [(Signal, Signal)];
    /// Its section of the YAML.
    type Settings: Settings;
    /// Takes what can fail.
    fn new(settings: Self::Settings, cx: &Cx) -> Result<Self, BuildError>;
    /// Handles one batch that reached the end of a pipeline.
    fn connect(&self, batch: Batch, outputs: &Outputs) -> impl Future<Output = Result<(), Refusal>> + Send;
    /// Timers and flushing; returns after `stop`.
    fn run(&self, _outputs: Outputs, stop: Stop) -> impl Future<Output = ()> + Send {
        idle(stop)
    }
}

/// Something that is in no pipeline: `health_check`.
pub trait Extension: Send + Sync + Sized + 'static {
    /// The canonical type name in YAML.
    const TYPE: &'static str;
    /// Other spellings.
    const ALIASES: &'static [&'static str] = &[];
    /// Its section of the YAML.
    type Settings: Settings;
    /// Takes what can fail: binds its addresses.
    fn new(settings: Self::Settings, cx: &Cx) -> Result<Self, BuildError>;
    /// Lives until `stop`.
    fn run(&self, stop: Stop) -> impl Future<Output = ()> + Send;
    /// For whom it authenticates with these settings.
    fn sides(_settings: &Self::Settings) -> Sides {
        Sides::default()
    }
    /// Itself, as an authenticator of those sides.
    fn offer(self: Arc<Self>) -> Offer {
        Offer::default()
    }
    /// The addresses it is bound to, for the start-up message.
    fn bound(&self) -> Vec<(&'static str, std::net::SocketAddr)> {
        Vec::new()
    }
}
