//! Takes values out of traces before they leave the process.

use std::fs::File;
use std::io::{self, Read};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tailrace_otlp::wire::{self, Payload};

/// What takes a value's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum With {
    /// `[REDACTED]`.
    #[default]
    Text,
    /// A hash under a key that is thrown away at the end: equal values stay equal.
    Hash,
}

/// Which attributes' values are replaced, and by what.
pub struct Redaction {
    /// In lower case.
    globs: Vec<String>,
    /// For hashes.
    key: Option<[u8; 32]>,
}

/// Lists and maps in lists and maps beyond which a value is replaced whole; what passed the check has fewer.
const MAX_DEPTH: u32 = wire::MAX_DEPTH;

/// A message that attributes lie in: its fields that hold further ones, and the field of its attributes.
struct Kind {
    within: &'static [(u32, &'static Kind)],
    attributes: Option<u32>,
}

const EVENT: Kind = Kind { within: &[], attributes: Some(3) };
const LINK: Kind = Kind { within: &[], attributes: Some(4) };
const SPAN: Kind = Kind { within: &[(11, &EVENT), (13, &LINK)], attributes: Some(9) };
const SCOPE: Kind = Kind { within: &[], attributes: Some(3) };
const SCOPE_SPANS: Kind = Kind { within: &[(1, &SCOPE), (2, &SPAN)], attributes: None };
const RESOURCE: Kind = Kind { within: &[], attributes: Some(1) };
const RESOURCE_SPANS: Kind = Kind { within: &[(1, &RESOURCE), (2, &SCOPE_SPANS)], attributes: None };
const TRACES: Kind = Kind { within: &[(1, &RESOURCE_SPANS)], attributes: None };

impl Redaction {
    /// Of the attributes whose key is like one of `globs`: `*` stands for anything, case does not matter.
    pub fn new(globs: &[String], with: With) -> io::Result<Self> {
        let key = match with {
            With::Text => None,
            With::Hash => {
                let mut key = [0; 32];
                File::open("/dev/urandom")?.read_exact(&mut key)?;
                Some(key)
            }
        };
        Ok(Self { globs: globs.iter().map(|glob| glob.to_ascii_lowercase()).collect(), key })
    }

    /// Whether it leaves everything as it is.
    pub fn is_empty(&self) -> bool {
        self.globs.is_empty()
    }

    /// `TracesData` without the values. Bytes that are no protobuf are left out.
    pub fn apply(&self, traces: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(traces.len() + traces.len() / 8);
        self.message(&mut out, traces, &TRACES);
        out
    }

    fn message(&self, out: &mut Vec<u8>, body: &[u8], kind: &Kind) {
        for field in wire::fields(body) {
            let inner = kind.within.iter().find(|(number, _)| *number == field.number);
            match (field.payload, inner) {
                (Payload::Len(body), Some((_, kind))) => put(out, field.number, |out| self.message(out, body, kind)),
                (Payload::Len(pair), None) if kind.attributes == Some(field.number) => {
                    put(out, field.number, |out| self.pair(out, pair, MAX_DEPTH));
                }
                _ => out.extend_from_slice(field.framed),
            }
        }
    }

    /// A `KeyValue`.
    fn pair(&self, out: &mut Vec<u8>, pair: &[u8], depth: u32) {
        const KEY: u32 = 1;
        const VALUE: u32 = 2;
        // A decoder takes the last of several keys; one that is listed is reason enough.
        let is_listed = parts(pair, KEY).any(|key| self.lists(key));
        if !is_listed {
            for field in wire::fields(pair) {
                match field.payload {
                    Payload::Len(value) if field.number == VALUE => {
                        put(out, VALUE, |out| self.value(out, value, depth));
                    }
                    _ => out.extend_from_slice(field.framed),
                }
            }
            return;
        }
        wire::put_bytes(out, KEY, parts(pair, KEY).last().unwrap_or_default());
        put(out, VALUE, |out| self.replace(out, parts(pair, VALUE)));
    }

    /// An `AnyValue` whose own key is not listed: maps in it may have keys that are.
    fn value(&self, out: &mut Vec<u8>, value: &[u8], depth: u32) {
        const LIST: u32 = 5;
        const MAP: u32 = 6;
        const ITEMS: u32 = 1;
        let Some(depth) = depth.checked_sub(1) else { return self.replace(out, std::iter::once(value)) };
        for field in wire::fields(value) {
            match field.payload {
                Payload::Len(inner) if matches!(field.number, LIST | MAP) => put(out, field.number, |out| {
                    for item in wire::fields(inner) {
                        match item.payload {
                            Payload::Len(body) if item.number == ITEMS => put(out, ITEMS, |out| match field.number {
                                MAP => self.pair(out, body, depth),
                                _ => self.value(out, body, depth),
                            }),
                            _ => out.extend_from_slice(item.framed),
                        }
                    }
                }),
                _ => out.extend_from_slice(field.framed),
            }
        }
    }

    /// Writes what takes the place of a value.
    fn replace<'v>(&self, out: &mut Vec<u8>, value: impl Iterator<Item = &'v [u8]>) {
        const STRING: u32 = 1;
        let Some(key) = &self.key else { return wire::put_bytes(out, STRING, b"[REDACTED]") };
        let mut hash = Sha256::new_with_prefix(key);
        for part in value {
            hash.update(part);
        }
        let digest = hex::encode(&hash.finalize()[..8]);
        wire::put_bytes(out, STRING, format!("hash:{digest}").as_bytes());
    }

    fn lists(&self, key: &[u8]) -> bool {
        let key = key.to_ascii_lowercase();
        self.globs.iter().any(|glob| is_like(glob.as_bytes(), &key))
    }
}

fn parts(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    tailrace_otlp::walk::children(message, number).map(|(_, body)| body)
}

fn put(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    wire::put_bytes(out, number, &body);
}

/// Whether `text` is what `glob` says. The last `*` that was passed takes one byte more whenever what follows it does not fit.
fn is_like(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == text[from] => (at, from) = (at + 1, from + 1),
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    (at, from) = (*place + 1, *taken);
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
    use prost::Message;

    use super::*;

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn pair(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
    }

    fn attributes() -> Vec<KeyValue> {
        let secret = || Value::StringValue("s3cret".to_owned());
        let map = Value::KvlistValue(KeyValueList { values: vec![pair("User.Email", secret())] });
        let list = Value::ArrayValue(ArrayValue { values: vec![any(map)] });
        vec![pair("user.email", secret()), pair("plain", Value::IntValue(7)), pair("nested", list)]
    }

    fn traces() -> Vec<u8> {
        let span = Span {
            name: "op".to_owned(),
            attributes: attributes(),
            events: vec![Event { attributes: attributes(), ..Event::default() }],
            links: vec![Link { attributes: attributes(), ..Link::default() }],
            ..Span::default()
        };
        let scope = InstrumentationScope { attributes: attributes(), ..InstrumentationScope::default() };
        let scope = ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() };
        let resource = Resource { attributes: attributes(), ..Resource::default() };
        let resource_spans =
            vec![ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() }];
        TracesData { resource_spans }.encode_to_vec()
    }

    #[test]
    fn no_level_keeps_a_listed_value() {
        for (with, sign) in [(With::Text, "[REDACTED]"), (With::Hash, "hash:")] {
            let redaction = Redaction::new(&["user.*".to_owned()], with).unwrap();
            let out = redaction.apply(&traces());
            let text = String::from_utf8_lossy(&out).into_owned();
            assert!(!text.contains("s3cret"), "{text}");
            assert_eq!(text.matches(sign).count(), 10, "two at each of five levels: {text}");
            let decoded = TracesData::decode(&*out).unwrap();
            let span = &decoded.resource_spans[0].scope_spans[0].spans[0];
            assert_eq!((span.name.as_str(), &span.attributes[1]), ("op", &pair("plain", Value::IntValue(7))));
        }
    }

    #[test]
    fn hashes_keep_equality_and_nothing_else() {
        let value = |redaction: &Redaction, text: &str| {
            let traces = TracesData {
                resource_spans: vec![ResourceSpans {
                    resource: Some(Resource {
                        attributes: vec![pair("k", Value::StringValue(text.to_owned()))],
                        ..Resource::default()
                    }),
                    ..ResourceSpans::default()
                }],
            };
            redaction.apply(&traces.encode_to_vec())
        };
        let one = Redaction::new(&["k".to_owned()], With::Hash).unwrap();
        let other = Redaction::new(&["k".to_owned()], With::Hash).unwrap();
        assert_eq!(value(&one, "a"), value(&one, "a"));
        assert_ne!(value(&one, "a"), value(&one, "b"));
        assert_ne!(value(&one, "a"), value(&other, "a"));
    }

    #[test]
    fn nothing_listed_changes_nothing() {
        let redaction = Redaction::new(&[], With::Text).unwrap();
        assert_eq!(redaction.apply(&traces()), traces());
    }

    #[test]
    fn globs() {
        for (glob, yes, no) in [
            ("a", "a", "ab"),
            ("a*", "abc", "ba"),
            ("*.email", "user.email", "user.emails"),
            ("h*.auth*n", "http.header.authorization", "http.header.auth"),
            ("*", "", ""),
            ("**b", "ab", "a"),
        ] {
            assert!(is_like(glob.as_bytes(), yes.as_bytes()), "{glob} {yes}");
            assert!(no.is_empty() || !is_like(glob.as_bytes(), no.as_bytes()), "{glob} {no}");
        }
    }
}
