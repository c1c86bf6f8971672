//! A batch as the body of a request, none of its chunks copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::pipeline::Rope;

/// What is left to send.
pub(super) struct RopeBody {
    rope: Rope,
    next: usize,
    remaining: u64,
}

impl RopeBody {
    pub(super) fn new(rope: Rope) -> Self {
        Self { remaining: rope.len() as u64, rope, next: 0 }
    }
}

impl Body for RopeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(chunk) = self.rope.chunks().get(self.next).cloned() else { return Poll::Ready(None) };
        self.next += 1;
        self.remaining -= chunk.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
