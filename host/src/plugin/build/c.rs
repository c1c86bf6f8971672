//! C: zig's clang from `PyPI`, or a clang that knows WASI. The bindings bring the world along as a section.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::project::Project;
use super::{Built, tool};
use crate::plugin::sdk::{Kind, c_sources};

const SDK: &str = "sdk/c";
/// A small stack: the default takes 16 MiB of the plugin's memory.
const FLAGS: [&str; 5] = ["-mexec-model=reactor", "-O2", "-s", "-Wall", "-Wl,-z,stack-size=65536"];

pub(super) fn build(dir: &Path) -> anyhow::Result<Built> {
    let project = Project::yaml(dir)?;
    let own = c_sources(dir);
    // What both kinds need, and the bindings of this kind's world.
    let world = project.kind.world();
    let sdk = [c_sources(&dir.join(SDK)), c_sources(&dir.join(SDK).join(world))].concat();
    ensure!(!sdk.is_empty(), "{SDK} is not there; `tailrace plugin new --lang c` writes it");
    let module = dir.join("build").join(format!("{}.core.wasm", project.name));
    std::fs::create_dir_all(dir.join("build"))?;
    let mut compiler = compiler(dir)?;
    compiler.args(FLAGS).arg("-I").arg(SDK).args(own).args(sdk).arg(format!("{SDK}/{world}/{world}_component_type.o"));
    compiler.arg("-o").arg(&module).current_dir(dir);
    let export = match project.kind {
        Kind::Policy => "a policy, which TR_EXPORT names",
        Kind::Transform => "a transform, which TR_EXPORT_TRANSFORMS names",
    };
    tool::run(&mut compiler, "").with_context(|| format!("it does not compile as {export}"))?;
    Built::read(project, &module)
}

/// `$WASI_SDK_PATH`'s clang, zig, or zig as Python's package `ziglang`, which is installed if there is nothing else.
fn compiler(dir: &Path) -> anyhow::Result<Command> {
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH") {
        return Ok(Command::new(PathBuf::from(sdk).join("bin/clang")));
    }
    let mut zig = if tool::works("zig", &["version"]) {
        Command::new("zig")
    } else {
        let mut python = Command::new(tool::python(dir, "ziglang")?);
        python.args(["-m", "ziglang"]);
        python
    };
    zig.args(["cc", "-target", "wasm32-wasi"]);
    Ok(zig)
}
