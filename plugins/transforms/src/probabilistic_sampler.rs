//! Keeps a share of the spans or log records: by a hash of the trace id, or by OpenTelemetry's consistent sampling. What is
//! kept says with which probability it was (`rv` and `th` in a span's trace state, attributes of a log record), so that counts
//! can be extrapolated.

mod config;
mod priority;
mod sampler;
mod threshold;
mod trace_state;

use std::borrow::Cow;
use std::str::Utf8Error;

use tailrace_sdk::otlp::edit::{Draft, Keep, Level, NewValue, pass};
use tailrace_sdk::otlp::view::{Span, Value};
use tailrace_sdk::otlp::{Signal, wire};
use tailrace_sdk::{Diagnostics, Outcome, Transform, count};

use self::config::Config;
use self::sampler::{Item, Judged, Marks, Policy, Sampler};
use self::threshold::{Randomness, Threshold};
use self::trace_state::TraceState;

/// `probabilistic_sampler`
pub struct ProbabilisticSampler {
    spans: Sampler,
    records: Sampler,
    /// The attribute of a log record that raises its probability.
    priority: Vec<u8>,
    precision: usize,
    /// The attribute of a log record that is hashed.
    hashed: Vec<u8>,
}

/// By policy, then: dropped, kept.
const SPANS: [[&str; 2]; 6] = [
    ["spans/trace_id_hash/false", "spans/trace_id_hash/true"],
    ["spans/trace_id_w3c/false", "spans/trace_id_w3c/true"],
    ["spans/sampling_randomness/false", "spans/sampling_randomness/true"],
    ["spans/sampling_priority/false", "spans/sampling_priority/true"],
    ["spans/missing_randomness/false", "spans/missing_randomness/true"],
    ["spans/$from_attribute/false", "spans/$from_attribute/true"],
];

const RECORDS: [[&str; 2]; 6] = [
    ["logs/trace_id_hash/false", "logs/trace_id_hash/true"],
    ["logs/trace_id_w3c/false", "logs/trace_id_w3c/true"],
    ["logs/sampling_randomness/false", "logs/sampling_randomness/true"],
    ["logs/sampling_priority/false", "logs/sampling_priority/true"],
    ["logs/missing_randomness/false", "logs/missing_randomness/true"],
    ["logs/$from_attribute/false", "logs/$from_attribute/true"],
];

const COUNTERS: [&str; 24] = {
    let mut all = [""; 24];
    let mut place = 0;
    while place < 12 {
        all[place] = SPANS[place / 2][place % 2];
        all[place + 12] = RECORDS[place / 2][place % 2];
        place += 1;
    }
    all
};

impl Transform for ProbabilisticSampler {
    const KIND: &'static str = "probabilistic_sampler";
    const SUMMARY: &'static str = "Keeps a share of the spans or log records.";
    const COUNTERS: &'static [&'static str] = &COUNTERS;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        config.check()?;
        Ok(Self {
            spans: Sampler::of_spans(&config),
            records: Sampler::of_records(&config),
            priority: config.sampling_priority.into_bytes(),
            precision: config.sampling_precision,
            hashed: config.from_attribute.into_bytes(),
        })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        let mut counts = [[0; 2]; 6];
        let mut tally = |(policy, kept): (Policy, bool)| {
            counts[policy as usize][usize::from(kept)] += 1;
            if kept { Keep::Yes } else { Keep::No }
        };
        let (kept, names) = match signal {
            Signal::Traces => (pass(signal, Level::Item, request, |place| tally(self.span(&mut place.item))), SPANS),
            Signal::Logs => (pass(signal, Level::Item, request, |place| tally(self.record(&mut place.item))), RECORDS),
            Signal::Metrics => return Err("metrics are not sampled".to_owned()),
        };
        for (name, times) in names.iter().flatten().zip(counts.into_iter().flatten()).filter(|(_, times)| *times > 0) {
            count(name, times);
        }
        Ok(kept.into())
    }
}

/// Numbers of the fields of spans and log records.
const SPAN_TRACE_STATE: u32 = 3;
const SPAN_ATTRIBUTES: u32 = 9;
const RECORD_ATTRIBUTES: u32 = 6;
const RECORD_TRACE_ID: u32 = 9;

/// Attributes of log records that stand for `rv` and `th`.
const RANDOMNESS: &[u8] = b"sampling.randomness";
const THRESHOLD: &[u8] = b"sampling.threshold";

impl ProbabilisticSampler {
    fn span(&self, span: &mut Draft<'_>) -> (Policy, bool) {
        let view = Span(span.body());
        let mut state = TraceState::parse(view.trace_state());
        let marks = state.as_ref().map(TraceState::marks);
        let item = Item { trace_id: view.trace_id().try_into().unwrap_or_default(), attribute: None, marks };
        let priority = span.attribute(SPAN_ATTRIBUTES, priority::SPAN_PRIORITY).and_then(priority::of_span);
        let judged = with_priority(self.spans.judge(&item), priority);
        if judged.is_kept()
            && let (Some(state), Some(marks)) = (&mut state, judged.marks())
        {
            state.mark(marks);
            let text = state.text();
            if text.as_bytes() != view.trace_state() {
                span.set_bytes(SPAN_TRACE_STATE, text.as_bytes());
            }
        }
        (judged.policy, judged.is_kept())
    }

    fn record(&self, record: &mut Draft<'_>) -> (Policy, bool) {
        let attribute = |key: &[u8]| record.attribute(RECORD_ATTRIBUTES, key);
        let hashed = if self.hashed.is_empty() { None } else { attribute(&self.hashed) };
        let marks = marks(attribute(RANDOMNESS), attribute(THRESHOLD));
        let item = Item { trace_id: trace_id(record.body()), attribute: hashed.map(bytes), marks };
        let priority = if self.priority.is_empty() { None } else { attribute(&self.priority) };
        let priority = priority.and_then(|value| priority::of_record(value, self.precision));
        let judged = with_priority(self.records.judge(&item), priority);
        if let Some(marks) = judged.marks().filter(|_| judged.is_kept()) {
            let mut set = |key, text: String| {
                record.set_attribute(RECORD_ATTRIBUTES, key, &NewValue::Str(text).encode());
            };
            if let Some(randomness) = marks.randomness {
                set(RANDOMNESS, randomness.text());
            }
            if let Some(threshold) = marks.threshold {
                set(THRESHOLD, threshold.text());
            }
        }
        (judged.policy, judged.is_kept())
    }
}

fn with_priority(judged: Judged, priority: Option<Threshold>) -> Judged {
    priority.map_or(judged, |threshold| judged.with_priority(threshold))
}

/// All zeros if there is none.
fn trace_id(record: &[u8]) -> [u8; 16] {
    let all = wire::fields(record).filter(|field| field.number == RECORD_TRACE_ID);
    let last = all.filter_map(|field| field.payload.bytes()).last();
    last.and_then(|id| id.try_into().ok()).unwrap_or_default()
}

/// What a log record's attributes say; `None` if they can not be read. What is no text, or an empty one, says nothing.
fn marks(randomness: Option<Value<'_>>, threshold: Option<Value<'_>>) -> Option<Marks> {
    let mut marks = Marks::default();
    if let Some(text) = text(randomness) {
        marks.randomness = Some(Randomness::parse(text.ok()?)?);
    }
    if let Some(text) = text(threshold) {
        marks.threshold = Some(Threshold::parse(text.ok()?)?);
    }
    Some(marks)
}

/// The text of a value that has one; an error if it is no UTF-8.
fn text(value: Option<Value<'_>>) -> Option<Result<&str, Utf8Error>> {
    match value {
        Some(Value::Str(text)) if !text.is_empty() => Some(str::from_utf8(text)),
        _ => None,
    }
}

/// What is hashed of a value.
fn bytes(value: Value<'_>) -> Cow<'_, [u8]> {
    match value {
        Value::Bytes(bytes) | Value::Str(bytes) => Cow::Borrowed(bytes),
        other => Cow::Owned(other.as_text().into_owned().into_bytes()),
    }
}

#[cfg(test)]
mod tests;
