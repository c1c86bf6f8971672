//! `MurmurHash3` without a seed, x86 of 32 bits and x64 of 128. The algorithm is in the public domain (Austin Appleby).

/// The hash, the least significant byte first.
pub(super) fn hash_32(bytes: &[u8]) -> [u8; 4] {
    let scramble = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = 0u32;
    for word in words {
        hash ^= scramble(u32::from_le_bytes(*word));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= scramble(u32::try_from(number(tail)).unwrap_or_default());
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)).to_le_bytes()
}

/// The two halves of the hash, the least significant byte of each first.
pub(super) fn hash_128(bytes: &[u8]) -> [u8; 16] {
    let first = |word: u64| word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let second = |word: u64| word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let (blocks, tail) = bytes.as_chunks::<16>();
    let (mut low, mut high) = (0u64, 0u64);
    for block in blocks {
        low = (low ^ first(number(&block[..8]))).rotate_left(27).wrapping_add(high);
        low = low.wrapping_mul(5).wrapping_add(0x52dc_e729);
        high = (high ^ second(number(&block[8..]))).rotate_left(31).wrapping_add(low);
        high = high.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (tail_low, tail_high) = tail.split_at(tail.len().min(8));
    low ^= first(number(tail_low)) ^ bytes.len() as u64;
    high ^= second(number(tail_high)) ^ bytes.len() as u64;
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    (low, high) = (mix(low), mix(high));
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&low.to_le_bytes());
    hash[8..].copy_from_slice(&high.to_le_bytes());
    hash
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let word = (word ^ (word >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

/// At most eight bytes, the least significant first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_known_hashes() {
        for (text, hash) in [("", 0u32), ("a", 0x3c25_69b2), ("abcd", 0x43ed_676a), ("Hello, world!", 0xc036_3e43)] {
            assert_eq!(u32::from_le_bytes(hash_32(text.as_bytes())), hash, "{text}");
        }
        for (text, hash) in [
            ("", "00000000000000000000000000000000"),
            ("hello", "029bbd41b3a7d8cb191dae486a901e5b"),
            ("The quick brown fox jumps over the lazy dog", "6c1b07bc7bbc4be347939ac4a93c437a"),
        ] {
            assert_eq!(hex::encode(hash_128(text.as_bytes())), hash, "{text}");
        }
    }
}
