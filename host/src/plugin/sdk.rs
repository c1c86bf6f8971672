//! The SDKs, the templates and the contract, as they are embedded in the binary.

use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;

/// A language that plugins are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Rust, with cargo.
    Rust,
    /// C, with zig or clang.
    C,
    /// Go, with its standard compiler.
    Go,
    /// JavaScript, run by `QuickJS`.
    Js,
    /// Python, run by `CPython`.
    Python,
}

/// What a plugin offers, and so the world of the contract that it is built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A sampling policy.
    #[default]
    Policy,
    /// A transform, for the `wasm` processor.
    Transform,
}

impl Kind {
    /// As `wit/plugin.wit` calls it; SDKs have what belongs to one world in a folder of that name.
    pub(super) fn world(self) -> &'static str {
        match self {
            Self::Policy => "sampler",
            Self::Transform => "transforms",
        }
    }

    /// What a module in JavaScript exports.
    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::Policy => "sampling",
            Self::Transform => "transform",
        }
    }

    /// The folder in a language's `template` with the files that only its projects have.
    fn folder(self) -> &'static str {
        match self {
            Self::Policy => "policy/",
            Self::Transform => "transform/",
        }
    }
}

impl Language {
    /// The language that a project is written in, told by its files.
    pub(super) fn of(project: &Path) -> Option<Self> {
        let has = |name: &str| project.join(name).exists();
        match () {
            () if has("Cargo.toml") => Some(Self::Rust),
            () if has("go.mod") => Some(Self::Go),
            () if has("package.json") => Some(Self::Js),
            () if has("app.py") => Some(Self::Python),
            () if !c_sources(project).is_empty() => Some(Self::C),
            () => None,
        }
    }

    /// Its folder below `sdk`.
    fn folder(self) -> &'static str {
        match self {
            Self::Rust => "sdk/rust/",
            Self::C => "sdk/c/",
            Self::Go => "sdk/go/",
            Self::Js => "sdk/js/",
            Self::Python => "sdk/python/",
        }
    }

    /// The files of a new project: path and content. The SDK and the contract lie where they lie in tailrace's repository, the
    /// files of the templates (that of the language, and what all have) at the top.
    pub(super) fn files(self, kind: Kind) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        FILES.iter().filter_map(move |&(path, content)| {
            let template = path.strip_prefix(self.folder()).unwrap_or(path);
            let template = template.strip_prefix("template/").or_else(|| template.strip_prefix("sdk/template/"));
            let path = match template {
                Some(path) => of_kind(path, kind),
                None => self.needs(path).then_some(path),
            };
            path.map(|path| (path, content))
        })
    }

    /// Whether projects have this file of tailrace's repository.
    fn needs(self, path: &str) -> bool {
        // What Rust's SDK is made of beside its own folder.
        let is_rusts = self == Self::Rust && (path.starts_with("host/otlp/") || path.starts_with("wit/deps/"));
        path.starts_with(self.folder()) || path == "wit/plugin.wit" || is_rusts
    }
}

/// Where a template's file goes in a project of this kind; nowhere, if it is another kind's.
fn of_kind(path: &str, kind: Kind) -> Option<&str> {
    let is_of_a_kind = Kind::value_variants().iter().any(|kind| path.starts_with(kind.folder()));
    path.strip_prefix(kind.folder()).or((!is_of_a_kind).then_some(path))
}

/// The C files at the top of a project.
pub(super) fn c_sources(project: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(project).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut sources: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "c")).collect();
    sources.sort();
    sources
}

include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
