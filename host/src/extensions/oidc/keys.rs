//! An issuer's public keys: from a file, or by discovery, kept up to date.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::provider::shortened;
use super::settings::ProviderSettings;
use crate::host::Host;
use crate::host::health::Degraded;
use crate::net::auth::Denied;
use crate::net::auth::secret_file::{self, EVERY};
use crate::net::fetch::Fetcher;
use crate::net::tls::ClientTls;
use crate::pipeline::{Cx, Stop};

/// Of one request to the issuer; Go's.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_DOCUMENT_BYTES: u64 = 1 << 20;
const MAX_KEYS: usize = 100;
/// Keys that an issuer takes back are gone after this.
const REFRESH: Duration = Duration::from_hours(1);
/// Tokens with made-up key ids must not make us ask more often, nor an issuer that can not be reached.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// The keys at one time.
pub(super) struct KeySet(Vec<Key>);

pub(super) struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    pub(super) public: DecodingKey,
}

impl KeySet {
    /// From a JWK set. Keys that are for something else, or of kinds that are not known, are left out.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(text).map_err(|error| format!("failed to parse JWKS: {error}"))?;
        if set.keys.len() > MAX_KEYS {
            return Err(format!("more than {MAX_KEYS} keys"));
        }
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::parse).collect();
        if keys.is_empty() {
            return Err("no supported keys (supported types are RSA, ECDSA, and ED25519)".to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether a token that names `id` can be checked.
    fn has(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| self.0.iter().any(|key| key.id.as_deref() == Some(id)))
    }

    /// The keys that may have signed a token with this header.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        let name = format!("{algorithm:?}");
        self.0.iter().filter(move |key| {
            id.is_none_or(|id| key.id.as_deref() == Some(id))
                && key.algorithm.as_ref().is_none_or(|own| *own == name)
                && key.public.family() == algorithm.family()
        })
    }
}

impl Key {
    fn parse(value: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|what| *what == PublicKeyUse::Signature);
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_for_signatures)?;
        Some(Self {
            id: jwk.common.key_id,
            algorithm: jwk.common.key_algorithm.map(|own| format!("{own:?}")),
            public: key,
        })
    }
}

/// Where keys come from, and those that came last.
pub(super) struct Keys(Arc<State>);

struct State {
    issuer: String,
    source: Source,
    set: ArcSwapOption<KeySet>,
    /// Why there are none.
    trouble: ArcSwap<String>,
    /// When the issuer was last asked; held while it is.
    asked: Mutex<Option<Instant>>,
    host: Arc<Host>,
    id: String,
}

enum Source {
    /// And what it held at the start.
    File(PathBuf, parking_lot::Mutex<Option<String>>),
    Issuer(Box<Fetcher>),
}

impl Keys {
    pub(super) fn new(settings: &ProviderSettings, cx: &Cx) -> Result<Self, String> {
        let (set, source) = if settings.public_keys_file.is_empty() {
            let tls = ClientTls { ca_file: settings.issuer_ca_path.clone(), ..ClientTls::default() };
            (None, Source::Issuer(Box::new(Fetcher::new(&tls, settings.issuer_url.starts_with("http:"), TIMEOUT)?)))
        } else {
            let file = PathBuf::from(&settings.public_keys_file);
            let failed = |why| format!("failed to load JWKS file {}: {why}", file.display());
            let text = secret_file::read(&file).map_err(failed)?;
            let set = KeySet::parse(text.as_bytes()).map_err(failed)?;
            (Some(Arc::new(set)), Source::File(file, parking_lot::Mutex::new(Some(text))))
        };
        Ok(Self(Arc::new(State {
            issuer: settings.issuer_url.clone(),
            source,
            set: ArcSwapOption::new(set),
            trouble: ArcSwap::from_pointee("the issuer has not been asked yet".to_owned()),
            asked: Mutex::default(),
            host: Arc::clone(&cx.host),
            id: cx.id.to_string(),
        })))
    }

    pub(super) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The present keys, fetched if there are none or if none of them is called `id`.
    pub(super) async fn with(&self, id: Option<&str>) -> Result<Arc<KeySet>, Denied> {
        let known = || self.0.set.load_full().filter(|set| set.has(id));
        if let Some(set) = known() {
            return Ok(set);
        }
        // A task of its own: a client that goes away must not break it off.
        let state = Arc::clone(&self.0);
        let asked = tokio::spawn(async move { state.refresh().await }).await.unwrap_or(Asked::JustBefore);
        if let Some(set) = known() {
            return Ok(set);
        }
        match (self.0.set.load_full(), asked, id) {
            (None, ..) => {
                let why = self.0.trouble.load();
                Err(Denied::for_now(format!("the keys of {} are not known yet: {why}", self.0.issuer)))
            }
            (Some(set), Asked::Answered, _) | (Some(set), _, None) => Ok(set),
            // It may be a new one.
            (Some(_), _, Some(id)) => {
                let id = shortened(id);
                Err(Denied::for_now(format!("the key {id:?} of {} is not known", self.0.issuer)))
            }
        }
    }

    /// Whether these are still the keys in force.
    pub(super) fn is_current(&self, set: &Arc<KeySet>) -> bool {
        self.0.set.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, set))
    }

    /// Asks now and then, until `stop`.
    pub(super) async fn keep_up(&self, stop: &Stop) {
        let state = &self.0;
        if let Source::File(file, known) = &state.source {
            let (file, known) = (file.clone(), known.lock().take());
            let take = |text: &String| {
                state.set.store(Some(Arc::new(KeySet::parse(text.as_bytes())?)));
                Ok(())
            };
            let read = move || secret_file::read(&file);
            return secret_file::follow(&state.host, &state.id, EVERY, known, read, take, stop).await;
        }
        let mut degraded = None;
        loop {
            let is_there = matches!(state.refresh().await, Asked::Answered) || state.set.load().is_some();
            if is_there {
                degraded = None;
            } else if degraded.is_none() {
                degraded = Some(Degraded::new(&state.host, &state.id, state.trouble.load().to_string()));
            }
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(if is_there { REFRESH } else { AT_MOST_EVERY }) => {}
            }
        }
    }
}

/// What came of asking an issuer.
#[derive(Clone, Copy)]
enum Asked {
    Answered,
    Failed,
    /// It was asked a moment ago, so it is not asked again.
    JustBefore,
}

impl State {
    /// Asks the issuer, unless that was done just now.
    async fn refresh(&self) -> Asked {
        let Source::Issuer(fetcher) = &self.source else { return Asked::Answered };
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < AT_MOST_EVERY) {
            return Asked::JustBefore;
        }
        *asked = Some(Instant::now());
        match discover(fetcher, &self.issuer).await {
            Ok(set) => {
                tracing::debug!(issuer = self.issuer, keys = set.0.len(), "The issuer's keys are known");
                self.set.store(Some(Arc::new(set)));
                Asked::Answered
            }
            Err(why) => {
                tracing::warn!(issuer = self.issuer, error = %why, "The issuer's keys can not be fetched");
                self.trouble.store(Arc::new(why));
                Asked::Failed
            }
        }
    }
}

async fn discover(fetcher: &Fetcher, issuer: &str) -> Result<KeySet, String> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
        jwks_uri: String,
    }
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let discovery: Discovery = json(&url, &document(fetcher, &url).await?)?;
    if discovery.issuer != issuer {
        return Err(format!("{url} is about the issuer {:?}, not {issuer:?}", discovery.issuer));
    }
    let keys = document(fetcher, &discovery.jwks_uri).await?;
    KeySet::parse(&keys).map_err(|why| format!("{}: {why}", discovery.jwks_uri))
}

async fn document(fetcher: &Fetcher, url: &str) -> Result<bytes::Bytes, String> {
    let answer = fetcher.get(url, "application/json", None, MAX_DOCUMENT_BYTES).await;
    let answer = answer.map_err(|failed| format!("GET {url}: {}", failed.why))?;
    if answer.status.is_success() { Ok(answer.body) } else { Err(format!("GET {url}: {}", answer.status)) }
}

fn json<T: DeserializeOwned>(url: &str, text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("GET {url}: {error}"))
}
