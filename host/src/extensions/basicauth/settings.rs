//! The section of the YAML.

use serde::{Deserialize, Serialize};

use super::htpasswd::Users;
use crate::config::{Check, Secret};

pub(super) const NO_SOURCE: &str = "no credential source provided";

/// `basicauth:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// For servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub htpasswd: Option<Htpasswd>,
    /// For clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
}

/// `htpasswd`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Htpasswd {
    /// A file in Apache's format.
    pub file: String,
    /// More of it.
    pub inline: Secret,
}

/// `client_auth`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientAuth {
    /// The name.
    pub username: String,
    /// A file that holds it, which wins.
    pub username_file: String,
    /// The password.
    pub password: Secret,
    /// A file that holds it, which wins.
    pub password_file: String,
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        match (&self.htpasswd, &self.client_auth) {
            (Some(_), Some(_)) => {
                check.problem("client_auth", "only one of `htpasswd` or `client_auth` can be specified");
            }
            (None, None) => check.problem_with_help("", NO_SOURCE, "htpasswd is for servers, client_auth for clients"),
            (Some(htpasswd), None) if htpasswd.file.is_empty() && htpasswd.inline.expose().is_empty() => {
                check.problem_with_help("htpasswd", NO_SOURCE, "htpasswd needs file or inline");
            }
            (Some(htpasswd), None) => {
                if let Err(why) = Users::parse(htpasswd.inline.expose()) {
                    check.problem("htpasswd.inline", why);
                }
            }
            (None, Some(client)) => client.check(check),
        }
    }
}

impl ClientAuth {
    fn check(&self, check: &mut Check<'_>) {
        if self.username.contains(':') {
            check.problem_with_help("client_auth.username", "invalid authorization format", "it can not have a colon");
        }
        if self.username.is_empty() && self.username_file.is_empty() {
            check.problem("client_auth", "requires a username or a username_file");
        }
        for (name, has_both) in [
            ("username", !self.username.is_empty() && !self.username_file.is_empty()),
            ("password", !self.password.expose().is_empty() && !self.password_file.is_empty()),
        ] {
            if has_both {
                check.warning(&format!("client_auth.{name}"), format!("{name} has no effect beside {name}_file"));
            }
        }
    }
}
