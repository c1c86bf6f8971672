//! `tailrace plugin build`: runs the language's toolchain, makes a component of what it gives, adds a manifest, and asks the host
//! whether it would load it.

mod c;
mod component;
mod go;
mod js;
mod project;
mod python;
mod rust;
mod tool;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use self::project::Project;
use super::sdk::Language;
use crate::console;
use crate::wasm::{Inspected, Wasm};

/// `tailrace plugin build [DIR]`.
#[derive(Debug, Args)]
pub struct Build {
    /// The project.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where the component goes; DIR/NAME.wasm if not given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let dir = self.dir.canonicalize().with_context(|| format!("can not open {}", self.dir.display()))?;
        let Some(language) = Language::of(&dir) else {
            bail!(
                "{} is no plugin's project: it has no Cargo.toml, go.mod, package.json, app.py or *.c",
                self.dir.display()
            )
        };
        let built = match language {
            Language::Rust => rust::build(&dir),
            Language::C => c::build(&dir),
            Language::Go => go::build(&dir),
            Language::Js => js::build(&dir),
            Language::Python => python::build(&dir),
        }?;
        let output = match &self.output {
            Some(output) => output.clone(),
            None => self.dir.join(format!("{}.wasm", built.project.name)),
        };
        install(&built, &output).map_err(|error| match language {
            // Its compiler takes any module.
            Language::Js => error.context(format!("app.js has to export `{}`", built.project.kind.interface())),
            _ => error,
        })?;
        report(&output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a toolchain made.
struct Built {
    project: Project,
    /// A component, or a core module that is to become one.
    bytes: Vec<u8>,
}

impl Built {
    fn read(project: Project, file: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("the toolchain left no {}", file.display()))?;
        Ok(Self { project, bytes })
    }
}

/// Puts the component in its place once the host has loaded it; until then there is the old one, or none.
fn install(built: &Built, output: &Path) -> anyhow::Result<()> {
    let mut component = component::of(&built.bytes, built.project.kind)?;
    let fresh = output.with_extension("wasm.new");
    let write = |bytes: &[u8]| fs::write(&fresh, bytes).with_context(|| format!("can not write {}", fresh.display()));
    write(&component)?;
    let loaded = Wasm::default().load(&fresh, None).context("the host would not load what was built");
    let loaded = loaded.inspect_err(|_| {
        // Nothing is lost if it stays.
        let _ = fs::remove_file(&fresh);
    })?;
    let Inspected { manifest, is_complete, .. } = Inspected::read(&fresh)?;
    // Rust's macro writes one, which lacks what only the guest knows: a derived schema.
    if !is_complete {
        let name = manifest.name.as_ref().unwrap_or(&built.project.name);
        let version = manifest.version.as_ref().unwrap_or(&built.project.version);
        component::append_manifest(&mut component, name, version, &loaded);
        write(&component)?;
    }
    fs::rename(&fresh, output).with_context(|| format!("can not write {}", output.display()))
}

fn report(output: &Path) -> anyhow::Result<()> {
    let Inspected { manifest, bytes, digest, refused, .. } = Inspected::read(output)?;
    if let Some(why) = refused {
        bail!("{}: {why}", output.display());
    }
    let offers: Vec<_> = manifest.kinds.iter().chain(&manifest.transforms).map(|kind| kind.name.as_str()).collect();
    let (file, offers) = (output.display(), offers.join(", "));
    console::out(&format!("file     {file}\nsize     {bytes} bytes\ndigest   sha256:{digest}\noffers   {offers}\n"))
}
