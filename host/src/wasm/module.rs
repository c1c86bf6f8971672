//! What a `module:` names: a file, or an artefact in a registry.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::oci::Reference;

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// A file.
    File(PathBuf),
    /// `oci://registry/name:tag@sha256:…`.
    Oci(Reference),
}

impl FromStr for Module {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("oci", reference)) => Ok(Self::Oci(reference.parse()?)),
            Some((scheme @ ("http" | "https" | "file"), _)) => {
                Err(format!("{text}: a module is a path or oci://…, not {scheme}://"))
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

/// How an artefact in a registry is fetched and what vouches for it. Means nothing for files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Remote {
    /// HTTP without TLS; registries on loopback need no leave for that.
    pub insecure: bool,
    /// Path of the public key (PEM, ECDSA P-256: `cosign.pub`) that must have signed the artefact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosign_key: Option<PathBuf>,
}

impl Remote {
    /// Whether nothing was said.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_references_are_told_apart() {
        let file = |text: &str| text.parse() == Ok(Module::File(text.into()));
        assert!(file("/etc/a.wasm") && file("a.wasm") && file("./a:b@c.wasm"));
        assert!(matches!("oci://r.example/a/b:1".parse(), Ok(Module::Oci(_))));
        let error = "https://r.example/a.wasm".parse::<Module>().expect_err("no URL");
        assert!(error.contains("a path or oci://"), "{error}");
    }
}
