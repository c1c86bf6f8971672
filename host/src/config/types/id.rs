//! The names of components and pipelines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tailrace_otlp::Signal;

/// `type[/name]`, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    /// The type as written (an alias stays an alias).
    pub kind: String,
    /// What stands after the slash.
    pub name: Option<String>,
}

/// `signal[/name]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipelineId {
    /// What flows through it.
    pub signal: Signal,
    /// What stands after the slash.
    pub name: Option<String>,
}

/// Why a text is not an id, in the collector's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing.
    #[error("id must not be empty")]
    Empty,
    /// Nothing before the slash.
    #[error("in {0:?} id: the part before / should not be empty")]
    NoType(String),
    /// Nothing after the slash.
    #[error("in {0:?} id: the part after / should not be empty")]
    NoName(String),
    /// A type must match `^[a-zA-Z][0-9a-zA-Z_]{0,62}$`.
    #[error("in {id:?} id: invalid character(s) in type {kind:?}")]
    BadType {
        /// The whole text.
        id: String,
        /// What stands before the slash.
        kind: String,
    },
    /// Longer than 1024 characters, or with spaces, control characters or symbols.
    #[error("in {id:?} id: invalid character(s) in name {name:?}")]
    BadName {
        /// The whole text.
        id: String,
        /// What stands after the slash.
        name: String,
    },
    /// Not a pipeline's signal.
    #[error("in {id:?} id: unknown pipeline signal: {signal:?}")]
    UnknownSignal {
        /// The whole text.
        id: String,
        /// What stands before the slash.
        signal: String,
    },
    /// The one signal that exists and is not supported.
    #[error(
        "pipeline {0:?}: profiling signal support is at alpha level, gated under the \"service.profilesSupport\" feature gate"
    )]
    Profiles(String),
}

impl FromStr for ComponentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (kind, name) = split(text)?;
        let mut letters = kind.chars();
        let starts_well = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
        if !starts_well || kind.len() > 63 || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(IdError::BadType { id: text.to_owned(), kind: kind.to_owned() });
        }
        Ok(Self { kind: kind.to_owned(), name })
    }
}

impl FromStr for PipelineId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (signal, name) = split(text)?;
        let signal = match signal {
            "traces" => Signal::Traces,
            "metrics" => Signal::Metrics,
            "logs" => Signal::Logs,
            "profiles" => return Err(IdError::Profiles(text.to_owned())),
            _ => return Err(IdError::UnknownSignal { id: text.to_owned(), signal: signal.to_owned() }),
        };
        Ok(Self { signal, name })
    }
}

fn split(text: &str) -> Result<(&str, Option<String>), IdError> {
    let (first, name) = match text.split_once('/') {
        Some((first, name)) => (first.trim(), Some(name.trim())),
        None => (text.trim(), None),
    };
    match (first, name) {
        ("", None) => Err(IdError::Empty),
        ("", Some(_)) => Err(IdError::NoType(text.to_owned())),
        (_, Some("")) => Err(IdError::NoName(text.to_owned())),
        (_, Some(name)) if !is_name(name) => Err(IdError::BadName { id: text.to_owned(), name: name.to_owned() }),
        (first, name) => Ok((first, name.map(str::to_owned))),
    }
}

/// At most 1024 characters, none of them of Unicode's classes Z (separators), C (control) and S (symbols); of the
/// symbols, those of ASCII.
fn is_name(name: &str) -> bool {
    name.chars().count() <= 1024
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || "$+<=>^`|~".contains(c))
}

macro_rules! as_text {
    ($type:ident, $first:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.name {
                    Some(name) => write!(f, "{}/{name}", self.$first),
                    None => write!(f, "{}", self.$first),
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

as_text!(ComponentId, kind);
as_text!(PipelineId, signal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_the_collector_does() {
        for (text, printed) in [
            ("otlp", Ok("otlp")),
            (" otlp / a b", Err(r#"in " otlp / a b" id: invalid character(s) in name "a b""#)),
            (" otlp / a ", Ok("otlp/a")),
            ("otlp/a/b", Ok("otlp/a/b")),
            ("otlp/\u{e9}", Ok("otlp/\u{e9}")),
            ("", Err("id must not be empty")),
            ("/x", Err(r#"in "/x" id: the part before / should not be empty"#)),
            ("otlp/", Err(r#"in "otlp/" id: the part after / should not be empty"#)),
            ("ot lp", Err(r#"in "ot lp" id: invalid character(s) in type "ot lp""#)),
            ("1otlp", Err(r#"in "1otlp" id: invalid character(s) in type "1otlp""#)),
            ("otlp/a=b", Err(r#"in "otlp/a=b" id: invalid character(s) in name "a=b""#)),
        ] {
            let read = text.parse::<ComponentId>().map(|id| id.to_string()).map_err(|error| error.to_string());
            assert_eq!(read, printed.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn pipelines_have_a_known_signal() {
        for (text, printed) in [
            ("traces", Ok("traces")),
            ("metrics/2", Ok("metrics/2")),
            ("foo", Err(r#"in "foo" id: unknown pipeline signal: "foo""#)),
            (
                "profiles",
                Err("pipeline \"profiles\": profiling signal support is at alpha level, gated under the \
                     \"service.profilesSupport\" feature gate"),
            ),
        ] {
            let read = text.parse::<PipelineId>().map(|id| id.to_string()).map_err(|error| error.to_string());
            assert_eq!(read, printed.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
