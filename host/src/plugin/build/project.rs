//! What a project is called, told by the file that its language has for that.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// A project's name and version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Project {
    pub(super) name: String,
    #[serde(default = "first")]
    pub(super) version: String,
}

fn first() -> String {
    "0.0.0".to_owned()
}

impl Project {
    /// From `plugin.yaml`, for languages without a file of their own for it.
    pub(super) fn yaml(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("plugin.yaml");
        let project: Self = serde_saphyr::from_str(&read(&path)?).with_context(|| path.display().to_string())?;
        project.checked(&path)
    }

    /// From `package.json`.
    pub(super) fn json(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("package.json");
        let project: Self = serde_json::from_str(&read(&path)?).with_context(|| path.display().to_string())?;
        project.checked(&path)
    }

    /// The name becomes a file's.
    fn checked(self, path: &Path) -> anyhow::Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        ensure!(
            !self.name.is_empty() && self.name.bytes().all(plain),
            "{}: the name {:?} takes letters, digits, - and _ only",
            path.display(),
            self.name
        );
        Ok(self)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("can not read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_there_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        assert!(Project::yaml(dir).expect_err("none").to_string().contains("plugin.yaml"));
        fs::write(dir.join("plugin.yaml"), "name: a-b\nversion: 1.2.3\n").expect("written");
        let project = Project::yaml(dir).expect("good");
        assert_eq!((project.name.as_str(), project.version.as_str()), ("a-b", "1.2.3"));
        fs::write(dir.join("package.json"), r#"{"name": "../up", "private": true}"#).expect("written");
        assert!(Project::json(dir).expect_err("a path").to_string().contains("letters"));
    }
}
