//! Times as text, in UTC.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// ISO 8601 with milliseconds: `2018-12-13T14:51:00.001Z`.
pub fn iso8601(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}Z", date_and_time(since.as_secs(), 'T'), since.subsec_millis())
}

/// RFC 3339 with as many decimals as it takes, as Go writes it into JSON.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}{}Z", date_and_time(since.as_secs(), 'T'), decimals(since.subsec_nanos()))
}

/// As Go prints a time: `2018-12-13 14:51:00.5 +0000 UTC`.
pub fn go_time(unix_nanos: u64) -> String {
    let (seconds, nanos) = (unix_nanos / 1_000_000_000, (unix_nanos % 1_000_000_000) as u32);
    format!("{}{} +0000 UTC", date_and_time(seconds, ' '), decimals(nanos))
}

fn date_and_time(unix_seconds: u64, between: char) -> String {
    let (year, month, day) = civil((unix_seconds / 86_400) as i64);
    let second = unix_seconds % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}")
}

fn decimals(nanos: u32) -> String {
    let mut text = String::new();
    if nanos > 0 {
        let _ = write!(text, ".{nanos:09}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_read_as_go_and_iso_have_them() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z", "1970-01-01 00:00:00 +0000 UTC"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z", "2000-02-28 23:59:59.999 +0000 UTC"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z", "2000-03-01 00:00:00 +0000 UTC"),
            (1_544_712_660_500, "2018-12-13T14:51:00.500Z", "2018-12-13 14:51:00.5 +0000 UTC"),
        ];
        for (millis, iso, go) in cases {
            assert_eq!(iso8601(UNIX_EPOCH + Duration::from_millis(millis)), iso);
            assert_eq!(go_time(millis * 1_000_000), go);
        }
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_nanos(1_000_000_100)), "1970-01-01T00:00:01.0000001Z");
    }
}
