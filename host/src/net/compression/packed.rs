//! Bodies that arrived packed and go on packed.
//!
//! Packing is the dearest thing that happens to a request: as zstd it costs more than all the rest together, as gzip ten times
//! that. A request that nobody changed on its way goes on in the very bytes it came in, where the next server is to get the same
//! encoding. What was changed is another buffer, and is packed anew.

use std::io;

use bytes::Bytes;
use zstd::zstd_safe::find_frame_compressed_size;

use super::{Encoding, Error, compress, decompress, deflate};
use crate::pipeline::{Batch, Rope};

/// A body as it arrived, and what it unpacked to.
#[derive(Clone, Debug)]
pub struct Packed {
    encoding: Encoding,
    body: Bytes,
    /// Kept, so that its address stands for its content.
    whole: Bytes,
}

impl Packed {
    /// The body, if it is in that encoding and what it unpacks to is `data`: not data that is equal, but the same buffer.
    pub fn body_of(&self, data: &Rope, encoding: Encoding) -> Option<&Bytes> {
        let [only] = data.chunks() else { return None };
        let is_it = only.as_ptr() == self.whole.as_ptr() && only.len() == self.whole.len();
        (is_it && encoding == self.encoding).then_some(&self.body)
    }

    /// Bytes that it holds beyond those of the data.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }
}

/// As [`decompress`]; what can be sent on as it came is given beside what is in it.
pub fn unpack(encoding: Encoding, body: Bytes, limit: usize) -> Result<(Bytes, Option<Packed>), Error> {
    // Ours reads several members or frames in a row; many other decoders stop after the first.
    let (whole, is_portable) = match encoding {
        Encoding::Gzip => {
            let (whole, members) = deflate::gunzip(&body, limit)?;
            (whole, members == 1)
        }
        Encoding::Zstd => (decompress(encoding, &body, limit)?, is_one_frame(&body)),
        // Cheap to make, and of two formats under one name.
        Encoding::Zlib | Encoding::Snappy | Encoding::SnappyFramed => (decompress(encoding, &body, limit)?, false),
    };
    let whole = Bytes::from(whole);
    let packed = is_portable.then(|| Packed { encoding, body, whole: whole.clone() });
    Ok((whole, packed))
}

/// Packs a batch's data, unless it came packed so. `level` as in [`compress`]: whoever asks for one gets it.
pub fn pack(encoding: Encoding, level: Option<i32>, batch: &Batch) -> io::Result<Bytes> {
    let as_it_came = batch.packed.as_ref().filter(|_| level.is_none());
    match as_it_came.and_then(|packed| packed.body_of(&batch.data, encoding)) {
        Some(body) => Ok(body.clone()),
        None => compress(encoding, level, &batch.data),
    }
}

/// Whether it is one frame of zstd. (What asks for a larger window than all decoders have room for was not unpacked.)
fn is_one_frame(body: &[u8]) -> bool {
    find_frame_compressed_size(body) == Ok(body.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Signal;

    const LIMIT: usize = 1 << 24;

    fn body(encoding: Encoding, data: &[u8]) -> Bytes {
        compress(encoding, None, &Rope::from(data.to_vec())).expect("packs")
    }

    fn arrived(encoding: Encoding, body: &Bytes) -> Batch {
        let (whole, packed) = unpack(encoding, body.clone(), LIMIT).expect("unpacks");
        Batch { packed, ..Batch::new(Signal::Traces, whole.into(), 1) }
    }

    /// Whether the batch goes out in the bytes of `body`.
    fn reuses(body: &Bytes, encoding: Encoding, level: Option<i32>, batch: &Batch) -> bool {
        let out = pack(encoding, level, batch).expect("packs");
        assert_eq!(decompress(encoding, &out, LIMIT).expect("unpacks"), batch.data.clone().into_bytes());
        out.as_ptr() == body.as_ptr()
    }

    #[test]
    fn an_unchanged_body_goes_on_in_the_bytes_it_came_in() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let body = body(encoding, &[7; 5000]);
            let batch = arrived(encoding, &body);
            assert!(reuses(&body, encoding, None, &batch), "{encoding:?}");
            assert!(!reuses(&body, encoding, Some(1), &batch), "{encoding:?}: a level is asked for");
            assert_eq!(batch.held_bytes(), 5000 + body.len());
        }
    }

    #[test]
    fn what_was_changed_or_wants_another_encoding_is_packed_anew() {
        let body = body(Encoding::Zstd, &[7; 5000]);
        let batch = arrived(Encoding::Zstd, &body);
        assert!(!reuses(&body, Encoding::Gzip, None, &batch));
        let equal = Batch { data: vec![7; 5000].into(), ..batch.clone() };
        assert!(!reuses(&body, Encoding::Zstd, None, &equal), "the same bytes in another buffer");
        let whole = batch.data.clone().into_bytes();
        let part = Batch { data: whole.slice(..100).into(), ..batch.clone() };
        assert!(!reuses(&body, Encoding::Zstd, None, &part));
        let mut longer = batch.clone();
        longer.data.push(whole);
        assert!(!reuses(&body, Encoding::Zstd, None, &longer));
    }

    #[test]
    fn what_other_decoders_may_not_take_is_not_kept() {
        let is_kept = |encoding, body: &Bytes| arrived(encoding, body).packed.is_some();
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let one = body(encoding, b"abc");
            assert!(is_kept(encoding, &one));
            let two = Bytes::from([&one[..], &one].concat());
            assert!(!is_kept(encoding, &two), "{encoding:?}: two in a row");
        }
        for encoding in [Encoding::Zlib, Encoding::Snappy, Encoding::SnappyFramed] {
            assert!(!is_kept(encoding, &body(encoding, b"abc")), "{encoding:?}");
        }
    }
}
