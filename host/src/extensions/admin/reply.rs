//! Answers: JSON, or a stream of bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use serde::Serialize;
use tokio::sync::mpsc::Receiver;

pub(super) type Reply = Response<Body>;

/// A body that is there, or one that comes in pieces.
pub(super) enum Body {
    Whole(Option<Bytes>),
    Pieces(Receiver<Bytes>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take()),
            Self::Pieces(pieces) => pieces.poll_recv(cx),
        };
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

fn reply(status: StatusCode, content_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

pub(super) fn json(body: &impl Serialize) -> Reply {
    match serde_json::to_vec(body) {
        Ok(body) => reply(StatusCode::OK, "application/json", Body::Whole(Some(body.into()))),
        Err(why) => error(500, why.to_string()),
    }
}

pub(super) fn pieces(pieces: Receiver<Bytes>) -> Reply {
    reply(StatusCode::OK, "application/octet-stream", Body::Pieces(pieces))
}

pub(super) fn error(status: u16, why: impl Into<String>) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::json!({"error": why.into()}).to_string();
    reply(status, "application/json", Body::Whole(Some(body.into())))
}
