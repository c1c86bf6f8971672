//! Credentials from the usual docker configuration.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What a user of a registry has.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// A name and a password, as the value of a header.
    Password(String),
    /// An identity token, which the registry's token service takes for a token of the registry.
    Identity(String),
}

impl Credentials {
    fn password(user: &str, secret: &str) -> Self {
        Self::Password(format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))))
    }
}

/// The name that says of a helper's secret that it is an identity token.
const IDENTITY: &str = "<token>";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: HashMap<String, Auth>,
    cred_helpers: HashMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    /// User and password, in base64.
    #[serde(rename = "auth")]
    pair: String,
    username: String,
    password: String,
    /// Where there is one, docker takes it and no password.
    #[serde(rename = "identitytoken")]
    identity_token: String,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// A helper that has not answered by then will not.
const HELPER_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// Where docker keeps its configuration.
pub(super) fn folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")))
}

/// The credentials for a registry, `None` if nobody gave any.
pub(super) fn find(docker: &Path, registry: &str) -> Result<Option<Credentials>, String> {
    let path = docker.join("config.json");
    let Ok(text) = fs::read(&path) else { return Ok(None) };
    let config: Config = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    config.find(registry)
}

impl Config {
    fn find(&self, registry: &str) -> Result<Option<Credentials>, String> {
        let hub = (registry == "docker.io").then(|| "https://index.docker.io/v1/".to_owned());
        let keys: Vec<String> = hub
            .into_iter()
            .chain([registry.to_owned(), format!("https://{registry}"), format!("http://{registry}")])
            .collect();
        let helper = keys.iter().find_map(|key| self.cred_helpers.get(key));
        if let Some(helper) = helper {
            return ask(helper, &keys[0]);
        }
        if let Some(found) = keys.iter().find_map(|key| self.auths.get(key)).and_then(Auth::credentials) {
            return Ok(Some(found));
        }
        if self.creds_store.is_empty() { Ok(None) } else { ask(&self.creds_store, &keys[0]) }
    }
}

impl Auth {
    fn credentials(&self) -> Option<Credentials> {
        if !self.identity_token.is_empty() {
            return Some(Credentials::Identity(self.identity_token.clone()));
        }
        if !self.username.is_empty() {
            return Some(Credentials::password(&self.username, &self.password));
        }
        let pair = String::from_utf8(STANDARD.decode(&self.pair).ok()?).ok()?;
        let (user, secret) = pair.split_once(':')?;
        Some(Credentials::password(user, secret))
    }
}

/// Asks `docker-credential-<helper>`; one that knows none says so by failing.
fn ask(helper: &str, registry: &str) -> Result<Option<Credentials>, String> {
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(format!("{helper:?} is no name of a credential helper"));
    }
    let program = format!("docker-credential-{helper}");
    let failed = |error: std::io::Error| format!("{program}: {error}");
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it may answer all the same.
        let _ = stdin.write_all(registry.as_bytes());
    }
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut answer = Vec::new();
        stdout.map(|stdout| stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer));
        answer
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if started.elapsed() < HELPER_TIMEOUT => std::thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} did not answer within {HELPER_TIMEOUT:?}"));
            }
        }
    };
    if !status.success() {
        return Ok(None);
    }
    let answer = reader.join().unwrap_or_default();
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| format!("{program} gave no credentials"))?;
    Ok(Some(match answer.username.as_str() {
        IDENTITY => Credentials::Identity(answer.secret),
        user => Credentials::password(user, &answer.secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: serde_json::Value, registry: &str) -> Option<String> {
        let config: Config = serde_json::from_value(config).expect("good");
        let found = config.find(registry).expect("no helper");
        found.map(|found| match found {
            Credentials::Password(basic) => {
                let pair = STANDARD.decode(basic.trim_start_matches("Basic ")).expect("base64");
                String::from_utf8(pair).expect("text")
            }
            Credentials::Identity(token) => format!("the token {token}"),
        })
    }

    #[test]
    fn auths_are_found_as_docker_writes_them() {
        let config = serde_json::json!({"auths": {
            "r.example:5000": {"auth": STANDARD.encode("me:se:cret")},
            "https://s.example": {"username": "you", "password": "known"},
            "https://index.docker.io/v1/": {"auth": STANDARD.encode("hub:x")},
            "empty.example": {},
            "t.example": {"auth": STANDARD.encode("<token>:"), "identitytoken": "long"},
        }, "HttpHeaders": {"x": "y"}});
        let find = |registry| found(config.clone(), registry);
        assert_eq!(find("r.example:5000").as_deref(), Some("me:se:cret"));
        assert_eq!(find("s.example").as_deref(), Some("you:known"));
        assert_eq!(find("docker.io").as_deref(), Some("hub:x"));
        assert_eq!(find("empty.example"), None);
        assert_eq!(find("t.example").as_deref(), Some("the token long"));
        assert_eq!(find("r.example"), None);
    }

    #[test]
    fn helpers_have_plain_names() {
        let config: Config = serde_json::from_value(serde_json::json!({"credsStore": "../x"})).expect("good");
        assert!(config.find("r").is_err());
        let config: Config =
            serde_json::from_value(serde_json::json!({"credHelpers": {"r": "tailrace-has-none"}})).expect("good");
        assert!(config.find("r").err().is_some_and(|error| error.starts_with("docker-credential-tailrace-has-none: ")));
    }
}
