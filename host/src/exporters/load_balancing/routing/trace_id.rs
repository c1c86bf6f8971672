//! By trace id.

use tailrace_otlp::deal::Deal;
use tailrace_otlp::view::Span;
use tailrace_otlp::walk;

use super::Ways;

/// The field of a log record with its trace id.
const LOGS_TRACE_ID: u32 = 9;

/// Spans, by the id's bytes.
pub(super) struct ByTraceId<'a> {
    ring: Ways<'a>,
    /// Spans of one trace mostly lie side by side.
    last: Option<([u8; 16], usize)>,
}

impl<'a> ByTraceId<'a> {
    pub(super) fn new(ring: Ways<'a>) -> Self {
        Self { ring, last: None }
    }
}

impl Deal for ByTraceId<'_> {
    #[inline]
    fn item(&mut self, body: &[u8]) -> usize {
        let id = trace_id(body);
        match self.last {
            Some((last, way)) if last == id => way,
            _ => {
                let way = self.ring.of(&id);
                self.last = Some((id, way));
                way
            }
        }
    }
}

/// The id of a span, zeros if there is none. Everyone writes it first and once.
#[inline]
pub(super) fn trace_id(span: &[u8]) -> [u8; 16] {
    match span {
        [0x0a, 16, rest @ ..] => rest.first_chunk().copied().unwrap_or_default(),
        _ => Span(span).trace_id().try_into().unwrap_or_default(),
    }
}

/// Log records, by the id in hexadecimal.
pub(super) struct ByLogsTraceId<'a>(pub(super) Ways<'a>);

impl Deal for ByLogsTraceId<'_> {
    fn item(&mut self, body: &[u8]) -> usize {
        let id = walk::children(body, LOGS_TRACE_ID).last().and_then(|(_, id)| id.try_into().ok());
        let id: [u8; 16] = id.filter(|id| *id != [0; 16]).unwrap_or_else(random_id);
        let mut key = [0; 32];
        // Cannot fail: two digits a byte.
        let _ = hex::encode_to_slice(id, &mut key);
        self.0.of(&key)
    }
}

/// Of records without a trace, so that they spread: four random bytes, as the Go exporter has them.
fn random_id() -> [u8; 16] {
    (u128::from(fastrand::u32(..)) << 96).to_be_bytes()
}
