//! JSON into values. Numbers are doubles, as in Go; nesting is bounded by `serde_json` (128 levels).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Value;

/// The list or map that a text is. Its strings are parts of the text where they have no escapes.
pub(super) fn parse<'a>(text: &Cow<'a, str>) -> Result<Value<'a>, String> {
    match text {
        Cow::Borrowed(text) => parse_borrowed(text),
        Cow::Owned(text) => parse_borrowed(text).map(Value::into_owned),
    }
}

fn parse_borrowed(text: &str) -> Result<Value<'_>, String> {
    let Json(value) = serde_json::from_str(text).map_err(|error| format!("could not parse JSON: {error}"))?;
    match value {
        Value::List(_) | Value::Map(_) => Ok(value),
        other => {
            let found = other.type_name();
            Err(format!("could not convert parsed value of type {found} to JSON object"))
        }
    }
}

struct Json<'a>(Value<'a>);

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

/// A key, which is borrowed if it can be; a `Cow` of serde's never is.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)?.0 {
            Value::Str(key) => Ok(Self(key)),
            _ => Err(serde::de::Error::custom("a key that is no string")),
        }
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(boolean))
    }

    fn visit_i64<E>(self, int: i64) -> Result<Value<'de>, E> {
        Ok(Value::Double(int as f64))
    }

    fn visit_u64<E>(self, int: u64) -> Result<Value<'de>, E> {
        Ok(Value::Double(int as f64))
    }

    fn visit_f64<E>(self, double: f64) -> Result<Value<'de>, E> {
        Ok(Value::Double(double))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Str(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        let mut read = Vec::new();
        while let Some((Key(key), Json(value))) = entries.next_entry()? {
            read.push((key, value));
        }
        Ok(Value::Map(read.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{call, check, l, m, s};
    use crate::Value::{Bool, Double, Int, Nil};

    #[test]
    fn reads_json() {
        check(&[
            ("ParseJSON", &[s(r#"{"a":true,"b":null,"c":1,"d":-2.5e1}"#)], {
                Ok(m([("a", Bool(true)), ("b", Nil), ("c", Double(1.0)), ("d", Double(-25.0))]))
            }),
            ("ParseJSON", &[s(r#" ["x","\u00e9\n",{"k":[]}] "#)], Ok(l([s("x"), s("é\n"), m([("k", l([]))])]))),
            ("ParseJSON", &[s(r#"{"a":1,"a":2}"#)], Ok(m([("a", Double(2.0))]))),
            (
                "ParseJSON",
                &[s(r#"{"big":18446744073709551616}"#)],
                Ok(m([("big", Double(18_446_744_073_709_551_616.0))])),
            ),
            ("ParseJSON", &[s("{}")], Ok(m([]))),
            ("ParseJSON", &[s("1")], Err("could not convert parsed value of type float64 to JSON object")),
            ("ParseJSON", &[s("null")], Err("could not convert parsed value of type nil")),
            ("ParseJSON", &[s(r#"{"a":1} x"#)], Err("could not parse JSON: trailing characters")),
            ("ParseJSON", &[s("")], Err("could not parse JSON: EOF")),
            ("ParseJSON", &[Int(1)], Err("expected string but got int64")),
            ("ParseJSON", &[Nil], Err("expected string but got nil")),
        ]);
    }

    #[test]
    fn bounds_nesting() {
        let deep: &'static str = "[".repeat(100_000).leak();
        assert!(call("ParseJSON", &[s(deep)]).is_err_and(|message| message.contains("recursion limit")));
    }
}
