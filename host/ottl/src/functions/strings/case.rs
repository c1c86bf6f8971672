//! Cases of letters as Go's `strings` and its `strcase` library have them.

/// Go maps character by character: a final sigma is a sigma.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(|c| single(c, c.to_lowercase())).collect()
}

/// And what has no one letter in upper case stays: `ß`. (Greek letters with a small iota below have one.)
pub(super) fn upper(text: &str) -> String {
    text.chars().map(|c| single(c, c.to_uppercase())).collect()
}

fn single(old: char, mut new: impl ExactSizeIterator<Item = char>) -> char {
    match (new.len(), new.next()) {
        (1, Some(c)) => c,
        // The only one that Go maps to the first of what Unicode makes of it.
        (_, Some('i')) if old == 'İ' => 'i',
        (2, _) => match old {
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => shifted(old, 8),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(old, 9),
            _ => old,
        },
        _ => old,
    }
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// `orderTotal` → `order_total`: an underscore where the kind of letters changes, with `JSONData` as `json_data`, `a1B` as
/// `a_1_b`; spaces, hyphens and dots become underscores.
pub(super) fn snake(text: &str) -> String {
    let text = text.trim();
    let bytes = text.as_bytes();
    let mut snake = String::with_capacity(text.len() + 2);
    for (index, c) in text.char_indices() {
        let next = bytes.get(index + 1).copied().unwrap_or_default();
        let after_upper = index > 0 && bytes[index - 1].is_ascii_uppercase();
        if c.is_ascii_uppercase() && next.is_ascii_lowercase() && after_upper {
            snake.push('_');
        }
        snake.push(if matches!(c, ' ' | '-' | '.') { '_' } else { c.to_ascii_lowercase() });
        let word_ends = match c {
            'a'..='z' => next.is_ascii_uppercase() || next.is_ascii_digit(),
            'A'..='Z' => next.is_ascii_digit(),
            '0'..='9' => next.is_ascii_alphabetic(),
            _ => false,
        };
        if word_ends {
            snake.push('_');
        }
    }
    snake
}

/// `order_total` → `OrderTotal`, `ORDER` → `Order` (and so `JSONData` → `Jsondata`). What is no ASCII letter or digit is left out,
/// as there.
pub(super) fn camel(text: &str) -> String {
    let text = text.trim();
    // The one acronym that the library knows.
    let text = if text == "ID" { "id" } else { text };
    let mut camel = String::with_capacity(text.len());
    let (mut starts_word, mut after_upper) = (true, false);
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            camel.push(match (starts_word, after_upper) {
                (true, _) => c.to_ascii_uppercase(),
                (false, true) => c.to_ascii_lowercase(),
                (false, false) => c,
            });
            starts_word = false;
        } else if c.is_ascii_digit() {
            camel.push(c);
            starts_word = true;
        } else {
            starts_word = matches!(c, '_' | ' ' | '-' | '.');
        }
        after_upper = c.is_ascii_uppercase();
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_does() {
        // Text, lower, upper, snake, camel.
        let cases = [
            ("testCase", "testcase", "TESTCASE", "test_case", "TestCase"),
            ("TestCase", "testcase", "TESTCASE", "test_case", "TestCase"),
            ("Test Case", "test case", "TEST CASE", "test_case", "TestCase"),
            (" Test-Case ", " test-case ", " TEST-CASE ", "test_case", "TestCase"),
            ("test", "test", "TEST", "test", "Test"),
            ("many_many.words", "many_many.words", "MANY_MANY.WORDS", "many_many_words", "ManyManyWords"),
            ("JSONData", "jsondata", "JSONDATA", "json_data", "Jsondata"),
            ("userID", "userid", "USERID", "user_id", "UserId"),
            ("AAAbbb", "aaabbb", "AAABBB", "aa_abbb", "Aaabbb"),
            ("1A2", "1a2", "1A2", "1_a_2", "1A2"),
            ("A1B", "a1b", "A1B", "a_1_b", "A1B"),
            (
                "numbers2and55with000",
                "numbers2and55with000",
                "NUMBERS2AND55WITH000",
                "numbers_2_and_55_with_000",
                "Numbers2And55With000",
            ),
            ("ID", "id", "ID", "id", "Id"),
            ("Ünï", "ünï", "ÜNÏ", "Ünï", "n"),
            ("", "", "", "", ""),
            ("ΣΑΣ ß İ", "σασ ß i", "ΣΑΣ ß İ", "ΣΑΣ_ß_İ", ""),
            ("ŉ ǰ ᾳ ﬁ ſ", "ŉ ǰ ᾳ ﬁ ſ", "ŉ ǰ ᾼ ﬁ S", "ŉ_ǰ_ᾳ_ﬁ_ſ", ""),
        ];
        for (text, expected_lower, expected_upper, expected_snake, expected_camel) in cases {
            assert_eq!(lower(text), expected_lower, "{text}");
            assert_eq!(upper(text), expected_upper, "{text}");
            assert_eq!(snake(text), expected_snake, "{text}");
            assert_eq!(camel(text), expected_camel, "{text}");
        }
    }
}
