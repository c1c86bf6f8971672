//! The section of the YAML.

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::config::{Check, ComponentId, Secret};
use crate::net::auth::{Reference, Side};

/// `headers_setter:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What to do, in this order.
    pub headers: Vec<Header>,
    /// Another authenticator for clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_auth: Option<ComponentId>,
}

/// An element of `headers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Header {
    /// What to do.
    pub action: Action,
    /// With which header.
    pub key: String,
    /// The value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_file: Option<String>,
    /// What the client sent under this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_context: Option<String>,
    /// What its authenticator found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_attribute: Option<String>,
    /// Where there is nothing of these two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_value: Option<Secret>,
}

/// `action`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// If there is none.
    Insert,
    /// If there is one.
    Update,
    /// In any case.
    #[default]
    Upsert,
    /// Away with it.
    Delete,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum From {
    Nothing,
    Value(String),
    File(String),
    Metadata(String),
    Identity(String),
}

impl Header {
    /// Where its value comes from, or what is wrong with that, in the collector's words.
    pub(super) fn from(&self) -> Result<From, String> {
        let context = |name: &String| match name.strip_prefix("auth.") {
            Some(attribute) => From::Identity(attribute.to_owned()),
            None => From::Metadata(name.strip_prefix("metadata.").unwrap_or(name).to_lowercase()),
        };
        let given = [
            self.value.as_ref().map(|value| From::Value(value.expose().to_owned())),
            self.value_file.clone().map(From::File),
            self.from_context.as_ref().map(context),
            self.from_attribute.clone().map(From::Identity),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            _ if self.action == Action::Delete => Ok(From::Nothing),
            (Some(from), None) => Ok(from),
            (None, _) => {
                Err("missing header source, must be 'from_context', 'from_attribute', 'value', or 'value_file'"
                    .to_owned())
            }
            (Some(_), Some(_)) => Err(
                "invalid header source, must be only one of 'from_context', 'from_attribute', 'value', or 'value_file'"
                    .to_owned(),
            ),
        }
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.headers.is_empty() {
            check.problem("", "missing headers configuration");
        }
        for (index, header) in self.headers.iter().enumerate() {
            let at = format!("headers.{index}");
            if header.key.is_empty() {
                check.problem(&at, "missing header name");
            } else if header.key.parse::<HeaderName>().is_err() {
                check.problem(&format!("{at}.key"), format!("invalid header name {:?}", header.key));
            }
            if let Err(why) = header.from() {
                check.problem(&at, why);
            }
            for (name, value) in [("value", &header.value), ("default_value", &header.default_value)] {
                if value.as_ref().is_some_and(|value| HeaderValue::from_str(value.expose()).is_err()) {
                    check.problem(&format!("{at}.{name}"), "it can not stand in a header");
                }
            }
            let is_looked_up = header.from_context.is_some() || header.from_attribute.is_some();
            if header.default_value.is_some() && !is_looked_up {
                check.warning(
                    &format!("{at}.default_value"),
                    "default_value has no effect without from_context or from_attribute",
                );
            }
        }
    }

    fn references(&self) -> Vec<Reference> {
        let additional = self.additional_auth.clone();
        additional
            .map(|id| Reference { at: "additional_auth".to_owned(), id, side: Side::Client })
            .into_iter()
            .collect()
    }
}
