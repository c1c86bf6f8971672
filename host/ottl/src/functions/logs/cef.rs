//! The Common Event Format of `ArcSight`: `CEF:0|vendor|product|version|class|name|severity|key=value …`.

use super::super::arguments::owned;
use crate::{Map, Value};

const HEADER: [&str; 6] = [
    "cef.device_vendor",
    "cef.device_product",
    "cef.device_version",
    "cef.device_event_class_id",
    "cef.name",
    "cef.severity",
];

pub(super) fn parse<'a>(message: &str) -> Result<Value<'a>, String> {
    let start = message.find("CEF:").ok_or("invalid CEF message: 'CEF:' not found")?;
    let (fields, extension) = split_header(&message[start + "CEF:".len()..]);
    let [version, header @ ..] = &*fields else { return Err("invalid CEF message: missing version".to_owned()) };
    if header.len() < HEADER.len() {
        return Err(format!(
            "invalid CEF header: expected at least 7 pipe-delimited fields (CEF:Version, Device Vendor, Device Product, Device \
             Version, Device Event Class ID, Name, Severity), got {}",
            fields.len()
        ));
    }
    if version.is_empty() {
        return Err("invalid CEF message: missing version".to_owned());
    }
    let mut event = Map::default();
    event.insert("cef.version", owned(*version));
    for (name, field) in HEADER.into_iter().zip(header) {
        event.insert(name, owned(unescape(field, |c| matches!(c, '|' | '\\').then_some(c))));
    }
    event.insert("cef.extensions", Value::Map(extensions(extension)));
    Ok(Value::Map(event))
}

/// The fields before the seventh pipe that is not escaped, and what comes after it.
fn split_header(text: &str) -> (Vec<&str>, &str) {
    let (mut fields, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'|' if !is_escaped => {
                fields.push(&text[start..at]);
                start = at + 1;
                if fields.len() > HEADER.len() {
                    return (fields, &text[start..]);
                }
            }
            b'\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            _ => {}
        }
        is_escaped = false;
    }
    fields.push(&text[start..]);
    (fields, "")
}

/// Replaces what follows backslashes, where there is a replacement.
fn unescape(text: &str, replacement: impl Fn(char) -> Option<char>) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek().copied().filter(|_| c == '\\').and_then(&replacement) {
            Some(meant) => {
                plain.push(meant);
                chars.next();
            }
            None => plain.push(c),
        }
    }
    plain
}

/// Values may have spaces: they go on to the next word that is followed by an equals sign.
fn extensions<'a>(text: &str) -> Map<'a> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let starts_word = at == 0 || text.as_bytes()[at - 1] == b' ';
        match key_len(&text.as_bytes()[at..]).filter(|_| starts_word) {
            Some(len) => {
                found.push((at, at + len));
                at += len + 1;
            }
            None => at += 1,
        }
    }
    let pairs = found.iter().enumerate().map(|(index, (start, end))| {
        let value_end = found.get(index + 1).map_or(text.len(), |(next, _)| *next);
        let value = text[end + 1..value_end].trim_end_matches(' ');
        let value = unescape(value, |c| match c {
            '\\' | '=' => Some(c),
            'n' => Some('\n'),
            'r' => Some('\r'),
            _ => None,
        });
        (text[*start..*end].to_owned().into(), owned(value))
    });
    pairs.collect()
}

/// The length of a key, if an equals sign follows.
fn key_len(text: &[u8]) -> Option<usize> {
    let len = text.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
    (len > 0 && text[len] == b'=').then_some(len)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, m, s};
    use crate::Value;

    fn event(vendor: &'static str, name: &'static str, extensions: Value<'static>) -> Value<'static> {
        m([
            ("cef.version", s("0")),
            ("cef.device_vendor", s(vendor)),
            ("cef.device_product", s("threatmanager")),
            ("cef.device_version", s("1.0")),
            ("cef.device_event_class_id", s("100")),
            ("cef.name", s(name)),
            ("cef.severity", s("10")),
            ("cef.extensions", extensions),
        ])
    }

    #[test]
    fn reads_events() {
        check(&[
            (
                "ParseCEF",
                &[s(
                    "Sep 19 08:26:10 host CEF:0|Security|threatmanager|1.0|100|worm stopped|10|src=10.0.0.1 msg=a b  dst=2.1.2.2",
                )],
                Ok(event(
                    "Security",
                    "worm stopped",
                    m([("src", s("10.0.0.1")), ("msg", s("a b")), ("dst", s("2.1.2.2"))]),
                )),
            ),
            ("ParseCEF", &[s(r"CEF:0|A\|B\\|threatmanager|1.0|100|é|10|")], Ok(event(r"A|B\", "é", m([])))),
            ("ParseCEF", &[s("CEF:0|A|threatmanager|1.0|100|x|10")], Ok(event("A", "x", m([])))),
            (
                "ParseCEF",
                &[s(r"CEF:0|A|threatmanager|1.0|100|x|10|msg=a\=b\nc\\d\t url=http://x/?q=1 a|b=c")],
                Ok(event("A", "x", m([("msg", s("a=b\nc\\d\\t")), ("url", s("http://x/?q=1 a|b=c"))]))),
            ),
            ("ParseCEF", &[s("CEF:0|A|threatmanager|1.0|100|x")], Err("expected at least 7 pipe-delimited fields")),
            ("ParseCEF", &[s("CEF:|A|threatmanager|1.0|100|x|10")], Err("missing version")),
            ("ParseCEF", &[s("0|A")], Err("'CEF:' not found")),
            ("ParseCEF", &[s("")], Err("cannot parse empty CEF message")),
            ("ParseCEF", &[Value::Nil], Err("expected string but got nil")),
        ]);
    }
}
