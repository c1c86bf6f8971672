//! Requests from pages of other origins: which of them browsers let through, and how they ask beforehand.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use super::settings::Cors;

/// What a browser may always send.
const SIMPLE_HEADERS: [&str; 4] = ["accept", "content-type", "origin", "x-requested-with"];

/// What pages may ask to send with.
const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];

impl Cors {
    /// Without origins the section does nothing.
    pub(super) fn is_on(&self) -> bool {
        !self.allowed_origins.is_empty()
    }

    /// Whether a request asks what it may send, instead of sending it.
    pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer to a preflight; nothing is allowed by leaving it out.
    pub(super) fn preflight(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        for vary in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS] {
            answer.append(VARY, vary.into());
        }
        let Some(origin) = self.allowed_origin(asked) else { return };
        let Some(method) = asked.get(ACCESS_CONTROL_REQUEST_METHOD) else { return };
        if !METHODS.iter().any(|known| method == known) {
            return;
        }
        if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|headers| !headers.is_empty()) {
            if !self.allows_headers(headers) {
                return;
            }
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        if self.max_age > 0 {
            answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.max_age));
        }
    }

    /// What goes with the response to a request itself.
    pub(super) fn decorate(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        answer.append(VARY, ORIGIN.into());
        let Some(origin) = self.allowed_origin(asked) else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        if !self.exposed_headers.is_empty()
            && let Ok(exposed) = HeaderValue::from_str(&self.exposed_headers.join(", "))
        {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    fn allowed_origin(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(ORIGIN)?;
        if self.allowed_origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let lower = origin.to_str().ok()?.to_ascii_lowercase();
        let matches = |allowed: &String| matches_origin(&allowed.to_ascii_lowercase(), &lower);
        self.allowed_origins.iter().any(matches).then(|| origin.clone())
    }

    fn allows_headers(&self, headers: &HeaderValue) -> bool {
        let Ok(headers) = headers.to_str() else { return false };
        let allowed = |name: &str| {
            let own = self.allowed_headers.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(name));
            own || SIMPLE_HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        headers.split(',').map(str::trim).filter(|name| !name.is_empty()).all(allowed)
    }
}

/// `*` stands for anything, once.
fn matches_origin(allowed: &str, origin: &str) -> bool {
    match allowed.split_once('*') {
        None => allowed == origin,
        Some((start, end)) => {
            origin.len() >= start.len() + end.len() && origin.starts_with(start) && origin.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors {
            allowed_origins: vec!["https://app.example".to_owned(), "https://*.internal".to_owned()],
            allowed_headers: vec!["X-Key".to_owned()],
            exposed_headers: Vec::new(),
            max_age: 60,
        }
    }

    fn asked(origin: &'static str, method: &'static str, headers: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_static(origin)),
            (ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static(method)),
            (ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(headers)),
        ])
    }

    #[test]
    fn preflights_allow_what_is_configured() {
        for (origin, method, headers, allowed) in [
            ("https://app.example", "POST", "content-type", true),
            ("https://App.example", "POST", "x-key, content-type", true),
            ("https://a.b.internal", "POST", "", true),
            ("https://internal", "POST", "", false),
            ("https://evil.example", "POST", "", false),
            ("https://app.example", "DELETE", "", false),
            ("https://app.example", "POST", "x-other", false),
        ] {
            let mut answer = HeaderMap::new();
            cors().preflight(&asked(origin, method, headers), &mut answer);
            let allows = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|allowed| allowed == origin);
            assert_eq!(allows, allowed, "{origin} {method} {headers}");
            assert_eq!(answer.contains_key(ACCESS_CONTROL_MAX_AGE), allowed);
        }
    }

    #[test]
    fn any_origin_is_answered_with_a_star() {
        let open = Cors { allowed_origins: vec!["*".to_owned()], ..cors() };
        let mut answer = HeaderMap::new();
        open.decorate(&asked("https://anyone", "POST", ""), &mut answer);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
