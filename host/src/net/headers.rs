//! Headers in configuration: a map `name: value`, or a list of `{name, value}`. Values are secrets.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::{Check, Secret};

/// Names and values in the order written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Secret)>);

impl Headers {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Reports names and values that can not be sent; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        for (name, value) in &self.0 {
            if name.parse::<HeaderName>().is_err() {
                check.problem(at, format!("invalid header name {name:?}"));
            }
            if HeaderValue::from_str(value.expose()).is_err() {
                check.problem(at, format!("invalid value of header {name:?}"));
            }
        }
    }

    /// What is sent. Values are marked as sensitive, so that they are neither indexed nor printed.
    pub fn to_map(&self) -> HeaderMap {
        let sendable = |(name, value): &(String, Secret)| {
            let mut value = HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((name.parse::<HeaderName>().ok()?, value))
        };
        self.0.iter().filter_map(sendable).collect()
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

/// An element of the list form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    name: String,
    #[serde(default)]
    value: Secret,
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_unit<E>(self) -> Result<Headers, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = map.next_entry()? {
            headers.push(header);
        }
        Ok(Headers(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(Pair { name, value }) = list.next_element()? {
            headers.push((name, value));
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_and_a_list_say_the_same() {
        let map: Headers = serde_yaml::from_str("api-key: k\nx-scope: s").unwrap();
        let list: Headers = serde_yaml::from_str("[{name: api-key, value: k}, {name: x-scope, value: s}]").unwrap();
        assert_eq!(map, list);
        assert_eq!(map.to_map().get("api-key").unwrap(), "k");
        assert_eq!(serde_yaml::to_string(&list).unwrap(), "api-key: '[REDACTED]'\nx-scope: '[REDACTED]'\n");
        assert_eq!(serde_yaml::from_str::<Headers>("~").unwrap(), Headers::default());
        assert!(serde_yaml::from_str::<Headers>("[{name: a, valeu: b}]").is_err());
    }
}
