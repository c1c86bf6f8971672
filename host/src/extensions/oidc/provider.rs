//! Tokens of one issuer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::keys::{KeySet, Keys};
use super::settings::ProviderSettings;
use crate::net::auth::{Denied, Identity};
use crate::pipeline::Cx;

/// How far clocks may be apart.
const LEEWAY_S: u64 = 60;
/// Tokens whose signature need not be checked again.
const REMEMBERED: usize = 1024;
/// Claims that a batch carries.
const MAX_CLAIMS: usize = 64;

/// An issuer, and what its tokens must say.
pub(super) struct Provider {
    pub(super) keys: Keys,
    audience: Option<String>,
    username_claim: String,
    groups_claim: String,
    good: Cache<[u8; 32], Arc<Good>>,
}

/// A token that was verified.
struct Good {
    identity: Arc<Identity>,
    /// Unix seconds.
    expires: u64,
    keys: Arc<KeySet>,
}

/// What a token says.
type Claims = Map<String, Value>;

impl Provider {
    pub(super) fn new(settings: &ProviderSettings, cx: &Cx) -> Result<Self, String> {
        Ok(Self {
            keys: Keys::new(settings, cx)?,
            audience: Some(settings.audience.clone()).filter(|_| !settings.ignore_audience),
            username_claim: settings.username_claim.clone(),
            groups_claim: settings.groups_claim.clone(),
            good: Cache::new(REMEMBERED),
        })
    }

    /// Whose token it is.
    pub(super) async fn verify(&self, token: &str) -> Result<Arc<Identity>, Denied> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(good) = self.good.get(&hash)
            && now() < good.expires + LEEWAY_S
            && self.keys.is_current(&good.keys)
        {
            return Ok(Arc::clone(&good.identity));
        }
        let malformed = |error: jsonwebtoken::errors::Error| Denied::new(format!("failed to parse the token: {error}"));
        let header = decode_header(token).map_err(malformed)?;
        if matches!(header.alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
            return Err(Denied::new("failed to verify token: its algorithm needs a shared secret"));
        }
        let keys = self.keys.with(header.kid.as_deref()).await?;
        let claims = self.claims(token, header.kid.as_deref(), header.alg, &keys)?;
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default() as u64;
        let identity = Arc::new(self.identity(token, &claims)?);
        self.good.insert(hash, Arc::new(Good { identity: Arc::clone(&identity), expires, keys }));
        Ok(identity)
    }

    fn claims(&self, token: &str, id: Option<&str>, algorithm: Algorithm, keys: &KeySet) -> Result<Claims, Denied> {
        let rules = self.rules(algorithm);
        let mut why = "no key of the issuer fits it".to_owned();
        for key in keys.candidates(id, algorithm) {
            match decode::<Claims>(token, &key.public, &rules) {
                Ok(verified) => return Ok(verified.claims),
                Err(error) => why = error.to_string(),
            }
        }
        Err(Denied::new(format!("failed to verify token: {why}")))
    }

    fn rules(&self, algorithm: Algorithm) -> Validation {
        let mut rules = Validation::new(algorithm);
        rules.leeway = LEEWAY_S;
        rules.validate_nbf = true;
        rules.set_issuer(&[self.keys.issuer()]);
        match &self.audience {
            Some(audience) => {
                rules.set_audience(&[audience]);
                rules.set_required_spec_claims(&["exp", "iss", "aud"]);
            }
            None => {
                rules.validate_aud = false;
                rules.set_required_spec_claims(&["exp", "iss"]);
            }
        }
        rules
    }

    fn identity(&self, token: &str, claims: &Claims) -> Result<Identity, Denied> {
        let failed =
            |what: &str, why: &str| Denied::new(format!("failed to get {what} from claims in the token: {why}"));
        let subject = if self.username_claim.is_empty() {
            claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned()
        } else {
            let claim = claims.get(&self.username_claim).ok_or_else(|| failed("subject", "claim not found"))?;
            claim.as_str().ok_or_else(|| failed("subject", "the username isn't a regular string"))?.to_owned()
        };
        let groups = if self.groups_claim.is_empty() {
            Vec::new()
        } else {
            let claim = claims.get(&self.groups_claim).ok_or_else(|| failed("groups", "claim not found"))?;
            match claim {
                Value::Array(groups) => groups.iter().filter_map(text).collect(),
                one => text(one).into_iter().collect(),
            }
        };
        let named = [("subject".to_owned(), subject), ("raw".to_owned(), token.to_owned())];
        let groups = groups.into_iter().map(|group| ("membership".to_owned(), group));
        let scalars = claims.iter().filter_map(|(name, value)| Some((format!("claims.{name}"), text(value)?)));
        Ok(named.into_iter().chain(groups).chain(scalars.take(MAX_CLAIMS)).collect())
    }
}

/// Who a token says that it is from, to find out whom to ask.
pub(super) fn unverified_issuer(token: &str) -> jsonwebtoken::errors::Result<String> {
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(token)?;
    Ok(claims.get("iss").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// What strangers say, for messages.
pub(super) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 256;
    text.chars().take(MAX_CHARS).collect()
}

/// Of a claim that is not made of others.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs())
}
