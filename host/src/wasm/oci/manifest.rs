//! An image manifest, as far as it is of use here.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::reference::is_digest;

/// Manifests are small; registries refuse larger ones too.
pub(super) const MAX_BYTES: u64 = 4 << 20;

const COMPONENT: &str = "application/wasm";
const SIGNATURE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE_KEY: &str = "dev.cosignproject.cosign/signature";
/// Signatures that are looked at: everyone who may push can add some.
const MAX_SIGNATURES: usize = 16;

#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    #[serde(default)]
    layers: Vec<Written>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

/// A blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// SHA-256 in hex.
    pub(super) digest: String,
    pub(super) size: u64,
}

impl Written {
    fn layer(&self) -> Result<Layer, String> {
        let digest = self.digest.strip_prefix("sha256:").filter(|hex| is_digest(hex));
        let digest = digest.ok_or_else(|| format!("the digest of its layer, {:?}, is no SHA-256", self.digest))?;
        Ok(Layer { digest: digest.to_owned(), size: self.size })
    }
}

impl Manifest {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("its manifest can not be read: {error}"))
    }

    /// The one layer that is a component.
    pub(super) fn component(&self) -> Result<Layer, String> {
        let mut components = self.layers.iter().filter(|layer| layer.media_type == COMPONENT);
        match (components.next(), components.next()) {
            (Some(only), None) => only.layer(),
            (Some(_), Some(_)) => Err(format!("it has several layers of type {COMPONENT}, a plugin has one")),
            (None, _) => {
                let types: Vec<_> = self.layers.iter().map(|layer| layer.media_type.as_str()).collect();
                Err(format!("it is no plugin: it has no layer of type {COMPONENT}, but [{}]", types.join(", ")))
            }
        }
    }

    /// What cosign has signed, and its signature.
    pub(super) fn signatures(&self) -> Vec<(Layer, Vec<u8>)> {
        let signed = self.layers.iter().filter(|layer| layer.media_type == SIGNATURE).filter_map(|layer| {
            let signature = STANDARD.decode(layer.annotations.get(SIGNATURE_KEY)?).ok()?;
            Some((layer.layer().ok()?, signature))
        });
        signed.take(MAX_SIGNATURES).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(types: &[&str]) -> Result<Layer, String> {
        let digest = format!("sha256:{}", "a".repeat(64));
        let layer = |kind: &&str| serde_json::json!({"mediaType": kind, "digest": digest, "size": 3});
        let layers: Vec<_> = types.iter().map(layer).collect();
        Manifest::parse(serde_json::json!({"layers": layers}).to_string().as_bytes())?.component()
    }

    #[test]
    fn a_plugin_is_one_layer() {
        assert_eq!(component(&["application/wasm"]), Ok(Layer { digest: "a".repeat(64), size: 3 }));
        let none = component(&["application/tar"]).expect_err("no component");
        assert!(none.contains("[application/tar]"), "{none}");
        assert!(component(&["application/wasm", "application/wasm"]).is_err());
        assert!(component(&[]).is_err());
        assert!(Manifest::parse(b"[]x").is_err());
    }
}
