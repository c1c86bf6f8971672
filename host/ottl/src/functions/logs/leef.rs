//! The Log Event Extended Format of `QRadar`: `LEEF:1.0|vendor|product|version|event|key=value<tab>…`; 2.0 names its delimiter.

use std::borrow::Cow;

use super::super::arguments::owned;
use crate::{Map, Value};

const HEADER: [&str; 4] = ["vendor", "product_name", "product_version", "event_id"];

pub(super) fn parse<'a>(message: &str) -> Result<Value<'a>, String> {
    let start = message.find("LEEF:").ok_or("invalid LEEF message: 'LEEF:' not found")?;
    let message = &message[start + "LEEF:".len()..];
    let (version, rest) = message.split_once('|').ok_or("invalid LEEF message: missing pipe delimiter in header")?;
    let names = match version {
        "1.0" => "vendor, product, version, eventID",
        "2.0" => "vendor, product, version, eventID, delimiter",
        other => return Err(format!("unsupported LEEF version: {other} (supported: 1.0, 2.0)")),
    };
    let needed = HEADER.len() + usize::from(version == "2.0");
    let fields: Vec<_> = rest.splitn(needed + 1, '|').collect();
    if fields.len() < needed {
        let found = fields.len();
        return Err(format!("invalid LEEF {version} header: expected at least {needed} fields ({names}), got {found}"));
    }
    let delimiter = match version {
        "2.0" => delimiter(fields[HEADER.len()]).map_err(|why| format!("invalid LEEF 2.0 delimiter: {why}"))?,
        _ => Cow::Borrowed("\t"),
    };
    let mut event = Map::default();
    event.insert("version", owned(version));
    for (name, field) in HEADER.into_iter().zip(&fields) {
        event.insert(name, owned(*field));
    }
    event.insert("attributes", Value::Map(attributes(fields.get(needed).copied().unwrap_or_default(), &delimiter)));
    Ok(Value::Map(event))
}

/// A text, or a byte as `0x09`; a tab if there is none.
fn delimiter(text: &str) -> Result<Cow<'_, str>, String> {
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        return Ok(Cow::Borrowed(if text.is_empty() { "\t" } else { text }));
    };
    match hex::decode(digits).as_deref() {
        Ok([byte]) => Ok(Cow::Owned(char::from(*byte).to_string())),
        Ok(bytes) => Err(format!("hex delimiter must decode to a single byte, got {} bytes", bytes.len())),
        Err(error) => Err(format!("invalid hex delimiter {text:?}: {error}")),
    }
}

fn attributes<'a>(text: &str, delimiter: &str) -> Map<'a> {
    let pairs = text.split(delimiter).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(key, _)| !key.is_empty()).map(|(key, value)| (key.to_owned().into(), owned(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, m, s};
    use crate::Value;

    fn event(version: &'static str, attributes: Value<'static>) -> Value<'static> {
        m([
            ("version", s(version)),
            ("vendor", s("Microsoft")),
            ("product_name", s("MSExchange")),
            ("product_version", s("4.0 SP1")),
            ("event_id", s("15345")),
            ("attributes", attributes),
        ])
    }

    #[test]
    fn reads_events() {
        let addresses = m([("src", s("192.0.2.0")), ("dst", s("172.50.123.1=x"))]);
        check(&[
            (
                "ParseLEEF",
                &[s(
                    "Jan 18 host LEEF:1.0|Microsoft|MSExchange|4.0 SP1|15345|src=192.0.2.0\tdst=172.50.123.1=x\tnoise\t=x",
                )],
                Ok(event("1.0", addresses.clone())),
            ),
            (
                "ParseLEEF",
                &[s("LEEF:2.0|Microsoft|MSExchange|4.0 SP1|15345|^|src=192.0.2.0^dst=172.50.123.1=x")],
                Ok(event("2.0", addresses.clone())),
            ),
            (
                "ParseLEEF",
                &[s("LEEF:2.0|Microsoft|MSExchange|4.0 SP1|15345|0x7C|src=192.0.2.0|dst=172.50.123.1=x")],
                Ok(event("2.0", addresses.clone())),
            ),
            (
                "ParseLEEF",
                &[s("LEEF:2.0|Microsoft|MSExchange|4.0 SP1|15345||src=192.0.2.0\tdst=172.50.123.1=x")],
                Ok(event("2.0", addresses)),
            ),
            ("ParseLEEF", &[s("LEEF:1.0|Microsoft|MSExchange|4.0 SP1|15345")], Ok(event("1.0", m([])))),
            (
                "ParseLEEF",
                &[s("LEEF:1.0|a|b|c")],
                Err("expected at least 4 fields (vendor, product, version, eventID), got 3"),
            ),
            ("ParseLEEF", &[s("LEEF:2.0|a|b|c|d")], Err("invalid LEEF 2.0 header: expected at least 5 fields")),
            ("ParseLEEF", &[s("LEEF:2.0|a|b|c|d|0x|")], Err("must decode to a single byte, got 0 bytes")),
            ("ParseLEEF", &[s("LEEF:2.0|a|b|c|d|0xzz|")], Err("invalid hex delimiter \"0xzz\"")),
            ("ParseLEEF", &[s("LEEF:3.0|a")], Err("unsupported LEEF version: 3.0 (supported: 1.0, 2.0)")),
            ("ParseLEEF", &[s("LEEF:1.0")], Err("missing pipe delimiter")),
            ("ParseLEEF", &[s("x")], Err("'LEEF:' not found")),
            ("ParseLEEF", &[s("")], Err("cannot parse empty LEEF message")),
            ("ParseLEEF", &[Value::Nil], Err("expected string but got nil")),
        ]);
    }
}
