//! `key=value` pairs.

use super::super::arguments::{map, owned, string};
use super::super::text::as_string;
use super::super::{Literals, Made, pure};
use crate::{Map, Value};

/// What separates keys from values, and pairs from pairs.
fn delimiters(literals: &Literals<'_>) -> Result<(String, String), String> {
    let delimiter = literals.text(1)?.unwrap_or("=");
    let pair_delimiter = literals.text(2)?.unwrap_or(" ");
    if delimiter.is_empty() {
        return Err("delimiter cannot be set to an empty string".to_owned());
    }
    if pair_delimiter.is_empty() {
        return Err("pair delimiter cannot be set to an empty string".to_owned());
    }
    if delimiter == pair_delimiter {
        return Err(format!("pair delimiter {pair_delimiter:?} cannot be equal to delimiter {delimiter:?}"));
    }
    Ok((delimiter.to_owned(), pair_delimiter.to_owned()))
}

pub(super) fn parse_key_value(literals: &Literals<'_>) -> Made {
    let (delimiter, pair_delimiter) = delimiters(literals)?;
    pure(move |a| {
        let source = string(&a[0])?;
        if source.is_empty() {
            return Err("cannot parse from empty target".to_owned());
        }
        let pairs = split_unquoted(source, &pair_delimiter)
            .map_err(|why| format!("splitting source {source:?} into pairs failed: {why}"))?;
        let parsed = pairs.iter().map(|pair| match pair.split_once(&*delimiter) {
            Some((key, value)) => Ok((key.trim().to_owned().into(), owned(value.trim()))),
            None => {
                Err(format!("failed to split pairs into key-values: cannot split {pair:?} into 2 items, got 1 item(s)"))
            }
        });
        Ok(Value::Map(parsed.collect::<Result<Map<'_>, String>>()?))
    })
}

/// The parts between delimiters that are not within quotes, without the quotes; empty ones are left out.
fn split_unquoted(text: &str, delimiter: &str) -> Result<Vec<String>, String> {
    let (mut parts, mut part, mut quote) = (Vec::new(), String::new(), None);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if quote.is_none() && rest.starts_with(delimiter) {
            parts.push(std::mem::take(&mut part));
            rest = &rest[delimiter.len()..];
            continue;
        }
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => part.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if quote.is_some() {
        return Err("never reached the end of a quoted value".to_owned());
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    Ok(parts)
}

pub(super) fn to_key_value_string(literals: &Literals<'_>) -> Made {
    let (delimiter, pair_delimiter) = delimiters(literals)?;
    let sorts = literals.boolean(3)?.unwrap_or_default();
    pure(move |a| {
        let mut entries: Vec<_> = map(&a[0])?.iter().collect();
        if sorts {
            entries.sort_by_key(|(key, _)| *key);
        }
        let quoted = |text: &str| {
            let escaped = text.replace('"', "\\\"");
            match escaped.contains(&*delimiter) || escaped.contains(&*pair_delimiter) {
                true => format!("\"{escaped}\""),
                false => escaped,
            }
        };
        let pairs: Result<Vec<_>, String> = entries
            .into_iter()
            .map(|(key, value)| Ok(format!("{}{delimiter}{}", quoted(key), quoted(&as_string(value)?))))
            .collect();
        Ok(owned(pairs?.join(&pair_delimiter)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{b, check, l, m, s};
    use crate::Value::{Bool, Double, Int, Nil};

    #[test]
    fn reads_pairs() {
        let abc = m([("k1", s("v1")), ("k2", s("v2")), ("k3", s("v3"))]);
        check(&[
            ("ParseKeyValue", &[s("k1=v1 k2=v2 k3=v3")], Ok(abc.clone())),
            ("ParseKeyValue", &[s("k1!v1_k2!v2_k3!v3"), s("!"), s("_")], Ok(abc.clone())),
            ("ParseKeyValue", &[s("  k1=v1  k2==v2 ")], Ok(m([("k1", s("v1")), ("k2", s("=v2"))]))),
            (
                "ParseKeyValue",
                &[s("k1='a b' k2=\"it's\" k3=é")],
                Ok(m([("k1", s("a b")), ("k2", s("it's")), ("k3", s("é"))])),
            ),
            ("ParseKeyValue", &[s("a=1 a=2 b=")], Ok(m([("a", s("2")), ("b", s(""))]))),
            ("ParseKeyValue", &[s("k1=>v1||k2=>v2||k3=>v3"), s("=>"), s("||")], Ok(abc)),
            ("ParseKeyValue", &[s("a b=1")], Err("cannot split \"a\" into 2 items, got 1 item(s)")),
            ("ParseKeyValue", &[s("a='1")], Err("never reached the end of a quoted value")),
            ("ParseKeyValue", &[s("")], Err("cannot parse from empty target")),
            ("ParseKeyValue", &[s("a"), s("")], Err("delimiter cannot be set to an empty string")),
            ("ParseKeyValue", &[s("a"), Nil, s("")], Err("pair delimiter cannot be set to an empty string")),
            ("ParseKeyValue", &[s("a"), s(" ")], Err("pair delimiter \" \" cannot be equal to delimiter \" \"")),
            ("ParseKeyValue", &[Nil], Err("expected string but got nil")),
        ]);
    }

    #[test]
    fn writes_pairs() {
        check(&[
            ("ToKeyValueString", &[m([("k2", s("v2")), ("k1", s("v1"))])], Ok(s("k2=v2 k1=v1"))),
            ("ToKeyValueString", &[m([("k2", s("v2")), ("k1", s("v1"))]), Nil, Nil, Bool(true)], Ok(s("k1=v1 k2=v2"))),
            ("ToKeyValueString", &[m([("a", Int(1)), ("b", Double(2.5))]), s(":"), s(",")], Ok(s("a:1,b:2.5"))),
            ("ToKeyValueString", &[m([("k1", s("v=2")), ("k2", s("\"v=3\"")), ("k 3", Nil)])], {
                Ok(s(r#"k1="v=2" k2="\"v=3\"" "k 3"="#))
            }),
            ("ToKeyValueString", &[m([("k", m([("l", l([s("v"), Bool(true)]))])), ("b", b(&[0xff]))])], {
                Ok(s(r#"k={\"l\":[\"v\",true]} b="/w==""#))
            }),
            ("ToKeyValueString", &[m([])], Ok(s(""))),
            ("ToKeyValueString", &[s("a")], Err("expected pcommon.Map but got string")),
            ("ToKeyValueString", &[m([]), s("")], Err("delimiter cannot be set to an empty string")),
            ("ToKeyValueString", &[m([]), Nil, Nil, s("yes")], Err("must be a bool")),
        ]);
    }
}
