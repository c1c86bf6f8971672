//! From the syntax of Go's RE2 to that of the `regex` crate. The two share their grammar but for a few spots where the same
//! text means something else, or nothing: `\d`, `\w`, `\s` and `\b` are ASCII in RE2, a brace that starts no repetition is itself
//! (`/users/{id}`), a bracket or `&&` within a class too, and there are `\Q…\E` and `\C`.

/// The expression that matches what RE2 takes `pattern` for. What RE2 refuses stays as it is or is refused by `regex`.
pub fn to_rust(pattern: &str) -> String {
    let mut rust = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '\\' => escape(rest, in_class, &mut rust),
            '[' if in_class => bracket_in_class(rest, &mut rust),
            '[' => {
                in_class = true;
                class_start(rest, &mut rust)
            }
            ']' if in_class => {
                in_class = false;
                keep(rest, 1, &mut rust)
            }
            '&' | '~' if in_class => quote(next, &mut rust),
            '{' if !in_class => match repetition(rest) {
                Some(len) => keep(rest, len, &mut rust),
                None => quote(next, &mut rust),
            },
            '}' if !in_class => quote(next, &mut rust),
            _ => keep(rest, next.len_utf8(), &mut rust),
        };
        rest = &rest[taken..];
    }
    rust
}

fn keep(rest: &str, len: usize, rust: &mut String) -> usize {
    rust.push_str(&rest[..len]);
    len
}

fn quote(literal: char, rust: &mut String) -> usize {
    rust.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
    literal.len_utf8()
}

/// A backslash and what follows it.
fn escape(rest: &str, in_class: bool, rust: &mut String) -> usize {
    let Some(escaped) = rest[1..].chars().next() else { return keep(rest, 1, rust) };
    let replacement = match escaped {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        'b' if !in_class => r"(?-u:\b)",
        'B' if !in_class => r"(?-u:\B)",
        'C' if !in_class => "(?s-u:.)",
        // Word boundaries in `regex`.
        '<' => "<",
        '>' => ">",
        'Q' => return quoted(rest, rust),
        // An end without a start is nothing.
        'E' => "",
        _ => return keep(rest, 1 + escaped.len_utf8(), rust),
    };
    rust.push_str(replacement);
    2
}

/// `\Q…\E`, or to the end.
fn quoted(rest: &str, rust: &mut String) -> usize {
    let text = &rest[2..];
    let (literal, taken) = match text.find(r"\E") {
        Some(end) => (&text[..end], end + 4),
        None => (text, rest.len()),
    };
    rust.push_str(&regex::escape(literal));
    taken
}

/// The opening bracket with what only there is no end and no range: `[^`, `[]`, `[^]`.
fn class_start(rest: &str, rust: &mut String) -> usize {
    let negated = rest[1..].starts_with('^');
    rust.push_str(if negated { "[^" } else { "[" });
    let len = 1 + usize::from(negated);
    if rest[len..].starts_with(']') {
        rust.push_str(r"\]");
        return len + 1;
    }
    len
}

/// `[:alpha:]`, or a bracket that is itself.
fn bracket_in_class(rest: &str, rust: &mut String) -> usize {
    match rest.find(":]") {
        Some(end) if rest[1..].starts_with(':') => keep(rest, end + 2, rust),
        _ => quote('[', rust),
    }
}

/// Bytes of `{2}`, `{2,}`, `{2,5}`; nothing else in braces is a repetition.
fn repetition(rest: &str) -> Option<usize> {
    let end = rest.find('}')?;
    let (min, max) = match rest[1..end].split_once(',') {
        Some((min, max)) => (min, max),
        None => (&rest[1..end], ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!min.is_empty() && digits(min) && digits(max)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_what_go_matches() {
        // Pattern, what it matches, what it does not. Results as Go's regexp.MatchString gives them.
        let cases: &[(&str, &[&str], &[&str])] = &[
            (r"^\d+$", &["123"], &["١٢٣", "12a"]),
            (r"^\w+$", &["a_1"], &["é"]),
            (r"^\s$", &[" ", "\t"], &["\u{b}", "\u{a0}"]),
            (r"^[^\W_]+$", &["ab1"], &["a_"]),
            (r"\bvip\b", &["a vip b", "évipé"], &["vips"]),
            (r"^/users/{id}$", &["/users/{id}"], &["/users/1"]),
            (r"^a{2}b{1,}c{0,1}$", &["aab", "aabbc"], &["ab"]),
            (r"^a{,2}$", &["a{,2}"], &["aa"]),
            (r"^[a[]$", &["[", "a"], &["b"]),
            (r"^[]a]$", &["]", "a"], &["b"]),
            (r"^[^]a]$", &["b"], &["]", "a"]),
            (r"^[a&&b]+$", &["a", "&", "b"], &["c"]),
            (r"^[[:alpha:]]+$", &["abc"], &["1"]),
            (r"^\Qa.b*\E+$", &["a.b*", "a.b**"], &["axb"]),
            (r"^\<a\>$", &["<a>"], &["a"]),
            (r"(?i)^ERROR", &["error: x"], &["no error"]),
            (r"^\pL+$", &["é"], &["1"]),
            (r"end$", &["the end"], &["end\n"]),
            (r"^(?P<name>x)$", &["x"], &["y"]),
            (r"^.$", &["é"], &["\n", "ab"]),
            (r"^\x{41}\x42$", &["AB"], &["ab"]),
        ];
        for (pattern, matching, other) in cases {
            let rust = to_rust(pattern);
            let regex = regex::bytes::Regex::new(&rust).unwrap_or_else(|error| panic!("{pattern} -> {rust}: {error}"));
            for text in *matching {
                assert!(regex.is_match(text.as_bytes()), "{pattern} -> {rust} on {text:?}");
            }
            for text in *other {
                assert!(!regex.is_match(text.as_bytes()), "{pattern} -> {rust} on {text:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn takes_any_text(pattern in r"[\\\[\]\{\}\(\)a&^,1QE:é-]{0,12}") {
            let _ = regex::bytes::Regex::new(&to_rust(&pattern));
        }

        #[test]
        fn quoted_text_matches_itself(text in "[^\\\\]{0,12}") {
            let regex = regex::bytes::Regex::new(&to_rust(&format!(r"^(?s)\Q{text}\E$"))).expect("a quoted text");
            proptest::prop_assert!(regex.is_match(text.as_bytes()));
        }
    }
}
