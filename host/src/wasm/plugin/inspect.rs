//! What can be said of a file without running or compiling it.

use std::path::Path;

use wasmparser::{Parser, Payload};

use super::manifest::{self, Manifest};
use super::{PluginError, Source};
use crate::wasm::wasi::GRANTED;

/// The interfaces that plugins export, without their version.
const SAMPLING: &str = "tailrace:plugin/sampling";
const TRANSFORM: &str = "tailrace:plugin/transform";
/// Versions that share a track match each other.
const TRACK: &str = "0.1.";

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The custom section; empty where there is none.
    pub manifest: Manifest,
    /// Whether the manifest says of everything that is exported what the guest would.
    pub is_complete: bool,
    /// SHA-256 in hex.
    pub digest: String,
    /// The size of the file.
    pub bytes: usize,
    /// Interfaces that it asks for, and whether plugins get them.
    pub imports: Vec<(String, bool)>,
    /// Interfaces that it offers.
    pub exports: Vec<String>,
    /// Why this host would not load it, as far as that can be seen from outside.
    pub refused: Option<String>,
}

impl Inspected {
    /// Reads a file that is a component, whether this host would run it or not.
    pub fn read(path: &Path) -> Result<Self, PluginError> {
        let Source { bytes, digest, .. } = Source::read(path, None)?;
        let outline = outline(&bytes)?;
        let (manifest, worlds) = (&outline.manifest, outline.check());
        let is_complete =
            worlds.as_ref().is_ok_and(|(sampling, transform)| manifest.is_complete(*sampling, *transform));
        let refused = worlds.err().map(|error| error.to_string());
        let Outline { imports, exports, manifest, .. } = outline;
        let imports = imports.into_iter().map(|import| {
            let granted = is_granted(&import);
            (import, granted)
        });
        let imports = imports.collect();
        Ok(Self { manifest, is_complete, digest, bytes: bytes.len(), imports, exports, refused })
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
    let (sampling, transform) = outline.check()?;
    Ok(Checked { manifest: outline.manifest, sampling, transform })
}

fn is_granted(import: &str) -> bool {
    GRANTED.contains(&split_version(import).0)
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
    /// How deep the manifest lies: of a composed component, the outermost counts.
    manifest_depth: Option<u32>,
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
                Payload::CustomSection(section) if section.name() == manifest::SECTION => {
                    if outline.manifest_depth.is_none_or(|known| depth < known)
                        && let Some(manifest) = Manifest::parse(section.data())
                    {
                        (outline.manifest, outline.manifest_depth) = (manifest, Some(depth));
                    }
                }
                _ => {}
            }
        }
        Ok(outline)
    }

    /// Whether it exports sampling and transform, at least one of the two; and nothing is imported that is never granted.
    fn check(&self) -> Result<(bool, bool), PluginError> {
        match self.imports.iter().find(|import| !is_granted(import)) {
            Some(import) => Err(PluginError::Import(import.clone())),
            None => self.worlds(),
        }
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
