//! What a registry asks for before it gives anything: a password, or a token of its token service, as the distribution project's
//! specifications have it (`GET` with a password or without; `POST` of the OAuth 2 grant `refresh_token` with an identity token).

use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::credentials::{self, Credentials};
use super::http::{Answer, Failed, Registry};

const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// What we are called; token services want to know.
const CLIENT_ID: &str = "tailrace";

/// What a token service answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// The header that answers a challenge.
    pub(super) async fn authorize(&self, challenge: &str) -> Result<String, Failed> {
        let (host, docker) = (self.host.clone(), self.docker.clone());
        let asked = tokio::task::spawn_blocking(move || credentials::find(docker.as_deref()?, &host).transpose()).await;
        let credentials = asked.map_err(|error| Failed::for_good(error.to_string()))?;
        let credentials = credentials.transpose().map_err(Failed::for_good)?;
        let challenge = Challenge::parse(challenge);
        let Some(realm) = challenge.realm.as_deref().filter(|_| challenge.is_bearer) else {
            return match credentials {
                Some(Credentials::Password(basic)) => Ok(basic),
                Some(Credentials::Identity(_)) => Err(Failed::for_good(
                    "401: it asks for a password, docker's configuration has an identity token for it",
                )),
                None => Err(Failed::for_good("401: docker's configuration has no credentials for it")),
            };
        };
        let realm = Url::parse(realm).map_err(|error| Failed::for_good(format!("its token service: {error}")))?;
        let answer = match credentials {
            Some(Credentials::Identity(identity)) => self.grant(&realm, &challenge, &identity).await?,
            Some(Credentials::Password(basic)) => self.token(realm, &challenge, Some(basic)).await?,
            None => self.token(realm, &challenge, None).await?,
        };
        if !answer.status.is_success() {
            return Err(Failed::for_good(format!("its token service answers {}", answer.status)));
        }
        let token: Token = serde_json::from_slice(&answer.body)
            .map_err(|error| Failed::for_good(format!("its token service's answer: {error}")))?;
        let token = token.token.or(token.access_token);
        let token = token.ok_or_else(|| Failed::for_good("its token service gave no token"))?;
        Ok(format!("Bearer {token}"))
    }

    async fn token(&self, mut url: Url, challenge: &Challenge, basic: Option<String>) -> Result<Answer, Failed> {
        for (key, value) in challenge.wanted() {
            url.query_pairs_mut().append_pair(key, value);
        }
        self.follow(url.as_str(), basic, MAX_TOKEN_BYTES).await
    }

    /// The identity token stands in the body, so this is sent on to nowhere else.
    async fn grant(&self, realm: &Url, challenge: &Challenge, identity: &str) -> Result<Answer, Failed> {
        let grant = [("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", identity)];
        let form = Serializer::new(String::new()).extend_pairs(grant).extend_pairs(challenge.wanted()).finish();
        self.post(realm, form, MAX_TOKEN_BYTES).await
    }
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

    /// What the token is to be for.
    fn wanted(&self) -> impl Iterator<Item = (&str, &str)> {
        [("service", &self.service), ("scope", &self.scope)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }
}

#[cfg(test)]
mod tests;
