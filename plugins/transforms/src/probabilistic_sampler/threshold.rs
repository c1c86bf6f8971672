//! Thresholds and randomness of OpenTelemetry's consistent sampling: numbers of 56 bits. An item is kept if its randomness is
//! at least the threshold.

/// Hex digits of either.
const DIGITS: usize = 14;

/// One more than the largest randomness.
const END: u64 = 1 << 56;

/// 2^-56: what is less likely can not be written.
pub(super) const MIN_PROBABILITY: f64 = 1.0 / END as f64;

/// What the randomness has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Threshold(u64);

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Randomness(u64);

impl Threshold {
    pub(super) const ALWAYS: Self = Self(0);
    pub(super) const NEVER: Self = Self(END);

    /// Keeps `share` of 0x4000 buckets.
    pub(super) fn of_buckets(share: u64) -> Self {
        Self(0x4000_u64.saturating_sub(share) << 42)
    }

    /// With so many significant hex digits: leading `0`s and `f`s do not count. `None` if it is less than 2^-56 or more than 1.
    pub(super) fn of_probability(probability: f64, precision: usize) -> Option<Self> {
        if !(MIN_PROBABILITY..=1.0).contains(&probability) {
            return None;
        }
        if probability >= 1.0 {
            return Some(Self::ALWAYS);
        }
        let insignificant = leading_digits(probability).max(leading_digits(1.0 - probability));
        let precision = (precision + insignificant).min(DIGITS);
        let exact = END - (probability * END as f64).round() as u64;
        let shift = 4 * (DIGITS - precision);
        if shift == 0 {
            return Some(Self(exact));
        }
        Some(Self(((exact + (1 << (shift - 1))) >> shift) << shift))
    }

    /// The share of items that it keeps.
    pub(super) fn probability(self) -> f64 {
        (END - self.0) as f64 / END as f64
    }

    /// Whether an item of that randomness is kept.
    pub(super) fn keeps(self, randomness: Randomness) -> bool {
        self.0 <= randomness.0
    }

    /// `th`: up to 14 hex digits, without the zeros at the end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value = hex(text).filter(|_| text.len() <= DIGITS)?;
        Some(Self(value << (4 * (DIGITS - text.len()))))
    }

    /// As `th`.
    pub(super) fn text(self) -> String {
        match self {
            Self::ALWAYS => "0".to_owned(),
            Self(value) => format!("{value:014x}").trim_end_matches('0').to_owned(),
        }
    }
}

/// How many hex digits at the front of a fraction say nothing.
fn leading_digits(fraction: f64) -> usize {
    // The exponent that brings the mantissa to [0.5, 1), as C's frexp has it: never positive here. It is never subnormal either.
    let exponent = (fraction.to_bits() >> 52) as i64 - 1022;
    usize::try_from(-exponent / 4).unwrap_or(0)
}

impl Randomness {
    /// Kept by every threshold that keeps anything.
    pub(super) const MAX: Self = Self(END - 1);

    /// The low 56 bits of the trace id.
    pub(super) fn of_trace_id(id: &[u8; 16]) -> Self {
        Self(u128::from_be_bytes(*id) as u64 & (END - 1))
    }

    /// From the collector's hash of 32 bits, made such that a threshold of buckets keeps what the hash's low 14 bits decide.
    pub(super) fn of_hash(hash: u32) -> Self {
        let bucket = u64::from(hash & 0x3fff);
        let unused = u64::from(hash >> 18);
        Self((0x3fff - bucket) << 42 | (unused ^ unused << 10) << 14 | bucket)
    }

    /// `rv`: 14 hex digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        hex(text).filter(|_| text.len() == DIGITS).map(Self)
    }

    /// As `rv`.
    pub(super) fn text(self) -> String {
        format!("{:014x}", self.0)
    }
}

fn hex(text: &str) -> Option<u64> {
    // `from_str_radix` takes a sign.
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

/// FNV-1a of 32 bits over a seed and some bytes.
pub(super) fn fnv1a(seed: u32, bytes: &[u8]) -> u32 {
    let all = seed.to_le_bytes();
    all.iter().chain(bytes).fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_go_collector() {
        for (id, hash, bucket, randomness) in [
            (1_u128, 0xb8fe_e2c2_u32, 8898, "74f42e348fe2c2"),
            (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x3420_408d, 141, "fdc80d0b42008d"),
            (u128::MAX, 0x291a_1545, 5445, "aae80a44919545"),
        ] {
            let found = fnv1a(0, &id.to_be_bytes());
            assert_eq!((found, found & 0x3fff), (hash, bucket), "{id:032x}");
            assert_eq!(Randomness::of_hash(found).text(), randomness, "{id:032x}");
        }
    }

    #[test]
    fn thresholds_are_those_of_the_go_collector() {
        for (probability, precision, expected) in [
            (1.0, 4, "0"),
            (0.5, 4, "8"),
            (0.5, 14, "8"),
            (1.0 / 3.0, 1, "b"),
            (1.0 / 3.0, 4, "aaab"),
            (1.0 / 3.0, 14, "aaaaaaaaaaaaac"),
            (0.1, 4, "e666"),
            (0.01, 4, "fd70a"),
            (0.99, 4, "028f6"),
            (0.000_001, 4, "ffffef39"),
            (MIN_PROBABILITY, 4, "ffffffffffffff"),
        ] {
            let threshold = Threshold::of_probability(probability, precision).expect("it is in range");
            assert_eq!(threshold.text(), expected, "{probability} {precision}");
            let exact = Threshold::of_probability(probability, 14).expect("it is in range");
            assert!((exact.probability() - probability).abs() <= MIN_PROBABILITY, "{probability}");
        }
        for probability in [0.0, -0.5, 1.1, MIN_PROBABILITY / 2.0, f64::NAN] {
            assert_eq!(Threshold::of_probability(probability, 4), None, "{probability}");
        }
    }

    #[test]
    fn texts_are_read_as_they_are_written() {
        for text in ["0", "8", "fd70a", "028f6", "ffffffffffffff", "00000000000001"] {
            assert_eq!(Threshold::parse(text).map(Threshold::text).as_deref(), Some(text));
        }
        assert_eq!(Threshold::parse("80"), Threshold::parse("8"));
        assert_eq!(Threshold::parse("AB"), Threshold::parse("ab"));
        for text in ["", "g", "+1", "fffffffffffffff"] {
            assert_eq!(Threshold::parse(text), None, "{text}");
        }
        assert_eq!(Randomness::parse("0000000000000a").map(Randomness::text).as_deref(), Some("0000000000000a"));
        for text in ["", "a", "0000000000000", "+000000000000a"] {
            assert_eq!(Randomness::parse(text), None, "{text}");
        }
    }

    #[test]
    fn shares_of_buckets_keep_what_the_hash_decides() {
        for share in [1, 2457, 0x2000, 0x4000] {
            let threshold = Threshold::of_buckets(share);
            for hash in (0..u32::MAX).step_by(0x0101_0101) {
                assert_eq!(
                    threshold.keeps(Randomness::of_hash(hash)),
                    u64::from(hash & 0x3fff) < share,
                    "{share} {hash:x}"
                );
            }
        }
    }
}
