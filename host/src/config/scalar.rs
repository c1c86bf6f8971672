//! Where in the YAML text a part of a scalar's value was written, so that a message can point into it.
//!
//! The value is laid along the text character by character, as YAML made the one from the other: quotes, escapes, indentation, folded
//! lines. Where they do not fit (a value out of the environment, an alias), there is no answer, and the scalar as a whole is pointed at.

use std::ops::Range;

use super::node::{Location, Node, Value};

/// Where the bytes `part` of the node's text were written.
pub(super) fn locate(node: &Node, part: &Range<usize>) -> Option<Location> {
    let Value::Str(value) = &node.value else { return None };
    let at = &node.at;
    let written = at.source.text.get(at.bytes.start..).filter(|_| at.line > 0 && at.origin.is_none())?;
    // The content of a block may begin like a quoted text.
    let quoted = written.chars().next().filter(|first| matches!(first, '"' | '\''));
    let found = quoted.and_then(|quote| Written { text: written, at: 1, quote: Some(quote) }.find(value, part));
    let found = found.or_else(|| Written { text: written, at: 0, quote: None }.find(value, part))?;
    // A caret stays on its line, as everywhere else.
    let line_end = written[found.start..].find('\n').map_or(written.len(), |len| found.start + len);
    let start = at.bytes.start + found.start;
    let end = at.bytes.start + found.end.min(line_end).max(found.start);
    let line_start = at.source.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    Some(Location {
        line: at.line + written[..found.start].matches('\n').count(),
        column: at.source.text[line_start..start].chars().count() + 1,
        bytes: start..end,
        ..at.clone()
    })
}

/// A scalar as it stands in the text, and how far it was read.
struct Written<'a> {
    text: &'a str,
    at: usize,
    quote: Option<char>,
}

impl Written<'_> {
    /// The bytes of the text that make the bytes `part` of `value`; behind the last one, the place where the scalar ends.
    fn find(&mut self, value: &str, part: &Range<usize>) -> Option<Range<usize>> {
        let (mut start, mut end) = (None, None);
        for (place, character) in value.char_indices() {
            if start.is_some() && place >= part.end {
                break;
            }
            let written = self.next(character)?;
            if place + character.len_utf8() > part.start {
                start = start.or(Some(written.start));
            }
            end = Some(written.end);
        }
        let end = end.unwrap_or(self.at);
        let start = start.unwrap_or(end);
        Some(start..end)
    }

    /// Where the next character of the value stands.
    fn next(&mut self, character: char) -> Option<Range<usize>> {
        if !character.is_whitespace() {
            // Indentation, and what folding left out.
            self.skip_blanks();
        }
        let start = self.at;
        match self.peek() {
            Some((found, len)) if found == character => self.at += len,
            // A line break that was folded into a space.
            Some((found, 1)) if character.is_whitespace() && found.is_whitespace() => self.skip_blanks(),
            _ if character.is_whitespace() => {}
            _ => return None,
        }
        Some(start..self.at)
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            // Only a quoted text may break a line like this.
            let rest = rest.strip_prefix("\\\n").filter(|_| self.quote == Some('"')).unwrap_or(rest);
            let trimmed = rest.trim_start();
            let skipped = self.text.len() - self.at - trimmed.len();
            if skipped == 0 {
                return;
            }
            self.at += skipped;
        }
    }

    /// The character that stands next, and its bytes.
    fn peek(&self) -> Option<(char, usize)> {
        let mut rest = self.text[self.at..].chars();
        match (self.quote, rest.next()?) {
            (Some('\''), '\'') => (rest.next() == Some('\'')).then_some(('\'', 2)),
            (Some('"'), '"') => None,
            (Some('"'), '\\') => escaped(rest.as_str()),
            (_, character) => Some((character, character.len_utf8())),
        }
    }
}

/// What a backslash before `rest` makes of it, and the bytes of both.
fn escaped(rest: &str) -> Option<(char, usize)> {
    let name = rest.chars().next()?;
    let digits = match name {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    if digits > 0 {
        let code = u32::from_str_radix(rest.get(1..1 + digits)?, 16).ok()?;
        return Some((char::from_u32(code)?, 2 + digits));
    }
    let character = match name {
        '0' => '\0',
        'a' => '\x07',
        'b' => '\x08',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\x0b',
        'f' => '\x0c',
        'r' => '\r',
        'e' => '\x1b',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        ' ' | '"' | '/' | '\\' => name,
        _ => return None,
    };
    Some((character, 1 + name.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::node;

    /// `find` in the value of `key`, as line, column and text that is pointed at.
    fn point(yaml: &str, find: &str) -> Option<(usize, usize, String)> {
        let tree = node(yaml);
        let node = tree.find(["k"]).expect("the key");
        let start = node.as_text().and_then(|text| text.find(find)).expect("it is in the value");
        let at = locate(node, &(start..start + find.len()))?;
        Some((at.line, at.column, at.source.text[at.bytes].to_owned()))
    }

    #[test]
    fn parts_of_all_kinds_of_scalars_are_found() {
        for (yaml, find, line, column, text) in [
            ("k: set(x, 1)\n", "x", 1, 8, "x"),
            ("k: set(x, 1) # x\n", "1)", 1, 11, "1)"),
            ("k: ä ö ü\n", "ü", 1, 8, "ü"),
            ("k: 'it''s x'\n", "s x", 1, 9, "s x"),
            ("k: 'it''s x'\n", "'s", 1, 7, "''s"),
            ("k: \"a\\tb\\u0041 \\\"x\\\"\"\n", "\"x", 1, 16, "\\\"x"),
            ("k: \"a \\n b\"\n", "b", 1, 10, "b"),
            // Over several lines.
            ("k: one\n   two three\n", "three", 2, 8, "three"),
            ("k: \"one \\\n   two\"\n", "two", 2, 4, "two"),
            ("k: |\n  set(x)\n    keep(y)\n", "y", 3, 10, "y"),
            ("k: |-  # why\n\n  a\n  b\n", "b", 4, 3, "b"),
            ("k: >\n  one\n  two\n\n  three\n", "three", 5, 3, "three"),
            ("k: >\n  one\n  two\n", "one two", 2, 3, "one"),
            ("k:\n  |\n  'quoted' x\n", "x", 3, 12, "x"),
        ] {
            assert_eq!(point(yaml, find), Some((line, column, text.to_owned())), "{yaml:?} {find:?}");
        }
    }

    #[test]
    fn what_ends_too_early_is_pointed_at_its_end() {
        let tree = node("k: 'set(x'\nl: abc\n");
        let at = |key: &str, part: Range<usize>| {
            let at = locate(tree.find([key]).expect("the key"), &part).expect("it is found");
            (at.line, at.column, at.bytes.len())
        };
        assert_eq!(at("k", 5..5), (1, 10, 0));
        assert_eq!(at("k", 50..60), (1, 10, 0));
        assert_eq!(at("l", 1..1), (2, 5, 1));
    }

    #[test]
    fn values_from_elsewhere_and_other_types_have_no_parts() {
        assert_eq!(point("a: &x one two\nk: *x\n", "two"), None);
        let tree = node("k: 5\n");
        assert!(locate(tree.find(["k"]).expect("the key"), &(0..1)).is_none());
    }
}
