//! What a plugin says of itself in the custom section `tailrace:manifest`: a line of JSON, written by the SDK. Nobody vouches for
//! it; what counts when a plugin is loaded is what the guest itself says.

use serde::Deserialize;

/// The custom section's name.
pub(super) const SECTION: &str = "tailrace:manifest";

/// A manifest larger than this is not read: none that the SDKs write is.
const MAX_BYTES: usize = 64 << 10;

/// The manifest. What it does not say is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The plugin's name.
    pub name: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// The policies it offers.
    pub kinds: Vec<ManifestKind>,
    /// The transforms it offers.
    pub transforms: Vec<ManifestKind>,
}

/// A policy or transform that the plugin offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct ManifestKind {
    /// What it is called in configurations.
    pub name: String,
    /// One sentence.
    pub summary: Option<String>,
    /// JSON Schema of its configuration.
    pub schema: Option<String>,
    /// Names the form of its state.
    pub state_schema: Option<String>,
    /// Names of its counters.
    pub counters: Vec<String>,
    /// What the reasons of its votes mean.
    pub reasons: Vec<String>,
    /// What it looks at, where that does not depend on its configuration.
    pub needs: Option<serde_json::Value>,
}

/// A kind as it is written: early manifests have names alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Whole {
        name: String,
        summary: Option<String>,
        schema: Option<String>,
        state_schema: Option<String>,
        #[serde(default)]
        counters: Vec<String>,
        #[serde(default)]
        reasons: Vec<String>,
        needs: Option<serde_json::Value>,
    },
}

impl From<Written> for ManifestKind {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(name) => Self { name, ..Self::default() },
            Written::Whole { name, summary, schema, state_schema, counters, reasons, needs } => {
                Self { name, summary, schema, state_schema, counters, reasons, needs }
            }
        }
    }
}

impl Manifest {
    /// Reads the section: its first line, as linkers put sections of one name behind each other. `None`: it makes no sense.
    pub(super) fn parse(section: &[u8]) -> Option<Self> {
        let line = section.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() > MAX_BYTES {
            return None;
        }
        serde_json::from_slice(line).ok()
    }

    /// Whether it says of each kind what a guest that offers policies, transforms or both would.
    pub(super) fn is_complete(&self, sampling: bool, transform: bool) -> bool {
        let whole = |kinds: &[ManifestKind]| {
            !kinds.is_empty() && kinds.iter().all(|kind| kind.summary.is_some() && kind.schema.is_some())
        };
        (!sampling || whole(&self.kinds)) && (!transform || whole(&self.transforms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_and_whole_manifests_are_read() {
        let early = Manifest::parse(b"{\"name\":\"p\",\"kinds\":[\"a\",\"b\"]}\n{\"name\":\"q\"}\n").expect("good");
        assert_eq!((early.name.as_deref(), early.kinds.len(), early.is_complete(true, false)), (Some("p"), 2, false));
        let whole = br#"{"name":"p","world":"w","kinds":[{"name":"a","summary":"s","schema":"{}","counters":["c"],"later":1}]}"#;
        let whole = Manifest::parse(whole).expect("good");
        assert!(whole.is_complete(true, false) && !whole.is_complete(true, true));
        assert_eq!((whole.kinds[0].name.as_str(), whole.kinds[0].counters.as_slice()), ("a", &["c".to_owned()][..]));
    }

    #[test]
    fn what_makes_no_sense_is_no_manifest() {
        for bad in [&b""[..], b"[]x", b"{\"kinds\": 3}", b"\xff"] {
            assert_eq!(Manifest::parse(bad), None);
        }
        let deep = "[".repeat(10_000);
        assert_eq!(Manifest::parse(deep.as_bytes()), None);
        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(MAX_BYTES));
        assert_eq!(Manifest::parse(large.as_bytes()), None);
    }
}
