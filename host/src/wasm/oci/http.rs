//! Reading from a registry: the distribution API over HTTP.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use parking_lot::Mutex;
use url::Url;

use super::credentials;
use super::reference::Reference;
use crate::net::fetch::Fetcher;
pub(super) use crate::net::fetch::{Answer, Failed};
use crate::net::tls::ClientTls;
use crate::wasm::module::Remote;

/// What manifests are asked for as.
const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
const ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// An answer to one request; a large blob over a slow line takes a while.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// One repository.
pub(super) struct Registry {
    fetcher: Fetcher,
    /// `https://host/v2/name`.
    base: String,
    /// The registry, as docker's configuration calls it.
    pub(super) host: String,
    /// The folder of docker's configuration.
    pub(super) docker: Option<PathBuf>,
    /// The header that the registry last took.
    authorization: Mutex<Option<String>>,
}

impl Registry {
    pub(super) fn new(reference: &Reference, remote: &Remote) -> Result<Self, String> {
        let plaintext = remote.insecure || reference.is_loopback();
        let host = reference.registry.clone();
        let address = if host == "docker.io" { "registry-1.docker.io" } else { &host };
        let scheme = if plaintext { "http" } else { "https" };
        Ok(Self {
            fetcher: Fetcher::new(&ClientTls::default(), plaintext, REQUEST_TIMEOUT)?,
            base: format!("{scheme}://{address}/v2/{}", reference.name),
            host,
            docker: credentials::folder(),
            authorization: Mutex::default(),
        })
    }

    /// `what` is `manifests` or `blobs`.
    pub(super) async fn get(&self, what: &str, which: &str, max_bytes: u64) -> Result<Vec<u8>, String> {
        let url = format!("{}/{what}/{which}", self.base);
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            match self.authorized(&url, max_bytes).await {
                Ok(body) => return Ok(body.into()),
                Err(failed) if failed.passing && attempt < ATTEMPTS => {}
                Err(failed) => return Err(format!("GET {url}: {}", failed.why)),
            }
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
        Err(format!("GET {url}: not tried"))
    }

    async fn authorized(&self, url: &str, max_bytes: u64) -> Result<Bytes, Failed> {
        let known = self.authorization.lock().clone();
        let mut answer = self.follow(url, known, max_bytes).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let header = self.authorize(answer.header(WWW_AUTHENTICATE).unwrap_or_default()).await?;
            answer = self.follow(url, Some(header.clone()), max_bytes).await?;
            *self.authorization.lock() = Some(header);
        }
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failed::for_good(format!("{}: see the credentials in docker's configuration", answer.status)))
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Failed::passing(status.to_string()))
            }
            status => Err(Failed::for_good(status.to_string())),
        }
    }

    /// One request, and where it is sent on to.
    pub(super) async fn follow(
        &self,
        url: &str,
        authorization: Option<String>,
        max_bytes: u64,
    ) -> Result<Answer, Failed> {
        self.fetcher.get(url, MANIFESTS, authorization, max_bytes).await
    }

    /// Sends a form, and is not sent on.
    pub(super) async fn post(&self, url: &Url, form: String, max_bytes: u64) -> Result<Answer, Failed> {
        self.fetcher.post(url, form, None, max_bytes).await
    }
}
