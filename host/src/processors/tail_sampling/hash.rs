//! Hashing of trace ids and headers. Clients choose both, so the tables' hashes are seeded per process; the shard of a trace is
//! not, because the Go processor's rule for it is fixed.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0x7461_696c_u32));

/// A trace id as its two halves, little-endian as the Go processor reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct TraceId {
    pub(super) high: u64,
    pub(super) low: u64,
}

impl TraceId {
    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_le_bytes(bytes);
        Self { high: both as u64, low: (both >> 64) as u64 }
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.low) << 64 | u128::from(self.high)).to_le_bytes()
    }

    /// What tables of trace ids are keyed by.
    #[inline]
    pub(super) fn hash(self) -> u64 {
        let seed = *SEED;
        fold(self.low ^ seed, self.high ^ seed.rotate_left(32) | 1)
    }

    /// The Go processor's choice: the halves folded, splitmix64's finaliser, modulo.
    #[inline]
    pub(super) fn shard(self, shards: usize) -> usize {
        let mut h = self.high ^ self.low;
        h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        h ^= h >> 31;
        (h % shards as u64) as usize
    }
}

/// A seeded hash of bytes, a 128-bit multiplication per 16 of them.
pub(super) fn bytes(bytes: &[u8]) -> u64 {
    let seed = *SEED;
    let mut state = seed ^ bytes.len() as u64;
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        state = absorb(state, *chunk, seed);
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        state = absorb(state, last, seed);
    }
    fold(state, seed | 1)
}

#[inline]
fn absorb(state: u64, chunk: [u8; 16], seed: u64) -> u64 {
    let both = u128::from_le_bytes(chunk);
    fold(both as u64 ^ state, (both >> 64) as u64 ^ seed.rotate_left(17))
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_halves() {
        let bytes = *b"0123456789abcdef";
        assert_eq!(TraceId::from_bytes(bytes).to_bytes(), bytes);
        assert_eq!(TraceId::from_bytes(bytes).low, u64::from_le_bytes(*b"89abcdef"));
    }

    /// Worked out with the reference's formula.
    #[test]
    fn shards_are_those_of_the_go_processor() {
        let reference = |id: [u8; 16]| {
            let word = |at: usize| u64::from_le_bytes(id[at..at + 8].try_into().unwrap());
            let mut z = word(0) ^ word(8);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        for id in [[0; 16], *b"0123456789abcdef", [0xff; 16], [1; 16]] {
            for shards in [1, 2, 7, 256] {
                assert_eq!(TraceId::from_bytes(id).shard(shards) as u64, reference(id) % shards as u64);
            }
        }
    }

    #[test]
    fn every_byte_of_a_header_counts() {
        for len in [1, 15, 16, 17, 33, 200] {
            let plain = vec![7; len];
            for at in 0..len {
                let mut other = plain.clone();
                other[at] ^= 1;
                assert_ne!(bytes(&plain), bytes(&other), "byte {at} of {len}");
            }
        }
        assert_ne!(bytes(&[0; 3]), bytes(&[0; 4]));
    }
}
