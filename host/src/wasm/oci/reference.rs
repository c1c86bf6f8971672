//! The name of an artefact.

use std::fmt;
use std::str::FromStr;

/// `registry/name:tag@sha256:…`; tag and digest may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Host, and port if there is one.
    pub registry: String,
    /// Path of the repository.
    pub name: String,
    /// What people call the version.
    pub tag: Option<String>,
    /// SHA-256 of the manifest in hex.
    pub digest: Option<String>,
}

/// As the distribution specification has it, more or less: nothing that could leave the path of a URL.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
    };
    name.len() <= 255 && name.split('/').all(is_part)
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_registry(registry: &str) -> bool {
    !registry.is_empty()
        && registry.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
}

/// Whether it is the hex of a SHA-256.
pub(super) fn is_digest(digest: &str) -> bool {
    digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |what: &str| format!("oci://{text}: {what}; it is written oci://registry/name:tag@sha256:…");
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => match digest.strip_prefix("sha256:").filter(|hex| is_digest(hex)) {
                Some(hex) => (rest, Some(hex.to_owned())),
                None => return Err(bad("the digest is no sha256: and 64 small hex digits")),
            },
        };
        let (registry, path) = rest.split_once('/').ok_or_else(|| bad("there is no name behind a registry"))?;
        let (name, tag) = match path.split_once(':') {
            Some((name, tag)) => (name, Some(tag.to_owned())),
            None => (path, None),
        };
        match () {
            () if !is_registry(registry) => Err(bad("the registry is no host")),
            () if !is_name(name) => Err(bad("the name is none that a registry takes")),
            () if tag.as_deref().is_some_and(|tag| !is_tag(tag)) => Err(bad("the tag is none that a registry takes")),
            () => Ok(Self { registry: registry.to_owned(), name: name.to_owned(), tag, digest }),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@sha256:{digest}"))
    }
}

impl Reference {
    /// The last part of the name.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the registry is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = match self.registry.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => self.registry.split(':').next(),
        };
        let host = host.unwrap_or_default();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written() {
        let digest = "0123456789abcdef".repeat(4);
        for text in [
            "r.example/a",
            "r.example:5000/a/b-c:1.0",
            &format!("[::1]:5/a:x@sha256:{digest}"),
            &format!("h/a@sha256:{digest}"),
        ] {
            let reference: Reference = text.parse().expect("good");
            assert_eq!(reference.to_string(), format!("oci://{text}"));
        }
        let long = format!("h/a@sha256:{}", digest.to_uppercase());
        for bad in
            ["", "a", "/a", "h/", "h/A", "h/../a", "h/a:", "h/a:-", "h/a b", "u@h/a", "h/a@sha256:12", "h?x/a", &long]
        {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        let local = |text: &str| text.parse::<Reference>().expect("good").is_loopback();
        assert!(local("localhost:5000/a") && local("127.0.0.1/a") && local("[::1]:5/a"));
        assert!(!local("localhost.example/a") && !local("10.0.0.1/a"));
    }
}
