//! `admin`: lets people ask a running host: `tailrace plugin reload`, `capture`, `explain`. Off unless configured.
//!
//! ```yaml
//! extensions:
//!   admin:                                         # $XDG_RUNTIME_DIR/tailrace/admin.sock, else /run/tailrace/admin.sock
//!   admin/elsewhere: {endpoint: /run/gateway/admin.sock}
//!   admin/tcp: {endpoint: "127.0.0.1:8899", token_file: /etc/tailrace/admin.token}
//!   admin/remote:
//!     endpoint: 0.0.0.0:8899
//!     token_file: /etc/tailrace/admin.token        # or auth: {authenticator: basicauth}
//!     tls: {cert_file: admin.crt, key_file: admin.key, client_ca_file: operators.crt}
//! service:
//!   extensions: [admin]
//! ```
//!
//! A socket is this user's alone (mode 0600, its directory is made with 0700). One that a dead process left behind is replaced; one that a
//! live process serves is an error. Over TCP, clients show the token of `token_file` (`Authorization: Bearer …`, at least 16 bytes) or
//! what the authenticator of `auth` asks for, or a certificate of `tls.client_ca_file`, or both if both are there; without `tls` what they
//! show travels in the clear, and only loopback addresses are allowed.
//!
//! It speaks HTTP/1 and JSON; an error is `{"error": "…"}`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | version, process, what can be captured and explained |
//! | `POST /v1/plugins/reload` `{component?}` | what came of looking at each plugin's file |
//! | `POST /v1/capture` `{processor?, duration_ms, max_bytes, max_traces, redact, redact_with}` | a recording, as it comes |
//! | `GET /v1/explain/{trace id or how it begins}` | up to 20 decisions, the newest first |

mod capture;
mod explain;
mod reload;
mod reply;
mod server;
mod socket;
mod status;
mod token;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Method;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use self::reply::{Reply, error};
use self::server::Listener;
use self::socket::Socket;
use self::token::Token;
use crate::config::{Check, ComponentId};
use crate::host::Host;
use crate::net::auth::{self, Auth, Reference, Side};
use crate::net::tls::{self, Owner, ServerTls};
use crate::pipeline::{BuildError, Cx, Extension, Stop};

/// `admin:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A socket's path, with or without `unix:` in front, or `host:port`. Empty: the default socket.
    pub endpoint: String,
    /// A file with the token that clients must show; for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// For TCP. None: plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// Who may ask, in place of whoever has that token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// Where a host is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket.
    Socket(PathBuf),
    /// `host:port`.
    Tcp(String),
}

impl Place {
    /// What has a slash is a path.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Socket(path.strip_prefix("//").unwrap_or(path).into())),
            None if text.contains('/') => Ok(Self::Socket(text.into())),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.to_owned())),
                _ => Err(format!("{text:?} is neither the path of a socket nor host:port")),
            },
        }
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Tcp(address) => {
                let by_name = address.rsplit_once(':').is_some_and(|(host, _)| host == "localhost");
                by_name || address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// The socket of this user's host.
pub fn default_socket() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute());
    runtime.map_or_else(|| PathBuf::from("/run"), PathBuf::from).join("tailrace/admin.sock")
}

impl Settings {
    fn place(&self) -> Result<Place, String> {
        if self.endpoint.is_empty() { Ok(Place::Socket(default_socket())) } else { Place::parse(&self.endpoint) }
    }

    fn tls(&self) -> Option<&ServerTls> {
        self.tls.as_ref().filter(|tls| tls.enabled)
    }

    fn authenticator(&self) -> Option<&ComponentId> {
        self.auth.as_ref().and_then(Auth::id)
    }

    /// Whether clients show who they are, by a token, what an authenticator asks for, or a certificate.
    fn asks_who(&self) -> bool {
        let asks_for_certificate = self.tls().is_some_and(|tls| !tls.client_ca_file.is_empty());
        self.token_file.is_some() || self.authenticator().is_some() || asks_for_certificate
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        match self.place() {
            Err(message) => check.problem("endpoint", message),
            Ok(place @ Place::Tcp(_)) if !place.is_loopback() && self.tls().is_none() => check.problem_with_help(
                "endpoint",
                format!("admin without tls listens on loopback only, and {place} is not: its token travels in the clear"),
                "use a socket's path, or 127.0.0.1:port with a token_file, or add tls",
            ),
            Ok(Place::Tcp(_)) if !self.asks_who() => check.problem_with_help(
                "endpoint",
                "admin over TCP needs a token_file, auth, or tls with a client_ca_file: anyone who reaches it could connect",
                "use a socket's path, which is its owner's alone, or add token_file: a file with a secret of 16 bytes or more",
            ),
            Ok(Place::Socket(_)) if self.tls().is_some() => {
                check.problem_with_help("tls", "a socket has no tls: only its owner can connect", "take it out");
            }
            Ok(_) => {}
        }
        if let Some(tls) = &self.tls {
            tls.check("tls", check);
        }
        if let Some(auth) = &self.auth {
            auth.check("auth", check);
        }
        if self.token_file.is_some() && self.authenticator().is_some() {
            check.problem("auth", "either token_file or auth can be specified, not both");
        }
    }

    fn references(&self) -> Vec<Reference> {
        self.auth.iter().filter_map(|auth| auth.reference("auth", Side::Server)).collect()
    }
}

/// The extension.
pub struct Admin {
    host: Arc<Host>,
    token: Option<Token>,
    auth: Option<auth::Server>,
    address: Option<SocketAddr>,
    listener: Mutex<Option<Listener>>,
}

impl Extension for Admin {
    const TYPE: &'static str = "admin";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let token = settings.token_file.as_deref().map(Token::read).transpose().map_err(BuildError::new)?;
        let place = settings.place().map_err(BuildError::new)?;
        let mut address = None;
        let listener = match &place {
            Place::Socket(path) => {
                let socket = Socket::bind(path).map_err(BuildError::new)?;
                tracing::info!(otelcol.component.id = %cx.id, socket = %path.display(), "Listening for admin");
                Listener::Unix(socket)
            }
            Place::Tcp(endpoint) => {
                let listener = cx.host.listeners.bind(endpoint).map_err(BuildError::new)?;
                address = Some(listener.local_addr().map_err(BuildError::new)?);
                let tls = tls::acceptor(settings.tls.as_ref(), &[b"http/1.1"], Owner::Extension, cx)?;
                Listener::Tcp(tokio::net::TcpListener::from_std(listener).map_err(BuildError::new)?, tls)
            }
        };
        let auth = cx.host.auth.server(settings.authenticator());
        Ok(Self { host: cx.host.clone(), token, auth, address, listener: Mutex::new(Some(listener)) })
    }

    async fn run(&self, stop: Stop) {
        let Some(listener) = self.listener.lock().take() else { return };
        let answer = Arc::new(Answer { host: self.host.clone(), token: self.token.clone(), auth: self.auth.clone() });
        server::serve(listener, &answer, &stop).await;
    }

    fn bound(&self) -> Vec<(&'static str, SocketAddr)> {
        self.address.map(|address| ("admin", address)).into_iter().collect()
    }
}

/// What answers requests.
struct Answer {
    host: Arc<Host>,
    token: Option<Token>,
    auth: Option<auth::Server>,
}

impl Answer {
    /// The answer to a request whose body has been read.
    async fn to(&self, method: &Method, path: &str, body: &[u8]) -> Reply {
        let host = &self.host;
        match (method.as_str(), path) {
            ("GET", "/v1/status") => status::answer(host),
            ("POST", "/v1/plugins/reload") => reload::answer(host, body).await,
            ("POST", "/v1/capture") => capture::answer(host, body),
            ("GET", path) if path.starts_with("/v1/explain/") => explain::answer(host, &path["/v1/explain/".len()..]),
            (_, "/v1/status" | "/v1/plugins/reload" | "/v1/capture") => error(405, "wrong method"),
            _ => error(404, format!("there is no {path}")),
        }
    }
}

#[cfg(test)]
mod tests;
