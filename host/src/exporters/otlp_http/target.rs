//! Where one signal is sent to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use url::Url;

use super::settings::OtlpHttpSettings;
use crate::pipeline::Signal;

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Without user and password.
    pub(super) uri: Uri,
    /// For messages: without password.
    pub(super) shown: String,
    /// From user and password.
    pub(super) authorization: Option<HeaderValue>,
}

impl Target {
    /// The target of `signal`, or what is wrong with it.
    pub(super) fn of(settings: &OtlpHttpSettings, signal: Signal) -> Result<Self, String> {
        let own = settings.endpoint_of(signal);
        if !own.is_empty() {
            return Self::parse(own);
        }
        if settings.endpoint.is_empty() {
            return Err(format!("either endpoint or {signal}_endpoint must be specified"));
        }
        let base = settings.endpoint.strip_suffix('/').unwrap_or(&settings.endpoint);
        Self::parse(&format!("{base}/v1/{signal}"))
    }

    /// The target of that URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("endpoint {text:?} must be a valid URL");
        let mut url = Url::parse(text).map_err(|_| invalid())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid());
        }
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let pair = format!("{}:{}", url.username(), url.password().unwrap_or_default());
            let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        // These fail only for URLs that can have no user, which those of HTTP can.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let shown = url.to_string();
        let uri = shown.parse().map_err(|_| invalid())?;
        Ok(Self { uri, shown, authorization: authorization.flatten() })
    }

    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&http::uri::Scheme::HTTPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_paths() {
        let base = |endpoint: &str| OtlpHttpSettings { endpoint: endpoint.to_owned(), ..OtlpHttpSettings::default() };
        for endpoint in ["http://backend:4318", "http://backend:4318/"] {
            let target = Target::of(&base(endpoint), Signal::Logs).unwrap();
            assert_eq!(target.shown, "http://backend:4318/v1/logs");
        }
        let own =
            OtlpHttpSettings { traces_endpoint: "https://t.example/in".to_owned(), ..base("http://backend:4318/otlp") };
        assert_eq!(Target::of(&own, Signal::Traces).unwrap().shown, "https://t.example/in");
        assert_eq!(Target::of(&own, Signal::Metrics).unwrap().shown, "http://backend:4318/otlp/v1/metrics");
        let none = Target::of(&base(""), Signal::Traces);
        assert_eq!(none, Err("either endpoint or traces_endpoint must be specified".to_owned()));
    }

    #[test]
    fn users_become_headers_and_are_not_shown() {
        let target = Target::parse("https://me:secret@backend/v1/traces").unwrap();
        assert_eq!(target.shown, "https://backend/v1/traces");
        assert_eq!(target.authorization.unwrap(), "Basic bWU6c2VjcmV0");
        for wrong in ["backend:4318", "ftp://backend", "/v1/traces"] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
