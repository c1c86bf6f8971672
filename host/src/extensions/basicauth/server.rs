//! Checks what clients show.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::htpasswd::Users;
use super::settings::Htpasswd;
use crate::host::Host;
use crate::net::auth::secret_file::{self, EVERY};
use crate::net::auth::{AuthenticateServer, Denied, Identity};
use crate::pipeline::{BoxFuture, BuildError, Cx, Stop};

/// Clients that are known to have shown the right password.
const REMEMBERED: usize = 4096;
/// Passwords that are checked at a time: a flood of wrong ones must not take every core.
const CHECKS: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server's side.
pub struct Checks {
    host: Arc<Host>,
    id: String,
    file: Option<PathBuf>,
    inline: String,
    /// What the file held at the start.
    read: Mutex<Option<String>>,
    known: ArcSwap<Known>,
    turns: Arc<Semaphore>,
    /// Makes the remembered hashes this process's own.
    salt: [u8; 16],
}

/// What holds for one content of the file.
struct Known {
    users: Arc<Users>,
    right: Cache<[u8; 32], Arc<Identity>>,
}

impl Known {
    fn new(users: Users) -> Self {
        Self { users: Arc::new(users), right: Cache::new(REMEMBERED) }
    }
}

impl Checks {
    pub(super) fn new(settings: Htpasswd, cx: &Cx) -> Result<Self, BuildError> {
        let file = (!settings.file.is_empty()).then(|| PathBuf::from(&settings.file));
        let text = file.as_deref().map(secret_file::read).transpose();
        let text = text.map_err(|why| BuildError::new(format!("open htpasswd file: {why}")))?;
        let inline = settings.inline.expose().to_owned();
        let users = users(text.as_deref().unwrap_or_default(), &inline).map_err(BuildError)?;
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| BuildError::new("no random numbers"))?;
        Ok(Self {
            host: Arc::clone(&cx.host),
            id: cx.id.to_string(),
            file,
            inline,
            read: Mutex::new(text),
            known: ArcSwap::from_pointee(Known::new(users)),
            turns: Arc::new(Semaphore::new(CHECKS)),
            salt,
        })
    }

    pub(super) async fn follow(&self, stop: &Stop) {
        let Some(file) = self.file.clone() else {
            stop.requested().await;
            return;
        };
        let take = |text: &String| {
            self.known.store(Arc::new(Known::new(users(text, &self.inline)?)));
            Ok(())
        };
        let read = move || secret_file::read(&file);
        let known = self.read.lock().take();
        secret_file::follow(&self.host, &self.id, EVERY, known, read, take, stop).await;
    }

    async fn check(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Denied> {
        let shown = headers.get(header::AUTHORIZATION).ok_or_else(|| denied("no basic auth provided"))?;
        let Shown { name, password, raw } = Shown::parse(shown)?;
        let known = self.known.load_full();
        let key: [u8; 32] = Sha256::new().chain_update(self.salt).chain_update(&raw).finalize().into();
        if let Some(identity) = known.right.get(&key) {
            return Ok(identity);
        }
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(Denied::for_now("too many passwords to check at the moment"));
        };
        // Another request of the same client may have been before.
        if let Some(identity) = known.right.get(&key) {
            return Ok(identity);
        }
        let (users, user) = (Arc::clone(&known.users), name.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            users.has(&user, &password)
        });
        if !checked.await.unwrap_or(false) {
            return Err(denied("invalid credentials"));
        }
        let identity = Arc::new(Identity::from_iter([("username".to_owned(), name), ("raw".to_owned(), raw)]));
        known.right.insert(key, Arc::clone(&identity));
        Ok(identity)
    }
}

fn users(text: &str, inline: &str) -> Result<Users, String> {
    Users::parse(&format!("{text}\n{inline}")).map_err(|why| format!("read htpasswd content: {why}"))
}

fn denied(why: &str) -> Denied {
    Denied::new(why).challenge(Some(&HeaderValue::from_static("Basic realm=\"tailrace\", charset=\"UTF-8\"")))
}

/// What the header holds.
struct Shown {
    name: String,
    password: String,
    raw: String,
}

impl Shown {
    fn parse(header: &HeaderValue) -> Result<Self, Denied> {
        let prefix = |text: &str| text.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("basic "));
        let text = header.to_str().ok().filter(|text| prefix(text));
        let raw = text.map(|text| text[6..].to_owned()).ok_or_else(|| denied("invalid authorization scheme prefix"))?;
        let pair = STANDARD.decode(&raw).ok().and_then(|pair| String::from_utf8(pair).ok());
        let (name, password) = pair
            .as_deref()
            .and_then(|pair| pair.split_once(':'))
            .ok_or_else(|| denied("invalid authorization format"))?;
        Ok(Self { name: name.to_owned(), password: password.to_owned(), raw })
    }
}

impl AuthenticateServer for Checks {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Denied>> {
        Box::pin(async move { self.check(headers).await.map(Some) })
    }
}
