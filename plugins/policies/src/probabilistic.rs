//! Samples a share of the traces by a hash of their id: every gateway keeps the same ones.
//!
//! With `tracestate`, a trace whose spans say something of sampling is decided by its randomness instead, as all samplers decide
//! that go by it, and the votes carry the threshold.

use serde::Deserialize;
use tailrace_sdk::otlp::tracestate::{self, Threshold};
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Votes};

use crate::randomness::{self, Reader, Said};

/// `probabilistic`
pub struct Probabilistic {
    /// FNV-1a 64 after the salt: where the hash of each trace id goes on.
    seed: u64,
    /// Ids whose hash is at most this are sampled.
    threshold: u64,
    /// What the share is as a threshold of randomness.
    consistent: Threshold,
    /// Present if trace states count.
    reader: Option<Reader>,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Policies with different salts choose independently of each other.
    pub hash_salt: String,
    /// 0 to 100; more is 100.
    pub sampling_percentage: f64,
    /// Whether trace states count, and kept traces carry the threshold.
    pub tracestate: bool,
}

/// What the Go collector takes for an empty salt.
const DEFAULT_SALT: &str = "default-hash-seed";

impl Policy for Probabilistic {
    const KIND: &'static str = "probabilistic";
    const SUMMARY: &'static str = "Samples a percentage of the traces by a hash of the trace id.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"hash_salt":{"type":"string","default":"default-hash-seed"},"sampling_percentage":{"type":"number","default":0},"tracestate":{"type":"boolean","default":false}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let salt = if config.hash_salt.is_empty() { DEFAULT_SALT } else { &config.hash_salt };
        Ok(Self {
            seed: fnv1a(FNV_OFFSET, salt.as_bytes()),
            threshold: threshold(config.sampling_percentage),
            consistent: Threshold::of_share(config.sampling_percentage / 100.0),
            reader: config.tracestate.then(Reader::default),
        })
    }

    fn needs(&self) -> Needs {
        if self.reader.is_some() { Needs::nothing().trace_state() } else { Needs::nothing() }
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let (ids, _) = batch.columns().trace_ids.as_chunks::<16>();
        let Some(reader) = &mut self.reader else {
            for &trace in candidates {
                votes.push(fnv1a(self.seed, &ids[trace as usize]) <= self.threshold);
            }
            return Ok(());
        };
        reader.start();
        for &trace in candidates {
            let id = ids[trace as usize];
            let Said { rv, anything } = reader.said(batch, trace);
            votes.push(if anything {
                self.consistent.samples(rv.unwrap_or_else(|| tracestate::randomness(id)))
            } else {
                fnv1a(self.seed, &id) <= self.threshold
            });
            votes.threshold(randomness::bits(self.consistent));
        }
        Ok(())
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
    hash
}

/// (2^64 - 1) x percentage / 100 as the Go collector computes it: the ratio an exact double, the product rounded to a mantissa
/// of 64 bits, ties to even, then truncated.
fn threshold(percentage: f64) -> u64 {
    if percentage >= 100.0 {
        return u64::MAX;
    }
    let ratio = percentage / 100.0;
    if ratio.is_nan() || ratio <= 0.0 {
        return 0;
    }
    let bits = ratio.to_bits();
    let (fraction, biased) = (bits & ((1 << 52) - 1), (bits >> 52) as i32);
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let product = u128::from(u64::MAX) * u128::from(mantissa);
    let excess = (128 - product.leading_zeros()).saturating_sub(64);
    // A mantissa that rounds up to 2^64 carries on as it is: the value is the same.
    let rounded = round_half_even(product, excess);
    let shift = (exponent + excess.cast_signed()).unsigned_abs();
    // The ratio is below 1, so the exponent is never positive.
    u64::try_from(rounded.checked_shr(shift).unwrap_or(0)).unwrap_or(u64::MAX)
}

/// `value` / 2^`bits`, rounded to the nearest integer, ties to even.
fn round_half_even(value: u128, bits: u32) -> u128 {
    if bits == 0 {
        return value;
    }
    let (quotient, rest, half) = (value >> bits, value & ((1 << bits) - 1), 1 << (bits - 1));
    quotient + u128::from(rest > half || (rest == half && quotient & 1 == 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_sdk::Verdict;
    use tailrace_sdk::testing::{Asker, NOW, TestSpan, evaluate};

    use super::*;

    #[test]
    fn thresholds_are_those_of_the_go_collector() {
        let golden = [
            (10.0, 1_844_674_407_370_955_263),
            (33.0, 6_087_425_544_324_152_319),
            (50.0, 9_223_372_036_854_775_807),
            (100.0, u64::MAX),
            (250.0, u64::MAX),
            (0.0, 0),
            (-1.0, 0),
            (f64::NAN, 0),
        ];
        for (percentage, expected) in golden {
            assert_eq!(threshold(percentage), expected, "{percentage} %");
        }
    }

    #[test]
    fn hashes_are_those_of_the_go_collector() {
        let seed = fnv1a(FNV_OFFSET, DEFAULT_SALT.as_bytes());
        let golden: [(u128, u64); 4] = [
            (1, 16_254_957_729_900_898_954),
            (0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10, 15_838_989_281_584_434_349),
            (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 11_908_981_664_384_643_253),
            (u128::MAX, 1_711_019_809_656_077_869),
        ];
        for (id, expected) in golden {
            assert_eq!(fnv1a(seed, &id.to_be_bytes()), expected, "{id:032x}");
        }
    }

    fn votes(config: &str, ids: &[u128]) -> Vec<Verdict> {
        let trace = |id: &u128| vec![TestSpan { trace_id: id.to_be_bytes(), ..TestSpan::default() }];
        evaluate::<Probabilistic>(config, &ids.iter().map(trace).collect::<Vec<_>>()).expect("a good configuration")
    }

    #[test]
    fn decisions_are_those_of_the_go_collector() {
        let id = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
        assert_eq!(votes(r#"{"sampling_percentage": 50}"#, &[id]), [Verdict::No]);
        assert_eq!(votes(r#"{"sampling_percentage": 10}"#, &[u128::MAX]), [Verdict::Sample]);
        assert_eq!(
            votes(r#"{"sampling_percentage": 10, "hash_salt": "default-hash-seed"}"#, &[u128::MAX]),
            [Verdict::Sample]
        );
    }

    #[test]
    fn with_tracestate_what_spans_say_counts() {
        let trace = |id: u128, states: &[&str]| {
            let span = |state: &&str| TestSpan {
                trace_id: id.to_be_bytes(),
                trace_state: (*state).to_owned(),
                ..TestSpan::default()
            };
            states.iter().map(span).collect::<Vec<_>>()
        };
        let dropped_by_hash = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
        let traces = [
            trace(dropped_by_hash, &[""]),
            // Its low 56 bits begin with ce: over half.
            trace(dropped_by_hash, &["", "ot=th:0"]),
            trace(dropped_by_hash, &["ot=th:0", "ot=rv:7fffffffffffff"]),
            trace(u128::MAX, &["a=b"]),
        ];
        let mut policy =
            Asker::<Probabilistic>::new(r#"{"sampling_percentage": 50, "tracestate": true}"#).expect("good");
        let answers = policy.ask(NOW, &traces).expect("votes");
        assert_eq!(answers.verdicts, [Verdict::No, Verdict::Sample, Verdict::No, Verdict::Sample]);
        assert_eq!(answers.thresholds, [1 << 55; 4]);
        assert_eq!(votes(r#"{"sampling_percentage": 50}"#, &[dropped_by_hash]), [Verdict::No]);
    }

    proptest! {
        #[test]
        fn a_larger_share_contains_the_smaller(low in 0.0f64..100.0, more in 0.0f64..50.0, salt in "[a-z]{0,4}", ids: Vec<u128>) {
            let votes = |share: f64| votes(&format!(r#"{{"sampling_percentage": {share:?}, "hash_salt": "{salt}"}}"#), &ids);
            for (small, large) in votes(low).into_iter().zip(votes(low + more)) {
                prop_assert!(small <= large);
            }
        }

        /// Exact rationals instead of shifts: |T - (2^64 - 1) x ratio| is at most the rounding of a 64-bit mantissa.
        #[test]
        fn the_threshold_is_the_product(percentage in 1e-9f64..100.0) {
            let ratio = percentage / 100.0;
            let exact = ratio * u64::MAX as f64;
            let error = (threshold(percentage) as f64 - exact).abs();
            prop_assert!(error <= exact * f64::EPSILON + 1.0, "{error}");
        }
    }
}
