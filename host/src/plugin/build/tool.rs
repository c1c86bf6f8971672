//! Running compilers.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{anyhow, bail};

use crate::console;

/// Runs a compiler; what it has to say goes where ours goes. `help` is for whoever does not have it.
pub(super) fn run(command: &mut Command, help: &str) -> anyhow::Result<()> {
    // Ours is for the result.
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let name = name(command);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("{name} failed, see above"),
        Err(error) => Err(missing(&name, &error, help)),
    }
}

/// Runs a compiler, and gives what it writes to standard output.
pub(super) fn output(command: &mut Command, help: &str) -> anyhow::Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let name = name(command);
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(_) => bail!("{name} failed, see above. {help}"),
        Err(error) => Err(missing(&name, &error, help)),
    }
}

fn missing(name: &str, error: &std::io::Error, help: &str) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow!("there is no {name} here. {help}"),
        _ => anyhow!("{name}: {error}"),
    }
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

/// Whether a command can be run and succeeds.
pub(super) fn works(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A Python that has `module`: that of the active virtual environment, the project's own, or the system's. The project's own is made, from its
/// `requirements.txt`, if nobody else has it.
pub(super) fn python(dir: &Path, module: &str) -> anyhow::Result<PathBuf> {
    let own = dir.join(".venv/bin/python");
    let active = std::env::var_os("VIRTUAL_ENV").map(|venv| PathBuf::from(venv).join("bin/python"));
    let import = format!("import {module}");
    let known = [Some(own.clone()), active, Some(PathBuf::from("python3"))];
    if let Some(python) = known.into_iter().flatten().find(|python| works(python, &["-c", &import])) {
        return Ok(python);
    }
    console::err(format_args!("installing {module} into {}", dir.join(".venv").display()));
    let help = "Install Python 3.10 or newer with venv and pip (Debian: apt-get install python3-venv).";
    run(Command::new("python3").args(["-m", "venv", "--clear", ".venv"]).current_dir(dir), help)?;
    let requirements = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    run(Command::new(&own).args(requirements).current_dir(dir), help)?;
    if works(&own, &["-c", &import]) { Ok(own) } else { bail!("requirements.txt installs no {module}") }
}
