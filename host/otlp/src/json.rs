//! OTLP/JSON, to and from wire bytes without structs between.
//!
//! The rules are those of the specification: field names in lowerCamelCase (and, as the Go collector takes them, in `snake_case`), ids
//! in hex, other bytes in base64, enums as numbers (names are read too), 64-bit integers as strings (numbers are read too),
//! unknown fields ignored, `null` the same as absent.

mod decode;
mod encode;

use serde::de::DeserializeSeed;

use crate::schema::{self, Message};
use crate::{Malformed, Rope, Signal, check};

/// Why a text is no OTLP/JSON: where in the message, what, and at which line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{problem}", path, if path.is_empty() { "" } else { ": " })]
pub struct JsonError {
    /// The field, as in `resourceSpans[0].scopeSpans[2].spans[7].traceId`; empty for the whole.
    pub path: String,
    /// What is wrong, with line and column.
    pub problem: String,
}

/// Turns an OTLP/JSON request into wire bytes. What it gives passes [`check`].
pub fn decode(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    transcode(schema::request(signal), json)
}

/// Turns the JSON of a message into wire bytes.
pub(crate) fn transcode(kind: &'static Message, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut writer = decode::Writer::default();
    let mut text = serde_json::Deserializer::from_slice(json);
    match writer.root(kind).deserialize(&mut text).and_then(|()| text.end()) {
        Ok(()) => Ok(writer.into_bytes()),
        Err(error) => Err(JsonError { path: writer.path(), problem: error.to_string() }),
    }
}

/// Turns a request into OTLP/JSON. Bytes in strings that are no UTF-8 become U+FFFD, and fields that this version does not know are left
/// out.
pub fn encode(signal: Signal, data: &Rope) -> Result<String, Malformed> {
    for chunk in data.chunks() {
        check(signal, chunk)?;
    }
    let chunks: Vec<&[u8]> = data.chunks().iter().map(AsRef::as_ref).collect();
    let mut out = String::with_capacity(data.len() * 2);
    encode::message(schema::request(signal), &chunks, &mut out);
    Ok(out)
}

#[cfg(test)]
mod tests;
