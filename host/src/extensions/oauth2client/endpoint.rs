//! Whom to ask for tokens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::settings::Settings;
use super::token::{Answer, Token};
use crate::net::auth::secret_file::Source;
use crate::net::fetch::{self, Fetcher};

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The endpoint.
pub(super) struct Endpoint {
    fetcher: Fetcher,
    url: Url,
    id: Source,
    secret: Source,
    scopes: String,
    parameters: Vec<(String, String)>,
    buffer: Duration,
    /// It wants id and secret in the form.
    in_form: AtomicBool,
}

impl Endpoint {
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        let timeout = if settings.timeout.is_zero() { TIMEOUT } else { settings.timeout.0 };
        let url = Url::parse(&settings.token_url).map_err(|error| format!("token_url: {error}"))?;
        let parameters = settings.endpoint_params.into_iter();
        let parameters =
            parameters.flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
        Ok(Self {
            fetcher: Fetcher::new(&settings.tls, url.scheme() == "http", timeout)?,
            id: Source::new(&settings.client_id_file, &settings.client_id.into()),
            secret: Source::new(&settings.client_secret_file, &settings.client_secret),
            url,
            scopes: settings.scopes.join(" "),
            parameters: parameters.collect(),
            buffer: settings.expiry_buffer.0,
            in_form: AtomicBool::new(false),
        })
    }

    /// A fresh token.
    pub(super) async fn ask(&self) -> Result<Token, String> {
        let said = |why: String| {
            format!("failed to get security token from token endpoint (endpoint {:?}): {why}", self.url.as_str())
        };
        let (id, secret) = (self.id.clone(), self.secret.clone());
        let read = tokio::task::spawn_blocking(move || Ok((id.read()?, secret.read()?))).await;
        let (id, secret) = read.map_err(|error| error.to_string()).flatten().map_err(said)?;
        let in_form = self.in_form.load(Ordering::Relaxed);
        let mut answer = self.post(&id, &secret, in_form).await.map_err(said)?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST) {
            // Which of the two an endpoint takes can only be tried.
            let other = self.post(&id, &secret, !in_form).await.map_err(said)?;
            if other.status.is_success() {
                self.in_form.store(!in_form, Ordering::Relaxed);
                answer = other;
            }
        }
        self.read(&answer).map_err(said)
    }

    async fn post(&self, id: &str, secret: &str, in_form: bool) -> Result<fetch::Answer, String> {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let basic = || format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))));
        let authorization = (!in_form).then(basic);
        let form = self.form(in_form.then_some((id, secret)));
        let answer = self.fetcher.post(&self.url, form, authorization.as_deref(), MAX_ANSWER_BYTES).await;
        answer.map_err(|failed| failed.why)
    }

    fn form(&self, credentials: Option<(&str, &str)>) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes);
        }
        form.extend_pairs(&self.parameters);
        if let Some((id, secret)) = credentials {
            form.append_pair("client_id", id).append_pair("client_secret", secret);
        }
        form.finish()
    }

    fn read(&self, answer: &fetch::Answer) -> Result<Token, String> {
        if !answer.status.is_success() {
            // The code alone: what else an endpoint says may repeat what it was sent.
            let body = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
            let code = body.as_ref().and_then(|body| body.get("error")?.as_str()).unwrap_or_default();
            return Err(format!("{} {}", answer.status, code.chars().take(100).collect::<String>())
                .trim_end()
                .to_owned());
        }
        let answer: Answer = serde_json::from_slice(&answer.body)
            .map_err(|_| "its answer is no JSON with an access_token".to_owned())?;
        Token::new(&answer, self.buffer)
    }
}
