//! Answers to requests.

use crate::wire::{self, Payload};

/// The body of an answer that took everything, as the Go collector writes it: an empty partial success.
pub const SUCCESS: &[u8] = &[0x0a, 0x00];
/// The same in JSON.
pub const SUCCESS_JSON: &str = r#"{"partialSuccess":{}}"#;

/// What a backend did not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Spans, data points or log records rejected.
    pub rejected: i64,
    /// Why, or a warning if nothing was rejected.
    pub message: String,
}

/// What an answer says was rejected, or warns of; None if nothing. All signals' answers look alike. What is no protobuf counts as
/// no answer.
pub fn partial_success(body: &[u8]) -> Option<Partial> {
    let mut partial = Partial::default();
    for response in wire::fields(body).filter(|field| field.number == 1) {
        for field in response.payload.bytes().into_iter().flat_map(wire::fields) {
            match (field.number, field.payload) {
                (1, Payload::Varint(rejected)) => partial.rejected = rejected as i64,
                (2, Payload::Len(message)) => partial.message = String::from_utf8_lossy(message).into_owned(),
                _ => {}
            }
        }
    }
    (partial != Partial::default()).then_some(partial)
}

/// The same of an answer in JSON; what is no such JSON counts as no answer.
#[cfg(feature = "json")]
pub fn partial_success_json(signal: crate::Signal, body: &[u8]) -> Option<Partial> {
    let body = crate::json::transcode(crate::schema::response(signal), body).ok()?;
    partial_success(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(partial: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, 1, partial);
        out
    }

    #[test]
    fn only_what_says_something_is_a_partial_success() {
        for silent in [&[][..], SUCCESS, &answer(&[0x08, 0]), &[0x0a], b"<html>"] {
            assert_eq!(partial_success(silent), None, "{silent:?}");
        }
        let rejected = Partial { rejected: 3, message: "bad".into() };
        assert_eq!(partial_success(&answer(&[0x08, 3, 0x12, 3, b'b', b'a', b'd'])), Some(rejected));
        let warning = Partial { rejected: 0, message: "slow".into() };
        assert_eq!(partial_success(&answer(&[0x12, 4, b's', b'l', b'o', b'w'])), Some(warning));
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_answers_name_their_items() {
        use crate::Signal::{Logs, Metrics, Traces};
        let rejected = |rejected| Some(Partial { rejected, message: String::new() });
        let cases = [
            (Traces, SUCCESS_JSON, None),
            (Traces, "{}", None),
            (Traces, "not found", None),
            (Traces, r#"{"partialSuccess":{"rejectedSpans":"3"}}"#, rejected(3)),
            (Metrics, r#"{"partialSuccess":{"rejectedDataPoints":4}}"#, rejected(4)),
            (Logs, r#"{"partialSuccess":{"rejectedLogRecords":"5","errorMessage":""}}"#, rejected(5)),
            (Logs, r#"{"partialSuccess":{"rejectedSpans":"5"}}"#, None),
        ];
        for (signal, body, expected) in cases {
            assert_eq!(partial_success_json(signal, body.as_bytes()), expected, "{body}");
        }
    }
}
