//! Every transform over arbitrary well-formed requests: it must not panic, and what it gives back must be well-formed too.
//!
//! `cd plugins/fuzz && cargo +nightly fuzz run transforms`

#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use tailrace_sdk::otlp::{Signal, check, wire};
use tailrace_sdk::{Outcome, Transform, testing};
use tailrace_transforms::{Attributes, ProbabilisticSampler, Redaction, Resource};

/// How a field is filled.
#[derive(Clone, Copy)]
enum Fill {
    /// Text: of attributes' keys, trace states and whatever there is.
    Text,
    /// 0, 8 or 16 bytes.
    Id,
    Varint,
    Fixed64,
    Fixed32,
    Message(&'static [(u32, Fill)]),
}

use Fill::{Fixed32, Fixed64, Id, Message, Text, Varint};

const ANY: &[(u32, Fill)] = &[(1, Text), (2, Varint), (3, Varint), (4, Fixed64), (5, Message(ARRAY)), (6, Message(MAP)), (7, Text)];
const LEAF: &[(u32, Fill)] = &[(1, Text), (2, Varint), (3, Varint), (4, Fixed64), (7, Text)];
const ARRAY: &[(u32, Fill)] = &[(1, Message(LEAF))];
const MAP: &[(u32, Fill)] = &[(1, Message(&[(1, Text), (2, Message(LEAF))]))];
const PAIR: &[(u32, Fill)] = &[(1, Text), (2, Message(ANY))];
const HOLDER: &[(u32, Fill)] = &[(1, Message(PAIR)), (2, Varint)];
const SCOPE: &[(u32, Fill)] = &[(1, Text), (2, Text), (3, Message(PAIR))];
const EVENT: &[(u32, Fill)] = &[(1, Fixed64), (2, Text), (3, Message(PAIR))];
const SPAN: &[(u32, Fill)] =
    &[(1, Id), (3, Text), (5, Text), (6, Varint), (9, Message(PAIR)), (11, Message(EVENT)), (16, Fixed32)];
const RECORD: &[(u32, Fill)] = &[(2, Varint), (3, Text), (5, Message(ANY)), (6, Message(PAIR)), (9, Id)];
const NUMBERS: &[(u32, Fill)] = &[(1, Message(&[(7, Message(PAIR)), (3, Fixed64)]))];
const HISTOGRAM: &[(u32, Fill)] = &[(1, Message(&[(9, Message(PAIR)), (4, Fixed64)]))];
const EXPONENTIAL: &[(u32, Fill)] = &[(1, Message(&[(1, Message(PAIR)), (4, Fixed64)]))];
const SUMMARY: &[(u32, Fill)] = &[(1, Message(&[(7, Message(PAIR)), (4, Fixed64)]))];
const METRIC: &[(u32, Fill)] = &[
    (1, Text),
    (5, Message(NUMBERS)),
    (7, Message(NUMBERS)),
    (9, Message(HISTOGRAM)),
    (10, Message(EXPONENTIAL)),
    (11, Message(SUMMARY)),
];

const TRACES: &[(u32, Fill)] = &[(1, Message(&[(1, Message(HOLDER)), (2, Message(&[(1, Message(SCOPE)), (2, Message(SPAN))]))]))];
const LOGS: &[(u32, Fill)] = &[(1, Message(&[(1, Message(HOLDER)), (2, Message(&[(1, Message(SCOPE)), (2, Message(RECORD))]))]))];
const METRICS: &[(u32, Fill)] = &[(1, Message(&[(1, Message(HOLDER)), (2, Message(&[(1, Message(SCOPE)), (2, Message(METRIC))]))]))];

/// Fields in any order, any number of each.
fn message(input: &mut Unstructured<'_>, fields: &[(u32, Fill)]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for _ in 0..input.int_in_range(0..=5)? {
        let (number, fill) = *input.choose(fields)?;
        match fill {
            Text => {
                let text: &str = match input.int_in_range(0..=3)? {
                    0 => *input.choose(&["a", "b", "x", "sampling.priority", "sampling.threshold", "redaction.masked.keys"])?,
                    1 => *input.choose(&["ot=th:8", "ot=rv:00000000000000;th:c", "a=1", "4111111111111111", "a@b.co"])?,
                    _ => input.arbitrary()?,
                };
                wire::put_bytes(&mut out, number, text.as_bytes());
            }
            Id => wire::put_bytes(&mut out, number, &input.arbitrary::<[u8; 16]>()?[..*input.choose(&[0, 16])?]),
            Varint => {
                wire::put_tag(&mut out, number, wire::VARINT);
                wire::put_varint(&mut out, input.arbitrary()?);
            }
            Fixed64 => {
                wire::put_tag(&mut out, number, wire::FIXED64);
                out.extend_from_slice(&input.arbitrary::<[u8; 8]>()?);
            }
            Fixed32 => {
                wire::put_tag(&mut out, number, wire::FIXED32);
                out.extend_from_slice(&input.arbitrary::<[u8; 4]>()?);
            }
            Message(inner) => {
                let body = message(input, inner)?;
                wire::put_bytes(&mut out, number, &body);
            }
        }
    }
    Ok(out)
}

const ATTRIBUTES: &str = r#"{"actions": [
    {"key": "n", "value": 1, "action": "insert"}, {"key": "a", "from_attribute": "b", "default_value": [1], "action": "upsert"},
    {"key": "b", "action": "hash"}, {"pattern": "^sampling", "action": "hash"}, {"key": "x", "action": "convert", "converted_type": "string"},
    {"key": "a", "pattern": "(?P<x>.)(?P<y>.)?", "action": "extract"}, {"key": "b", "pattern": "^re", "action": "delete"}]}"#;
const RESOURCE: &str = r#"{"attributes": [{"key": "a", "value": {"m": [1]}, "action": "upsert"}, {"pattern": "^x", "action": "delete"}]}"#;
const SAMPLERS: [&str; 4] = [
    r#"{"sampling_percentage": 50, "from_attribute": "a", "sampling_priority": "b", "fail_closed": false}"#,
    r#"{"sampling_percentage": 50, "mode": "equalizing", "fail_closed": false}"#,
    r#"{"sampling_percentage": 50, "mode": "proportional", "sampling_precision": 14}"#,
    r#"{"sampling_percentage": 0, "fail_closed": false}"#,
];
const REDACTIONS: [&str; 2] = [
    r#"{"allowed_keys": ["a", "x"], "blocked_key_patterns": ["x"], "blocked_values": ["[0-9]+"], "summary": "debug"}"#,
    r#"{"allow_all_keys": true, "redact_all_types": true, "blocked_values": ["."], "allowed_values": ["^q"], "hash_function": "md5",
        "blocked_value_presets": ["card_numbers", "email_addresses", "tokens"], "summary": "info"}"#,
];

/// Says whether the transform is content with its own answer: asked again, it gives an answer too.
fn apply<T: Transform>(config: &str, signal: Signal, request: &[u8]) {
    let again = match testing::apply::<T>(config, signal, request).expect("an answer") {
        Outcome::Replaced(answer) => answer,
        Outcome::Unchanged | Outcome::Discarded => return,
    };
    testing::apply::<T>(config, signal, &again).expect("an answer to its own answer");
}

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    for (signal, fields) in [(Signal::Traces, TRACES), (Signal::Logs, LOGS), (Signal::Metrics, METRICS)] {
        let Ok(request) = message(&mut input, fields) else { return };
        if check(signal, &request).is_err() {
            continue;
        }
        apply::<Attributes>(ATTRIBUTES, signal, &request);
        apply::<Resource>(RESOURCE, signal, &request);
        REDACTIONS.iter().for_each(|config| apply::<Redaction>(config, signal, &request));
        if signal != Signal::Metrics {
            SAMPLERS.iter().for_each(|config| apply::<ProbabilisticSampler>(config, signal, &request));
        }
    }
});
