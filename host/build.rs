//! Builds the plugins that the host embeds, so that plain `cargo build` and `cargo test` are all there is to type.
//!
//! They are a cargo workspace of their own, for another target and with other flags: a nested cargo builds it in
//! `<target>/plugins`. Leaves what the host embeds and, for tests, `hostile.wasm` in `OUT_DIR`.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

fn main() {
    let host = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let root = host.parent().expect("the host lies in the workspace");
    let plugins = root.join("plugins");
    // The example that tests run.
    let redact = root.join("examples/plugins/redact");

    // Not `plugins` itself: whatever else appears in there would make each build run this again.
    for source in ["Cargo.toml", "Cargo.lock", "shared", "policies", "transforms", "statements", "hostile"] {
        println!("cargo::rerun-if-changed={}", plugins.join(source).display());
    }
    for source in ["sdk/rust", "wit"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    for source in
        ["host/otlp/src", "host/otlp/Cargo.toml", "host/ottl/src", "host/ottl/Cargo.toml", "examples/plugins/redact"]
    {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=TAILRACE_WASMTIME_VERSION={}", locked_version(&root.join("Cargo.lock"), "wasmtime"));

    require_target();
    let target_dir = target_root(&out).join("plugins");
    build(&plugins, &target_dir);
    build(&redact, &target_dir);
    for name in ["policies", "transforms", "statements", "hostile"] {
        let built = target_dir.join(TARGET).join("release").join(format!("tailrace_{name}.wasm"));
        copy_if_changed(&built, &out.join(format!("{name}.wasm")));
    }
    embed_sdks(root, &out);
}

/// The SDKs' files and the contract as a table, for `tailrace plugin new`.
fn embed_sdks(root: &Path, out: &Path) {
    let mut files = Vec::new();
    // The SDK for Rust uses the crate for OTLP.
    for folder in ["sdk", "wit", "host/otlp/src"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        list(&root.join(folder), &mut files);
    }
    files.push(root.join("host/otlp/Cargo.toml"));
    files.sort();
    let mut table = "/// Path in tailrace's repository, and content.\nconst FILES: &[(&str, &[u8])] = &[\n".to_owned();
    for file in files {
        let path = file.strip_prefix(root).ok().and_then(Path::to_str).expect("below the root, and UTF-8");
        let file = file.to_str().expect("UTF-8");
        writeln!(table, "    ({path:?}, include_bytes!({file:?})),").expect("strings grow");
    }
    // The versions that the shipped plugins are built with; cargo drops what a project does not use.
    let lock = root.join("plugins/Cargo.lock");
    let lock = lock.to_str().expect("UTF-8");
    writeln!(table, "    (\"sdk/rust/template/Cargo.lock\", include_bytes!({lock:?})),\n];").expect("strings grow");
    let path = out.join("sdk.rs");
    if fs::read_to_string(&path).ok().as_ref() != Some(&table) {
        fs::write(&path, table).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// What compilers leave behind, and what only makes the SDKs, is no part of them.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    const NOT_THESE: [&str; 5] = ["target", "node_modules", "__pycache__", "Cargo.lock", "generate.sh"];
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.expect("readable");
        let path = entry.path();
        if NOT_THESE.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

/// The exact version that is compiled in: code of another one is never loaded from the cache.
fn locked_version(lock: &Path, name: &str) -> String {
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock).unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    let entry = format!("name = \"{name}\"\nversion = \"");
    let version = text.split_once(&entry).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or_else(|| panic!("{} names no {name}", lock.display()), |(version, _)| version.to_owned())
}

/// Fails with the command that helps, where the compiler would only say that it has no `core`.
fn require_target() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let dir = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    assert!(
        Path::new(dir.trim()).is_dir(),
        "the plugins are built for {TARGET}, which this toolchain lacks; get it with\n\n    rustup target add {TARGET}\n"
    );
}

/// The directory that cargo was told to build in: the one with its tag, above `OUT_DIR`.
fn target_root(out: &Path) -> PathBuf {
    let tagged = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
    tagged.unwrap_or(out).to_path_buf()
}

fn build(plugins: &Path, target_dir: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(plugins);
    command.args(["build", "--locked", "--release", "--workspace", "--target", TARGET, "--target-dir"]).arg(target_dir);
    for (name, _) in env::vars_os() {
        if is_of_the_outer_build(&name) {
            command.env_remove(name);
        }
    }
    let status = command.status().expect("cargo runs, it is running this");
    assert!(status.success(), "the plugins do not build: see above");
}

/// Flags, wrappers (clippy's among them) and profiles are meant for the host, not for the plugins. How cargo reaches registries,
/// and its job server, is not touched.
fn is_of_the_outer_build(name: &OsStr) -> bool {
    const ONES: [&str; 7] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTDOC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_ENCODED_RUSTFLAGS",
    ];
    const GROUPS: [&str; 8] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CLIPPY_",
    ];
    name.to_str().is_some_and(|name| ONES.contains(&name) || GROUPS.iter().any(|group| name.starts_with(group)))
}

/// Keeps the time of an unchanged file, so that the host is not compiled again.
fn copy_if_changed(from: &Path, to: &Path) {
    let new = fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    if fs::read(to).ok().as_ref() != Some(&new) {
        fs::write(to, new).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    }
}
