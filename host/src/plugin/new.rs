//! `tailrace plugin new`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::sdk::{Kind, Language};
use crate::console;

/// `tailrace plugin new NAME --lang LANGUAGE [--kind transform]`.
#[derive(Debug, Args)]
pub struct New {
    /// What the plugin is called: small letters, digits and dashes.
    name: String,
    /// What it is written in.
    #[arg(long = "lang", value_name = "LANGUAGE", default_value = "rust")]
    language: Language,
    /// What it offers.
    #[arg(long, value_name = "KIND", default_value = "policy")]
    kind: Kind,
    /// Where to; ./NAME if not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What the templates are called; replaced by the new plugin's name.
const PLACEHOLDERS: [&str; 2] = ["keep-vip", "mask-keys"];

const MAX_NAME_BYTES: usize = 64;

/// Names that some toolchain takes for something else.
const RESERVED: [&str; 55] = [
    "abstract",
    "alloc",
    "app",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "host",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "sampler",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "tailrace",
    "tailrace-sdk",
    "test",
    "trait",
    "true",
    "type",
    "wit",
    "wit-bindgen",
];

impl New {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        check(&self.name)?;
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        make_room(&dir)?;
        for (path, content) in self.language.files(self.kind) {
            let path = dir.join(self.named(path));
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(|| format!("can not make {}", folder.display()))?;
            }
            fs::write(&path, self.content(&path, content))
                .with_context(|| format!("can not write {}", path.display()))?;
        }
        let what = match self.kind {
            Kind::Policy => "a sampling policy",
            Kind::Transform => "a transform",
        };
        let dir = dir.display();
        console::out(&format!(
            "{dir} is {what} that builds as it stands. Next:\n\n  cd {dir}\n  tailrace plugin build\n  tailrace plugin test\n  tailrace plugin bench\n"
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    /// `text` with this plugin's name for the template's.
    fn named(&self, text: &str) -> String {
        let named = |text: String, template: &str| {
            text.replace(template, &self.name).replace(&snake(template), &snake(&self.name))
        };
        PLACEHOLDERS.into_iter().fold(text.to_owned(), named)
    }

    fn content(&self, path: &Path, content: &[u8]) -> Vec<u8> {
        let Ok(text) = str::from_utf8(content) else { return content.to_vec() };
        let text = if ["sdk/rust/Cargo.toml", "host/otlp/Cargo.toml"].iter().any(|tied| path.ends_with(tied)) {
            alone(text)
        } else {
            text.to_owned()
        };
        self.named(&text).into_bytes()
    }
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn check(name: &str) -> anyhow::Result<()> {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    ensure!(
        name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(word),
        "{name:?} can not be a plugin's name: it takes small letters, digits and single dashes, a letter first, as in {}",
        PLACEHOLDERS[0]
    );
    ensure!(name.len() <= MAX_NAME_BYTES, "{name:?} is longer than {MAX_NAME_BYTES} letters");
    ensure!(!RESERVED.contains(&name), "{name:?} means something else to a compiler; take another name");
    Ok(())
}

/// A directory that is there must be empty.
fn make_room(dir: &Path) -> anyhow::Result<()> {
    match fs::read_dir(dir) {
        Ok(mut entries) => ensure!(entries.next().is_none(), "{} is there and not empty", dir.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => bail!("{}: {error}", dir.display()),
    }
    Ok(())
}

/// A cargo manifest without the lines that tie it to tailrace's own workspace.
fn alone(manifest: &str) -> String {
    let kept: Vec<_> = manifest.lines().filter(|line| !line.contains("workspace")).collect();
    kept.join(
        "
",
    ) + "
"
}

#[cfg(test)]
mod tests;
