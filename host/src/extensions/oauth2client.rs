//! `oauth2client` (also `oauth2_client`): clients show a token that they get for an id and a secret (OAuth 2, client credentials).
//!
//! ```yaml
//! extensions:
//!   oauth2client:
//!     client_id: agent                        # or client_id_file
//!     client_secret: "${env:SECRET}"          # or client_secret_file; files are read for each token
//!     token_url: https://login.example.com/oauth2/token
//!     scopes: [telemetry.write]
//!     endpoint_params: {audience: collector}  # more for the token endpoint
//!     timeout: 2s                             # of asking it; 0: 10s
//!     expiry_buffer: 5m                       # a new token is asked for this long before the old one ends
//!     tls: {ca_file: /etc/ssl/ca.crt}
//! exporters:
//!   otlp_grpc: {endpoint: "gateway:4317", auth: {authenticator: oauth2client}}
//! ```
//!
//! One token at a time is asked for, however many requests wait, and kept; while a token still holds, the next is fetched behind the
//! requests' backs. A token that lives no longer than `expiry_buffer` is renewed after half of its life (the Go collector
//! would ask for one with each request). Without a token an export is refused, retryably, with the reason; a token that a server does not
//! take (401, `UNAUTHENTICATED`) is dropped, so that the next request asks for a new one. The id and the secret go into a header, or, where
//! the endpoint does not take that, into the form.

mod endpoint;
mod settings;
mod token;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, header};
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::endpoint::Endpoint;
pub use self::settings::Settings;
use self::token::Token;
use crate::net::auth::{AuthenticateClient, Offer, Sides};
use crate::pipeline::{BoxFuture, BuildError, Cx, Extension, Metadata, Refusal, Stop, idle};

/// An endpoint that failed, and tokens that were not taken, are not asked for again sooner.
const AT_MOST_EVERY: std::time::Duration = std::time::Duration::from_secs(1);
/// A token younger than this was not refused because it is old.
const YOUNG: std::time::Duration = std::time::Duration::from_secs(10);

/// The extension.
pub struct Oauth2Client(Arc<State>);

struct State {
    endpoint: Endpoint,
    token: ArcSwapOption<Token>,
    /// Held while a token is asked for; when that last failed, and why.
    failed: Mutex<Option<(Instant, String)>>,
}

impl Extension for Oauth2Client {
    const TYPE: &'static str = "oauth2client";
    const ALIASES: &'static [&'static str] = &["oauth2_client"];
    type Settings = Settings;

    fn new(settings: Settings, _cx: &Cx) -> Result<Self, BuildError> {
        let endpoint = Endpoint::new(settings).map_err(BuildError)?;
        Ok(Self(Arc::new(State { endpoint, token: ArcSwapOption::empty(), failed: Mutex::default() })))
    }

    async fn run(&self, stop: Stop) {
        idle(stop).await;
    }

    fn sides(_settings: &Settings) -> Sides {
        Sides::CLIENT
    }

    fn offer(self: Arc<Self>) -> Offer {
        Offer { server: None, client: Some(self) }
    }
}

impl Oauth2Client {
    /// A token that holds.
    async fn token(&self) -> Result<Arc<Token>, Refusal> {
        let state = &self.0;
        if let Some(token) = state.token.load_full().filter(|token| token.holds()) {
            // Somebody else may be at it already.
            if token.is_due() && state.failed.try_lock().is_ok() {
                let state = Arc::clone(state);
                tokio::spawn(async move { state.renew().await });
            }
            return Ok(token);
        }
        // A task of its own: a request that gives up must not break it off for the others.
        let asking = Arc::clone(state);
        let renewed = tokio::spawn(async move { asking.renew().await }).await;
        renewed.unwrap_or_else(|error| Err(error.to_string())).map_err(Refusal::retry)
    }
}

impl State {
    /// A token that is not due, asked for unless another has just done so.
    async fn renew(&self) -> Result<Arc<Token>, String> {
        let mut failed = self.failed.lock().await;
        if let Some(token) = self.token.load_full().filter(|token| token.holds() && !token.is_due()) {
            return Ok(token);
        }
        if let Some((_, why)) = failed.as_ref().filter(|(when, _)| when.elapsed() < AT_MOST_EVERY) {
            return Err(why.clone());
        }
        match self.endpoint.ask().await {
            Ok(token) => {
                let token = Arc::new(token);
                self.token.store(Some(Arc::clone(&token)));
                *failed = None;
                Ok(token)
            }
            Err(why) => {
                tracing::warn!(error = %why, "No token");
                *failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }
}

impl AuthenticateClient for Oauth2Client {
    fn apply<'a>(
        &'a self,
        headers: &'a mut HeaderMap,
        _about: Option<&'a Metadata>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let token = self.token().await?;
            headers.insert(header::AUTHORIZATION, token.header().clone());
            Ok(())
        })
    }

    fn rejected(&self) {
        let token = self.0.token.load();
        if token.as_ref().is_some_and(|token| token.age() >= YOUNG) {
            self.0.token.store(None);
        }
    }
}

#[cfg(test)]
mod tests;
