//! Expressions for what everybody masks.

use regex::{Captures, Regex};

use super::config::PresetName;

/// An expression, and what tells its true matches from others.
#[derive(Debug)]
pub(super) struct Preset {
    pattern: Regex,
    is_meant: fn(&str) -> bool,
}

/// Every one of them compiles: see the tests.
fn pattern(name: PresetName) -> &'static str {
    match name {
        PresetName::CardNumbers => r"(?-u:\b)[0-9](?:[ -]?[0-9]){12,18}(?-u:\b)",
        PresetName::EmailAddresses => {
            r"(?i)[a-z0-9._%+'-]+@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"
        }
        PresetName::Tokens => concat!(
            // JSON web tokens: two parts begin as `{"` does in base64.
            r"eyJ[0-9A-Za-z_-]{5,}\.eyJ[0-9A-Za-z_-]{5,}\.[0-9A-Za-z_-]*",
            // In headers.
            r"|(?i:bearer) +[0-9A-Za-z._~+/-]{8,}=*",
            // AWS, GitHub, GitLab, Slack, Stripe.
            r"|(?-u:\b)(?:AKIA|ASIA)[0-9A-Z]{16}(?-u:\b)",
            r"|(?-u:\b)gh[pousr]_[0-9A-Za-z]{36,}",
            r"|(?-u:\b)github_pat_[0-9A-Za-z_]{22,}",
            r"|(?-u:\b)glpat-[0-9A-Za-z_-]{20,}",
            r"|(?-u:\b)xox[abeoprs]-[0-9A-Za-z-]{10,}",
            r"|(?-u:\b)[rs]k_(?:live|test)_[0-9A-Za-z]{16,}",
        ),
    }
}

impl Preset {
    pub(super) fn new(name: PresetName) -> Option<Self> {
        let is_meant = if name == PresetName::CardNumbers { has_check_digit } else { |_: &str| true };
        Some(Self { pattern: Regex::new(pattern(name)).ok()?, is_meant })
    }

    /// The text with what is meant replaced; `None` if there is none.
    pub(super) fn replace(&self, text: &str, mask: impl Fn(&str) -> String) -> Option<String> {
        let mut found = false;
        let replaced = self.pattern.replace_all(text, |captures: &Captures<'_>| {
            let part = &captures[0];
            if !(self.is_meant)(part) {
                return part.to_owned();
            }
            found = true;
            mask(part)
        });
        let replaced = replaced.into_owned();
        found.then_some(replaced)
    }
}

/// Luhn's sum over the digits.
fn has_check_digit(text: &str) -> bool {
    let digits = text.bytes().rev().filter(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'));
    let weighted = digits.enumerate().map(|(place, digit)| match (place % 2, digit) {
        (0, digit) => digit,
        (_, digit @ 5..) => digit * 2 - 9,
        (_, digit) => digit * 2,
    });
    weighted.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_replaced_and_nothing_else() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl";
        for (name, text, expected) in [
            (PresetName::CardNumbers, "pay 4111 1111 1111 1111 now", Some("pay # now")),
            (PresetName::CardNumbers, "4111111111111111", Some("#")),
            (PresetName::CardNumbers, "5500-0000-0000-0004,378282246310005", Some("#,#")),
            (PresetName::CardNumbers, "4111111111111112", None),
            (PresetName::CardNumbers, "order 1234567890123", None),
            (PresetName::CardNumbers, "41111111111111114111111111111111", None),
            (PresetName::EmailAddresses, "from jane.doe+x@mail.example.com.", Some("from #.")),
            (PresetName::EmailAddresses, "<A@B.CO>", Some("<#>")),
            (PresetName::EmailAddresses, "user@host", None),
            (PresetName::EmailAddresses, "@decorator.name", None),
            (PresetName::Tokens, "Authorization: Bearer abcdefgh.1234", Some("Authorization: #")),
            (PresetName::Tokens, jwt, Some("#")),
            (PresetName::Tokens, "AKIAIOSFODNN7EXAMPLE", Some("#")),
            (PresetName::Tokens, "ghp_0123456789abcdefghijABCDEFGHIJ012345 rest", Some("# rest")),
            (PresetName::Tokens, "a bearer of news", None),
        ] {
            let preset = Preset::new(name).expect("it compiles");
            assert_eq!(preset.replace(text, |_| "#".to_owned()).as_deref(), expected, "{text}");
        }
    }
}
