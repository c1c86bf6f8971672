//! Go's durations.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Go's duration syntax (`1h30m`, `1.5s`, `200ms`); a bare integer is nanoseconds, as the collector takes it.
/// Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

impl Duration {
    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(std::time::Duration::from_secs(secs))
    }
    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }
    /// Whether it is 0.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

/// Why a text is not a duration, in Go's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that Go does not know, days among them.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// What stands where a unit is expected.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// Go has them, nothing here takes them.
    #[error("must be non-negative")]
    Negative,
}

/// Go's limit: an i64 of nanoseconds.
const MAX_NS: u128 = i64::MAX as u128;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(text.to_owned());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = 0_u128;
        while !rest.is_empty() {
            let (part, after) = one_part(rest, text)?;
            total = total.checked_add(part).filter(|total| *total <= MAX_NS).ok_or_else(invalid)?;
            rest = after;
        }
        if negative && total > 0 {
            return Err(DurationError::Negative);
        }
        Ok(Self(std::time::Duration::from_nanos(total as u64)))
    }
}

/// One `1.5s` of `1h1.5s`, in ns, and what follows it.
fn one_part<'a>(rest: &'a str, text: &str) -> Result<(u128, &'a str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let digits = |from: &str| from.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, after) = rest.split_at(digits(rest));
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let (unit, after) = after.split_at(after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len()));
    if unit.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let Some((_, ns)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
    };
    // 30 digits of fraction are below a ns of an hour and fit a u128.
    let fraction = &fraction[..fraction.len().min(18)];
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let whole_ns = number(whole).and_then(|n| n.checked_mul(*ns)).ok_or_else(invalid)?;
    let fraction_ns = number(fraction).unwrap_or(0) * ns / 10_u128.pow(fraction.len() as u32);
    Ok((whole_ns.checked_add(fraction_ns).ok_or_else(invalid)?, after))
}

impl fmt::Display for Duration {
    /// As Go prints it: `1m30s`, `1.5s`, `200ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.as_nanos();
        match ns {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{ns}ns"),
            1_000..1_000_000 => write!(f, "{}\u{b5}s", decimal(ns, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", decimal(ns, 1_000_000)),
            _ => {
                let (minutes, below) = (ns / 60_000_000_000, ns % 60_000_000_000);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write!(f, "{}s", decimal(below, 1_000_000_000))
            }
        }
    }
}

/// `value / unit` without trailing zeros.
fn decimal(value: u128, unit: u128) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("time.Duration")
    }
    fn visit_unit<E: Error>(self) -> Result<Duration, E> {
        Ok(Duration::default())
    }
    fn visit_u64<E: Error>(self, ns: u64) -> Result<Duration, E> {
        Ok(Duration(std::time::Duration::from_nanos(ns)))
    }
    fn visit_i64<E: Error>(self, ns: i64) -> Result<Duration, E> {
        u64::try_from(ns).map_err(|_| E::custom(DurationError::Negative)).and_then(|ns| self.visit_u64(ns))
    }
    /// Truncated to whole ns, as Go does.
    fn visit_f64<E: Error>(self, ns: f64) -> Result<Duration, E> {
        self.visit_i64(ns as i64)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_as_go_does() {
        for (text, ns, printed) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("-0s", 0, "0s"),
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("200ms", 200_000_000, "200ms"),
            ("90s", 90_000_000_000, "1m30s"),
            ("+5s", 5_000_000_000, "5s"),
            (".5s", 500_000_000, "500ms"),
            ("1.s", 1_000_000_000, "1s"),
            ("1us", 1_000, "1\u{b5}s"),
            ("1.5\u{b5}s", 1_500, "1.5\u{b5}s"),
            ("1\u{3bc}s", 1_000, "1\u{b5}s"),
            ("7ns", 7, "7ns"),
            ("1h0m0.000000001s", 3_600_000_000_001, "1h0m0.000000001s"),
            ("2562047h47m16.854775807s", i64::MAX as u64, "2562047h47m16.854775807s"),
        ] {
            let duration: Duration = text.parse().expect(text);
            assert_eq!(duration.0.as_nanos(), u128::from(ns), "{text}");
            assert_eq!(duration.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_in_gos_words() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("5", r#"time: missing unit in duration "5""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1h 5m", r#"time: unknown unit "h " in duration "1h 5m""#),
            ("x", r#"time: invalid duration "x""#),
            (".s", r#"time: invalid duration ".s""#),
            ("2562048h", r#"time: invalid duration "2562048h""#),
            ("99999999999999999999999999999999999999999s", ""),
            ("-1s", "must be non-negative"),
        ] {
            let error = text.parse::<Duration>().expect_err(text).to_string();
            assert!(error == message || (message.is_empty() && error.contains("invalid duration")), "{text}: {error}");
        }
    }
}
