//! The action `hash`.

use sha2::{Digest, Sha256};
use tailrace_sdk::otlp::view::Value;

use super::encoded;

/// A string in the place of the value: the SHA-256 of its bytes in hex; of lists, maps, bytes and nothing the empty string.
pub(super) fn hashed(value: Value<'_>) -> Vec<u8> {
    let digest = match value {
        Value::Str(text) => sha256(text),
        Value::Bool(flag) => sha256(&[u8::from(flag)]),
        Value::Int(number) => sha256(&number.to_le_bytes()),
        Value::Double(number) => sha256(&number.to_bits().to_le_bytes()),
        Value::Empty | Value::Bytes(_) | Value::Array(_) | Value::Map(_) => return encoded(Value::Str(b"")),
    };
    encoded(Value::Str(&digest))
}

fn sha256(bytes: &[u8]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 64];
    for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(Sha256::digest(bytes)) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_go_collector() {
        for (value, expected) in [
            (Value::Str(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Value::Bool(true), "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"),
            (Value::Bool(false), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (Value::Int(1), "7c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b8"),
            (Value::Double(1.0), "6c3c396ed6b5c36dcae172271f462051b1266b851e92df3deea8ac65478fd712"),
            (Value::Bytes(b"abc"), ""),
            (Value::Empty, ""),
        ] {
            assert_eq!(hashed(value), encoded(Value::Str(expected.as_bytes())), "{value:?}");
        }
    }
}
