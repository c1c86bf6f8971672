//! The Gregorian calendar, without bounds.

use crate::Time;

/// What a clock and a calendar show at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::functions) struct Civil {
    pub(in crate::functions) year: i64,
    /// From 1.
    pub(in crate::functions) month: u8,
    /// From 1.
    pub(in crate::functions) day: u8,
    pub(in crate::functions) hour: u8,
    pub(in crate::functions) minute: u8,
    pub(in crate::functions) second: u8,
    pub(in crate::functions) nanosecond: u32,
}

pub(in crate::functions) const NS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Civil {
    pub(in crate::functions) const fn midnight(year: i64, month: u8, day: u8) -> Self {
        Self { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0 }
    }

    pub(in crate::functions) fn of(time: Time) -> Self {
        // 2^127 ns are 10^21 years of days fewer than fit; only time that no converter makes saturates.
        let seconds = time.unix_ns.div_euclid(NS_PER_SECOND) + i128::from(time.offset_seconds);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 2);
        let (days, of_day) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day) = date_of(days);
        Self {
            year,
            month,
            day,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            nanosecond: time.unix_ns.rem_euclid(NS_PER_SECOND) as u32,
        }
    }

    /// The point in time at which a clock of that offset shows this.
    pub(in crate::functions) fn at_offset(&self, offset_seconds: i32) -> Time {
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let seconds = i128::from(self.days()) * i128::from(SECONDS_PER_DAY) + i128::from(of_day);
        let unix_ns = (seconds - i128::from(offset_seconds)) * NS_PER_SECOND + i128::from(self.nanosecond);
        Time { unix_ns, offset_seconds }
    }

    /// 0 is Sunday.
    pub(in crate::functions) fn weekday(&self) -> u8 {
        (self.days() + 4).rem_euclid(7) as u8
    }

    /// From 1.
    pub(in crate::functions) fn day_of_year(&self) -> u16 {
        (self.days() - Self::midnight(self.year, 1, 1).days() + 1) as u16
    }

    /// Days since 1970-01-01.
    fn days(&self) -> i64 {
        // Years that begin in March, in eras of 400 of them: leap days come last.
        let year = self.year - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month = (i64::from(self.month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

fn date_of(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month as u8, day as u8)
}

pub(in crate::functions) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(in crate::functions) fn days_in(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_dates() {
        for (unix_s, year, month, day, weekday, day_of_year) in [
            (0, 1970, 1, 1, 4, 1),
            (951_782_400, 2000, 2, 29, 2, 60),
            (1_709_164_800, 2024, 2, 29, 4, 60),
            (1_735_603_200, 2024, 12, 31, 2, 366),
            (-86_400, 1969, 12, 31, 3, 365),
            (-62_135_596_800, 1, 1, 1, 1, 1),
            (253_402_214_400, 9999, 12, 31, 5, 365),
        ] {
            let civil = Civil::of(Time { unix_ns: unix_s * NS_PER_SECOND, offset_seconds: 0 });
            assert_eq!((civil.year, civil.month, civil.day), (year, month, day));
            assert_eq!((civil.weekday(), civil.day_of_year()), (weekday, day_of_year));
            assert_eq!(civil.at_offset(0).unix_ns, unix_s * NS_PER_SECOND);
        }
    }

    proptest::proptest! {
        #[test]
        fn there_and_back(unix_ns in i64::MIN..i64::MAX, offset_seconds in -86_400..86_400i32) {
            let time = Time { unix_ns: i128::from(unix_ns), offset_seconds };
            let civil = Civil::of(time);
            proptest::prop_assert_eq!(civil.at_offset(offset_seconds), time);
            proptest::prop_assert!(civil.day <= days_in(civil.year, civil.month));
        }

        #[test]
        fn takes_any_time(high in i64::MIN..i64::MAX, offset_seconds: i32) {
            Civil::of(Time { unix_ns: i128::from(high) << 60, offset_seconds });
        }
    }
}
