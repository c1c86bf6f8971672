//! Token buckets: full at first, refilled continuously, never beyond their burst.
//!
//! Levels are whole numbers of billionths of a token, times are nanoseconds, so refilling is exact and the same on every machine.

/// What a bucket holds and gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Tokens.
    pub(crate) per_second: u64,
    /// Tokens.
    pub(crate) burst: u64,
}

/// Billionths of a token.
const TOKEN: u128 = 1_000_000_000;

/// A bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    level: u128,
    /// When it was refilled last, Unix nanoseconds; 0: not yet.
    refilled: u64,
}

/// What [`Bucket::save`] gives.
pub(crate) const STATE_BYTES: usize = 24;

impl Terms {
    fn full(self) -> u128 {
        u128::from(self.burst) * TOKEN
    }
}

impl Bucket {
    pub(crate) fn full(terms: Terms) -> Self {
        Self { level: terms.full(), refilled: 0 }
    }

    /// Adds what has flowed in since the last time. A clock that was set back brings nothing, and nothing twice.
    pub(crate) fn refill(&mut self, terms: Terms, now: u64) {
        if self.refilled != 0 {
            let inflow = u128::from(now.saturating_sub(self.refilled)) * u128::from(terms.per_second);
            self.level = terms.full().min(self.level.saturating_add(inflow));
        }
        self.refilled = now;
    }

    /// Whole tokens that it holds.
    pub(crate) fn tokens(&self) -> u64 {
        u64::try_from(self.level / TOKEN).unwrap_or(u64::MAX)
    }

    /// Takes so many tokens, if it holds them.
    pub(crate) fn take(&mut self, tokens: u64) -> bool {
        let left = self.level.checked_sub(u128::from(tokens) * TOKEN);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }

    /// The same with other tokens, as far as they fit.
    pub(crate) fn holding(self, tokens: u64, terms: Terms) -> Self {
        Self { level: terms.full().min(u128::from(tokens) * TOKEN), ..self }
    }

    pub(crate) fn save(&self, state: &mut Vec<u8>) {
        state.extend_from_slice(&self.level.to_le_bytes());
        state.extend_from_slice(&self.refilled.to_le_bytes());
    }

    /// A bucket that goes on from what another one saved, under terms that may be new.
    pub(crate) fn restored(state: &[u8; STATE_BYTES], terms: Terms) -> Self {
        let (level, refilled) = state.split_at(16);
        let level = level.try_into().map_or(0, u128::from_le_bytes);
        Self { level: level.min(terms.full()), refilled: refilled.try_into().map_or(0, u64::from_le_bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const TERMS: Terms = Terms { per_second: 10, burst: 20 };

    fn at(seconds: f64) -> u64 {
        100 * SECOND + (seconds * 1e9) as u64
    }

    #[test]
    fn it_is_full_at_first_and_refilled_continuously() {
        let mut bucket = Bucket::full(TERMS);
        bucket.refill(TERMS, at(0.0));
        assert!(bucket.take(20) && !bucket.take(1));
        bucket.refill(TERMS, at(0.15));
        assert_eq!(bucket.tokens(), 1);
        assert!(bucket.take(1) && !bucket.take(1));
        bucket.refill(TERMS, at(0.2));
        assert!(bucket.take(1), "half a token was left");
        bucket.refill(TERMS, at(1000.0));
        assert_eq!(bucket.tokens(), 20);
    }

    #[test]
    fn a_clock_that_is_set_back_brings_nothing() {
        let mut bucket = Bucket::full(TERMS);
        bucket.refill(TERMS, at(50.0));
        bucket.take(20);
        bucket.refill(TERMS, at(0.0));
        assert_eq!(bucket.tokens(), 0);
        bucket.refill(TERMS, at(0.5));
        assert_eq!(bucket.tokens(), 5);
    }

    #[test]
    fn state_outlives_the_bucket() {
        let mut bucket = Bucket::full(TERMS);
        bucket.refill(TERMS, at(0.0));
        bucket.take(7);
        let mut state = Vec::new();
        bucket.save(&mut state);
        let state: [u8; STATE_BYTES] = state.try_into().expect("as long as it says");
        assert_eq!(Bucket::restored(&state, TERMS), bucket);
        let less = Terms { per_second: 1, burst: 2 };
        assert_eq!(Bucket::restored(&state, less).tokens(), 2, "no more than fits");
    }
}
