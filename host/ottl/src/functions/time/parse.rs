//! Times from text.

use super::civil::{Civil, NS_PER_SECOND, days_in};
use super::layout::{Element, Layout, Pad};
use super::names::Names;
use super::pieces::Failure::{self, Mismatch, OutOfRange};
use super::pieces::{digits, month_and_day, number, offset, skip, zone_name};
use super::zone::Zone;
use crate::Time;

/// What was read so far.
#[derive(Default)]
struct Read<'t> {
    year: Option<i64>,
    month: Option<u8>,
    day: Option<u8>,
    day_of_year: Option<u16>,
    hour: u8,
    is_pm: Option<bool>,
    minute: u8,
    second: u8,
    nanosecond: u32,
    offset_seconds: Option<i32>,
    zone_name: Option<&'t str>,
}

impl Layout {
    /// As Go's `time.ParseInLocation`, and then as the collector completes it: without a date it is today's, without a year this
    /// year's, or last year's if that is more than a week ahead.
    pub(super) fn parse(&self, text: &str, zone: &Zone, names: &Names, now_unix_ns: i64) -> Result<Time, String> {
        let mut read = Read::default();
        let mut rest = text;
        for (index, element) in self.elements.iter().enumerate() {
            let has_fraction = matches!(self.elements.get(index + 1), Some(Element::Fraction { .. }));
            rest = read.element(element, rest, names, has_fraction).map_err(|failure| match failure {
                Mismatch => {
                    format!("parsing time {text:?} as {:?}: cannot parse {rest:?} as {:?}", self.text, element.as_go())
                }
                OutOfRange(what) => format!("parsing time {text:?}: {what} out of range"),
            })?;
        }
        if !rest.is_empty() {
            return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
        }
        let now = Civil::of(Time { unix_ns: now_unix_ns.into(), offset_seconds: 0 });
        if !self.elements.iter().any(Element::is_of_date) {
            (read.year, read.month, read.day) = (Some(now.year), Some(now.month), Some(now.day));
        }
        let civil = read.civil().map_err(|what| format!("parsing time {text:?}: {what} out of range"))?;
        if civil.year > 0 {
            return read.locate(&civil, zone);
        }
        let time = read.locate(&Civil { year: now.year, ..civil }, zone)?;
        match time.unix_ns > i128::from(now_unix_ns) + 7 * 86_400 * NS_PER_SECOND {
            true => read.locate(&Civil { year: now.year - 1, ..civil }, zone),
            false => Ok(time),
        }
    }
}

impl<'t> Read<'t> {
    /// Reads an element off the front of a text, and gives what follows.
    fn element(
        &mut self,
        element: &Element,
        text: &'t str,
        names: &Names,
        has_fraction: bool,
    ) -> Result<&'t str, Failure> {
        match element {
            Element::Literal(literal) => skip(literal, text),
            Element::Year4 => {
                let (year, rest) = digits(text, 4, 4)?;
                self.year = Some(year.into());
                Ok(rest)
            }
            Element::Year2 => {
                let (year, rest) = digits(text, 2, 2)?;
                self.year = Some(i64::from(year) + if year >= 69 { 1900 } else { 2000 });
                Ok(rest)
            }
            Element::MonthName | Element::MonthShort => {
                let (month, rest) = names.month(text, *element == Element::MonthShort).ok_or(Mismatch)?;
                self.month = Some(month);
                Ok(rest)
            }
            Element::WeekdayName | Element::WeekdayShort => {
                names.weekday(text, *element == Element::WeekdayShort).ok_or(Mismatch)
            }
            Element::Month(pad) => {
                let (month, rest) = number(text, *pad, 1, 12, "month")?;
                self.month = Some(month);
                Ok(rest)
            }
            Element::Day(pad) => {
                // Whether the month has that day is seen at the end.
                let (day, rest) = number(text, *pad, 0, 99, "day")?;
                self.day = Some(day);
                Ok(rest)
            }
            Element::DayOfYear(_) => {
                let (day, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
                self.day_of_year = Some(day as u16);
                Ok(rest)
            }
            _ => self.of_day(element, text, names, has_fraction),
        }
    }

    /// The elements that say something of the time of day.
    fn of_day(
        &mut self,
        element: &Element,
        text: &'t str,
        names: &Names,
        has_fraction: bool,
    ) -> Result<&'t str, Failure> {
        let rest;
        match element {
            Element::Hour24 => (self.hour, rest) = number(text, Pad::None, 0, 23, "hour")?,
            Element::Hour12(pad) => (self.hour, rest) = number(text, *pad, 0, 12, "hour")?,
            Element::Minute(pad) => (self.minute, rest) = number(text, *pad, 0, 59, "minute")?,
            Element::Second(pad) => {
                let (second, after) = number(text, *pad, 0, 59, "second")?;
                self.second = second;
                // A fraction may follow that the layout does not speak of.
                rest = if has_fraction { after } else { self.fraction(after) };
            }
            Element::Fraction { keeps_zeros: false, .. } => rest = self.fraction(text),
            Element::Fraction { digits, .. } => {
                let after = self.fraction(text);
                if text.len() - after.len() != usize::from(*digits) + 1 {
                    return Err(Mismatch);
                }
                rest = after;
            }
            Element::Meridiem { is_upper } => {
                let (is_pm, after) = names.meridiem(text, *is_upper).ok_or(Mismatch)?;
                self.is_pm = Some(is_pm);
                rest = after;
            }
            Element::ZoneName => {
                let (name, after) = zone_name(text).ok_or(Mismatch)?;
                self.zone_name = Some(name);
                rest = after;
            }
            Element::Offset(form) => {
                let (offset_seconds, after) = offset(text, *form)?;
                self.offset_seconds = Some(offset_seconds);
                rest = after;
            }
            _ => return Err(Mismatch),
        }
        Ok(rest)
    }

    /// A point or comma and any digits, or nothing.
    fn fraction(&mut self, text: &'t str) -> &'t str {
        let Some(after) = text.strip_prefix(['.', ',']) else { return text };
        let len = after.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            return text;
        }
        let nine = format!("{:0<9}", &after[..len.min(9)]);
        self.nanosecond = nine.parse().unwrap_or_default();
        &after[len..]
    }

    fn civil(&self) -> Result<Civil, &'static str> {
        let year = self.year.unwrap_or_default();
        let (month, day) = match self.day_of_year {
            Some(day_of_year) => month_and_day(year, day_of_year).ok_or("day-of-year")?,
            None => (self.month.unwrap_or(1), self.day.unwrap_or(1)),
        };
        if day < 1 || day > days_in(year, month) {
            return Err("day");
        }
        let hour = match self.is_pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        Ok(Civil { year, month, day, hour, minute: self.minute, second: self.second, nanosecond: self.nanosecond })
    }

    /// By the offset if there is one, by the zone that is named, or by the zone of the call.
    fn locate(&self, civil: &Civil, zone: &Zone) -> Result<Time, String> {
        if let Some(offset_seconds) = self.offset_seconds {
            return Ok(civil.at_offset(offset_seconds));
        }
        let Some(name) = self.zone_name else { return Ok(zone.resolve(civil)) };
        if name == "UTC" {
            return Ok(civil.at_offset(0));
        }
        if let Some(offset_seconds) = zone.offset_called(name, civil) {
            return Ok(zone.show(civil.at_offset(offset_seconds)));
        }
        if let Some(hours) = name.strip_prefix("GMT").or(Some(name)).and_then(|hours| hours.parse::<i32>().ok()) {
            return Ok(civil.at_offset(hours * 3600));
        }
        Zone::named(name).map(|named| named.resolve(civil))
    }
}
