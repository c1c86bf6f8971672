//! The tokens that are taken, and the one that is shown.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;
use sha2::{Digest, Sha256};

/// More is a list of customers, which belongs to an issuer of tokens.
const MAX_TOKENS: usize = 10_000;

/// What a header has to hold: hashes, as these have one length and where they differ says nothing about a token.
pub(super) struct Tokens {
    hashes: Vec<[u8; 32]>,
    first: HeaderValue,
    text: String,
}

impl Tokens {
    /// The first word of each line.
    pub(super) fn parse(text: &str, scheme: &str) -> Result<Self, String> {
        let words = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let tokens = Self::new(words, scheme)?;
        Ok(Self { text: text.to_owned(), ..tokens })
    }

    /// These, none of which may be empty.
    pub(super) fn new(tokens: Vec<&str>, scheme: &str) -> Result<Self, String> {
        if tokens.len() > MAX_TOKENS {
            return Err(format!("more than {MAX_TOKENS} tokens"));
        }
        let whole = |token: &str| if scheme.is_empty() { token.to_owned() } else { format!("{scheme} {token}") };
        let first = tokens.first().filter(|token| !token.is_empty()).ok_or("no bearer token in it")?;
        let mut first = HeaderValue::from_str(&whole(first)).map_err(|_| "the token can not stand in a header")?;
        first.set_sensitive(true);
        let hashes = tokens.into_iter().map(|token| Sha256::digest(whole(token)).into()).collect();
        Ok(Self { hashes, first, text: String::new() })
    }

    /// Whether a header's value is one of them: all are compared, whatever comes of it.
    pub(super) fn has(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.hashes.iter().fold(false, |found, own| found | verify_slices_are_equal(own, &shown).is_ok())
    }

    /// What clients show.
    pub(super) fn first(&self) -> &HeaderValue {
        &self.first
    }

    /// What they were read from.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
