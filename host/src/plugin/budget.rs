//! What a plugin may cost, as `plugin bench` measures it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Duration;

/// Bounds; what is absent is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Budget {
    /// Nanoseconds a trace, on the machine at hand.
    pub(super) ns_per_trace: Option<f64>,
    /// Instructions a trace, the same on every machine.
    pub(super) instructions_per_trace: Option<f64>,
    /// Nanoseconds an item of a transform's request, on the machine at hand.
    pub(super) ns_per_item: Option<f64>,
    /// Instructions an item, the same on every machine.
    pub(super) instructions_per_item: Option<f64>,
    /// Linear memory.
    pub(super) memory: Option<Bytes>,
}

/// A number of bytes: `16MiB`, `64KiB`, `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Bytes(pub(super) u64);

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
        let bytes = factor.zip(number.parse::<u64>().ok()).and_then(|(factor, number)| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| format!("{text:?} is no size: 16MiB, 64KiB, or a number of bytes"))
    }
}

impl TryFrom<Value> for Bytes {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::String(text) => text.parse(),
            value => value.to_string().parse(),
        }
    }
}

/// Nanoseconds of a duration on the command line: `250ns`.
pub(super) fn nanoseconds(text: &str) -> Result<f64, String> {
    let duration: Duration = text.parse().map_err(|error: crate::config::types::DurationError| error.to_string())?;
    Ok(duration.0.as_nanos() as f64)
}

impl Budget {
    /// This, and what `other` says where this says nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            ns_per_trace: self.ns_per_trace.or(other.ns_per_trace),
            instructions_per_trace: self.instructions_per_trace.or(other.instructions_per_trace),
            ns_per_item: self.ns_per_item.or(other.ns_per_item),
            instructions_per_item: self.instructions_per_item.or(other.instructions_per_item),
            memory: self.memory.or(other.memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("16MiB", 16 << 20), ("3 KiB", 3 << 10), ("7", 7), ("1GiB", 1 << 30)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "MiB", "16MB", "1.5MiB", "99999999999GiB"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }
}
