//! The Common Log Format of web servers, and the combined one with its two fields more.

use regex::Regex;

use super::super::arguments::{owned, string};
use super::super::{Literals, Made, pure};
use super::some;
use crate::{Map, Value, re2};

const COMMON: &str = r#"^(\S+) (\S+) (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\S+) (\S+)"#;
const COMBINED: &str = r#" "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)""#;

pub(super) fn parse_clf(literals: &Literals<'_>) -> Made {
    let format = literals.text(1)?.unwrap_or("clf").to_owned();
    let pattern = match &*format {
        "clf" => format!("{COMMON}$"),
        "combined" => format!("{COMMON}{COMBINED}$"),
        other => return Err(format!("invalid format {other:?}: must be \"clf\" or \"combined\"")),
    };
    let line = re2::compile(&pattern).map_err(|error| error.to_string())?;
    pure(move |a| parse(some(string(&a[0])?, "CLF")?, &line, &format))
}

fn parse<'a>(message: &str, line: &Regex, format: &str) -> Result<Value<'a>, String> {
    let Some(captures) = line.captures(message.trim()) else {
        return Err(format!("invalid CLF message: does not match expected {format:?} format"));
    };
    let mut entry = Map::default();
    for (index, name) in ["remote_host", "rfc931", "authuser", "timestamp"].into_iter().enumerate() {
        entry.insert(name, owned(&captures[index + 1]));
    }
    let request = unescape(&captures[5]);
    entry.insert("request", owned(request.as_str()));
    if let [method, uri, protocol] = *request.splitn(3, ' ').collect::<Vec<_>>() {
        entry.insert("method", owned(method));
        entry.insert("request_uri", owned(uri));
        entry.insert("protocol", owned(protocol));
    }
    entry.insert("status", Value::Int(number(&captures[6], "status code")?));
    if &captures[7] != "-" {
        entry.insert("bytes", Value::Int(number(&captures[7], "bytes value")?));
    }
    for (index, name) in [(8, "referer"), (9, "user_agent")] {
        if let Some(field) = captures.get(index) {
            entry.insert(name, owned(unescape(field.as_str())));
        }
    }
    Ok(Value::Map(entry))
}

fn number(text: &str, what: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("invalid {what} {text:?}: invalid syntax"))
}

/// Takes back what Apache and nginx do to quotes, control characters and bytes that do not print. What is no escape stays.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (meant, taken) = if byte == b'\\' { escaped(after) } else { (byte, 0) };
        plain.push(meant);
        rest = &after[taken..];
    }
    String::from_utf8(plain).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The byte that a backslash and what follows mean, and how many bytes of that are taken.
fn escaped(after: &[u8]) -> (u8, usize) {
    match after {
        [c @ (b'\\' | b'"'), ..] => (*c, 1),
        [b'n', ..] => (b'\n', 1),
        [b't', ..] => (b'\t', 1),
        [b'r', ..] => (b'\r', 1),
        [b'b', ..] => (8, 1),
        [b'f', ..] => (12, 1),
        [b'v', ..] => (11, 1),
        [b'x', high, low, ..] => match [*high, *low].map(|digit| char::from(digit).to_digit(16)) {
            [Some(high), Some(low)] => ((high * 16 + low) as u8, 3),
            _ => (b'\\', 0),
        },
        _ => (b'\\', 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, m, s};
    use crate::Value::{Int, Nil};

    #[test]
    fn reads_lines() {
        let common = [
            ("remote_host", s("127.0.0.1")),
            ("rfc931", s("-")),
            ("authuser", s("frank")),
            ("timestamp", s("10/Oct/2000:13:55:36 -0700")),
            ("request", s("GET /a.gif HTTP/1.0")),
            ("method", s("GET")),
            ("request_uri", s("/a.gif")),
            ("protocol", s("HTTP/1.0")),
            ("status", Int(200)),
            ("bytes", Int(2326)),
        ];
        let more = [("referer", s("http://x/")), ("user_agent", s("a \"b\"\t\u{e9}"))];
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326"#;
        let combined = concat!(
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326"#,
            r#" "http://x/" "a \"b\"\t\xc3\xa9""#
        );
        let odd = m([
            ("remote_host", s("::1")),
            ("rfc931", s("-")),
            ("authuser", s("-")),
            ("timestamp", s("t")),
            ("request", s(r"\q-\xzz")),
            ("status", Int(400)),
        ]);
        check(&[
            ("ParseCLF", &[s(line)], Ok(m(common.clone()))),
            ("ParseCLF", &[s(line), s("clf")], Ok(m(common.clone()))),
            ("ParseCLF", &[s(combined), s("combined")], Ok(m(common.into_iter().chain(more)))),
            ("ParseCLF", &[s(" ::1 - - [t] \"\\q-\\xzz\" 400 -\n")], Ok(odd)),
            ("ParseCLF", &[s(line), s("combined")], Err("does not match expected \"combined\" format")),
            ("ParseCLF", &[s(combined)], Err("does not match expected \"clf\" format")),
            ("ParseCLF", &[s(r#"h - - [t] "r" x 1"#)], Err("invalid status code \"x\"")),
            ("ParseCLF", &[s(r#"h - - [t] "r" 200 x"#)], Err("invalid bytes value \"x\"")),
            ("ParseCLF", &[s("x"), s("apache")], Err("invalid format \"apache\"")),
            ("ParseCLF", &[s("")], Err("cannot parse empty CLF message")),
            ("ParseCLF", &[Nil], Err("expected string but got nil")),
        ]);
    }
}
