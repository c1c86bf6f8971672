//! `oidc`: servers take the signed tokens (JWT) of `OpenID` Connect issuers.
//!
//! ```yaml
//! extensions:
//!   oidc:
//!     attribute: authorization         # the header: "Bearer <token>"
//!     providers:
//!       - issuer_url: https://login.example.com/realms/telemetry
//!         audience: collector          # or ignore_audience: true
//!         issuer_ca_path: /etc/ssl/issuer.crt
//!         username_claim: email        # the subject; otherwise sub
//!         groups_claim: groups         # the membership
//!         public_keys_file: keys.json  # a JWK set, in place of asking the issuer
//! receivers:
//!   otlp: {protocols: {grpc: {auth: {authenticator: oidc}}}}
//! ```
//!
//! A provider's options may stand at the top, too, as they used to. A token's `iss` picks its provider if there are several.
//!
//! Signatures may be RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and `EdDSA`. `exp` and `iss` must be there and hold, `nbf` if it is there,
//! `aud` unless it is ignored; clocks may be a minute apart. Keys come by discovery when the host starts, every hour, and when a token names
//! one that is not known (at most every 10 seconds). The Go collector does not start while an issuer can not be reached; here requests are
//! refused meanwhile, retryably, and the host says that it is degraded. A keys file is read again when it changes.
//!
//! A batch carries, for `headers_setter` and others that look at `auth.<name>`: `subject`, `membership`, `raw` (the token) and every claim
//! that is a text, number or boolean as `claims.<name>`.

mod keys;
mod provider;
mod settings;

use std::sync::Arc;

use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use self::provider::Provider;
pub use self::settings::{ProviderSettings, Settings};
use crate::net::auth::{AuthenticateServer, Denied, Identity, Offer, Sides};
use crate::pipeline::{BoxFuture, BuildError, Cx, Extension, Stop};

/// A longer token is none: headers end somewhere, too.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// The extension.
pub struct Oidc {
    attribute: HeaderName,
    providers: Vec<Provider>,
}

impl Extension for Oidc {
    const TYPE: &'static str = "oidc";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let attribute = settings.attribute.parse().map_err(BuildError::new)?;
        let providers = settings.all().iter().map(|provider| Provider::new(provider, cx)).collect::<Result<_, _>>();
        Ok(Self { attribute, providers: providers.map_err(BuildError)? })
    }

    async fn run(&self, stop: Stop) {
        join_all(self.providers.iter().map(|provider| provider.keys.keep_up(&stop))).await;
    }

    fn sides(_settings: &Settings) -> Sides {
        Sides::SERVER
    }

    fn offer(self: Arc<Self>) -> Offer {
        Offer { server: Some(self), client: None }
    }
}

impl Oidc {
    async fn check(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Denied> {
        let shown = headers.get(&self.attribute).ok_or_else(|| Denied::new("authentication didn't succeed"))?;
        let mut parts = shown.to_str().unwrap_or_default().split(' ');
        let (Some(_), Some(token), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Denied::new("invalid authorization header format"));
        };
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Denied::new(format!("failed to parse the token: it is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        self.provider(token)?.verify(token).await
    }

    /// Whose token it says that it is.
    fn provider(&self, token: &str) -> Result<&Provider, Denied> {
        if let [only] = &self.providers[..] {
            return Ok(only);
        }
        let issuer = provider::unverified_issuer(token)
            .map_err(|error| Denied::new(format!("failed to parse the token: {error}")))?;
        let found = self.providers.iter().find(|provider| provider.keys.issuer() == issuer);
        found.ok_or_else(|| {
            let issuer = provider::shortened(&issuer);
            Denied::new(format!(
                "failed to resolve OIDC provider for the issuer {issuer:?}: no OIDC provider configured for the issuer \
                 {issuer:?}"
            ))
        })
    }
}

impl AuthenticateServer for Oidc {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Denied>> {
        let challenge = (self.attribute == header::AUTHORIZATION).then(|| HeaderValue::from_static("Bearer"));
        Box::pin(async move {
            let checked = self.check(headers).await;
            checked.map(Some).map_err(|denied| {
                let challenge = challenge.filter(|_| !denied.passing);
                denied.challenge(challenge.as_ref())
            })
        })
    }
}

#[cfg(test)]
mod tests;
