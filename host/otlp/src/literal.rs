//! JSON literals as Go's `encoding/json` writes them.

use std::fmt::Write;

/// Writes a finite number: `1`, not `1.0`; an exponent below 1e-6 and from 1e21 on, with its sign. None for what JSON has no number for.
pub(crate) fn number(out: &mut String, value: f64) -> Option<()> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        out.push_str(&if text.contains("e-") { text } else { text.replace('e', "e+") });
    } else {
        _ = write!(out, "{value}");
    }
    Some(())
}

/// Writes a string as OTLP/JSON has it: `<`, `>` and `&` are escaped too.
pub(crate) fn string(out: &mut String, text: &str) {
    quoted(out, text, |char| is_escaped(char) || matches!(char, '<' | '>' | '&'));
}

/// Writes a string in which nothing is escaped for HTML's sake.
pub(crate) fn plain_string(out: &mut String, text: &str) {
    quoted(out, text, is_escaped);
}

fn quoted(out: &mut String, text: &str, is_escaped: impl Fn(char) -> bool) {
    out.push('"');
    let mut from = 0;
    for (at, special) in text.match_indices(is_escaped) {
        out.push_str(text.get(from..at).unwrap_or_default());
        for char in special.chars() {
            escape(out, char);
        }
        from = at + special.len();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

fn is_escaped(char: char) -> bool {
    matches!(char, '"' | '\\' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}')
}

fn escape(out: &mut String, char: char) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        char => _ = write!(out, "\\u{:04x}", char as u32),
    }
}

/// Writes the comma before all items but the first.
pub(crate) fn separate(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}
