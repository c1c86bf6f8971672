//! Time zones, by their names in the IANA database, which lies in the binary.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::civil::{Civil, NS_PER_SECOND};
use crate::Time;

/// A location, as Go calls it.
#[derive(Debug)]
pub(super) struct Zone(TimeZone);

/// Changes of a zone's clock that are looked at for an abbreviation, before and after a time.
const NEAR_TRANSITIONS: usize = 4;

impl Zone {
    pub(super) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    pub(super) fn named(name: &str) -> Result<Self, String> {
        let found = TimeZoneDatabase::bundled().get(name);
        found.map(Self).map_err(|_| format!("failed to load location {name}: unknown time zone {name}"))
    }

    /// When a clock of the zone shows this. Where it never does, or does twice, as Go resolves it: by the offset that was in force
    /// at that time of UTC.
    pub(super) fn resolve(&self, civil: &Civil) -> Time {
        let at_utc = civil.at_offset(0).unix_ns;
        let guess = self.offset_at(at_utc);
        let guessed = at_utc - i128::from(guess) * NS_PER_SECOND;
        self.show(civil.at_offset(self.offset_at(guessed)))
    }

    /// The same time by the zone's clock.
    pub(super) fn show(&self, time: Time) -> Time {
        Time { offset_seconds: self.offset_at(time.unix_ns), ..time }
    }

    /// Seconds east of UTC.
    fn offset_at(&self, unix_ns: i128) -> i32 {
        timestamp(unix_ns).map_or(0, |at| self.0.to_offset(at).seconds())
    }

    /// The offset that the zone calls by an abbreviation (`EST`) around that time.
    pub(super) fn offset_called(&self, abbreviation: &str, civil: &Civil) -> Option<i32> {
        let at = timestamp(civil.at_offset(0).unix_ns)?;
        let info = self.0.to_offset_info(at);
        if info.abbreviation() == abbreviation {
            return Some(info.offset().seconds());
        }
        let before = self.0.preceding(at).take(NEAR_TRANSITIONS);
        let mut near = before.chain(self.0.following(at).take(NEAR_TRANSITIONS));
        near.find(|change| change.abbreviation() == abbreviation).map(|change| change.offset().seconds())
    }
}

/// None for years that the database does not speak of.
fn timestamp(unix_ns: i128) -> Option<Timestamp> {
    Timestamp::from_nanosecond(unix_ns).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_clocks() {
        let new_york = Zone::named("America/New_York").expect("a zone");
        for (month, day, hour, offset_hours) in [
            (1, 1, 12, -5),
            (7, 1, 12, -4),
            // 02:30 does not exist on 2023-03-12: it is 01:30.
            (3, 12, 2, -5),
            // 01:30 happens twice on 2023-11-05.
            (11, 5, 1, -4),
            (11, 5, 2, -5),
        ] {
            let civil = Civil { hour, minute: 30, ..Civil::midnight(2023, month, day) };
            assert_eq!(new_york.resolve(&civil).offset_seconds, offset_hours * 3600, "{month}-{day} {hour}:30");
        }
        assert_eq!(new_york.offset_called("EST", &Civil::midnight(2023, 7, 1)), Some(-5 * 3600));
        assert_eq!(new_york.offset_called("EDT", &Civil::midnight(2023, 7, 1)), Some(-4 * 3600));
        assert_eq!(new_york.offset_called("PST", &Civil::midnight(2023, 7, 1)), None);
        assert_eq!(Zone::utc().resolve(&Civil::midnight(2023, 7, 1)).offset_seconds, 0);
        assert_eq!(
            Zone::named("Mars/Base").expect_err("no zone"),
            "failed to load location Mars/Base: unknown time zone Mars/Base"
        );
    }
}
