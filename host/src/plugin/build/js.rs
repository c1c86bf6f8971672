//! JavaScript: componentize-qjs puts the code and `QuickJS` into a component.

use std::path::Path;
use std::process::Command;

use super::project::Project;
use super::{Built, tool};
use crate::console;

const COMPILER: &str = "componentize-qjs";
const HELP: &str = "Install Node.js 20 or newer.";

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let project = Project::json(dir)?;
    let component = dir.join("build").join(format!("{}.wasm", project.name));
    std::fs::create_dir_all(dir.join("build"))?;
    let mut compiler = compiler(dir)?;
    compiler.args([
        "--sync",
        "--stub-wasi",
        "--wit",
        "wit",
        "--world",
        project.kind.world(),
        "--js",
        "app.js",
        "--module-root",
        ".",
    ]);
    compiler.arg("--output").arg(&component).current_dir(dir);
    tool::run(&mut compiler, HELP)?;
    Built::read(project, &component)
}

/// The project's own, or that in `$PATH`; the project's own is installed if there is none.
fn compiler(dir: &Path) -> anyhow::Result<Command> {
    let own = dir.join("node_modules/.bin").join(COMPILER);
    if !own.exists() {
        if tool::works(COMPILER, &["--version"]) {
            return Ok(Command::new(COMPILER));
        }
        console::err(format_args!("installing {COMPILER} into {}", dir.join("node_modules").display()));
        tool::run(Command::new("npm").args(["install", "--no-fund", "--no-audit"]).current_dir(dir), HELP)?;
    }
    Ok(Command::new(own))
}
