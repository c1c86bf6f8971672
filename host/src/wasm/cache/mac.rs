//! HMAC-SHA256 (RFC 2104).

use sha2::{Digest, Sha256};

const BLOCK: usize = 64;

/// The MAC of the concatenated `parts`.
pub(super) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
}

/// Compares in a time that does not depend on where the two differ.
pub(super) fn equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, cases 1 and 2 (keys shorter than a block are padded with zeros).
    #[test]
    fn known_answers() {
        let known = |key: &[u8], parts: &[&[u8]], expected: &str| {
            let mut padded = [0; 32];
            padded[..key.len()].copy_from_slice(key);
            assert_eq!(hex::encode(hmac_sha256(&padded, parts)), expected);
        };
        let case_1 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        let case_2 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        known(&[0x0b; 20], &[b"Hi ", b"There"], case_1);
        known(b"Jefe", &[b"what do ya want for nothing?"], case_2);
        assert!(equal(&[1; 32], &[1; 32]));
        assert!(!equal(&[1; 32], &[2; 32]));
    }
}
