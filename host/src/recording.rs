//! Recordings: what a `tail_sampling` processor saw and decided, in one file, so that decisions can be made again elsewhere.
//! `tailrace capture` writes them, `tailrace plugin replay` reads them.
//!
//! # The format, version 1
//!
//! ```text
//! file    = "tlrec\r\n\0"  version: u32  block*
//! block   = packed_len: u32  raw_len: u32  crc: u32  zstd(record*)     crc: CRC-32 (IEEE) of the packed bytes
//! record  = len: varint  Record                                        protobuf, see [`Record`]
//! ```
//! Integers are little-endian. A block holds whole records. The first record is the [`Head`], the last one the [`Trailer`]; a file
//! without a trailer was cut off. Between them stand [`Slice`]s, the batches in the order in which they were judged, and before the
//! first one, and wherever policies or their state are no longer what the slices before imply, a [`Roster`]. Records with fields that
//! a reader does not know are for it to ignore; a change that it may not ignore gets another version.
//!
//! A slice has the batch's time (`now`), its traces in the order in which policies saw them, and for each policy that was asked the
//! places it was asked about and its votes, or why there were none. A trace has its spans as OTLP (`TracesData`), and beside it the
//! figures that policies saw: they stay right where redaction changed the bytes.
//!
//! Readers and writers are bounded: a block has at most [`MAX_BLOCK_BYTES`], a capture at most the bytes that were asked for.

mod made_up;
mod read;
mod redact;
mod write;

use prost::Message;

pub use made_up::Rule;
pub use read::{ReadError, Reader};
pub use redact::{Redaction, With};
pub(crate) use write::Writer;

/// The first bytes of a recording; no text and no protobuf begins so.
const MAGIC: [u8; 8] = *b"tlrec\r\n\0";
const VERSION: u32 = 1;

/// Bytes of a block, packed or not. A slice may have a thousand large traces.
pub const MAX_BLOCK_BYTES: usize = 256 << 20;

/// What a recording consists of.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// Exactly one.
    #[prost(oneof = "Content", tags = "1, 2, 3, 4")]
    pub content: Option<Content>,
}

/// See [`Record`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Content {
    /// Comes first.
    #[prost(message, tag = "1")]
    Head(Head),
    /// Before the first slice, and when something changed.
    #[prost(message, tag = "2")]
    Roster(Roster),
    /// A batch.
    #[prost(message, tag = "3")]
    Slice(Slice),
    /// Comes last.
    #[prost(message, tag = "4")]
    Trailer(Trailer),
}

/// Where and when it was recorded.
#[derive(Clone, PartialEq, Message)]
pub struct Head {
    /// Of the host that recorded.
    #[prost(string, tag = "1")]
    pub host_version: String,
    /// The processor's id.
    #[prost(string, tag = "2")]
    pub processor: String,
    /// When it began, Unix nanoseconds.
    #[prost(fixed64, tag = "3")]
    pub started: u64,
    /// Keys whose values were replaced.
    #[prost(string, repeated, tag = "4")]
    pub redacted: Vec<String>,
}

/// The policies' evaluators, in the order in which [`Asked::leaf`] counts them.
#[derive(Clone, PartialEq, Message)]
pub struct Roster {
    /// All of them.
    #[prost(message, repeated, tag = "1")]
    pub leaves: Vec<Leaf>,
}

/// A configured policy of a plugin.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Leaf {
    /// Unique; members of a combination have their owner's name in front: `half-of-shop/span_count`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Which of the plugin's policies.
    #[prost(string, tag = "2")]
    pub kind: String,
    /// The plugin's name.
    #[prost(string, tag = "3")]
    pub plugin: String,
    /// SHA-256 of the plugin in hex.
    #[prost(string, tag = "4")]
    pub digest: String,
    /// SHA-256 of its configuration in hex.
    #[prost(string, tag = "5")]
    pub config_digest: String,
    /// Names the form of its state.
    #[prost(string, tag = "6")]
    pub state_schema: String,
    /// Its state before the next slice, if it keeps one; left out where values are redacted, as it may hold some.
    #[prost(bytes = "vec", optional, tag = "7")]
    pub state: Option<Vec<u8>>,
    /// What the reasons of its votes mean.
    #[prost(string, repeated, tag = "8")]
    pub reasons: Vec<String>,
}

/// A batch.
#[derive(Clone, PartialEq, Message)]
pub struct Slice {
    /// Its time, Unix nanoseconds.
    #[prost(fixed64, tag = "1")]
    pub now: u64,
    /// Why it was judged.
    #[prost(enumeration = "Occasion", tag = "2")]
    pub occasion: i32,
    /// In the order in which policies saw them.
    #[prost(message, repeated, tag = "3")]
    pub traces: Vec<Trace>,
    /// In the order in which they were asked; each at most once.
    #[prost(message, repeated, tag = "4")]
    pub asked: Vec<Asked>,
}

/// A trace.
#[derive(Clone, PartialEq, Message)]
pub struct Trace {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// `TracesData`.
    #[prost(bytes = "vec", tag = "2")]
    pub otlp: Vec<u8>,
    /// Earliest start of a span, Unix nanoseconds.
    #[prost(fixed64, tag = "3")]
    pub start: u64,
    /// Latest end.
    #[prost(fixed64, tag = "4")]
    pub end: u64,
    /// Spans received.
    #[prost(uint32, tag = "5")]
    pub spans: u32,
    /// A bit each, as the plugin contract numbers them.
    #[prost(uint32, tag = "6")]
    pub seen: u32,
    /// Bytes of its spans as received.
    #[prost(uint32, tag = "7")]
    pub bytes: u32,
    /// What became of it.
    #[prost(enumeration = "Decision", tag = "8")]
    pub decision: i32,
    /// The policy that kept it.
    #[prost(string, tag = "9")]
    pub policy: String,
}

/// A question to a policy and its answer.
#[derive(Clone, PartialEq, Message)]
pub struct Asked {
    /// Place in the roster.
    #[prost(uint32, tag = "1")]
    pub leaf: u32,
    /// Places in the slice.
    #[prost(uint32, repeated, tag = "2")]
    pub candidates: Vec<u32>,
    /// For each candidate: 0 no, 1 sample, 2 drop. Empty if it failed.
    #[prost(bytes = "vec", tag = "3")]
    pub verdicts: Vec<u8>,
    /// Seven bytes for each candidate, or none.
    #[prost(bytes = "vec", tag = "4")]
    pub thresholds: Vec<u8>,
    /// For each candidate a place in [`Leaf::reasons`], or none.
    #[prost(uint32, repeated, tag = "5")]
    pub reasons: Vec<u32>,
    /// Why there are no votes; empty if there are.
    #[prost(string, tag = "6")]
    pub failure: String,
    /// More about that; left out where values are redacted.
    #[prost(string, tag = "7")]
    pub message: String,
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Trailer {
    /// Whether traces are missing that were decided meanwhile, or the end came early for want of room.
    #[prost(bool, tag = "1")]
    pub truncated: bool,
    /// Slices that are not in here.
    #[prost(uint64, tag = "2")]
    pub missed_slices: u64,
    /// Traces that are not in here.
    #[prost(uint64, tag = "3")]
    pub missed_traces: u64,
    /// Slices that are.
    #[prost(uint64, tag = "4")]
    pub slices: u64,
    /// Traces that are.
    #[prost(uint64, tag = "5")]
    pub traces: u64,
    /// What ended it: `duration`, `max_bytes`, `max_traces`, `stopped`.
    #[prost(string, tag = "6")]
    pub ended_by: String,
}

/// Why traces are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Occasion {
    /// Their wait was over.
    Due = 0,
    /// There was no room for them to wait.
    Early = 1,
    /// Spans had arrived; what was not sampled stayed undecided.
    Ingest = 2,
}

/// What became of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Decision {
    /// Nobody knows: it was not recorded on a host.
    Unknown = 0,
    /// Kept.
    Kept = 1,
    /// No policy wanted it.
    NotSampled = 2,
    /// A policy dropped it.
    Dropped = 3,
    /// Left for later: see [`Occasion::Ingest`].
    Undecided = 4,
}

impl Occasion {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Early => "early",
            Self::Ingest => "ingest",
        }
    }
}

impl From<Content> for Record {
    fn from(content: Content) -> Self {
        Self { content: Some(content) }
    }
}

/// What a capture is to hold at most, and how.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// How long it lasts at most.
    pub duration_ms: u64,
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Traces after which it ends; 0: no matter how many.
    pub max_traces: u64,
    /// Keys of attributes whose values are replaced; `*` stands for anything.
    pub redact: Vec<String>,
    /// By what.
    pub redact_with: With,
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests;
