//! `basicauth` (also `basic_auth`): a name and a password, checked by servers against an htpasswd file, or shown by clients.
//!
//! ```yaml
//! extensions:
//!   basicauth/server:
//!     htpasswd:
//!       file: /etc/tailrace/htpasswd   # read again when it changes
//!       inline: |                      # wins over the file
//!         agent:$2y$10$…
//!   basicauth/client:
//!     client_auth: {username: agent, password: "${env:PASSWORD}"}   # or username_file, password_file; read again when they change
//! receivers:
//!   otlp: {protocols: {http: {auth: {authenticator: basicauth/server}}}}
//! exporters:
//!   otlp_http: {endpoint: "https://gateway:4318", auth: {authenticator: basicauth/client}}
//! ```
//!
//! Passwords are kept as bcrypt (`$2y$`, `$2a$`, `$2b$`), apr1 and md5crypt (`$apr1$`, `$1$`), SHA-crypt (`$5$`, `$6$`), `{SHA}`, `{SSHA}`, or
//! as they are. A line that is none of these is an error with its number. What a check costs is meant to be much: it is done on
//! threads of its own, few at a time, and remembered (as a hash) for clients that showed the right password. Beyond that
//! requests are refused, retryably. A batch carries `username` and `raw` (what was shown, in base64) as `auth.username` and `auth.raw`.

mod client;
mod htpasswd;
mod md5crypt;
mod server;
mod settings;

use std::sync::Arc;

use self::client::Shows;
use self::server::Checks;
pub use self::settings::{ClientAuth, Htpasswd, Settings};
use crate::net::auth::{Offer, Sides};
use crate::pipeline::{BuildError, Cx, Extension, Stop};

/// The extension.
pub enum BasicAuth {
    /// Checks.
    Server(Arc<Checks>),
    /// Shows.
    Client(Arc<Shows>),
}

impl Extension for BasicAuth {
    const TYPE: &'static str = "basicauth";
    const ALIASES: &'static [&'static str] = &["basic_auth"];
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        match (settings.htpasswd, settings.client_auth) {
            (Some(htpasswd), _) => Ok(Self::Server(Arc::new(Checks::new(htpasswd, cx)?))),
            (None, Some(client)) => Ok(Self::Client(Arc::new(Shows::new(&client, cx)?))),
            (None, None) => Err(BuildError::new(settings::NO_SOURCE)),
        }
    }

    async fn run(&self, stop: Stop) {
        match self {
            Self::Server(checks) => checks.follow(&stop).await,
            Self::Client(shows) => shows.follow(&stop).await,
        }
    }

    fn sides(settings: &Settings) -> Sides {
        if settings.htpasswd.is_some() { Sides::SERVER } else { Sides::CLIENT }
    }

    fn offer(self: Arc<Self>) -> Offer {
        match &*self {
            Self::Server(checks) => Offer { server: Some(checks.clone()), client: None },
            Self::Client(shows) => Offer { server: None, client: Some(shows.clone()) },
        }
    }
}

#[cfg(test)]
mod tests;
