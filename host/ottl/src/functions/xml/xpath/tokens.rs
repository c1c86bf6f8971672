//! The words and signs of paths.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// With a prefix, or `prefix:*`.
    Name(String),
    Number(f64),
    Literal(String),
    /// `/`, `//`, `::` and the like.
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: [&str; 22] = [
    "//", "::", "..", "!=", "<=", ">=", "/", "@", "(", ")", "[", "]", ",", "|", "+", "-", "=", "<", ">", "*", ".", "$",
];

/// What a path consists of.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name_start = |c: char| c.is_alphabetic() || c == '_';
        let is_name_part = |c: char| is_name_start(c) || c.is_numeric() || matches!(c, '-' | '.');
        let len;
        if matches!(first, '"' | '\'') {
            let end = rest[1..].find(first).ok_or_else(|| format!("{rest} has no closing quote"))?;
            tokens.push(Token::Literal(rest[1..=end].to_owned()));
            len = end + 2;
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..len].parse().map_err(|_| format!("{} is no number", &rest[..len]))?));
        } else if is_name_start(first) {
            let mut end = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
            let after = &rest[end..];
            if after.starts_with(":*") {
                end += 2;
            } else if after.starts_with(':') && after[1..].starts_with(is_name_start) {
                end += 1 + after[1..].find(|c| !is_name_part(c)).unwrap_or(after.len() - 1);
            }
            len = end;
            tokens.push(Token::Name(rest[..len].to_owned()));
        } else {
            let sign = SIGNS
                .iter()
                .find(|sign| rest.starts_with(**sign))
                .ok_or_else(|| format!("{first:?} is no sign of a path"))?;
            tokens.push(Token::Sign(sign));
            len = sign.len();
        }
        rest = rest[len..].trim_start();
    }
    Ok(tokens)
}
