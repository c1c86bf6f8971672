//! A token and how long it holds.

use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

/// What an endpoint answers.
#[derive(Deserialize)]
pub(super) struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    /// Seconds; some write them as a text.
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// A token.
pub(super) struct Token {
    header: HeaderValue,
    obtained: Instant,
    /// None: it holds for ever.
    life: Option<Duration>,
    buffer: Duration,
}

impl Token {
    /// What was answered just now.
    pub(super) fn new(answer: &Answer, buffer: Duration) -> Result<Self, String> {
        if answer.access_token.is_empty() {
            return Err("server response missing access_token".to_owned());
        }
        let kind = match answer.token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            "mac" => "MAC",
            "basic" => "Basic",
            _ => &answer.token_type,
        };
        let header = HeaderValue::from_str(&format!("{kind} {}", answer.access_token));
        let mut header = header.map_err(|_| "its token can not stand in a header")?;
        header.set_sensitive(true);
        let seconds = answer.expires_in.as_f64().or_else(|| answer.expires_in.as_str()?.parse().ok());
        let life =
            seconds.filter(|seconds| *seconds > 0.0).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Self { header, obtained: Instant::now(), life, buffer })
    }

    /// `Authorization`.
    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(super) fn age(&self) -> Duration {
        self.obtained.elapsed()
    }

    /// Whether it can be shown.
    pub(super) fn holds(&self) -> bool {
        self.holds_at(self.age())
    }

    /// Whether it is time for another.
    pub(super) fn is_due(&self) -> bool {
        self.is_due_at(self.age())
    }

    fn holds_at(&self, age: Duration) -> bool {
        self.life.is_none_or(|life| age < life)
    }

    fn is_due_at(&self, age: Duration) -> bool {
        // One that lives shorter than the buffer would be due at once, and always.
        self.life.is_some_and(|life| age >= life.saturating_sub(self.buffer).max(life / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(answer: &str, buffer: u64) -> Result<Token, String> {
        Token::new(&serde_json::from_str(answer).unwrap(), Duration::from_secs(buffer))
    }

    #[test]
    fn the_kind_is_written_as_servers_expect_it() {
        for (answer, header) in [
            (r#"{"access_token": "a"}"#, "Bearer a"),
            (r#"{"access_token": "a", "token_type": "bearer", "expires_in": null}"#, "Bearer a"),
            (r#"{"access_token": "a", "token_type": "DPoP"}"#, "DPoP a"),
        ] {
            assert_eq!(token(answer, 0).unwrap().header(), header);
        }
        assert_eq!(token(r#"{"access_token": ""}"#, 0).err().unwrap(), "server response missing access_token");
        assert!(token(r#"{"access_token": "a\nb"}"#, 0).is_err());
    }

    #[test]
    fn a_token_is_due_before_it_ends() {
        for (expires, buffer, due, ends) in
            [("3600", 300, 3300, 3600), ("\"3600\"", 0, 3600, 3600), ("60", 300, 30, 60)]
        {
            let token = token(&format!(r#"{{"access_token": "a", "expires_in": {expires}}}"#), buffer).unwrap();
            let at =
                |seconds| (token.holds_at(Duration::from_secs(seconds)), token.is_due_at(Duration::from_secs(seconds)));
            assert_eq!(
                (at(due - 1), at(due).1, at(ends - 1).0, at(ends).0),
                ((true, false), true, true, false),
                "{expires}"
            );
        }
        let token = token(r#"{"access_token": "a"}"#, 300).unwrap();
        assert!(token.holds_at(Duration::MAX) && !token.is_due_at(Duration::MAX));
    }
}
