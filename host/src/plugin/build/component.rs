//! From a toolchain's output to a plugin: a core module becomes a component, and a component gets its manifest.

use anyhow::Context as _;
use serde_json::json;
use wasm_encoder::{CustomSection, Section as _};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::project::Project;

/// The world of sampling policies.
pub(super) const WORLD: &str = "sampler";
const WIT: &str = include_str!("../../../../wit/plugin.wit");
const MANIFEST: &str = "tailrace:manifest";

/// The WASI that Go's runtime finds below itself. It imports nothing: Go reads clocks while the host writes arguments into its memory,
/// when a component may not call out.
const ADAPTER: &str = include_str!("wasi_stub.wat");
const ADAPTS: &str = "wasi_snapshot_preview1";

/// A component with a manifest.
pub(super) fn finish(bytes: &[u8], project: &Project) -> anyhow::Result<Vec<u8>> {
    let mut component = if wasmparser::Parser::is_core_wasm(bytes) { encode(bytes)? } else { bytes.to_vec() };
    // Rust's comes from the SDK's macro.
    if !has_section(&component, |name| name == MANIFEST)? {
        append_manifest(&mut component, project);
    }
    Ok(component)
}

/// Makes a component of a core module, which names the world in a section of its own (C's bindings link one in) or is taken to be
/// a `sampler`.
fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encoder = ComponentEncoder::default().validate(true);
    let encoder = match imports_wasi(module)? {
        true => encoder.adapter(ADAPTS, &wat::parse_str(ADAPTER)?)?,
        false => encoder,
    };
    let mut encoder = encoder.module(&with_world(module)?)?;
    encoder.encode().context("what was compiled does not fit the contract in wit/plugin.wit")
}

fn with_world(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut module = module.to_vec();
    if !has_section(&module, |name| name.starts_with("component-type"))? {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("plugin.wit", WIT)?;
        let world = resolve.select_world(&[package], Some(WORLD))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    }
    Ok(module)
}

fn imports_wasi(module: &[u8]) -> anyhow::Result<bool> {
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                if import?.module == ADAPTS {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn has_section(module: &[u8], is: impl Fn(&str) -> bool) -> anyhow::Result<bool> {
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::CustomSection(section) = payload?
            && is(section.name())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn append_manifest(component: &mut Vec<u8>, project: &Project) {
    let Project { name, version } = project;
    let manifest = json!({ "name": name, "version": version, "world": format!("tailrace:plugin/{WORLD}@0.1.0") });
    let data = format!("{manifest}\n").into_bytes();
    CustomSection { name: MANIFEST.into(), data: data.into() }.append_to(component);
}
