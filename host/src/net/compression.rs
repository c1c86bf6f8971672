//! Content encodings over whole bodies. A body never unpacks to more than its bound, whatever it claims: the output stops
//! growing one byte after it. Codec states are kept per thread, since making one costs more than packing a small body.

mod deflate;
mod packed;

use std::cell::RefCell;
use std::io::{self, Read, Write};

use bytes::Bytes;
use zstd::zstd_safe::{DParameter, get_frame_content_size};

pub use self::packed::{Packed, pack, unpack};
use crate::pipeline::Rope;

/// What is done to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// RFC 1950; what HTTP calls `deflate` too.
    Zlib,
    /// Snappy's block format.
    Snappy,
    /// Snappy's framing format.
    SnappyFramed,
}

/// Why a body did not unpack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It holds more than it may.
    #[error("decompressed body is larger than {limit} bytes")]
    TooLarge {
        /// What it may hold.
        limit: usize,
    },
    /// It is not what it claims to be.
    #[error("{0}")]
    Corrupt(String),
}

/// The largest window that a zstd frame may ask memory for: 8 MiB, what RFC 8878 tells decoders to support.
const ZSTD_MAX_WINDOW_LOG: u32 = 23;

/// Level 1 packs OTLP to within 3 % of what level 3 does, in four fifths of the time.
const ZSTD_LEVEL: i32 = 1;

/// How the framing format of snappy begins.
const SNAPPY_STREAM: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// A body cannot hold more than its size times this: a guard for sizes that bodies claim. Deflate's bound is the highest.
const MAX_RATIO: usize = 1032;

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<snap::Error> for Error {
    fn from(error: snap::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl Encoding {
    /// By its name in `Content-Encoding`.
    pub fn from_http(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" => Self::Gzip,
            "zstd" => Self::Zstd,
            "zlib" | "deflate" => Self::Zlib,
            "snappy" => Self::Snappy,
            "x-snappy-framed" => Self::SnappyFramed,
            _ => return None,
        })
    }

    /// By its name in `grpc-encoding`, where snappy is framed.
    pub fn from_grpc(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" => Self::Gzip,
            "zstd" => Self::Zstd,
            "snappy" => Self::SnappyFramed,
            _ => return None,
        })
    }
}

/// Unpacks `body` to at most `limit` bytes. Either snappy format is recognised by its beginning.
pub fn decompress(encoding: Encoding, body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    match encoding {
        Encoding::Gzip => deflate::gunzip(body, limit).map(|(whole, _)| whole),
        Encoding::Zlib => deflate::unzlib(body, limit),
        Encoding::Zstd => unzstd(body, limit),
        Encoding::Snappy | Encoding::SnappyFramed if body.starts_with(SNAPPY_STREAM) => {
            bounded(snap::read::FrameDecoder::new(body), limit, body.len() * 2)
        }
        Encoding::Snappy => unsnap(body, limit),
        Encoding::SnappyFramed if body.is_empty() => Ok(Vec::new()),
        Encoding::SnappyFramed => Err(Error::Corrupt("snappy: corrupt input".to_owned())),
    }
}

/// Packs `body`. `level` is the codec's own scale, `None` its default.
pub fn compress(encoding: Encoding, level: Option<i32>, body: &Rope) -> io::Result<Bytes> {
    let packed = match encoding {
        Encoding::Gzip => deflate::gzip(body, level)?,
        Encoding::Zlib => deflate::zlib(body, level)?,
        Encoding::Zstd => zstd_frame(body, level)?,
        Encoding::Snappy => snap::raw::Encoder::new().compress_vec(&body.clone().into_bytes())?,
        Encoding::SnappyFramed => {
            let mut encoder = snap::write::FrameEncoder::new(Vec::with_capacity(body.len() / 2));
            for chunk in body.chunks() {
                encoder.write_all(chunk)?;
            }
            encoder.into_inner().map_err(snap::write::IntoInnerError::into_error)?
        }
    };
    Ok(packed.into())
}

/// Reads to the end or to one byte past `limit`.
fn bounded(reader: impl Read, limit: usize, guess: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::with_capacity(guess.min(limit));
    reader.take(limit as u64 + 1).read_to_end(&mut body)?;
    if body.len() > limit {
        return Err(Error::TooLarge { limit });
    }
    Ok(body)
}

fn unsnap(body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let len = snap::raw::decompress_len(body)?;
    if len > limit {
        return Err(Error::TooLarge { limit });
    }
    // A copy of 64 bytes takes 3: more than that per byte of input is a lie that would cost memory.
    if len / 32 > body.len() {
        return Err(Error::Corrupt("snappy: corrupt input".to_owned()));
    }
    Ok(snap::raw::Decoder::new().decompress_vec(body)?)
}

fn unzstd(body: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let claimed = match get_frame_content_size(body) {
        Ok(Some(len)) => Some(usize::try_from(len).unwrap_or(usize::MAX)),
        Ok(None) => None,
        Err(_) => return Err(Error::Corrupt("zstd: invalid frame header".to_owned())),
    };
    // The usual case, one frame that says how long it is, goes straight into an exact buffer.
    if let Some(len) = claimed.filter(|len| *len <= limit && len / MAX_RATIO <= body.len())
        && let Some(whole) = unzstd_exact(body, len)
    {
        return Ok(whole);
    }
    if claimed.is_some_and(|len| len > limit) {
        return Err(Error::TooLarge { limit });
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_MAX_WINDOW_LOG)?;
    bounded(decoder, limit, body.len() * 4)
}

/// `None` if it is not one intact frame of `len` bytes.
fn unzstd_exact(body: &[u8], len: usize) -> Option<Vec<u8>> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = RefCell::new(unzstd_context());
    }
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let mut whole = Vec::with_capacity(len);
        let written = decompressor.as_mut()?.decompress_to_buffer(body, &mut whole).ok()?;
        (written == len).then_some(whole)
    })
}

fn unzstd_context() -> Option<zstd::bulk::Decompressor<'static>> {
    let mut decompressor = zstd::bulk::Decompressor::new().ok()?;
    decompressor.set_parameter(DParameter::WindowLogMax(ZSTD_MAX_WINDOW_LOG)).ok()?;
    Some(decompressor)
}

fn zstd_frame(body: &Rope, level: Option<i32>) -> io::Result<Vec<u8>> {
    type Leveled = (i32, zstd::bulk::Compressor<'static>);
    thread_local! {
        static COMPRESSOR: RefCell<Option<Leveled>> = const { RefCell::new(None) };
    }
    let level = level.unwrap_or(ZSTD_LEVEL);
    let whole = body.clone().into_bytes();
    COMPRESSOR.with_borrow_mut(|slot| {
        let (_, compressor) = match slot {
            Some(kept) if kept.0 == level => kept,
            _ => slot.insert((level, zstd::bulk::Compressor::new(level)?)),
        };
        compressor.compress(&whole)
    })
}

#[cfg(test)]
mod tests;
