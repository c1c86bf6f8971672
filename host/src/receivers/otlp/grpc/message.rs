//! The one message of a request: a flag, a length, so many bytes.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;

use super::super::intake::{Claim, Intake};
use crate::net::status::{Status, code};

/// How long a client may pause within a message.
const STALL: Duration = Duration::from_mins(1);

/// The flag and the length.
const PREFIX: usize = 5;

/// Read bytes are given back to the client's window no later than this: well below the window, so that it never waits.
const RELEASE: usize = 256 * 1024;

/// What was read.
pub(super) struct Message {
    pub(super) compressed: bool,
    pub(super) data: Bytes,
    /// Its share of the bytes that bodies may hold.
    pub(super) claim: Claim,
}

/// Reads a message of at most `limit` bytes, and to the end of the request.
pub(super) async fn read_message(body: &mut RecvStream, limit: usize, intake: &Intake) -> Result<Message, Status> {
    let mut chunk = prefix(body).await?;
    let compressed = match chunk.get_u8() {
        0 => false,
        1 => true,
        flag => return Err(Status::new(code::INTERNAL, format!("grpc: received unexpected payload format {flag}"))),
    };
    let len = chunk.get_u32() as usize;
    if len > limit {
        let message = format!("grpc: received message larger than max ({len} vs. {limit})");
        return Err(Status::new(code::RESOURCE_EXHAUSTED, message));
    }
    let claim = intake.claim(len)?;
    // Of the exact size: the bytes may stay for long, and h2's buffers hold more than the message.
    let mut data = Vec::with_capacity(len);
    let mut unreleased = PREFIX;
    loop {
        if chunk.len() > len - data.len() {
            return Err(Status::new(code::INTERNAL, "grpc: received more than one message"));
        }
        data.put_slice(&chunk);
        unreleased += chunk.len();
        if unreleased >= RELEASE {
            release(body, &mut unreleased);
        }
        if body.is_end_stream() {
            break;
        }
        match next(body).await? {
            Some(more) => chunk = more,
            None => break,
        }
    }
    release(body, &mut unreleased);
    if data.len() < len {
        return Err(Status::new(code::INTERNAL, "unexpected EOF"));
    }
    Ok(Message { compressed, data: data.into(), claim })
}

/// The first bytes, at least as many as a prefix has.
async fn prefix(body: &mut RecvStream) -> Result<Bytes, Status> {
    let eof = || Status::new(code::INTERNAL, "unexpected EOF");
    let first = next(body).await?.ok_or_else(eof)?;
    if first.len() >= PREFIX {
        return Ok(first);
    }
    let mut joined = BytesMut::from(first);
    while joined.len() < PREFIX {
        joined.extend_from_slice(&next(body).await?.ok_or_else(eof)?);
    }
    Ok(joined.freeze())
}

async fn next(body: &mut RecvStream) -> Result<Option<Bytes>, Status> {
    match tokio::time::timeout(STALL, body.data()).await {
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(None) => Ok(None),
        Ok(Some(Err(error))) => Err(Status::new(code::CANCELED, error.to_string())),
        Err(_) => Err(Status::new(code::DEADLINE_EXCEEDED, "the message did not arrive in time")),
    }
}

/// Lets the client send as much again. It fails only if the stream is gone, which the next read tells.
fn release(body: &mut RecvStream, bytes: &mut usize) {
    drop(body.flow_control().release_capacity(std::mem::take(bytes)));
}
