//! The block in the YAML.

use serde::Deserialize;
use tailrace_sdk::{Diagnostics, JsonSchema};

use super::threshold::MIN_PROBABILITY;

/// As in the collector's YAML.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From 0 to 100; what is more is 100.
    pub sampling_percentage: f32,
    /// Samplers with different seeds choose independently of each other.
    pub hash_seed: u32,
    /// How it is decided.
    pub mode: Mode,
    /// Whether what can not be decided (no trace id, a trace state that can not be read) is dropped.
    pub fail_closed: bool,
    /// Hex digits of the threshold that is written, from 1 to 14.
    pub sampling_precision: usize,
    /// Of logs: whether `from_attribute` counts only where there is no trace id.
    pub attribute_source: Source,
    /// Of logs: the attribute that is hashed.
    pub from_attribute: String,
    /// Of logs: the attribute that holds a percentage of its own.
    pub sampling_priority: String,
}

/// How it is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By the collector's own hash.
    #[default]
    #[serde(alias = "")]
    HashSeed,
    /// Consistently, down to the given probability.
    Equalizing,
    /// Consistently, by the given factor.
    Proportional,
}

/// What log records are sampled by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
pub enum Source {
    /// Their trace id and, where there is none, `from_attribute`.
    #[default]
    #[serde(rename = "traceID")]
    TraceId,
    /// `from_attribute` alone.
    #[serde(rename = "record", alias = "")]
    Record,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sampling_percentage: 0.0,
            hash_seed: 0,
            mode: Mode::default(),
            fail_closed: true,
            sampling_precision: 4,
            attribute_source: Source::default(),
            from_attribute: String::new(),
            sampling_priority: String::new(),
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::none();
        let percentage = self.sampling_percentage;
        if !percentage.is_finite() {
            problems.push("/sampling_percentage", format!("sampling rate is invalid: {percentage}%"));
        } else if percentage < 0.0 {
            problems.push("/sampling_percentage", format!("sampling rate is negative: {percentage}%"));
        } else if percentage > 0.0 && f64::from(percentage) / 100.0 < MIN_PROBABILITY {
            problems.push("/sampling_percentage", format!("sampling rate is too small: {percentage}%"));
        }
        if !(1..=14).contains(&self.sampling_precision) {
            let message = format!("invalid sampling precision: {}, it is from 1 to 14", self.sampling_precision);
            problems.push("/sampling_precision", message);
        }
        let hashes_nothing = self.attribute_source == Source::Record && self.from_attribute.is_empty();
        if hashes_nothing && self.mode == Mode::HashSeed && self.fail_closed && self.sampling_priority.is_empty() {
            let message = "attribute_source: record without from_attribute would drop every log record";
            problems.push("/attribute_source", message);
        }
        problems.or(())
    }
}
