//! Random ids. Speed matters, secrecy does not.

use std::hash::{BuildHasher as _, RandomState};

/// splitmix64 (Steele, Lea, Flood 2014): 64 bits of state, passes the usual tests, one multiply-xor chain a number.
pub(super) struct Random(u64);

impl Random {
    /// Seeded from the keys that the standard library draws from the operating system.
    pub(super) fn seeded() -> Self {
        Self(RandomState::new().hash_one(std::process::id()))
    }

    /// The same sequence each time.
    pub(super) fn fixed() -> Self {
        Self(1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0.0 .. 1.0.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Not zero: an id of all zeros is invalid.
    pub(super) fn span_id(&mut self) -> [u8; 8] {
        (self.next() | 1).to_be_bytes()
    }

    pub(super) fn trace_id(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next() | 1)).to_be_bytes()
    }
}
