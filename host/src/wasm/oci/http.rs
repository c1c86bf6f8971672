//! Reading from a registry: the distribution API over HTTP, with its way to get a token.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde::Deserialize;
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
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// One repository.
pub(super) struct Registry {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// `https://host/v2/name`.
    base: String,
    /// The registry, as docker's configuration calls it.
    host: String,
    plaintext: bool,
    /// The header that the registry last took.
    authorization: Mutex<Option<String>>,
}

/// Why a request failed, and whether the same may succeed later.
struct Failed {
    why: String,
    passing: bool,
}

impl Failed {
    fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: false }
    }

    fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: true }
    }
}

struct Answer {
    status: StatusCode,
    challenge: Option<String>,
    body: Bytes,
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

    /// The header that answers a challenge.
    async fn authorize(&self, challenge: &str) -> Result<String, Failed> {
        let host = self.host.clone();
        let asked = tokio::task::spawn_blocking(move || credentials::find(&host)).await;
        let credentials = asked.map_err(|error| Failed::for_good(error.to_string()))?.map_err(Failed::for_good)?;
        let basic = credentials.map(|credentials| credentials.basic());
        let challenge = Challenge::parse(challenge);
        let Some(realm) = challenge.realm.filter(|_| challenge.is_bearer) else {
            return basic.ok_or_else(|| Failed::for_good("401: docker's configuration has no credentials for it"));
        };
        let mut url = Url::parse(&realm).map_err(|error| Failed::for_good(format!("its token service: {error}")))?;
        for (key, value) in [("service", challenge.service), ("scope", challenge.scope)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(key, &value);
            }
        }
        let answer = self.follow(url.as_str(), basic, MAX_TOKEN_BYTES).await?;
        if answer.status != StatusCode::OK {
            return Err(Failed::for_good(format!("its token service answers {}", answer.status)));
        }
        let token: Token = serde_json::from_slice(&answer.body)
            .map_err(|error| Failed::for_good(format!("its token service's answer: {error}")))?;
        let token = token.token.or(token.access_token);
        let token = token.ok_or_else(|| Failed::for_good("its token service gave no token"))?;
        Ok(format!("Bearer {token}"))
    }

    /// One request and where it is sent on to. Credentials go to the host that they are for and no other.
    async fn follow(&self, url: &str, authorization: Option<String>, max_bytes: u64) -> Result<Answer, Failed> {
        let mut url = Url::parse(url).map_err(|error| Failed::for_good(error.to_string()))?;
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            if url.scheme() != "https" && !self.plaintext {
                return Err(Failed::for_good(format!("{url} is not https")));
            }
            let response = tokio::time::timeout(REQUEST_TIMEOUT, self.once(&url, authorization.as_deref(), max_bytes));
            let (answer, location) = response.await.map_err(|_| Failed::passing("no answer in time"))??;
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

    async fn once(
        &self,
        url: &Url,
        authorization: Option<&str>,
        max_bytes: u64,
    ) -> Result<(Answer, Option<String>), Failed> {
        let uri: Uri =
            url.as_str().parse().map_err(|error: http::uri::InvalidUri| Failed::for_good(error.to_string()))?;
        let mut request = Request::get(uri).header(ACCEPT, MANIFESTS).header(USER_AGENT, user_agent());
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|error| Failed::for_good(error.to_string()))?;
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

/// What a token service answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// `WWW-Authenticate`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    is_bearer: bool,
    realm: Option<String>,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    fn parse(header: &str) -> Self {
        let (scheme, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        let mut challenge = Self { is_bearer: scheme.eq_ignore_ascii_case("bearer"), ..Self::default() };
        while let Some((key, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
                Some(found) => found,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            match key.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
                "realm" => challenge.realm = Some(value.to_owned()),
                "service" => challenge.service = Some(value.to_owned()),
                "scope" => challenge.scope = Some(value.to_owned()),
                _ => {}
            }
            rest = after;
        }
        challenge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let some = |text: &str| Some(text.to_owned());
        let bearer =
            r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push""#;
        let expected = Challenge {
            is_bearer: true,
            realm: some("https://auth.example/token"),
            service: some("r.example"),
            scope: some("repository:a/b:pull,push"),
        };
        assert_eq!(Challenge::parse(bearer), expected);
        let basic = Challenge::parse("Basic realm=x, charset=\"UTF-8\"");
        assert_eq!((basic.is_bearer, basic.realm), (false, some("x")));
        assert_eq!(Challenge::parse(""), Challenge::default());
        assert_eq!(
            Challenge::parse("Bearer realm=\"open"),
            Challenge { is_bearer: true, realm: some("\"open"), ..Challenge::default() }
        );
    }
}
