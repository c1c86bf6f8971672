//! `bearertokenauth`: a token in a header, for servers that check it and clients that show it.
//!
//! ```yaml
//! extensions:
//!   bearertokenauth:
//!     header: Authorization
//!     scheme: Bearer                   # "" for the token alone
//!     token: "${env:TOKEN}"            # or tokens: [a, b], or a file, which wins over token:
//!     filename: /etc/tailrace/tokens   # a token a line, what follows it is a comment; read again when it changes
//!     wait_for_token_file: false       # with retry_on_failure: start before the file is there
//!     retry_on_failure: {enabled: false, max_retries: 0, interval: 0s}
//! receivers:
//!   otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth}}}}
//! exporters:
//!   otlp_grpc: {endpoint: "gateway:4317", auth: {authenticator: bearertokenauth}}
//! ```
//!
//! A server takes any of the tokens, a client shows the first, so a token is rotated without a gap: add the new one behind the old one
//! at the servers, change the clients, remove the old one. Only the first value of the header counts; all tokens are compared in a time
//! that depends neither on what was shown nor on where it differs.
//!
//! A file that is missing or has no token refuses to start (the Go collector starts and sends an empty header). With
//! `wait_for_token_file` the host starts without it; until it is there servers refuse requests and clients keep them, both retryably,
//! and after `max_retries` (0: never) the host says that it is degraded, and goes on looking. A file that later goes missing leaves the
//! tokens as they were. Clients show their token without TLS, too: `validate` warns about it.

mod settings;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::settings::{Retry, Settings};
use self::tokens::Tokens;
use crate::host::Host;
use crate::host::health::Degraded;
use crate::net::auth::secret_file::{self, EVERY};
use crate::net::auth::{AuthenticateClient, AuthenticateServer, Denied, Identity, Offer, Sides};
use crate::pipeline::{BoxFuture, BuildError, Cx, Extension, Metadata, Refusal, Stop};

/// The extension.
pub struct BearerTokenAuth {
    host: Arc<Host>,
    id: String,
    header: HeaderName,
    shown_as: String,
    scheme: String,
    file: Option<PathBuf>,
    retry: Retry,
    challenge: Option<HeaderValue>,
    /// None: its file has not been there yet.
    tokens: ArcSwapOption<Tokens>,
}

impl Extension for BearerTokenAuth {
    const TYPE: &'static str = "bearertokenauth";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let header: HeaderName = settings.header.parse().map_err(BuildError::new)?;
        let is_usual = header == header::AUTHORIZATION && !settings.scheme.is_empty();
        let extension = Self {
            host: Arc::clone(&cx.host),
            id: cx.id.to_string(),
            challenge: HeaderValue::from_str(&settings.scheme).ok().filter(|_| is_usual),
            header,
            shown_as: settings.header.clone(),
            scheme: settings.scheme.clone(),
            file: settings.file(),
            retry: settings.retry_on_failure.clone(),
            tokens: ArcSwapOption::empty(),
        };
        let waits = settings.wait_for_token_file && settings.retry_on_failure.enabled;
        match extension.read(&settings) {
            Ok(tokens) => extension.tokens.store(Some(Arc::new(tokens))),
            Err(why) if waits => {
                tracing::warn!(otelcol.component.id = %cx.id, error = %why, "Waiting for the token file");
            }
            Err(why) => return Err(BuildError(why)),
        }
        Ok(extension)
    }

    async fn run(&self, stop: Stop) {
        let Some(file) = self.file.clone() else {
            stop.requested().await;
            return;
        };
        let given_up = tokio::select! {
            () = stop.requested() => return,
            given_up = self.first_tokens(&file) => given_up,
        };
        drop(given_up);
        let known = self.tokens.load().as_ref().map(|tokens| tokens.text().to_owned());
        let take = |text: &String| {
            self.tokens.store(Some(Arc::new(Tokens::parse(text, &self.scheme).map_err(|why| named(&file, &why))?)));
            Ok(())
        };
        let read = {
            let file = file.clone();
            move || secret_file::read(&file)
        };
        secret_file::follow(&self.host, &self.id, EVERY, known, read, take, &stop).await;
    }

    fn sides(_settings: &Settings) -> Sides {
        Sides::BOTH
    }

    fn offer(self: Arc<Self>) -> Offer {
        Offer { server: Some(self.clone()), client: Some(self) }
    }
}

impl BearerTokenAuth {
    fn read(&self, settings: &Settings) -> Result<Tokens, String> {
        match &self.file {
            Some(file) => load(file, &self.scheme),
            None => Tokens::new(settings.given(), &self.scheme),
        }
    }

    /// Waits for a file that was not there at the start.
    async fn first_tokens(&self, file: &std::path::Path) -> Option<Degraded> {
        let (mut attempts, mut given_up) = (0, None);
        let interval = if self.retry.interval.is_zero() { EVERY } else { self.retry.interval.0 };
        while self.tokens.load().is_none() {
            tokio::time::sleep(interval.max(Duration::from_millis(100))).await;
            let (path, scheme) = (file.to_owned(), self.scheme.clone());
            let Ok(read) = tokio::task::spawn_blocking(move || load(&path, &scheme)).await else { continue };
            attempts += 1;
            match read {
                Ok(tokens) => {
                    self.tokens.store(Some(Arc::new(tokens)));
                    tracing::info!("The token file is there");
                }
                Err(why) if attempts == self.retry.max_retries => {
                    tracing::error!(error = %why, attempts, "The token file is still not there");
                    given_up = Some(Degraded::new(&self.host, &self.id, why));
                }
                Err(_) => {}
            }
        }
        given_up
    }

    fn not_there(&self) -> String {
        format!("{}: its token file has not been there yet", self.id)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let tokens = self.tokens.load();
        let tokens = tokens.as_ref().ok_or_else(|| Denied::for_now(self.not_there()))?;
        let shown = headers.get(&self.header).ok_or_else(|| {
            Denied::new(format!("missing or empty authorization header: {}", self.shown_as))
                .challenge(self.challenge.as_ref())
        })?;
        if tokens.has(shown.as_bytes()) {
            return Ok(());
        }
        Err(Denied::new("provided authorization does not match expected scheme or token")
            .challenge(self.challenge.as_ref()))
    }
}

fn load(file: &std::path::Path, scheme: &str) -> Result<Tokens, String> {
    Tokens::parse(&secret_file::read(file)?, scheme).map_err(|why| named(file, &why))
}

fn named(file: &std::path::Path, why: &str) -> String {
    format!("{}: {why}", file.display())
}

impl AuthenticateServer for BearerTokenAuth {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Denied>> {
        Box::pin(std::future::ready(self.check(headers).map(|()| None)))
    }
}

impl AuthenticateClient for BearerTokenAuth {
    fn apply<'a>(
        &'a self,
        headers: &'a mut HeaderMap,
        _about: Option<&'a Metadata>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        let result = match self.tokens.load().as_ref() {
            Some(tokens) => {
                headers.insert(self.header.clone(), tokens.first().clone());
                Ok(())
            }
            None => Err(Refusal::retry(self.not_there())),
        };
        Box::pin(std::future::ready(result))
    }
}

#[cfg(test)]
mod tests;
