//! Globs, as the library that the Go collector uses reads them: `*`, `?`, `[a-z]`, `[!a]`, `{one,other}`, and `\` before any of
//! these.

use regex::Regex;

/// A pattern for whole strings.
#[derive(Clone, Debug)]
pub(super) struct Glob(Regex);

impl Glob {
    /// Reads a pattern.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let mut out = String::from("(?s)^");
        let mut open = 0;
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => out.push_str(".*"),
                '?' => out.push('.'),
                '{' => {
                    open += 1;
                    out.push_str("(?:");
                }
                '}' if open > 0 => {
                    open -= 1;
                    out.push(')');
                }
                ',' if open > 0 => out.push('|'),
                '[' => out.push_str(&class(&mut letters).ok_or("a [ is not closed, or there is nothing in it")?),
                '\\' => quote(&mut out, letters.next().ok_or("there is nothing after the last \\")?),
                other => quote(&mut out, other),
            }
        }
        if open > 0 {
            return Err("a { is not closed".to_owned());
        }
        out.push('$');
        Regex::new(&out).map(Self).map_err(|error| error.to_string())
    }

    /// Whether a string matches as a whole.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

fn quote(out: &mut String, letter: char) {
    out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
}

/// What stands in brackets.
fn class(letters: &mut std::str::Chars<'_>) -> Option<String> {
    let mut out = String::from("[");
    let mut is_empty = true;
    let mut is_first = true;
    loop {
        match letters.next()? {
            '!' if is_first => out.push('^'),
            ']' if is_empty => return None,
            ']' => break,
            '-' if !is_empty => out.push('-'),
            '\\' => {
                quote(&mut out, letters.next()?);
                is_empty = false;
            }
            letter => {
                // What means something only in a class is quoted too.
                if matches!(letter, '&' | '~' | '-') {
                    out.push('\\');
                    out.push(letter);
                } else {
                    quote(&mut out, letter);
                }
                is_empty = false;
            }
        }
        is_first = false;
    }
    out.push(']');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_strings() {
        let cases = [
            ("/user/*/list/*", &["/user/1/list/2", "/user/a/b/list/"][..], &["/user/1/list", "x/user/1/list/2"][..]),
            ("?at", &["cat", "bat"], &["at", "cats"]),
            ("[abc]at", &["cat"], &["fat", "at"]),
            ("[!abc]at", &["fat"], &["cat", "at"]),
            ("[a-c]at", &["bat"], &["dat", "-at"]),
            ("{cat,bat,[fr]at}", &["cat", "bat", "fat", "rat"], &["at", "zat"]),
            (r"a\*b", &["a*b"], &["axb"]),
            ("a.b(c)", &["a.b(c)"], &["axb(c)"]),
            ("a,b}", &["a,b}"], &["a"]),
            ("", &[""], &["a"]),
            ("*", &["", "one\ntwo"], &[]),
        ];
        for (pattern, matching, others) in cases {
            let glob = Glob::parse(pattern).unwrap();
            for text in matching {
                assert!(glob.matches(text), "{pattern} {text}");
            }
            for text in others {
                assert!(!glob.matches(text), "{pattern} {text}");
            }
        }
        for wrong in ["[abc", "[]", "{a,b", "a\\"] {
            assert!(Glob::parse(wrong).is_err(), "{wrong}");
        }
    }
}
