//! The bytes of a segment: as they were written, or packed for want of memory. Packing costs several times what taking a span in
//! does, so it is a reaction, never the normal state. What is read of a packed segment is unpacked whole, on first use; a
//! trace that is dropped is never read.

use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use super::segment::{Lease, Pool};

/// zstd's fast levels pack telemetry better than lz4 in as much time (2.0–5.6 times against 1.8–4.5), and zstd is here anyway.
const LEVEL: i32 = -1;

/// What does not get smaller than this share stays as it is.
const WORTHWHILE_SHARE: f64 = 0.9;

/// A segment's bytes.
pub(super) enum Store {
    /// As written.
    Raw(Lease),
    /// Packed; of a segment that nothing is appended to any more.
    Packed(Packed),
}

/// Packed bytes, and the raw ones while somebody reads them.
pub(super) struct Packed {
    bytes: Box<[u8]>,
    raw_len: usize,
    raw: OnceCell<Lease>,
    pool: Arc<Pool>,
}

impl Store {
    /// The memory to append to: only before it is packed.
    pub(super) fn raw_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Raw(lease) => lease,
            Self::Packed(_) => &mut [],
        }
    }

    /// The bytes packed, if they are.
    pub(super) fn packed_len(&self) -> Option<usize> {
        match self {
            Self::Raw(_) => None,
            Self::Packed(packed) => Some(packed.bytes.len()),
        }
    }

    /// Whether it takes a segment of the pool.
    pub(super) fn is_raw(&self) -> bool {
        match self {
            Self::Raw(_) => true,
            Self::Packed(packed) => packed.raw.get().is_some(),
        }
    }

    /// Packs the first `used` bytes, or lets the raw ones of a packed segment go; `false` if it is not worth it.
    pub(super) fn pack(&mut self, used: usize, pool: &Arc<Pool>) -> bool {
        match self {
            Self::Packed(packed) => packed.raw.take().is_some(),
            Self::Raw(lease) => {
                let Ok(mut bytes) = zstd::bulk::compress(&lease[..used], LEVEL) else { return false };
                if bytes.len() as f64 > lease.len() as f64 * WORTHWHILE_SHARE {
                    return false;
                }
                bytes.shrink_to_fit();
                pool.add_packed(bytes.len());
                let packed = Packed { bytes: bytes.into(), raw_len: used, raw: OnceCell::new(), pool: pool.clone() };
                *self = Self::Packed(packed);
                true
            }
        }
    }
}

impl Deref for Store {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Raw(lease) => lease,
            Self::Packed(packed) => packed.raw.get_or_init(|| packed.unpack()),
        }
    }
}

impl Packed {
    fn unpack(&self) -> Lease {
        let mut raw = self.pool.take(self.raw_len);
        let written = zstd::bulk::decompress_to_buffer(&self.bytes, &mut raw[..self.raw_len]);
        assert_eq!(written.ok(), Some(self.raw_len), "what was packed here unpacks");
        raw
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        self.pool.sub_packed(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::processors::tail_sampling::segment::SEGMENT_BYTES;

    #[test]
    fn packs_once_and_unpacks_when_read() {
        let pool = Pool::new(Host::new());
        let mut store = Store::Raw(pool.take(1));
        store.raw_mut()[..3000].copy_from_slice(&b"GET".repeat(1000));
        assert!(store.pack(3000, &pool) && !store.is_raw());
        assert!(!store.pack(3000, &pool), "nothing to let go");
        assert_eq!((pool.in_use(), pool.in_use_bytes()), (0, 0));
        assert!((1..100).contains(&pool.packed_bytes()) && store.packed_len() == Some(pool.packed_bytes()));
        assert_eq!(store[..3000], b"GET".repeat(1000));
        assert_eq!((store.is_raw(), pool.in_use_bytes()), (true, SEGMENT_BYTES));
        assert!(store.pack(3000, &pool), "the raw bytes go, the packed ones stay");
        drop(store);
        assert_eq!((pool.in_use(), pool.packed_bytes()), (0, 0));
    }

    #[test]
    fn noise_stays_as_it_is() {
        let pool = Pool::new(Host::new());
        let mut store = Store::Raw(pool.take(1));
        store.raw_mut().fill_with(|| fastrand::u8(..));
        assert!(!store.pack(SEGMENT_BYTES, &pool) && store.packed_len().is_none());
    }
}
