//! What a project is called and what it offers, told by the file that its language has for that.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::plugin::sdk::Kind;

/// What a project says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    pub(super) name: String,
    #[serde(default = "first")]
    pub(super) version: String,
    #[serde(default)]
    pub(super) kind: Kind,
}

/// What of it `package.json` has for npm, and what for us.
#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default = "first")]
    version: String,
    #[serde(default)]
    tailrace: Ours,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Ours {
    kind: Kind,
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

    /// From `package.json`, where `{"tailrace": {"kind": "transform"}}` is the kind.
    pub(super) fn json(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("package.json");
        let package: Package = serde_json::from_str(&read(&path)?).with_context(|| path.display().to_string())?;
        let Package { name, version, tailrace: Ours { kind } } = package;
        Self { name, version, kind }.checked(&path)
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
        assert_eq!((project.name.as_str(), project.version.as_str(), project.kind), ("a-b", "1.2.3", Kind::Policy));
        fs::write(dir.join("plugin.yaml"), "name: a\nkind: transform\n").expect("written");
        assert_eq!(Project::yaml(dir).expect("good").kind, Kind::Transform);
        for bad in ["name: a\nkind: filter\n", "name: a\nkinds: transform\n"] {
            fs::write(dir.join("plugin.yaml"), bad).expect("written");
            assert!(format!("{:#}", Project::yaml(dir).expect_err(bad)).contains("plugin.yaml"), "{bad}");
        }
        fs::write(dir.join("package.json"), r#"{"name": "a", "type": "module", "tailrace": {"kind": "transform"}}"#)
            .expect("written");
        assert_eq!(Project::json(dir).expect("good").kind, Kind::Transform);
        fs::write(dir.join("package.json"), r#"{"name": "../up", "private": true}"#).expect("written");
        assert!(Project::json(dir).expect_err("a path").to_string().contains("letters"));
    }
}
