//! Reading a body, bounded.

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::super::intake::{Claim, Intake};
use crate::net::status::{Status, code};

/// As Go says it; the specification would have 413, but clients treat both alike.
pub(super) const TOO_LARGE: &str = "http: request body too large";

/// The first share of a body that does not say how long it is.
const FIRST_CLAIM: usize = 64 * 1024;

/// What was read.
pub(super) struct Body {
    pub(super) data: Bytes,
    /// Its share of the bytes that bodies may hold.
    pub(super) claim: Claim,
}

/// Reads at most `limit` bytes.
pub(super) async fn read_body(mut body: Incoming, limit: usize, intake: &Intake) -> Result<Body, Status> {
    let too_large = || Status::new(code::INVALID_ARGUMENT, TOO_LARGE);
    let announced = body.size_hint().exact().map(|len| usize::try_from(len).unwrap_or(usize::MAX));
    if announced.is_some_and(|len| len > limit) {
        return Err(too_large());
    }
    let mut claim = intake.claim(announced.unwrap_or(FIRST_CLAIM))?;
    // Of the exact size where that is known: the bytes may stay for long.
    let mut data = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::new(code::INVALID_ARGUMENT, error.to_string()))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if chunk.len() > limit - data.len() {
            return Err(too_large());
        }
        intake.grow(&mut claim, data.len() + chunk.len())?;
        data.extend_from_slice(&chunk);
    }
    data.shrink_to_fit();
    Ok(Body { data: data.into(), claim })
}
