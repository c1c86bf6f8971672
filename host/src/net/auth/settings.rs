//! The `auth` sections, and what they refer to.

use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::config::{Check, ComponentId};
use crate::net::exposure;

/// `auth` of a client, and of a server of gRPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Off: as if the section were not there.
    pub enabled: bool,
    /// An extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticator: Option<ComponentId>,
}

/// `auth` of a server of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpServerAuth {
    /// Off: as if the section were not there.
    pub enabled: bool,
    /// An extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticator: Option<ComponentId>,
    /// Query parameters that it sees as if they were headers.
    pub request_params: Vec<String>,
}

/// For whom an extension authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It checks what clients show.
    Server,
    /// It shows something to servers.
    Client,
}

/// The sides of one extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// It authenticates for servers.
    pub server: bool,
    /// It authenticates for clients.
    pub client: bool,
}

/// A component's mention of an authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it stands in the component, with dots.
    pub at: String,
    /// The extension.
    pub id: ComponentId,
    /// What it is wanted as.
    pub side: Side,
}

impl Default for Auth {
    fn default() -> Self {
        Self { enabled: true, authenticator: None }
    }
}

impl Default for HttpServerAuth {
    fn default() -> Self {
        Self { enabled: true, authenticator: None, request_params: Vec::new() }
    }
}

impl Sides {
    /// Servers alone.
    pub const SERVER: Self = Self { server: true, client: false };
    /// Clients alone.
    pub const CLIENT: Self = Self { server: false, client: true };
    /// Both.
    pub const BOTH: Self = Self { server: true, client: true };

    /// Whether `side` is one of them.
    pub fn has(self, side: Side) -> bool {
        match side {
            Side::Server => self.server,
            Side::Client => self.client,
        }
    }
}

impl Auth {
    /// The extension, if there is to be one.
    pub fn id(&self) -> Option<&ComponentId> {
        self.authenticator.as_ref().filter(|_| self.enabled)
    }

    /// Reports what is wrong; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        if self.enabled && self.authenticator.is_none() {
            check.problem(at, "requires an \"authenticator\"");
        }
    }

    /// What it refers to.
    pub fn reference(&self, at: &str, side: Side) -> Option<Reference> {
        self.id().map(|id| Reference { at: format!("{at}.authenticator"), id: id.clone(), side })
    }
}

impl HttpServerAuth {
    /// The part that other protocols have too.
    pub fn common(&self) -> Auth {
        Auth { enabled: self.enabled, authenticator: self.authenticator.clone() }
    }

    /// Reports what is wrong; `at` is where the section stands in the component.
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        self.common().check(at, check);
        for (index, name) in self.request_params.iter().enumerate() {
            if name.parse::<HeaderName>().is_err() {
                check.problem(
                    &format!("{at}.request_params.{index}"),
                    format!("{name:?} can not be passed as a header"),
                );
            }
        }
    }
}

/// Warns that a client shows its credentials on a connection that others can read.
pub fn warn_of_plaintext(at: &str, auth: Option<&Auth>, host: &str, is_plaintext: bool, check: &mut Check<'_>) {
    if let Some(id) = auth.and_then(Auth::id)
        && is_plaintext
        && !exposure::is_loopback(host)
    {
        let message = format!(
            "what {:?} adds travels in the clear to {host}, as this exporter does not use TLS: fine inside a mesh that encrypts, and \
             nowhere else",
            id.to_string()
        );
        check.warning(at, message);
    }
}
