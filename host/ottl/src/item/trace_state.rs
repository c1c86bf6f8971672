//! W3C `tracestate`: a list of keys and values in one string.

use crate::{Key, Value, codec};

/// What the specification allows.
const MAX_MEMBERS: usize = 32;

/// The whole, or the value of a key: empty if it is not there, nil if the list can not be read.
pub(super) fn get<'s>(text: &'s [u8], keys: &[Key]) -> Result<Value<'s>, String> {
    let text = codec::text(text);
    let Some(key) = only(keys)? else { return Ok(Value::Str(text)) };
    let Some(members) = parse(&text) else { return Ok(Value::Nil) };
    let value = members.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
    Ok(Value::Str(value.to_owned().into()))
}

/// The list with a key set: it stands first. None if the list, the key or the value are none, which changes nothing in the
/// collector.
pub(super) fn with(text: &[u8], key: &str, value: &str) -> Option<String> {
    let text = codec::text(text);
    let members = parse(&text)?;
    if !is_key(key) || !is_value(value) {
        return None;
    }
    let mut out = format!("{key}={value}");
    for (name, value) in members.iter().filter(|(name, _)| *name != key).take(MAX_MEMBERS - 1) {
        out.push(',');
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    Some(out)
}

/// The key, if there is one.
pub(super) fn only(keys: &[Key]) -> Result<Option<&str>, String> {
    match keys {
        [] => Ok(None),
        [Key::Str(key)] => Ok(Some(key)),
        [Key::Int(_)] => Err("trace_state indexing type must be a string".to_owned()),
        _ => Err("must provide exactly 1 key when accessing trace_state".to_owned()),
    }
}

fn parse(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty()) {
        let (key, value) = member.split_once('=')?;
        if !is_key(key) || !is_value(value) || all.iter().any(|(known, _)| *known == key) || all.len() == MAX_MEMBERS {
            return None;
        }
        all.push((key, value));
    }
    Some(all)
}

fn is_key(key: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |byte: u8| is_start(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/');
    let fits = |part: &str, max: usize| {
        part.len() <= max && part.as_bytes().first().is_some_and(|first| is_start(*first)) && part.bytes().all(is_part)
    };
    match key.split_once('@') {
        None => fits(key, 256),
        Some((tenant, system)) => fits(tenant, 241) && fits(system, 14),
    }
}

fn is_value(value: &str) -> bool {
    let is_part = |byte: u8| matches!(byte, 0x20..=0x7e) && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_part) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_set() {
        let key = |key: &str| [Key::Str(key.into())];
        let get = |text: &'static str, name: &str| get(text.as_bytes(), &key(name)).unwrap();
        assert_eq!(get("a=1, b=2", "b"), "2".into());
        assert_eq!(get("a=1,b=2", "c"), "".into());
        assert_eq!(get("no list", "a"), Value::Nil);
        let cases = [
            ("a=1,b=2", "b", "3", Some("b=3,a=1")),
            ("a=1", "c", "3", Some("c=3,a=1")),
            ("", "c", "3", Some("c=3")),
            ("a=1", "C", "3", None),
            ("a=1", "c", "3,4", None),
            ("a=1", "c", "", None),
            ("bad", "c", "3", None),
            ("a=1", "t@s", "3", Some("t@s=3,a=1")),
        ];
        for (text, key, value, expected) in cases {
            assert_eq!(with(text.as_bytes(), key, value).as_deref(), expected, "{text} {key}={value}");
        }
    }

    #[test]
    fn the_list_has_a_bound() {
        let full = (0..MAX_MEMBERS).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join(",");
        let more = with(full.as_bytes(), "new", "v").unwrap();
        assert_eq!(more.split(',').count(), MAX_MEMBERS);
        assert!(more.starts_with("new=v,k0=v") && !more.contains("k31"));
    }
}
