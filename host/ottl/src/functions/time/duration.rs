//! Durations as Go writes them: `1h15m30.5s`.

/// Nanoseconds.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (is_negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let unit_ns: u64 = match unit {
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            other => return Err(format!("time: unknown unit {other:?} in duration {text:?}")),
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part = whole.checked_mul(unit_ns).and_then(|ns| ns.checked_add(fraction_ns(fraction, unit_ns)));
        total = part.and_then(|ns| total.checked_add(ns)).ok_or_else(invalid)?;
        rest = after;
    }
    match is_negative {
        true if total <= i64::MIN.unsigned_abs() => Ok((total as i64).wrapping_neg()),
        false => i64::try_from(total).map_err(|_| invalid()),
        true => Err(invalid()),
    }
}

/// Digits beyond what 18 can say are cut off.
fn fraction_ns(digits: &str, unit_ns: u64) -> u64 {
    let digits = &digits[..digits.len().min(18)];
    let numerator: u128 = digits.parse().unwrap_or_default();
    (numerator * u128::from(unit_ns) / 10u128.pow(digits.len() as u32)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, ns) in [
            ("0", 0),
            ("5s", 5_000_000_000),
            ("-1.5h", -5_400_000_000_000),
            ("+.5m", 30_000_000_000),
            ("5.s", 5_000_000_000),
            ("1h15m30.918273645s", 4_530_918_273_645),
            ("100ms200us300ns", 100_200_300),
            ("10µs10μs", 20_000),
            ("0.100000000000000000000h", 360_000_000_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("1000000h", 3_600_000_000_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(ns), "{text}");
        }
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("-", "invalid duration"),
            ("3", "time: missing unit in duration \"3\""),
            (".s", "invalid duration"),
            ("1.2.3s", "invalid duration"),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("s", "invalid duration"),
            ("1 s", "unknown unit \" s\""),
            ("9223372036854775808ns", "invalid duration"),
            ("99999999999999999999s", "invalid duration"),
        ] {
            assert!(parse(text).is_err_and(|error| error.contains(message)), "{text}");
        }
    }
}
