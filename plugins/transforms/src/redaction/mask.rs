//! What stands in the place of what is masked.

use hmac::{Hmac, Mac};
use md5::Md5;
use regex::Regex;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;
use std::borrow::Cow;
use std::fmt::Write;

use tailrace_sdk::Diagnostics;
use tailrace_shared::re2;

use super::config::Config;
use super::presets::Preset;

/// Which parts of a text are masked, and how.
#[derive(Debug)]
pub(super) struct Mask {
    /// In order: what one has masked, the next sees masked.
    blocked: Vec<Regex>,
    presets: Vec<Preset>,
    with: With,
}

/// How.
#[derive(Clone, Debug, PartialEq, Eq)]
enum With {
    Stars,
    Md5,
    Sha1,
    Sha3,
    HmacSha256(Vec<u8>),
    HmacSha512(Vec<u8>),
}

const STARS: &str = "****";

impl Mask {
    /// Adds what is wrong with the configuration.
    pub(super) fn new(config: &Config, problems: &mut Diagnostics) -> Self {
        let mut blocked = Vec::new();
        for (place, pattern) in config.blocked_values.iter().enumerate() {
            match Regex::new(&re2::to_rust(pattern)) {
                Ok(pattern) => blocked.push(pattern),
                Err(error) => problems.push(format!("/blocked_values/{place}"), error.to_string()),
            }
        }
        let presets = config.blocked_value_presets.iter().filter_map(|name| Preset::new(*name)).collect();
        Self { blocked, presets, with: With::new(config, problems) }
    }

    /// A text of which nothing is to be seen: of each line the mask, as the Go collector has it.
    pub(super) fn all(&self, text: &str) -> String {
        let lines: Vec<_> = text.split('\n').map(|line| self.with.mask(line)).collect();
        lines.join("\n")
    }

    /// The text with its parts masked; `None` if there is nothing to mask.
    pub(super) fn parts(&self, text: &str) -> Option<String> {
        let mut now = Cow::Borrowed(text);
        for pattern in &self.blocked {
            if let Cow::Owned(masked) =
                pattern.replace_all(&now, |found: &regex::Captures<'_>| self.with.mask(&found[0]))
            {
                now = Cow::Owned(masked);
            }
        }
        for preset in &self.presets {
            if let Some(masked) = preset.replace(&now, |found| self.with.mask(found)) {
                now = Cow::Owned(masked);
            }
        }
        match now {
            Cow::Owned(masked) if masked != text => Some(masked),
            _ => None,
        }
    }
}

impl With {
    fn new(config: &Config, problems: &mut Diagnostics) -> Self {
        let key = config.hmac_key.as_bytes();
        let mut keyed = |min: usize| {
            if key.len() < min {
                let name = &config.hash_function;
                let message = format!("{name} needs a key of at least {min} bytes, got {}", key.len());
                problems.push(if key.is_empty() { "/hash_function" } else { "/hmac_key" }, message);
            }
            key.to_vec()
        };
        match config.hash_function.to_lowercase().as_str() {
            "" => Self::Stars,
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha3" => Self::Sha3,
            "hmac-sha256" => Self::HmacSha256(keyed(32)),
            "hmac-sha512" => Self::HmacSha512(keyed(64)),
            other => {
                let known = "md5, sha1, sha3, hmac-sha256, hmac-sha512";
                problems.push("/hash_function", format!("unknown hash_function {other:?}: it is one of {known}"));
                Self::Stars
            }
        }
    }

    fn mask(&self, text: &str) -> String {
        match self {
            Self::Stars => STARS.to_owned(),
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha1 => hex(&Sha1::digest(text)),
            Self::Sha3 => hex(&Sha3_256::digest(text)),
            Self::HmacSha256(key) => keyed::<Hmac<Sha256>>(key, text),
            Self::HmacSha512(key) => keyed::<Hmac<Sha512>>(key, text),
        }
    }
}

fn keyed<M: Mac + hmac::digest::KeyInit>(key: &[u8], text: &str) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = <M as Mac>::new_from_slice(key) else { return STARS.to_owned() };
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mask(config: serde_json::Value) -> Mask {
        let config: Config = serde_json::from_value(config).expect("a block");
        let mut problems = Diagnostics::none();
        let mask = Mask::new(&config, &mut problems);
        assert_eq!(problems, Diagnostics::none());
        mask
    }

    #[test]
    fn hashes_are_those_of_the_go_collector() {
        let key = "0123456789abcdef".repeat(4);
        for (function, expected) in [
            ("", "****"),
            ("md5", "900150983cd24fb0d6963f7d28e17f72"),
            ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
            ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("sha3", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            ("hmac-sha256", "4094e954bda3fa079826b9a1353886ed680ee45577c7405a18ad4004562f2e33"),
            (
                "hmac-sha512",
                "a476d5ddf3b2f1546b307f748aa1091143d94a40114bc9b243b14b7189566d14da6c68f95e412246b3194dd6dcabca9e2a9b013495ff93a883bbf991132642df",
            ),
        ] {
            let mask = mask(json!({"hash_function": function, "hmac_key": key}));
            assert_eq!(mask.all("abc"), expected, "{function}");
        }
    }

    #[test]
    fn parts_are_masked_in_order() {
        let blocked = mask(json!({"blocked_values": ["4[0-9]{12}(?:[0-9]{3})?", "mycompany.com"]}));
        for (text, expected) in [
            ("4111111111111111", Some("****")),
            ("card 4111111111111111, again 4111111111111111.", Some("card ****, again ****.")),
            ("mail@mycompany.com", Some("mail@****")),
            ("4111 1111", None),
            ("", None),
        ] {
            assert_eq!(blocked.parts(text).as_deref(), expected, "{text}");
        }
        assert_eq!(mask(json!({"blocked_values": [".*"]})).parts("").as_deref(), Some("****"), "as in Go");
    }

    #[test]
    fn all_of_a_text_is_masked_line_by_line() {
        for (text, expected) in [("secret", "****"), ("", "****"), ("one\ntwo", "****\n****"), ("one\n", "****\n****")]
        {
            assert_eq!(mask(json!({})).all(text), expected, "{text:?}");
        }
    }
}
