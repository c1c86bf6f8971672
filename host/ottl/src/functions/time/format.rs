//! Times as text.

use super::super::text::append;
use super::civil::Civil;
use super::layout::{Element, Layout, Offset, Pad};
use super::names::ENGLISH;
use crate::Time;

impl Layout {
    /// As Go's `Time.Format`. A time keeps its offset, not the abbreviation of its zone: `%Z` is `UTC`, or the offset.
    pub(super) fn format(&self, time: Time) -> String {
        let civil = Civil::of(time);
        let mut text = String::new();
        for element in &self.elements {
            write(element, &civil, time.offset_seconds, &mut text);
        }
        text
    }
}

fn write(element: &Element, civil: &Civil, offset_seconds: i32, text: &mut String) {
    let hour_12 = (civil.hour + 11) % 12 + 1;
    match element {
        Element::Literal(literal) => text.push_str(literal),
        Element::Year4 => append(text, format_args!("{:04}", civil.year)),
        Element::Year2 => append(text, format_args!("{:02}", civil.year.rem_euclid(100))),
        Element::MonthName => text.push_str(ENGLISH.months[usize::from(civil.month) - 1]),
        Element::MonthShort => text.push_str(&ENGLISH.months[usize::from(civil.month) - 1][..3]),
        Element::WeekdayName => text.push_str(ENGLISH.weekdays[usize::from(civil.weekday())]),
        Element::WeekdayShort => text.push_str(&ENGLISH.weekdays[usize::from(civil.weekday())][..3]),
        Element::Month(pad) => number(text, civil.month.into(), *pad),
        Element::Day(pad) => number(text, civil.day.into(), *pad),
        Element::DayOfYear(Pad::Space) => append(text, format_args!("{:3}", civil.day_of_year())),
        Element::DayOfYear(_) => append(text, format_args!("{:03}", civil.day_of_year())),
        Element::Hour24 => number(text, civil.hour.into(), Pad::Zero),
        Element::Hour12(pad) => number(text, hour_12.into(), *pad),
        Element::Minute(pad) => number(text, civil.minute.into(), *pad),
        Element::Second(pad) => number(text, civil.second.into(), *pad),
        Element::Fraction { separator, digits, keeps_zeros } => {
            fraction(text, civil.nanosecond, *separator, usize::from(*digits), *keeps_zeros);
        }
        Element::Meridiem { is_upper } => text.push_str(match (civil.hour < 12, is_upper) {
            (true, true) => "AM",
            (true, false) => "am",
            (false, true) => "PM",
            (false, false) => "pm",
        }),
        Element::ZoneName if offset_seconds == 0 => text.push_str("UTC"),
        Element::ZoneName => offset(text, offset_seconds, Offset { has_z: false, has_colons: false, parts: 2 }),
        Element::Offset(form) => offset(text, offset_seconds, *form),
    }
}

fn number(text: &mut String, number: u32, pad: Pad) {
    match pad {
        Pad::None => append(text, format_args!("{number}")),
        Pad::Zero => append(text, format_args!("{number:02}")),
        Pad::Space => append(text, format_args!("{number:2}")),
    }
}

fn fraction(text: &mut String, nanosecond: u32, separator: char, digits: usize, keeps_zeros: bool) {
    let all = format!("{nanosecond:09}");
    let shown = &all[..digits.min(all.len())];
    let shown = if keeps_zeros { shown } else { shown.trim_end_matches('0') };
    if !shown.is_empty() {
        append(text, format_args!("{separator}{shown}"));
    }
}

fn offset(text: &mut String, offset_seconds: i32, form: Offset) {
    if form.has_z && offset_seconds == 0 {
        text.push('Z');
        return;
    }
    let (sign, seconds) = (if offset_seconds < 0 { '-' } else { '+' }, offset_seconds.abs());
    append(text, format_args!("{sign}{:02}", seconds / 3600));
    for (part, value) in [(2, seconds / 60 % 60), (3, seconds % 60)] {
        if form.parts >= part {
            text.push_str(if form.has_colons { ":" } else { "" });
            append(text, format_args!("{value:02}"));
        }
    }
}
