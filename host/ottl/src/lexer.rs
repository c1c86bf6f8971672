//! Text to tokens.

mod text;

use std::ops::Range;

use crate::Problem;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `0x` and hexadecimal digits.
    Bytes,
    /// Digits with a point.
    Double,
    /// Digits.
    Int,
    /// A string with its quotes.
    Text,
    /// A name of letters, digits and underscores: keyword, function, field or enum.
    Name,
    /// An operator or punctuation.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Range<usize>,
}

/// Longer ones before those that they begin with.
const SYMBOLS: [&str; 22] =
    ["==", "!=", ">=", "<=", "=>", ">", "<", "+", "-", "/", "*", "=", "(", ")", "{", "}", ":", ",", ".", "[", "]", "_"];

/// The tokens of a text; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Lexeme>, Problem> {
    let mut all = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']).len();
        let rest = rest.get(blank..).unwrap_or_default();
        at += blank;
        let (token, len) = token(rest).ok_or_else(|| no_token(rest, at))?;
        all.push(Lexeme { token, span: at..at + len });
        at += len;
        if token == Token::End {
            return Ok(all);
        }
    }
}

/// The token at the start of `rest`, and its length.
fn token(rest: &str) -> Option<(Token, usize)> {
    let bytes = rest.as_bytes();
    let Some(first) = bytes.first() else { return Some((Token::End, 0)) };
    match first {
        b'"' => quoted(bytes).map(|len| (Token::Text, len)),
        b'0'..=b'9' | b'.' => number(bytes).or_else(|| symbol(rest)),
        b'a'..=b'z' | b'A'..=b'Z' => {
            Some((Token::Name, count(bytes, |byte| byte.is_ascii_alphanumeric() || byte == b'_')))
        }
        _ => symbol(rest),
    }
}

fn symbol(rest: &str) -> Option<(Token, usize)> {
    SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)).map(|symbol| (Token::Symbol(symbol), symbol.len()))
}

/// The length of a string, quotes included; None if it does not end.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Bytes, a double or an integer; None for a point without digits.
fn number(bytes: &[u8]) -> Option<(Token, usize)> {
    if let [b'0', b'x', hex @ ..] = bytes {
        let digits = count(hex, |byte| byte.is_ascii_hexdigit());
        if digits > 0 {
            return Some((Token::Bytes, 2 + digits));
        }
    }
    let digits = |bytes: &[u8]| count(bytes, |byte| byte.is_ascii_digit());
    let after = |from: usize| bytes.get(from..).unwrap_or_default();
    let whole = digits(bytes);
    let [b'.', fraction @ ..] = after(whole) else { return Some((Token::Int, whole)) };
    let fraction = digits(fraction);
    if whole + fraction == 0 {
        return None;
    }
    let mantissa = whole + 1 + fraction;
    let exponent = match after(mantissa) {
        [b'e' | b'E', b'+' | b'-', rest @ ..] => Some((2, digits(rest))),
        [b'e' | b'E', rest @ ..] => Some((1, digits(rest))),
        _ => None,
    };
    let len = exponent.filter(|(_, digits)| *digits > 0).map_or(mantissa, |(sign, digits)| mantissa + sign + digits);
    Some((Token::Double, len))
}

fn count(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

#[cold]
fn no_token(rest: &str, at: usize) -> Problem {
    let shown: String = rest.chars().take(20).collect();
    let problem = |len, hint: &str| Problem::new(at..at + len, format!("invalid input text {shown:?}")).hint(hint);
    match rest.chars().next() {
        Some('"') => problem(rest.len(), "the string does not end: a closing \" is missing"),
        Some('\'' | '`') => problem(1, "strings stand in double quotes"),
        Some('&' | '|') => problem(1, "conditions are joined with `and` and `or`"),
        Some('!') => problem(1, "a condition is negated with `not`"),
        first => problem(first.map_or(0, char::len_utf8), "no statement has this character outside a string"),
    }
}

/// The string that a token of that kind stands for.
pub(crate) use text::unquote;

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Token, &str)> {
        let all = tokens(text).unwrap();
        all.into_iter()
            .map(|lexeme| (lexeme.token, &text[lexeme.span]))
            .filter(|(token, _)| *token != Token::End)
            .collect()
    }

    #[test]
    fn tokens_are_those_of_the_go_collector() {
        use Token::{Bytes, Double, Int, Name, Symbol, Text};
        let cases: [(&str, &[(Token, &str)]); 12] = [
            ("0x01aF", &[(Bytes, "0x01aF")]),
            ("0xg", &[(Int, "0"), (Name, "xg")]),
            ("1.5 .5 1. 1.5e-3", &[(Double, "1.5"), (Double, ".5"), (Double, "1."), (Double, "1.5e-3")]),
            ("1.5e 2", &[(Double, "1.5"), (Name, "e"), (Int, "2")]),
            ("-12", &[(Symbol("-"), "-"), (Int, "12")]),
            (r#""a\"b" "c""#, &[(Text, r#""a\"b""#), (Text, "\"c\"")]),
            ("IsMatch(", &[(Name, "IsMatch"), (Symbol("("), "(")]),
            ("SPAN_KIND_SERVER", &[(Name, "SPAN_KIND_SERVER")]),
            (
                "a.b[0]",
                &[(Name, "a"), (Symbol("."), "."), (Name, "b"), (Symbol("["), "["), (Int, "0"), (Symbol("]"), "]")],
            ),
            ("a>=b", &[(Name, "a"), (Symbol(">="), ">="), (Name, "b")]),
            ("=>= =", &[(Symbol("=>"), "=>"), (Symbol("="), "="), (Symbol("="), "=")]),
            (" \t\n", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_where_it_stands() {
        for (text, span) in [("a == \"b", 5..7), ("a & b", 2..3), ("a == 'b'", 5..6), ("a == ü", 5..7), ("!a", 0..1)] {
            let problem = tokens(text).unwrap_err();
            assert_eq!(problem.span, span, "{text}");
            assert!(problem.message.starts_with("invalid input text"), "{text}");
        }
    }
}
