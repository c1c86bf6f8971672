//! What the plugin contract calls the batch that policies see.

pub(super) struct Dictionary {
    pub string_offsets: Vec<u32>,
    pub string_pool: Vec<u8>,
    pub ints: Vec<i64>,
    pub doubles: Vec<f64>,
}
pub(super) struct Column {
    pub codes: Vec<u32>,
}
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    Resource,
    Instrumentation,
    Span,
    Event,
    Link,
}
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub scope: Scope,
    pub key: String,
}
pub(super) struct Columns {
    pub now: u64,
    pub trace_ids: Vec<u8>,
    pub start: Vec<i64>,
    pub duration: Vec<u64>,
    pub size: Vec<u32>,
    pub seen: Vec<u8>,
    pub span_count: Vec<u32>,
    pub span_offsets: Vec<u32>,
    pub span_status: Vec<u8>,
    pub span_kind: Vec<u8>,
    pub span_start: Vec<i64>,
    pub span_duration: Vec<u64>,
    pub span_name: Vec<u32>,
    pub span_parent: Vec<u32>,
    pub span_trace_state: Vec<u32>,
    pub event_offsets: Vec<u32>,
    pub link_offsets: Vec<u32>,
    pub otlp_offsets: Vec<u32>,
    pub otlp: Vec<u8>,
    pub attributes: Vec<Column>,
    pub dictionary: Dictionary,
}
