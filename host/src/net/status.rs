//! A refusal as a gRPC status or an HTTP response, and back: the one place of both directions.
//!
//! A status that a server downstream answered with is passed on with its code. Other refusals are UNAVAILABLE where the
//! sender should try again, INTERNAL where it should not; blame for bad bytes comes with its own code. `RetryInfo` and
//! `Retry-After` say when to try again, where that is known.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode};
use prost::Message;

use crate::pipeline::{Refusal, RefusalKind};

/// The codes of gRPC by number.
pub mod code {
    #![expect(missing_docs, reason = "the names are the documentation")]
    pub const OK: i32 = 0;
    pub const CANCELED: i32 = 1;
    pub const UNKNOWN: i32 = 2;
    pub const INVALID_ARGUMENT: i32 = 3;
    pub const DEADLINE_EXCEEDED: i32 = 4;
    pub const PERMISSION_DENIED: i32 = 7;
    pub const RESOURCE_EXHAUSTED: i32 = 8;
    pub const ABORTED: i32 = 10;
    pub const OUT_OF_RANGE: i32 = 11;
    pub const UNIMPLEMENTED: i32 = 12;
    pub const INTERNAL: i32 = 13;
    pub const UNAVAILABLE: i32 = 14;
    pub const DATA_LOSS: i32 = 15;
    pub const UNAUTHENTICATED: i32 = 16;
}

/// As the Go collector writes them.
const CODE_NAMES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// Header of a serialised `google.rpc.Status`.
const DETAILS: &str = "grpc-status-details-bin";

/// `google.rpc.Status`, as far as OTLP uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// One of [`code`].
    pub code: i32,
    /// For people.
    pub message: String,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

#[derive(Clone, PartialEq, Message)]
struct StatusMessage {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Status {
    /// A status that says no more than its code and message.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// What an HTTP response of OTLP has for this status.
    pub fn http_code(&self) -> StatusCode {
        match self.code {
            code::CANCELED
            | code::DEADLINE_EXCEEDED
            | code::ABORTED
            | code::OUT_OF_RANGE
            | code::UNAVAILABLE
            | code::DATA_LOSS => StatusCode::SERVICE_UNAVAILABLE,
            code::RESOURCE_EXHAUSTED => StatusCode::TOO_MANY_REQUESTS,
            code::INVALID_ARGUMENT => StatusCode::BAD_REQUEST,
            code::UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
            code::PERMISSION_DENIED => StatusCode::FORBIDDEN,
            code::UNIMPLEMENTED => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whole seconds for `Retry-After`, on the codes that have it; rounded up, so that nobody comes back early.
    pub fn retry_after_secs(&self) -> Option<u64> {
        let has_it = matches!(self.http_code(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        let after = self.retry_after.filter(|_| has_it)?;
        Some(after.as_secs() + u64::from(after.subsec_nanos() > 0))
    }

    /// The serialised message.
    pub fn to_proto(&self) -> Vec<u8> {
        let details = self.retry_after.map(|after| {
            let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
            let delay = Delay { seconds, nanos: after.subsec_nanos() as i32 };
            let value = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
            Any { type_url: RETRY_INFO.to_owned(), value }
        });
        let details = details.into_iter().collect();
        StatusMessage { code: self.code, message: self.message.clone(), details }.encode_to_vec()
    }

    /// The message in protobuf's JSON.
    pub fn to_json(&self) -> String {
        let mut status = serde_json::json!({ "code": self.code, "message": self.message });
        if let Some(after) = self.retry_after {
            let delay = format!("{}s", after.as_secs_f64());
            status["details"] = serde_json::json!([{ "@type": RETRY_INFO, "retryDelay": delay }]);
        }
        status.to_string()
    }

    /// Reads a serialised message.
    pub fn from_proto(message: &[u8]) -> Option<Self> {
        let status = StatusMessage::decode(message).ok()?;
        let retry_after = status
            .details
            .iter()
            .filter(|detail| detail.type_url == RETRY_INFO)
            .find_map(|detail| RetryInfo::decode(&*detail.value).ok()?.retry_delay)
            .map(|delay| {
                let seconds = u64::try_from(delay.seconds).unwrap_or(0);
                let nanos = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
                Duration::new(seconds, nanos)
            })
            .filter(|after| !after.is_zero());
        Some(Self { code: status.code, message: status.message, retry_after })
    }

    /// Reads the message in protobuf's JSON; what it says about the next attempt stands in HTTP's headers too.
    pub fn from_json(message: &[u8]) -> Option<Self> {
        let status: serde_json::Value = serde_json::from_slice(message).ok()?;
        let message = status.get("message").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let code = status.get("code").and_then(serde_json::Value::as_i64).unwrap_or_default();
        Some(Self { code: i32::try_from(code).ok()?, message, retry_after: None })
    }

    /// Writes `grpc-status`, `grpc-message` and, where there is more to say, `grpc-status-details-bin`.
    pub fn write_trailers(&self, trailers: &mut HeaderMap) {
        trailers.insert("grpc-status", HeaderValue::from(self.code));
        if let Ok(message) = HeaderValue::from_str(&percent_encode(&self.message))
            && !message.is_empty()
        {
            trailers.insert("grpc-message", message);
        }
        if self.retry_after.is_some()
            && let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(self.to_proto()))
        {
            trailers.insert(DETAILS, details);
        }
    }

    /// Reads a response's trailers (or headers); `None` without `grpc-status`.
    pub fn from_trailers(trailers: &HeaderMap) -> Option<Self> {
        /// Padding is optional in gRPC's binary headers.
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            base64::engine::GeneralPurposeConfig::new()
                .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
        );
        let code = trailers.get("grpc-status")?.to_str().ok().and_then(|code| code.parse().ok());
        let message =
            trailers.get("grpc-message").map(|message| percent_decode(message.as_bytes())).unwrap_or_default();
        let details = trailers.get(DETAILS).and_then(|details| LENIENT.decode(details).ok());
        let retry_after = details.and_then(|details| Self::from_proto(&details)).and_then(|status| status.retry_after);
        Some(Self { code: code.unwrap_or(code::UNKNOWN), message, retry_after })
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let retry_after = match refusal.kind {
            RefusalKind::Retry { after } => after,
            RefusalKind::Permanent => None,
        };
        let fallback = if refusal.is_permanent() { code::INTERNAL } else { code::UNAVAILABLE };
        // A code that tells the client the opposite of what is meant is not passed on.
        let code = refusal.code.filter(|code| is_retryable(*code, retry_after) != refusal.is_permanent());
        Self { code: code.unwrap_or(fallback), message: refusal.why.clone(), retry_after }
    }
}

/// Whether OTLP has a client send again after this code: `RESOURCE_EXHAUSTED` only if it is told when.
pub fn is_retryable(code: i32, retry_after: Option<Duration>) -> bool {
    match code {
        code::CANCELED
        | code::DEADLINE_EXCEEDED
        | code::ABORTED
        | code::OUT_OF_RANGE
        | code::UNAVAILABLE
        | code::DATA_LOSS => true,
        code::RESOURCE_EXHAUSTED => retry_after.is_some(),
        _ => false,
    }
}

/// What a gRPC server's answer means for the batch that was sent to it.
pub fn refusal_from_grpc(status: &Status) -> Refusal {
    let retry = is_retryable(status.code, status.retry_after);
    let kind = if retry { RefusalKind::Retry { after: status.retry_after } } else { RefusalKind::Permanent };
    let prefix = if retry { "" } else { "Permanent error: " };
    let why = format!("{prefix}rpc error: code = {} desc = {}", code_name(status.code), status.message);
    Refusal::downstream(kind, why, Some(status.code))
}

/// What an HTTP server's answer (not 2xx) means for the batch that was sent to it. `body` is the status that it sent along.
pub fn refusal_from_http(url: &str, http: StatusCode, headers: &HeaderMap, body: Option<&Status>) -> Refusal {
    let retry = matches!(http.as_u16(), 429 | 502 | 503 | 504);
    let after = if matches!(http.as_u16(), 429 | 503) { retry_after(headers, SystemTime::now()) } else { None };
    let kind = if retry { RefusalKind::Retry { after } } else { RefusalKind::Permanent };
    let prefix = if retry { "" } else { "Permanent error: " };
    let number = http.as_u16();
    let said = body.filter(|status| !status.message.is_empty()).map(|status| format!(", Message={}", status.message));
    let said = said.unwrap_or_default();
    let code = grpc_code_of_http(http);
    let why = format!(
        "{prefix}rpc error: code = {} desc = error exporting items, request to {url} responded with HTTP Status Code \
         {number}{said}",
        code_name(code)
    );
    Refusal::downstream(kind, why, Some(code))
}

/// The code that stands for an HTTP status in messages.
pub fn grpc_code_of_http(http: StatusCode) -> i32 {
    match http.as_u16() {
        400 => code::INVALID_ARGUMENT,
        401 => code::UNAUTHENTICATED,
        403 => code::PERMISSION_DENIED,
        404 => code::UNIMPLEMENTED,
        429 => code::RESOURCE_EXHAUSTED,
        502..=504 => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    }
}

/// `DeadlineExceeded` for 4.
pub fn code_name(code: i32) -> Cow<'static, str> {
    let name = usize::try_from(code).ok().and_then(|code| CODE_NAMES.get(code));
    name.map_or_else(|| Cow::Owned(format!("Code({code})")), |name| Cow::Borrowed(*name))
}

/// `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(now).ok()
}

/// gRPC's encoding of messages: everything but printable ASCII, and `%`.
fn percent_encode(message: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            encoded.push(byte as char);
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn percent_decode(message: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex.filter(|_| *byte == b'%') {
            Some(value) => {
                decoded.push(value);
                rest = &after[2..];
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests;
