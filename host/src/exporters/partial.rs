//! Servers that took a request but not all of it. The answer has one shape for all signals.

use prost::Message;

use crate::pipeline::Signal;

/// `ExportTraceServiceResponse` and its like.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

/// What was not taken.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Partial {
    /// Spans, data points or log records.
    #[prost(int64, tag = "1")]
    rejected: i64,
    /// Why.
    #[prost(string, tag = "2")]
    message: String,
}

impl Partial {
    /// From the serialised answer. `None` if everything was taken and there is nothing to say.
    pub(super) fn from_proto(answer: &[u8]) -> Result<Option<Self>, String> {
        let answer = Answer::decode(answer).map_err(|error| error.to_string())?;
        Ok(answer.partial_success.filter(Self::says_something))
    }

    /// From the answer in JSON.
    pub(super) fn from_json(answer: &[u8]) -> Result<Option<Self>, String> {
        let answer: serde_json::Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        let Some(partial) = answer.get("partialSuccess") else { return Ok(None) };
        let counts = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"];
        let count = counts.iter().find_map(|name| partial.get(name));
        // 64-bit numbers may come as strings.
        let rejected = count.and_then(|count| count.as_i64().or_else(|| count.as_str()?.parse().ok())).unwrap_or(0);
        let message = partial.get("errorMessage").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Ok(Some(Self { rejected, message }).filter(Self::says_something))
    }

    fn says_something(&self) -> bool {
        self.rejected != 0 || !self.message.is_empty()
    }

    /// Warns of it. What was rejected counts as sent and is not sent again: that would not change the server's mind.
    pub(super) fn warn(&self, exporter: &str, signal: Signal) {
        // A field named `message` would take the place of the line's text.
        let Self { rejected, message: reason } = self;
        match signal {
            Signal::Traces => tracing::warn!(exporter, reason, dropped_spans = rejected, "Partial success response"),
            Signal::Metrics => {
                tracing::warn!(exporter, reason, dropped_data_points = rejected, "Partial success response");
            }
            Signal::Logs => {
                tracing::warn!(exporter, reason, dropped_log_records = rejected, "Partial success response");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_say_what_was_rejected() {
        let partial = Partial { rejected: 3, message: "too old".to_owned() };
        let proto = Answer { partial_success: Some(partial.clone()) }.encode_to_vec();
        assert_eq!(Partial::from_proto(&proto), Ok(Some(partial.clone())));
        for json in [
            r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#,
            r#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"too old"}}"#,
        ] {
            assert_eq!(Partial::from_json(json.as_bytes()), Ok(Some(partial.clone())), "{json}");
        }
        for (proto, json) in [(&b""[..], "{}"), (b"\x0a\x00", r#"{"partialSuccess":{}}"#)] {
            assert_eq!(Partial::from_proto(proto), Ok(None));
            assert_eq!(Partial::from_json(json.as_bytes()), Ok(None));
        }
        assert!(Partial::from_proto(b"\x0a\x7f").is_err() && Partial::from_json(b"<html>").is_err());
    }
}
