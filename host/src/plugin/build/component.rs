//! From a toolchain's output to a plugin: a core module becomes a component, and a component gets its manifest.

use anyhow::Context as _;
use serde_json::{Value, json};
use wasm_encoder::{CustomSection, Section as _};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::plugin::sdk;
use crate::wasm::{Kind, Plugin};

const WIT: &str = include_str!("../../../../wit/plugin.wit");
const MANIFEST: &str = "tailrace:manifest";

/// The WASI that Go's runtime finds below itself. It imports nothing: Go reads clocks while the host writes arguments into its memory,
/// when a component may not call out.
const ADAPTER: &str = include_str!("wasi_stub.wat");
const ADAPTS: &str = "wasi_snapshot_preview1";

/// A component: what the toolchain made, or made of the core module that it made.
pub(super) fn of(bytes: &[u8], kind: sdk::Kind) -> anyhow::Result<Vec<u8>> {
    if wasmparser::Parser::is_core_wasm(bytes) { encode(bytes, kind.world()) } else { Ok(bytes.to_vec()) }
}

/// Appends what the plugin says of itself, for those who do not run it. Outermost, it counts before what a compiler left inside.
pub(super) fn append_manifest(component: &mut Vec<u8>, name: &str, version: &str, plugin: &Plugin) {
    let data = manifest(name, version, plugin);
    CustomSection { name: MANIFEST.into(), data: data.as_bytes().into() }.append_to(component);
}

fn manifest(name: &str, version: &str, plugin: &Plugin) -> String {
    let mut policies: Vec<_> = plugin.kinds.iter().map(kind).collect();
    let mut transforms: Vec<_> = plugin.transforms.iter().map(kind).collect();
    // Counters and reasons belong to the whole plugin. Under its first kind, they are read in the guest's order.
    if let Some(first) = policies.first_mut() {
        first["counters"] = json!(plugin.counters);
        first["reasons"] = json!(plugin.reasons);
    }
    if let Some(first) = transforms.first_mut() {
        first["counters"] = json!(plugin.transform_counters);
    }
    let offered = if policies.is_empty() { sdk::Kind::Transform } else { sdk::Kind::Policy };
    let world = format!("tailrace:plugin/{}@0.1.0", offered.world());
    let manifest =
        json!({ "name": name, "version": version, "world": world, "kinds": policies, "transforms": transforms });
    format!("{manifest}\n")
}

fn kind(Kind { name, summary, schema, state_schema }: &Kind) -> Value {
    let mut kind = json!({ "name": name, "summary": summary, "schema": schema });
    if !state_schema.is_empty() {
        kind["state_schema"] = json!(state_schema);
    }
    kind
}

/// Makes a component of a core module. C's bindings link a section in that names the world.
fn encode(module: &[u8], world: &str) -> anyhow::Result<Vec<u8>> {
    let encoder = ComponentEncoder::default().validate(true);
    let encoder = match imports_wasi(module)? {
        true => encoder.adapter(ADAPTS, &wat::parse_str(ADAPTER)?)?,
        false => encoder,
    };
    let mut encoder = encoder.module(&with_world(module, world)?).with_context(|| no_fit(world))?;
    encoder.encode().with_context(|| no_fit(world))
}

fn no_fit(world: &str) -> String {
    format!("what was compiled does not fit the world {world} of wit/plugin.wit: does plugin.yaml name the right kind?")
}

fn with_world(module: &[u8], world: &str) -> anyhow::Result<Vec<u8>> {
    let mut module = module.to_vec();
    if !has_section(&module, |name| name.starts_with("component-type"))? {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("plugin.wit", WIT)?;
        let world = resolve.select_world(&[package], Some(world))?;
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
