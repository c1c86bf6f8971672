//! Small documents over HTTP: a registry's manifests, an issuer's keys, tokens. Each exchange is bounded in time and bytes.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, StatusCode, Uri, request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::tls::ClientTls;
use super::user_agent;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 5;

/// What fetches.
pub struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Whether addresses without TLS are fine.
    plaintext: bool,
    /// Of one exchange, its body included.
    timeout: Duration,
}

/// Why a request failed, and whether the same may succeed later.
#[derive(Debug)]
pub struct Failed {
    /// In words, without what was sent.
    pub why: String,
    /// Whether it may succeed later.
    pub passing: bool,
}

impl Failed {
    /// It will fail again.
    pub fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: false }
    }

    /// It may succeed later.
    pub fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: true }
    }
}

/// What a server said, whatever its status.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Fetcher {
    /// With what is trusted, whether addresses without TLS are fine, and how long an exchange may take.
    pub fn new(tls: &ClientTls, plaintext: bool, timeout: Duration) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = tls.client_config(&[]).map_err(|error| error.to_string())?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.wrap_connector(tcp));
        Ok(Self { client, plaintext, timeout })
    }

    /// Gets a document of at most `max_bytes`, and goes where it is sent on to. Credentials go to the host that they are for and no
    /// other.
    pub async fn get(
        &self,
        url: &str,
        accept: &str,
        authorization: Option<String>,
        max_bytes: u64,
    ) -> Result<Answer, Failed> {
        let mut url = Url::parse(url).map_err(|error| Failed::for_good(error.to_string()))?;
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::get(self.uri(&url)?).header(ACCEPT, accept);
            if let Some(authorization) = &authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let answer = self.once(request, Full::default(), max_bytes).await?;
            let location = answer.header(LOCATION).filter(|_| answer.status.is_redirection());
            let Some(location) = location else { return Ok(answer) };
            let next =
                url.join(location).map_err(|error| Failed::for_good(format!("sent on to {location:?}: {error}")))?;
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
        Err(Failed::for_good("sent on too often"))
    }

    /// Sends a form, and is not sent on.
    pub async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<&str>,
        max_bytes: u64,
    ) -> Result<Answer, Failed> {
        let mut request = Request::post(self.uri(url)?).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.once(request, form.into(), max_bytes).await
    }

    fn uri(&self, url: &Url) -> Result<Uri, Failed> {
        if url.scheme() != "https" && !self.plaintext {
            return Err(Failed::for_good(format!("{url} is not https")));
        }
        url.as_str().parse().map_err(|error: http::uri::InvalidUri| Failed::for_good(error.to_string()))
    }

    /// One request in the time that it may take.
    async fn once(&self, request: request::Builder, body: Full<Bytes>, max_bytes: u64) -> Result<Answer, Failed> {
        let answer = tokio::time::timeout(self.timeout, self.at_leisure(request, body, max_bytes));
        answer.await.map_err(|_| Failed::passing("no answer in time"))?
    }

    async fn at_leisure(&self, request: request::Builder, body: Full<Bytes>, max_bytes: u64) -> Result<Answer, Failed> {
        let request = request.header(USER_AGENT, user_agent()).body(body);
        let request = request.map_err(|error| Failed::for_good(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| Failed::passing(whole(&error)))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, usize::try_from(max_bytes).unwrap_or(usize::MAX)).collect().await;
        let body = body.map_err(|error| match error.downcast::<http_body_util::LengthLimitError>() {
            Ok(_) => Failed::for_good(format!("it is larger than {max_bytes} bytes")),
            Err(error) => Failed::passing(error.to_string()),
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
