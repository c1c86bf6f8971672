//! Rust: cargo, for a target whose linker makes components. The SDK's macro writes the manifest.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::project::Project;
use super::{Built, tool};
use crate::plugin::sdk::Kind;

const TARGET: &str = "wasm32-wasip2";

/// A line of cargo's messages, as far as it matters.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    require_target(dir)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    let messages = tool::output(cargo.current_dir(dir), "Install Rust from https://rustup.rs.")?;
    let file = artifact(&messages).with_context(|| {
        "cargo made no .wasm file: the crate's type has to be \"cdylib\", under [lib] in Cargo.toml".to_owned()
    })?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    // Cargo.toml has name and version, and the code what it offers: the SDK's macro has put all of that into the component.
    Built::read(Project { name, version: String::new(), kind: Kind::default() }, &file)
}

/// The last component that cargo names: the project's own, after what it depends on.
fn artifact(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let mut files = messages.flat_map(|message| message.filenames);
    files.rfind(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// Without it rustc only says that it finds no `core`.
fn require_target(dir: &Path) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    let asked = rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir);
    let libdir = tool::output(asked, "Install Rust from https://rustup.rs.")?;
    if !Path::new(str::from_utf8(&libdir)?.trim()).is_dir() {
        bail!("this Rust has no {TARGET}; get it with\n\n    rustup target add {TARGET}\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_component_in_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"]}
not json
{"reason":"compiler-artifact","filenames":["/t/keep_vip.d","/t/keep_vip.wasm"]}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(artifact(messages), Some(PathBuf::from("/t/keep_vip.wasm")));
        assert_eq!(artifact(b"{}"), None);
    }
}
