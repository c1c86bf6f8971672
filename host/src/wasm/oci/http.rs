//! Reading from a registry: the distribution API over HTTP.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{Request, StatusCode, Uri, request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use url::Url;

use super::credentials;
use super::reference::Reference;
use crate::net::tls::ClientTls;
use crate::net::user_agent;
use crate::wasm::module::Remote;

/// What manifests are asked for as.
const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
const ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer to one request; a large blob over a slow line takes a while.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
const MAX_REDIRECTS: usize = 5;

/// One repository.
pub(super) struct Registry {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// `https://host/v2/name`.
    base: String,
    /// The registry, as docker's configuration calls it.
    pub(super) host: String,
    /// The folder of docker's configuration.
    pub(super) docker: Option<PathBuf>,
    plaintext: bool,
    /// The header that the registry last took.
    authorization: Mutex<Option<String>>,
}

/// Why a request failed, and whether the same may succeed later.
pub(super) struct Failed {
    why: String,
    passing: bool,
}

impl Failed {
    pub(super) fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: false }
    }

    fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: true }
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    challenge: Option<String>,
    pub(super) body: Bytes,
}

impl Registry {
    pub(super) fn new(reference: &Reference, remote: &Remote) -> Result<Self, String> {
        let plaintext = remote.insecure || reference.is_loopback();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = ClientTls::default().client_config(&[]).map_err(|error| error.to_string())?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let host = reference.registry.clone();
        let address = if host == "docker.io" { "registry-1.docker.io" } else { &host };
        let scheme = if plaintext { "http" } else { "https" };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector.wrap_connector(tcp)),
            base: format!("{scheme}://{address}/v2/{}", reference.name),
            host,
            docker: credentials::folder(),
            plaintext,
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
            let header = self.authorize(answer.challenge.as_deref().unwrap_or_default()).await?;
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

    /// One request and where it is sent on to. Credentials go to the host that they are for and no other.
    pub(super) async fn follow(
        &self,
        url: &str,
        authorization: Option<String>,
        max_bytes: u64,
    ) -> Result<Answer, Failed> {
        let mut url = Url::parse(url).map_err(|error| Failed::for_good(error.to_string()))?;
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::get(self.uri(&url)?).header(ACCEPT, MANIFESTS);
            if let Some(authorization) = &authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let (answer, location) = self.once(request, Full::default(), max_bytes).await?;
            let Some(location) = location.filter(|_| answer.status.is_redirection()) else { return Ok(answer) };
            let next =
                url.join(&location).map_err(|error| Failed::for_good(format!("sent on to {location:?}: {error}")))?;
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
        Err(Failed::for_good("sent on too often"))
    }

    /// Sends a form, and is not sent on.
    pub(super) async fn post(&self, url: &Url, form: String, max_bytes: u64) -> Result<Answer, Failed> {
        let request = Request::post(self.uri(url)?).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (answer, _) = self.once(request, form.into(), max_bytes).await?;
        Ok(answer)
    }

    fn uri(&self, url: &Url) -> Result<Uri, Failed> {
        if url.scheme() != "https" && !self.plaintext {
            return Err(Failed::for_good(format!("{url} is not https")));
        }
        url.as_str().parse().map_err(|error: http::uri::InvalidUri| Failed::for_good(error.to_string()))
    }

    /// One request in the time that it may take; its answer and where it is sent on to.
    async fn once(
        &self,
        request: request::Builder,
        body: Full<Bytes>,
        max_bytes: u64,
    ) -> Result<(Answer, Option<String>), Failed> {
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.at_leisure(request, body, max_bytes));
        answer.await.map_err(|_| Failed::passing("no answer in time"))?
    }

    async fn at_leisure(
        &self,
        request: request::Builder,
        body: Full<Bytes>,
        max_bytes: u64,
    ) -> Result<(Answer, Option<String>), Failed> {
        let request = request.header(USER_AGENT, user_agent()).body(body);
        let request = request.map_err(|error| Failed::for_good(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| Failed::passing(whole(&error)))?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, challenge, location) = (response.status(), text(WWW_AUTHENTICATE), text(LOCATION));
        let body = Limited::new(response.into_body(), usize::try_from(max_bytes).unwrap_or(usize::MAX)).collect().await;
        let body = body.map_err(|error| match error.downcast::<http_body_util::LengthLimitError>() {
            Ok(_) => Failed::for_good(format!("it is larger than {max_bytes} bytes")),
            Err(error) => Failed::passing(error.to_string()),
        })?;
        Ok((Answer { status, challenge, body: body.to_bytes() }, location))
    }
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
