//! Shows a name and a password.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;

use super::settings::ClientAuth;
use crate::host::Host;
use crate::net::auth::AuthenticateClient;
use crate::net::auth::secret_file::{self, EVERY, Source};
use crate::pipeline::{BoxFuture, BuildError, Cx, Metadata, Refusal, Stop};

/// The client's side.
pub struct Shows {
    host: Arc<Host>,
    id: String,
    username: Source,
    password: Source,
    /// What they held at the start.
    read: Mutex<Option<(String, String)>>,
    header: ArcSwap<HeaderValue>,
}

impl Shows {
    pub(super) fn new(settings: &ClientAuth, cx: &Cx) -> Result<Self, BuildError> {
        let username = Source::new(&settings.username_file, &settings.username.clone().into());
        let password = Source::new(&settings.password_file, &settings.password);
        let read = pair(&username, &password).map_err(BuildError)?;
        let header = ArcSwap::from_pointee(header_of(&read).map_err(BuildError)?);
        let (host, id) = (Arc::clone(&cx.host), cx.id.to_string());
        Ok(Self { host, id, username, password, read: Mutex::new(Some(read)), header })
    }

    pub(super) async fn follow(&self, stop: &Stop) {
        if self.username.file.is_none() && self.password.file.is_none() {
            stop.requested().await;
            return;
        }
        let (username, password) = (self.username.clone(), self.password.clone());
        let take = |pair: &(String, String)| {
            self.header.store(Arc::new(header_of(pair)?));
            Ok(())
        };
        let read = move || pair(&username, &password);
        let known = self.read.lock().take();
        secret_file::follow(&self.host, &self.id, EVERY, known, read, take, stop).await;
    }
}

fn pair(username: &Source, password: &Source) -> Result<(String, String), String> {
    Ok((username.read()?, password.read()?))
}

fn header_of((username, password): &(String, String)) -> Result<HeaderValue, String> {
    if username.contains(':') {
        return Err("invalid authorization format: a user name can not have a colon".to_owned());
    }
    let value = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
    let mut value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

impl AuthenticateClient for Shows {
    fn apply<'a>(
        &'a self,
        headers: &'a mut HeaderMap,
        _about: Option<&'a Metadata>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        headers.insert(header::AUTHORIZATION, HeaderValue::clone(&self.header.load()));
        Box::pin(std::future::ready(Ok(())))
    }
}
