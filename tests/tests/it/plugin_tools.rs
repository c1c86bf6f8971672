//! The commands of plugins' authors, on real components: `tailrace plugin inspect`, `test`, `bench`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tailrace_tests::host::{binary, run};
use tailrace_tests::workspace;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn stdout_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
}

/// Where the host's build leaves plugins.
fn plugins() -> PathBuf {
    binary().ancestors().nth(2).expect("target/<profile>/tailrace").join("plugins")
}

/// A component that the host's build leaves beside the binary.
fn built(name: &str) -> String {
    let path = plugins().join(format!("wasm32-wasip2/release/tailrace_{name}.wasm"));
    assert!(path.exists(), "{} does not exist: the host's build makes it", path.display());
    path.display().to_string()
}

/// The example of the README, built as it says.
fn keep_vip() -> &'static str {
    static BUILT: LazyLock<String> = LazyLock::new(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--release", "--target-dir"]).arg(plugins());
        cargo.current_dir(workspace().join("examples/plugins/keep-vip"));
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(name);
        }
        assert!(cargo.status().expect("cargo runs, it is running this").success());
        plugins().join("wasm32-wasip2/release/keep_vip.wasm").display().to_string()
    });
    &BUILT
}

/// Writes a file that lives as long as the folder.
fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    path.display().to_string()
}

#[test]
fn inspect_reads_the_manifest_without_running_the_guest() {
    let output = run(&["plugin", "inspect", &built("hostile"), "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = stdout_json(&output);
    assert_eq!(report["name"], "tailrace-hostile");
    assert_eq!(report["source"], "the manifest; the guest did not run");
    let counts = report["kinds"].as_array().expect("a list").iter().find(|kind| kind["name"] == "counts");
    assert_eq!(counts.expect("there")["state_schema"], "asked:u64le");
    assert_eq!(report["counters"], json!(["asked"]));
    assert_eq!(report["reasons"], json!(["not its turn", "its turn"]));
    assert_eq!(report["refused"], Value::Null);

    // The guest itself says the same.
    let asked = stdout_json(&run(&["plugin", "inspect", &built("hostile"), "--format", "json", "--run"]));
    for key in ["name", "version", "kinds", "counters", "reasons", "digest"] {
        assert_eq!(asked[key], report[key], "{key}");
    }
}

#[test]
fn inspect_says_what_a_configured_policy_needs() {
    let arguments = ["plugin", "inspect", keep_vip(), "--config", r#"{"tier": "gold"}"#, "--format", "json"];
    let report = stdout_json(&run(&arguments));
    let needs = json!({"fields": [], "attributes": [{"scope": "span", "key": "customer.tier"}]});
    assert_eq!(report["kinds"][0]["needs"], needs);
    let output = run(&["plugin", "inspect", keep_vip(), "--config", "{}"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("missing field `tier`"), "{}", text(&output.stderr));
}

#[test]
fn inspect_names_what_a_host_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    // A preamble, an empty instance type, one import of it.
    let name = "wasi:filesystem/types@0.2.6";
    let mut component = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0\x0a".to_vec();
    component.extend([name.len() as u8 + 5, 1, 0, name.len() as u8]);
    component.extend(name.as_bytes());
    component.extend([5, 0]);
    let path = folder.path().join("files.wasm");
    std::fs::write(&path, component).expect("written");
    let output = run(&["plugin", "inspect", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains(&format!("import    {name}  (refused)")), "{said}");
    assert!(said.contains("refused   this host would not load it: imports wasi:filesystem/types@0.2.6"), "{said}");

    let output = run(&["plugin", "inspect", &write(folder.path(), "x.wasm", "#!/bin/sh")]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("is not WebAssembly"), "{}", text(&output.stderr));
}
