//! Who may talk to us, and who we say that we are. Servers ask an authenticator about a request's headers before they read its
//! body; clients have one add to the headers of each request.
//!
//! ```yaml
//! extensions:
//!   bearertokenauth: {filename: /etc/tailrace/token}
//! receivers:
//!   otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth}}}}
//! exporters:
//!   otlp_grpc: {endpoint: "gateway:4317", auth: {authenticator: bearertokenauth}}
//! service:
//!   extensions: [bearertokenauth]
//! ```
//!
//! Authenticators are extensions. Components name them by id and never know their types: a [`Server`] or [`Client`] is a place that
//! the extension of that id fills when it starts, and again when a reload replaces it, while those who hold the place stay.
//! Credentials are taken and sent over plaintext connections too, where Go's gRPC refuses: inside a mesh that is usual. `validate`
//! warns about it.

mod identity;
pub mod secret_file;
mod settings;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;

pub use self::identity::Identity;
pub use self::settings::{Auth, HttpServerAuth, Reference, Side, Sides, warn_of_plaintext};
use super::status::{Status, code};
use crate::config::ComponentId;
use crate::pipeline::{BoxFuture, Metadata, Refusal};

/// Decides who may send.
pub trait AuthenticateServer: Send + Sync {
    /// Who sent these headers; `None` if that is all there is to know.
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Denied>>;
}

/// Shows credentials.
pub trait AuthenticateClient: Send + Sync {
    /// Adds to the headers of one request. `about` is what is known of the client that the data came from.
    fn apply<'a>(
        &'a self,
        headers: &'a mut HeaderMap,
        about: Option<&'a Metadata>,
    ) -> BoxFuture<'a, Result<(), Refusal>>;

    /// A server did not take what was added.
    fn rejected(&self) {}
}

/// Why a request is not let in. The words go to the client: they must not hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// In words.
    pub why: String,
    /// Whether the same credentials may be taken later: it is us who can not check them now.
    pub passing: bool,
    /// How to authenticate, for HTTP's `WWW-Authenticate`.
    pub challenge: Option<HeaderValue>,
}

impl Denied {
    /// The credentials are missing or wrong.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: false, challenge: None }
    }

    /// They can not be checked now.
    pub fn for_now(why: impl Into<String>) -> Self {
        Self { passing: true, ..Self::new(why) }
    }

    /// With how to authenticate.
    #[must_use]
    pub fn challenge(mut self, challenge: Option<&HeaderValue>) -> Self {
        self.challenge = challenge.cloned();
        self
    }
}

impl From<&Denied> for Status {
    fn from(denied: &Denied) -> Self {
        Self::new(if denied.passing { code::UNAVAILABLE } else { code::UNAUTHENTICATED }, denied.why.clone())
    }
}

/// What an extension does as an authenticator.
#[derive(Clone, Default)]
pub struct Offer {
    /// For servers.
    pub server: Option<Arc<dyn AuthenticateServer>>,
    /// For clients.
    pub client: Option<Arc<dyn AuthenticateClient>>,
}

/// The authenticators of this process, by id.
#[derive(Default)]
pub struct Authenticators(Mutex<HashMap<String, Slots>>);

#[derive(Default)]
struct Slots {
    server: Slot<dyn AuthenticateServer>,
    client: Slot<dyn AuthenticateClient>,
}

struct Slot<T: ?Sized>(Arc<ArcSwapOption<Arc<T>>>);

impl<T: ?Sized> Default for Slot<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: ?Sized> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Authenticators {
    /// The extension `id` starts: whoever refers to it uses it from now on.
    pub fn set(&self, id: &ComponentId, offer: Offer) {
        let mut all = self.0.lock();
        if offer.server.is_some() || offer.client.is_some() {
            let slots = all.entry(id.to_string()).or_default();
            slots.server.0.store(offer.server.map(Arc::new));
            slots.client.0.store(offer.client.map(Arc::new));
        }
    }

    /// Forgets extensions that do not run any more, unless somebody who is still handing on what it holds refers to them.
    pub fn retain(&self, runs: impl Fn(&str) -> bool) {
        let is_held = |slots: &Slots| Arc::strong_count(&slots.server.0) + Arc::strong_count(&slots.client.0) > 2;
        self.0.lock().retain(|id, slots| runs(id) || is_held(slots));
    }

    /// What the section of a server names, if it is there.
    pub fn server(&self, id: Option<&ComponentId>) -> Option<Server> {
        let id = id?.to_string();
        let slot = self.0.lock().entry(id.clone()).or_default().server.clone();
        Some(Server { id, slot })
    }

    /// What the section of a client names, if it is there.
    pub fn client(&self, id: Option<&ComponentId>) -> Option<Client> {
        let id = id?.to_string();
        let slot = self.0.lock().entry(id.clone()).or_default().client.clone();
        Some(Client { id, slot })
    }
}

/// A server's authenticator.
#[derive(Clone)]
pub struct Server {
    id: String,
    slot: Slot<dyn AuthenticateServer>,
}

impl Server {
    /// See [`AuthenticateServer::authenticate`].
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Arc<Identity>>, Denied> {
        match self.slot.0.load_full() {
            Some(authenticator) => authenticator.authenticate(headers).await,
            None => Err(Denied::for_now(missing(&self.id))),
        }
    }
}

/// A client's authenticator.
#[derive(Clone)]
pub struct Client {
    id: String,
    slot: Slot<dyn AuthenticateClient>,
}

impl Client {
    /// See [`AuthenticateClient::apply`].
    pub async fn apply(&self, headers: &mut HeaderMap, about: Option<&Metadata>) -> Result<(), Refusal> {
        match self.slot.0.load_full() {
            Some(authenticator) => authenticator.apply(headers, about).await,
            None => Err(Refusal::retry(missing(&self.id))),
        }
    }

    /// See [`AuthenticateClient::rejected`].
    pub fn rejected(&self) {
        if let Some(authenticator) = self.slot.0.load_full() {
            authenticator.rejected();
        }
    }
}

fn missing(id: &str) -> String {
    format!("failed to resolve authenticator {id:?}: authenticator not found")
}

#[cfg(test)]
mod tests;
