//! What stands between quotes.

/// The string in a token of one: escapes are Go's.
pub(crate) fn unquote(token: &str) -> Result<String, String> {
    let inside = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(token);
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find(['\\', '\n']) {
        let (before, special) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        rest = escape(special, &mut out).ok_or_else(|| invalid(token, special))?;
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).map_err(|_| format!("invalid quoted string {token}: not UTF-8; bytes are written as 0x…"))
}

fn invalid(token: &str, special: &str) -> String {
    let shown: String = special.chars().take(2).collect();
    let why = match shown.as_str() {
        "\n" => "a line break is written as \\n".to_owned(),
        _ => format!("{shown} is no escape; a backslash is written twice, as in \"\\\\d\""),
    };
    format!("invalid quoted string {token}: invalid syntax: {why}")
}

/// Appends what the escape at the start of `text` stands for; gives what follows it.
fn escape<'t>(text: &'t str, out: &mut Vec<u8>) -> Option<&'t str> {
    let rest = text.strip_prefix('\\')?;
    let kind = *rest.as_bytes().first()?;
    let plain = match kind {
        b'a' => Some(7),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(11),
        b'\\' | b'"' => Some(kind),
        _ => None,
    };
    if let Some(byte) = plain {
        out.push(byte);
        return rest.get(1..);
    }
    let (from, digits, radix) = match kind {
        b'x' => (1, 2, 16),
        b'u' => (1, 4, 16),
        b'U' => (1, 8, 16),
        b'0'..=b'7' => (0, 3, 8),
        _ => return None,
    };
    let digits = rest.get(from..from + digits).filter(|digits| !digits.starts_with('+'))?;
    let number = u32::from_str_radix(digits, radix).ok()?;
    match kind {
        b'u' | b'U' => {
            let mut buffer = [0; 4];
            out.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut buffer).as_bytes());
        }
        _ => out.push(u8::try_from(number).ok()?),
    }
    rest.get(from + digits.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        let cases = [
            (r#""plain""#, Some("plain")),
            (r#""a\"b\\c""#, Some("a\"b\\c")),
            (r#""\n\r\t\a\b\f\v""#, Some("\n\r\t\x07\x08\x0c\x0b")),
            (r#""\x41\101\u00e9\U0001F600""#, Some("AAé😀")),
            (r#""\d""#, None),
            (r#""\'""#, None),
            (r#""\x4""#, None),
            (r#""\x+4""#, None),
            (r#""\400""#, None),
            (r#""\ud800""#, None),
            (r#""\xff""#, None),
            ("\"two\nlines\"", None),
            (r#""\xc3\xa9""#, Some("é")),
        ];
        for (token, text) in cases {
            assert_eq!(unquote(token).ok().as_deref(), text, "{token}");
        }
    }
}
