//! What elements of times are read with.

use super::civil::{days_in, is_leap};
use super::layout::{Offset, Pad};

/// Why an element did not read.
pub(super) enum Failure {
    /// There is something else.
    Mismatch,
    /// There is a number that is none of these.
    OutOfRange(&'static str),
}

use Failure::{Mismatch, OutOfRange};

/// Skips a literal. A space in it stands for any number of them.
pub(super) fn skip<'t>(literal: &str, text: &'t str) -> Result<&'t str, Failure> {
    let (mut literal, mut text) = (literal, text);
    while let Some(c) = literal.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return Err(Mismatch);
            }
            (literal, text) = (literal.trim_start_matches(' '), text.trim_start_matches(' '));
        } else {
            text = text.strip_prefix(c).ok_or(Mismatch)?;
            literal = &literal[c.len_utf8()..];
        }
    }
    Ok(text)
}

pub(super) fn digits(text: &str, min: usize, max: usize) -> Result<(u32, &str), Failure> {
    let len = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if len < min {
        return Err(Mismatch);
    }
    let (digits, rest) = text.split_at(len);
    digits.parse().map(|number| (number, rest)).map_err(|_| Mismatch)
}

/// A number of one or two digits; two if zeros fill it up.
pub(super) fn number<'t>(
    text: &'t str,
    pad: Pad,
    min: u8,
    max: u8,
    what: &'static str,
) -> Result<(u8, &'t str), Failure> {
    let text = if pad == Pad::Space { text.strip_prefix(' ').unwrap_or(text) } else { text };
    let (number, rest) = digits(text, if pad == Pad::Zero { 2 } else { 1 }, 2)?;
    let number = number as u8;
    if number < min || number > max {
        return Err(OutOfRange(what));
    }
    Ok((number, rest))
}

/// An abbreviation of a zone: three or four capital letters, five that end in T (`CHAST`), `ChST`, `MeST`, or an offset in hours,
/// with or without `GMT`.
pub(super) fn zone_name(text: &str) -> Option<(&str, &str)> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(text.split_at(4));
    }
    let letters = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    let signed = |from: usize| {
        let digits = text.get(from + 1..)?.bytes().take_while(u8::is_ascii_digit).count();
        let hours: i32 = text.get(from..from + 1 + digits)?.parse().ok()?;
        (text[from..].starts_with(['+', '-']) && (-23..=23).contains(&hours)).then_some(from + 1 + digits)
    };
    let len = match letters {
        0 => signed(0)?,
        3 if text.starts_with("GMT") => signed(3).unwrap_or(3),
        3 => 3,
        4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => 4,
        5 if text.as_bytes()[4] == b'T' => 5,
        _ => return None,
    };
    Some(text.split_at(len))
}

pub(super) fn offset(text: &str, form: Offset) -> Result<(i32, &str), Failure> {
    if let (true, Some(rest)) = (form.has_z, text.strip_prefix('Z')) {
        return Ok((0, rest));
    }
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(Mismatch),
    };
    let mut rest = &text[1..];
    let mut seconds = 0;
    for (part, unit, max, what) in [
        (1, 3600, 24, "time zone offset hour"),
        (2, 60, 60, "time zone offset minute"),
        (3, 1, 60, "time zone offset second"),
    ] {
        if part > form.parts {
            break;
        }
        if part > 1 && form.has_colons {
            rest = rest.strip_prefix(':').ok_or(Mismatch)?;
        }
        let (value, after) = digits(rest, 2, 2)?;
        if value > max {
            return Err(OutOfRange(what));
        }
        seconds += value as i32 * unit;
        rest = after;
    }
    Ok((sign * seconds, rest))
}

pub(super) fn month_and_day(year: i64, day_of_year: u16) -> Option<(u8, u8)> {
    let days = if is_leap(year) { 366 } else { 365 };
    if day_of_year < 1 || day_of_year > days {
        return None;
    }
    let mut day = day_of_year;
    let month = (1..=12u8).find(|&month| {
        let len = u16::from(days_in(year, month));
        let is_in = day <= len;
        day -= if is_in { 0 } else { len };
        is_in
    })?;
    Some((month, day as u8))
}
