//! What a verb makes of a value.

use super::super::text::{append, unusual};
use super::super::time::go_text;
use super::Flags;
use crate::{Map, Value};

/// A value and its type, as in `string=hi`.
pub(super) fn with_type(value: &Value<'_>) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        other => format!("{}={}", other.type_name(), default(other)),
    }
}

pub(super) fn print(
    value: &Value<'_>,
    verb: char,
    flags: Flags,
    width: Option<usize>,
    precision: Option<usize>,
) -> String {
    match verb {
        'T' => return pad(if *value == Value::Nil { "<nil>" } else { value.type_name() }, flags, width),
        'v' if *value == Value::Nil => return pad("<nil>", flags, width),
        _ => {}
    }
    let printed = match value {
        Value::Bool(boolean) => {
            matches!(verb, 't' | 'v').then(|| pad(if *boolean { "true" } else { "false" }, flags, width))
        }
        Value::Int(int) | Value::Duration(int) => integer(*int, verb, flags, width, precision, value),
        Value::Double(double) => {
            floating(*double, verb, flags, precision).map(|number| pad_number(&number, flags, width))
        }
        Value::Str(text) => {
            string(text.as_bytes(), Some(text), verb, flags, precision).map(|text| pad(&text, flags, width))
        }
        Value::Bytes(bytes) => match verb {
            'v' | 'd' => Some(pad(&default(value), flags, width)),
            _ => string(bytes, None, verb, flags, precision).map(|text| pad(&text, flags, width)),
        },
        Value::Time(time) => matches!(verb, 'v' | 's').then(|| pad(&go_text(*time), flags, width)),
        Value::List(list) => {
            let elements: Vec<_> = list.iter().map(|element| print(element, verb, flags, width, precision)).collect();
            Some(format!("[{}]", elements.join(" ")))
        }
        Value::Map(map) => Some(print_map(map, verb, flags, width, precision)),
        Value::Nil => return format!("%!{verb}(<nil>)"),
    };
    printed.unwrap_or_else(|| format!("%!{verb}({})", with_type(value)))
}

/// `%v`.
fn default(value: &Value<'_>) -> String {
    match value {
        Value::Bytes(bytes) => format!("{bytes:?}").replace(',', ""),
        other => print(other, 'v', Flags::default(), None, None),
    }
}

/// In the order of the keys.
fn print_map(map: &Map<'_>, verb: char, flags: Flags, width: Option<usize>, precision: Option<usize>) -> String {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let entries = entries.into_iter().map(|(key, value)| {
        let key = print(&Value::Str(key.into()), verb, flags, width, precision);
        format!("{key}:{}", print(value, verb, flags, width, precision))
    });
    format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
}

fn integer(
    int: i64,
    verb: char,
    flags: Flags,
    width: Option<usize>,
    precision: Option<usize>,
    value: &Value<'_>,
) -> Option<String> {
    let magnitude = int.unsigned_abs();
    let (digits, prefix) = match verb {
        'v' | 's' if matches!(value, Value::Duration(_)) => return Some(pad(&go_duration(int), flags, width)),
        'd' | 'v' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), "0b"),
        'o' => (format!("{magnitude:o}"), "0"),
        'O' => (format!("0o{magnitude:o}"), ""),
        'x' => (format!("{magnitude:x}"), "0x"),
        'X' => (format!("{magnitude:X}"), "0X"),
        'c' | 'q' | 'U' => return Some(pad(&character(int, verb, flags), flags, width)),
        _ => return None,
    };
    let sign = match (int < 0, flags.plus, flags.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    // A precision is the least number of digits; with one, zeros do not fill the width.
    let digits = match precision {
        Some(0) if int == 0 => String::new(),
        Some(least) => format!("{digits:0>least$}"),
        None => digits,
    };
    let prefix = if flags.sharp { prefix } else { "" };
    let flags = Flags { zero: flags.zero && precision.is_none(), ..flags };
    Some(pad_number(&format!("{sign}{prefix}{digits}"), flags, width))
}

fn character(int: i64, verb: char, flags: Flags) -> String {
    let c = u32::try_from(int).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    match verb {
        'c' => c.to_string(),
        'q' => format!("{c:?}"),
        _ if flags.sharp => format!("U+{int:04X} '{c}'"),
        _ => format!("U+{int:04X}"),
    }
}

fn floating(double: f64, verb: char, flags: Flags, precision: Option<usize>) -> Option<String> {
    if !matches!(verb, 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'v') {
        return None;
    }
    let sign = match (flags.plus, flags.space) {
        (true, _) => "+",
        (false, true) => " ",
        _ => "",
    };
    if !double.is_finite() {
        return Some(match (unusual(double), sign) {
            ("NaN", sign) => format!("{sign}NaN"),
            ("+Inf", " ") => " Inf".to_owned(),
            (infinite, _) => infinite.to_owned(),
        });
    }
    let mut text = String::from(if double.is_sign_positive() { sign } else { "" });
    match verb {
        'f' | 'F' => append(&mut text, format_args!("{double:.*}", precision.unwrap_or(6))),
        'e' | 'E' => text.push_str(&exponent(&format!("{double:.*e}", precision.unwrap_or(6)))),
        _ => text.push_str(&general(double, precision)),
    }
    Some(if verb.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text })
}

/// Go writes exponents with a sign and two digits.
fn exponent(text: &str) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Without an exponent where that is from -4 up to the number of digits, or 6 where that is not said.
fn general(double: f64, precision: Option<usize>) -> String {
    let digits = precision.map(|precision| precision.max(1));
    let scientific = match digits {
        Some(digits) => format!("{double:.*e}", digits - 1),
        None => format!("{double:e}"),
    };
    let Some((mantissa, power)) = scientific.split_once('e') else { return scientific };
    let power: i64 = power.parse().unwrap_or_default();
    let trimmed = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let shortest = trimmed.bytes().filter(u8::is_ascii_digit).count() as i64;
    let limit = digits.unwrap_or(6) as i64;
    if power < -4 || power >= limit {
        return exponent(&format!("{trimmed}e{power}"));
    }
    let decimals = (shortest - 1 - power).max(0) as usize;
    match digits {
        Some(_) => format!("{double:.decimals$}"),
        None => format!("{double}"),
    }
}

fn string(bytes: &[u8], text: Option<&str>, verb: char, flags: Flags, precision: Option<usize>) -> Option<String> {
    let lossy = String::from_utf8_lossy(bytes);
    let text = text.unwrap_or(&lossy);
    let cut = |text: &str| text.chars().take(precision.unwrap_or(usize::MAX)).collect::<String>();
    let hex = |upper: bool| {
        let bytes = &bytes[..bytes.len().min(precision.unwrap_or(usize::MAX))];
        let digits = bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        let prefix = match (flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        match flags.space {
            true => digits.map(|digits| format!("{prefix}{digits}")).collect::<Vec<_>>().join(" "),
            false if bytes.is_empty() => String::new(),
            false => format!("{prefix}{}", digits.collect::<String>()),
        }
    };
    Some(match verb {
        's' | 'v' => cut(text),
        'q' if flags.sharp && !text.contains(['`', '\n']) => format!("`{}`", cut(text)),
        'q' => format!("{:?}", cut(text)),
        'x' => hex(false),
        'X' => hex(true),
        _ => return None,
    })
}

/// Up to a width in characters, with spaces, or zeros on the left.
fn pad(text: &str, flags: Flags, width: Option<usize>) -> String {
    let width = width.unwrap_or_default();
    match (flags.minus, flags.zero) {
        (true, _) => format!("{text:<width$}"),
        (false, true) => format!("{text:0>width$}"),
        (false, false) => format!("{text:>width$}"),
    }
}

/// As [`pad`], but zeros go between sign and digits.
fn pad_number(number: &str, flags: Flags, width: Option<usize>) -> String {
    let is_number = number.ends_with(|c: char| c.is_ascii_hexdigit());
    let signed = number.strip_prefix(['+', '-', ' ']);
    match signed {
        Some(digits) if flags.zero && !flags.minus && is_number => {
            let width = width.unwrap_or_default().saturating_sub(1);
            format!("{}{digits:0>width$}", &number[..1])
        }
        _ => pad(number, Flags { zero: flags.zero && is_number, ..flags }, width),
    }
}

/// `1h15m30.5s`, as Go prints durations.
pub(super) fn go_duration(ns: i64) -> String {
    let magnitude = ns.unsigned_abs();
    let sign = if ns < 0 { "-" } else { "" };
    let decimal = |unit: u64| {
        let text = format!("{}.{:0digits$}", magnitude / unit, magnitude % unit, digits = unit.ilog10() as usize);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(1_000_000)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let rest = magnitude % 60_000_000_000;
            let seconds = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}
