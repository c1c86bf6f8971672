//! What can be said of a file without running or compiling it.

use std::path::Path;

use serde::Deserialize;
use wasmparser::{Parser, Payload};

use super::{PluginError, Source};
use crate::wasm::wasi::GRANTED;

/// What a plugin says of itself in the custom section `tailrace:manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

/// The interfaces that plugins export, without their version.
const SAMPLING: &str = "tailrace:plugin/sampling";
const TRANSFORM: &str = "tailrace:plugin/transform";
/// Versions that share a track match each other.
const TRACK: &str = "0.1.";
const MANIFEST: &str = "tailrace:manifest";

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// From the manifest.
    pub name: Option<String>,
    /// From the manifest.
    pub version: Option<String>,
    /// SHA-256 in hex.
    pub digest: String,
    /// The size of the file.
    pub bytes: usize,
    /// Interfaces that it asks for.
    pub imports: Vec<String>,
    /// Interfaces that it offers.
    pub exports: Vec<String>,
}

impl Inspected {
    /// Reads a file that is a component, whether this host would run it or not.
    pub fn read(path: &Path) -> Result<Self, PluginError> {
        let Source { bytes, digest, .. } = Source::read(path, None)?;
        let Outline { imports, exports, manifest } = outline(&bytes)?;
        Ok(Self { name: manifest.name, version: manifest.version, digest, bytes: bytes.len(), imports, exports })
    }
}

/// A plugin as far as its file tells.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) manifest: Manifest,
    /// Whether it offers policies.
    pub(super) sampling: bool,
    /// Whether it offers transforms.
    pub(super) transform: bool,
}

/// Refuses what is not a plugin, or imports what plugins do not get.
pub(super) fn inspect(bytes: &[u8]) -> Result<Checked, PluginError> {
    let outline = outline(bytes)?;
    for import in &outline.imports {
        let (name, _) = split_version(import);
        if !GRANTED.contains(&name) {
            return Err(PluginError::Import(import.clone()));
        }
    }
    let (sampling, transform) = outline.worlds()?;
    Ok(Checked { manifest: outline.manifest, sampling, transform })
}

fn outline(bytes: &[u8]) -> Result<Outline, PluginError> {
    if !Parser::is_component(bytes) {
        return Err(PluginError::Unsuitable(what_it_is_instead(bytes).to_owned()));
    }
    Outline::read(bytes).map_err(|error| PluginError::Unsuitable(format!("is not valid: {error}")))
}

fn what_it_is_instead(bytes: &[u8]) -> &'static str {
    if Parser::is_core_wasm(bytes) {
        "is a core module, not a component; build it for wasm32-wasip2, or turn it into one with `wasm-tools component new`"
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        "is WebAssembly text; translate it with `wasm-tools parse`"
    } else {
        "is not WebAssembly"
    }
}

fn split_version(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// The names on the outside of a component.
#[derive(Debug, Default)]
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Manifest,
}

impl Outline {
    fn read(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut outline = Self::default();
        // How many components and modules deep we are.
        let mut depth = 0u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        outline.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        outline.exports.push(export?.name.name.to_owned());
                    }
                }
                // Rust's linker leaves it in the core module inside the component.
                Payload::CustomSection(section) if section.name() == MANIFEST && outline.manifest.name.is_none() => {
                    let line = section.data().split(|byte| *byte == b'\n').next().unwrap_or_default();
                    outline.manifest = serde_json::from_slice(line).unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(outline)
    }

    /// Whether it exports sampling and transform; at least one of the two.
    fn worlds(&self) -> Result<(bool, bool), PluginError> {
        let (sampling, transform) = (self.exports_ours(SAMPLING)?, self.exports_ours(TRANSFORM)?);
        if sampling || transform {
            return Ok((sampling, transform));
        }
        Err(PluginError::Unsuitable(if self.exports.is_empty() {
            "is a component that exports nothing".to_owned()
        } else {
            format!(
                "is no plugin: it exports {}, neither {SAMPLING}@{TRACK}x nor {TRANSFORM}@{TRACK}x",
                self.exports.join(", ")
            )
        }))
    }

    fn exports_ours(&self, interface: &str) -> Result<bool, PluginError> {
        match self.exports.iter().map(|export| split_version(export)).find(|(name, _)| *name == interface) {
            Some((_, version)) if version.starts_with(TRACK) => Ok(true),
            Some((_, version)) => {
                Err(PluginError::Unsuitable(format!("is built for tailrace:plugin@{version}, this host runs {TRACK}x")))
            }
            None => Ok(false),
        }
    }
}
