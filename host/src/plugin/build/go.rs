//! Go: its standard compiler, for WASI as a library.

use std::path::Path;
use std::process::Command;

use super::project::Project;
use super::{Built, tool};

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let project = Project::yaml(dir)?;
    let module = dir.join("build").join(format!("{}.core.wasm", project.name));
    let mut go = Command::new("go");
    go.args(["build", "-buildmode=c-shared", "-ldflags=-checklinkname=0 -s -w", "-o"]).arg(&module).arg(".");
    go.envs([("GOOS", "wasip1"), ("GOARCH", "wasm")]).current_dir(dir);
    tool::run(&mut go, "Install Go 1.25 or newer from https://go.dev/dl.")?;
    Built::read(project, &module)
}
