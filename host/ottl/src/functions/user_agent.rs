//! What a user agent is, and what it runs on.
//!
//! Go's converter has the 1,300 expressions of ua-parser's database. Compiled they take tens of megabytes, which is no size for a
//! plugin, and no crate brings them in a form that could be used one by one. Here is a table of what sends most requests: the
//! browsers, the crawlers, the clients of programming languages. It answers as the database does; what it does not know is `Other`,
//! which is what the database says of everything that it does not know.

mod system;

use super::arguments::{owned, string};
use super::{Function, Parameter, pure};
use crate::{Map, Value};

/// One converter, with its own tables.
pub(super) static FUNCTIONS: &[Function] = &[Function {
    name: "UserAgent",
    parameters: &[Parameter::required("userAgent")],
    make: |_| {
        pure(|a| {
            let text = string(&a[0])?;
            let (name, version) = agent(text);
            let (system, system_version) = system::find(text);
            let mut map = Map::default();
            map.insert("user_agent.name", owned(name));
            map.insert("user_agent.version", owned(version));
            map.insert("user_agent.original", Value::Str(text.clone()));
            map.insert("os.name", owned(system));
            if !system_version.is_empty() {
                map.insert("os.version", owned(system_version));
            }
            Ok(Value::Map(map))
        })
    },
}];

/// How an agent is known.
struct Rule {
    /// What its text has in it, before its version.
    token: &'static str,
    /// What its text has in it besides, if anything.
    with: &'static str,
    name: &'static str,
    /// What stands before its version, if that is not the token.
    version_after: Option<&'static str>,
}

const fn rule(token: &'static str, name: &'static str) -> Rule {
    Rule { token, with: "", name, version_after: None }
}

const fn rule_with(token: &'static str, with: &'static str, name: &'static str) -> Rule {
    Rule { token, with, name, version_after: None }
}

const fn versioned(token: &'static str, with: &'static str, name: &'static str, version_after: &'static str) -> Rule {
    Rule { token, with, name, version_after: Some(version_after) }
}

/// The first that fits counts: most browsers say that they are others too.
static RULES: &[Rule] = &[
    rule("facebookexternalhit/", "FacebookBot"),
    rule("Googlebot-Image/", "Googlebot-Image"),
    rule("Googlebot-Video/", "Googlebot-Video"),
    rule("Slackbot-LinkExpanding ", "Slackbot-LinkExpanding"),
    rule("Slackbot ", "Slackbot"),
    rule("Opera Mini/", "Opera Mini"),
    rule_with("OPR/", "Mobile", "Opera Mobile"),
    rule("OPR/", "Opera"),
    versioned("Opera/", "Version/", "Opera", "Version/"),
    rule("Opera/", "Opera"),
    rule("EdgA/", "Edge Mobile"),
    rule("EdgiOS/", "Edge Mobile"),
    rule("Edg/", "Edge"),
    rule_with("Edge/", "Windows Phone", "Edge Mobile"),
    rule("Edge/", "Edge"),
    rule("SamsungBrowser/", "Samsung Internet"),
    rule("YaBrowser/", "Yandex Browser"),
    rule("Vivaldi/", "Vivaldi"),
    rule("UCBrowser/", "UC Browser"),
    rule("HeadlessChrome", "HeadlessChrome"),
    rule("FxiOS/", "Firefox iOS"),
    rule("CriOS/", "Chrome Mobile iOS"),
    rule_with("Firefox/", "Mobile;", "Firefox Mobile"),
    rule_with("Firefox/", "Tablet;", "Firefox Mobile"),
    rule("Firefox/", "Firefox"),
    rule("Chromium/", "Chromium"),
    rule_with("Chrome/", "; wv)", "Chrome Mobile WebView"),
    rule_with("Chrome/", "Mobile", "Chrome Mobile"),
    rule("Chrome/", "Chrome"),
    versioned("Trident/7", "rv:", "IE", "rv:"),
    rule("MSIE ", "IE"),
    versioned("Dalvik/", "Android ", "Android", "Android "),
    versioned("Version/", "Android ", "Android", "Android "),
    rule_with("Version/", "iPhone", "Mobile Safari"),
    rule_with("Version/", "iPad", "Mobile Safari"),
    rule_with("Version/", "Safari/", "Safari"),
    versioned("AppleWebKit/", "iPhone", "Mobile Safari UI/WKWebView", ""),
    versioned("AppleWebKit/", "iPad", "Mobile Safari UI/WKWebView", ""),
    rule("curl/", "curl"),
    rule("Wget/", "Wget"),
    rule("python-requests/", "Python Requests"),
    rule("aiohttp/", "Python aiohttp"),
    rule("Python-urllib/", "Python-urllib"),
    rule("Go-http-client/", "Go-http-client"),
    rule("okhttp/", "okhttp"),
    rule("Apache-HttpClient/", "Apache-HttpClient"),
    rule("axios/", "axios"),
    rule("PostmanRuntime/", "PostmanRuntime"),
    rule("HTTPie/", "HTTPie"),
    rule("aws-sdk-java/", "aws-sdk-java"),
    rule("aws-cli/", "aws-cli"),
    rule("Boto3/", "Boto3"),
    rule("Java/", "Java"),
];

/// The name and version of an agent.
fn agent(text: &str) -> (String, String) {
    if let Some(found) = crawler(text).or_else(|| app(text)) {
        return found;
    }
    let fits = |rule: &&Rule| text.contains(rule.token) && text.contains(rule.with);
    let Some(rule) = RULES.iter().find(fits) else { return ("Other".to_owned(), String::new()) };
    let version = match rule.version_after {
        Some("") => String::new(),
        after => version_after(text, after.unwrap_or(rule.token)),
    };
    (rule.name.to_owned(), adapt(rule.name, version, text))
}

/// Where the database cuts versions otherwise.
fn adapt(name: &str, version: String, text: &str) -> String {
    match name {
        "Python Requests" => version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."),
        // Java/1.8.0_25 is Java 8.0.25.
        "Java" => match version.strip_prefix("1.") {
            Some(rest) => format!("{rest}.{}", version_after(text, "_")).trim_end_matches('.').to_owned(),
            None => version,
        },
        _ => version,
    }
}

/// A word that ends as the names of crawlers do, and the version after a slash.
fn crawler(text: &str) -> Option<(String, String)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = text.split(|c: char| !is_part(c)).filter(|word| word.len() > 3 && word.len() <= 64);
    let name = words.into_iter().find(|word| ["bot", "Bot", "spider"].iter().any(|end| word.ends_with(end)))?;
    // What is said of a page of the crawler is none of its name.
    let (_, after) = text.split_once(name)?;
    match after.chars().next() {
        Some('/') => Some((name.to_owned(), version(after[1..].trim_start_matches(['v', 'V'])))),
        Some(';' | ')') | None => Some((name.to_owned(), String::new())),
        _ => None,
    }
}

/// An app of Apple's systems: its name, a slash and its version, and the network library's.
fn app(text: &str) -> Option<(String, String)> {
    let (app, _) = text.split_once(" CFNetwork/")?;
    let (name, rest) = app.split_once('/')?;
    Some((name.to_owned(), version(rest)))
}

fn version_after(text: &str, token: &str) -> String {
    text.split_once(token).map(|(_, after)| version(after.trim_start_matches('/'))).unwrap_or_default()
}

/// Up to three numbers.
fn version(text: &str) -> String {
    let parts = text.split('.').take(3);
    let mut numbers = Vec::new();
    for part in parts {
        let len = part.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            break;
        }
        numbers.push(&part[..len]);
        if len < part.len() {
            break;
        }
    }
    numbers.join(".")
}

#[cfg(test)]
mod tests;
