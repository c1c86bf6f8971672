//! URLs taken apart as Go's `net/url` does: nothing is normalised but the case of the scheme.

use super::super::arguments::owned;
use crate::{Map, Value};

/// The parts that are there, under the names of the semantic conventions. A text that begins with a question mark is a query.
pub(super) fn parse<'a>(text: &str) -> Result<Map<'a>, String> {
    let failed = |why: String| format!("parse {text:?}: {why}");
    if let Some(query) = text.strip_prefix('?') {
        let query = parse_query(query).map_err(failed)?;
        let whole = [("query".into(), Value::Map(query))];
        return Ok(whole
            .into_iter()
            .filter(|(_, query)| !matches!(query, Value::Map(map) if map.is_empty()))
            .collect());
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(failed("net/url: invalid control character in URL".to_owned()));
    }
    let url = Url::split(text).map_err(failed)?;
    url.describe(text).map_err(failed)
}

/// The parts as they are written.
#[derive(Default)]
struct Url<'t> {
    scheme: String,
    user_info: Option<&'t str>,
    host: &'t str,
    port: &'t str,
    path: &'t str,
    query: &'t str,
    fragment: &'t str,
}

impl<'t> Url<'t> {
    fn split(text: &'t str) -> Result<Self, String> {
        let mut url = Self::default();
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        url.fragment = fragment;
        let (scheme, rest) = scheme(rest)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query;
        if !rest.starts_with('/') {
            if !scheme.is_empty() {
                // What has a scheme and no path, as in `mailto:`, is opaque: it has no parts.
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_authority = rest.starts_with("//") && (!scheme.is_empty() || !rest.starts_with("///"));
        let Some(after) = rest.strip_prefix("//").filter(|_| has_authority) else {
            url.path = rest;
            return Ok(url);
        };
        let end = after.find('/').unwrap_or(after.len());
        url.path = &after[end..];
        url.split_authority(&after[..end])?;
        Ok(url)
    }

    fn split_authority(&mut self, authority: &'t str) -> Result<(), String> {
        let host_port = match authority.rsplit_once('@') {
            Some((user_info, host_port)) => {
                let is_valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
                if !user_info.chars().all(is_valid) {
                    return Err("net/url: invalid userinfo".to_owned());
                }
                self.user_info = Some(user_info);
                host_port
            }
            None => authority,
        };
        let (host, port) = match host_port.strip_prefix('[') {
            Some(bracketed) => bracketed.rsplit_once(']').ok_or("missing ']' in host")?,
            None => host_port.split_at(host_port.find(':').unwrap_or(host_port.len())),
        };
        self.host = host;
        self.port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
            None if port.is_empty() => "",
            _ => return Err(format!("invalid port {port:?} after host")),
        };
        let is_valid = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c);
        if let Some(c) = host.chars().find(|c| !is_valid(*c)) {
            return Err(format!("invalid character {:?} in host name", c.to_string()));
        }
        // Only what is beyond ASCII is written so, and the sign before the zone of an address.
        let is_odd = |escape: &str| !escape.starts_with("25") && escape.starts_with(|c: char| c.is_digit(8));
        match host.split('%').skip(1).find(|escape| is_odd(escape)) {
            Some(escape) => Err(format!("invalid URL escape \"%{}\"", escape.get(..2).unwrap_or(escape))),
            None => Ok(()),
        }
    }

    fn describe<'a>(&self, text: &str) -> Result<Map<'a>, String> {
        let path = unescape(self.path, false)?;
        let mut map = Map::default();
        map.insert("url.original", owned(text));
        map.insert("url.domain", owned(unescape(self.host, false)?));
        map.insert("url.scheme", owned(self.scheme.as_str()));
        if !self.port.is_empty() {
            let port = self.port.parse().map_err(|_| format!("invalid port {:?} after host", self.port))?;
            map.insert("url.port", Value::Int(port));
        }
        if !self.fragment.is_empty() {
            map.insert("url.fragment", owned(unescape(self.fragment, false)?));
        }
        if let Some(user_info) = self.user_info {
            map.insert("url.user_info", owned(user_info));
            let (username, password) =
                user_info.split_once(':').map_or((user_info, None), |(name, pass)| (name, Some(pass)));
            if !username.is_empty() {
                map.insert("url.username", owned(unescape(username, false)?));
            }
            if let Some(password) = password {
                map.insert("url.password", owned(unescape(password, false)?));
            }
        }
        if !self.query.is_empty() {
            map.insert("url.query", owned(self.query));
        }
        if let Some((_, extension)) = path.rsplit_once('.').filter(|(_, extension)| !extension.is_empty()) {
            map.insert("url.extension", owned(extension));
        }
        map.insert("url.path", owned(path));
        Ok(map)
    }
}

/// What stands before the first colon, if it can be a scheme, and what follows.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

/// Replaces `%41`; in a query a plus is a space.
fn unescape(text: &str, is_query: bool) -> Result<String, String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        plain.push(match byte {
            b'%' => {
                let digits = after.get(..2).map(|pair| [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16)));
                let Some([Some(high), Some(low)]) = digits else {
                    let shown = String::from_utf8_lossy(&after[..after.len().min(2)]);
                    return Err(format!("invalid URL escape \"%{shown}\""));
                };
                rest = &after[2..];
                (high * 16 + low) as u8
            }
            b'+' if is_query => b' ',
            other => other,
        });
    }
    Ok(String::from_utf8(plain).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Each parameter with the list of its values.
fn parse_query<'a>(query: &str) -> Result<Map<'a>, String> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            return Err("invalid semicolon separator in query".to_owned());
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((unescape(name, true)?, unescape(value, true)?));
    }
    // Stable: values keep their order.
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    let groups = pairs.chunk_by(|(a, _), (b, _)| a == b);
    let parameters = groups.map(|group| {
        let values = group.iter().map(|(_, value)| owned(value.as_str())).collect();
        (group[0].0.clone().into(), Value::List(values))
    });
    Ok(parameters.collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, l, m, s};
    use crate::Value;
    use crate::Value::{Int, Nil};

    fn url(
        original: &'static str,
        domain: &'static str,
        scheme: &'static str,
        path: &'static str,
    ) -> Vec<(&'static str, Value<'static>)> {
        vec![("url.original", s(original)), ("url.domain", s(domain)), ("url.scheme", s(scheme)), ("url.path", s(path))]
    }

    #[test]
    fn takes_urls_apart() {
        let full = "http://myusername:mypassword@www.example.com:80/foo.gif?key1=val1&key2=val2#fragment";
        let mut parts = url(full, "www.example.com", "http", "/foo.gif");
        parts.extend([
            ("url.port", Int(80)),
            ("url.user_info", s("myusername:mypassword")),
            ("url.username", s("myusername")),
            ("url.password", s("mypassword")),
            ("url.extension", s("gif")),
            ("url.query", s("key1=val1&key2=val2")),
            ("url.fragment", s("fragment")),
        ]);
        let with = |mut parts: Vec<_>, more: &[(&'static str, Value<'static>)]| {
            parts.extend_from_slice(more);
            Ok(m(parts))
        };
        check(&[
            ("URL", &[s(full)], Ok(m(parts))),
            (
                "URL",
                &[s("http://www.example.com")],
                Ok(m(url("http://www.example.com", "www.example.com", "http", ""))),
            ),
            ("URL", &[s("HTTPS://[::1]:8443/a%20b")], {
                with(url("HTTPS://[::1]:8443/a%20b", "::1", "https", "/a b"), &[("url.port", Int(8443))])
            }),
            ("URL", &[s("/relative?x")], with(url("/relative?x", "", "", "/relative"), &[("url.query", s("x"))])),
            ("URL", &[s("//host/p")], Ok(m(url("//host/p", "host", "", "/p")))),
            ("URL", &[s("mailto:joe@example.com")], Ok(m(url("mailto:joe@example.com", "", "mailto", "")))),
            ("URL", &[s("http://user@h/")], {
                with(
                    url("http://user@h/", "h", "http", "/"),
                    &[("url.user_info", s("user")), ("url.username", s("user"))],
                )
            }),
            ("URL", &[s("ftp://:p%40@h:/x.")], {
                with(
                    url("ftp://:p%40@h:/x.", "h", "ftp", "/x."),
                    &[("url.user_info", s(":p%40")), ("url.password", s("p@"))],
                )
            }),
            ("URL", &[s("///p")], Ok(m(url("///p", "", "", "///p")))),
            ("URL", &[s("http://\u{e9}.%c3%a9/")], Ok(m(url("http://\u{e9}.%c3%a9/", "\u{e9}.\u{e9}", "http", "/")))),
            ("URL", &[s("")], Ok(m(url("", "", "", "")))),
            (
                "URL",
                &[s("?b=2&a=1+x&b=%33")],
                Ok(m([("query", m([("a", l([s("1 x")])), ("b", l([s("2"), s("3")]))]))])),
            ),
            ("URL", &[s("?")], Ok(m([]))),
        ]);
    }

    #[test]
    fn refuses_what_is_none() {
        check(&[
            ("URL", &[s("http://a b/")], Err("invalid character \" \" in host name")),
            ("URL", &[s("http://a%20b/")], Err("invalid URL escape \"%20\"")),
            ("URL", &[s("http://h:80:90/")], Err("invalid port \":80:90\" after host")),
            ("URL", &[s("http://h:x/")], Err("invalid port \":x\" after host")),
            ("URL", &[s("http://h:99999999999999999999/")], Err("invalid port")),
            ("URL", &[s("http://[::1/")], Err("missing ']' in host")),
            ("URL", &[s("http://u\"@h/")], Err("net/url: invalid userinfo")),
            ("URL", &[s("http://h/%zz")], Err("parse \"http://h/%zz\": invalid URL escape \"%zz\"")),
            ("URL", &[s("http://h/%4")], Err("invalid URL escape \"%4\"")),
            ("URL", &[s("http://h/%é")], Err("invalid URL escape \"%é\"")),
            ("URL", &[s(":x")], Err("missing protocol scheme")),
            ("URL", &[s("1a:b/c")], Err("first path segment in URL cannot contain colon")),
            ("URL", &[s("http://h/\n")], Err("invalid control character in URL")),
            ("URL", &[s("?a;b")], Err("invalid semicolon separator in query")),
            ("URL", &[Nil], Err("expected string but got nil")),
        ]);
    }

    proptest::proptest! {
        #[test]
        fn takes_any_text(text in "[a-z:/?#@%&;=.\\[\\] é]{0,24}") {
            let _ = super::parse(&text);
        }
    }
}
