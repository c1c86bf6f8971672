//! Python: componentize-py puts the code and `CPython` into a component.

use std::path::Path;
use std::process::Command;

use super::project::Project;
use super::{Built, tool};

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let project = Project::yaml(dir)?;
    let component = dir.join("build").join(format!("{}.wasm", project.name));
    std::fs::create_dir_all(dir.join("build"))?;
    let python = tool::python(dir, "componentize_py")?;
    let mut compiler = Command::new(python.with_file_name("componentize-py"));
    compiler.args([
        "-d",
        "wit",
        "-w",
        project.kind.world(),
        "componentize",
        "--stub-wasi",
        "-p",
        ".",
        "-p",
        "sdk/python",
        "app",
        "-o",
    ]);
    compiler.arg(&component).current_dir(dir);
    tool::run(&mut compiler, "requirements.txt names componentize-py.")?;
    Built::read(project, &component)
}
