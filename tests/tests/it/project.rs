//! A plugin's project, made and built as its author does.

use std::path::PathBuf;
use std::process::Command;

use tailrace_tests::host::binary;
use tailrace_tests::workspace;
use tempfile::TempDir;

/// A project that the binary makes and builds.
pub(crate) struct Project {
    folder: TempDir,
    name: &'static str,
    language: &'static str,
}

impl Project {
    pub(crate) fn new(name: &'static str, language: &'static str) -> Self {
        Self::of_kind("policy", name, language)
    }

    pub(crate) fn transform(name: &'static str, language: &'static str) -> Self {
        Self::of_kind("transform", name, language)
    }

    fn of_kind(kind: &str, name: &'static str, language: &'static str) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a folder"), name, language };
        project.tailrace(&["plugin", "new", name, "--lang", language, "--kind", kind]);
        project
    }

    /// Puts files of an example into their places.
    pub(crate) fn copy(&self, example: &str, files: &[(&str, &str)]) {
        for (file, place) in files {
            let file = workspace().join("examples/plugins").join(example).join(file);
            std::fs::copy(file, self.dir().join(place)).expect("copied");
        }
    }

    pub(crate) fn build(self) -> Self {
        let built = self.tailrace(&["plugin", "build", self.name]);
        let offers = format!("offers   {}", self.name.replace('-', "_"));
        assert!(built.contains(&offers), "{built}");
        let inspected = self.tailrace(&["plugin", "inspect", &self.module().to_string_lossy()]);
        for expected in [self.name, "0.1.0", "the guest did not run"] {
            assert!(inspected.contains(expected), "no {expected}: {inspected}");
        }
        if self.language != "rust" {
            assert!(!inspected.contains("wasi:"), "only Rust's standard library asks for WASI: {inspected}");
        }
        self
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    pub(crate) fn module(&self) -> PathBuf {
        self.dir().join(format!("{}.wasm", self.name))
    }

    /// Adds an empty custom section, called x.
    pub(crate) fn touch(&self) {
        let mut bytes = std::fs::read(self.module()).expect("readable");
        bytes.extend([0, 2, 1, b'x']);
        let fresh = self.dir().join("fresh");
        std::fs::write(&fresh, bytes).expect("written");
        std::fs::rename(fresh, self.module()).expect("renamed");
    }

    /// Runs the binary where the compilers are that `tests/setup.sh` has installed, and gives what it says.
    pub(crate) fn tailrace(&self, arguments: &[&str]) -> String {
        let target = workspace().join("target");
        let python = target.join("python");
        assert!(python.join("bin/componentize-py").exists(), "run tests/setup.sh");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = [target.join("node/node_modules/.bin")].into_iter().chain(std::env::split_paths(&path));
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(&self.folder);
        command.env("PATH", std::env::join_paths(paths).expect("good paths"));
        // Cargo has compiled the SDK there when it built the host; what tests are run with is not meant for plugins.
        command.env("VIRTUAL_ENV", python).env("CARGO_TARGET_DIR", target.join("plugins"));
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}
