//! The token that clients show over TCP.

use std::path::Path;

use sha2::{Digest, Sha256};

const MIN_BYTES: usize = 16;
const MAX_BYTES: u64 = 4096;

/// Its hash: what is compared has one length, and where two hashes differ says nothing about the token.
#[derive(Clone)]
pub(super) struct Token([u8; 32]);

impl Token {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let failed = |error| format!("can not read token_file {}: {error}", path.display());
        let len = std::fs::metadata(path).map_err(failed)?.len();
        if len > MAX_BYTES {
            return Err(format!("token_file {} has more than {MAX_BYTES} bytes", path.display()));
        }
        let token = std::fs::read(path).map_err(failed)?;
        let token = token.trim_ascii();
        if token.len() < MIN_BYTES {
            return Err(format!("the token in {} is shorter than {MIN_BYTES} bytes", path.display()));
        }
        Ok(Self(Sha256::digest(token).into()))
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.0.iter().zip(shown).fold(0, |difference, (own, shown)| difference | (own ^ shown)) == 0
    }
}
