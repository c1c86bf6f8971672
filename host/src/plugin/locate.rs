//! Which file a command means by a folder.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

/// Where cargo leaves what it builds for the target of plugins.
const CARGO_OUTPUT: &str = "target/wasm32-wasip2/release";

/// The component that `path` is or, if it is a project's folder, the newest that was built there.
pub(super) fn component(path: &Path) -> anyhow::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let built = [path.to_owned(), path.join(CARGO_OUTPUT)].into_iter().flat_map(|folder| components(&folder));
    let newest = built.max_by_key(|(modified, _)| *modified);
    let (_, file) = newest.with_context(|| {
        let folder = path.display();
        format!(
            "there is no .wasm file in {folder} nor in {folder}/{CARGO_OUTPUT}: build it with `tailrace plugin build`"
        )
    })?;
    Ok(file)
}

/// The `.wasm` files of a folder, with the time of their last change.
fn components(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let files =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "wasm"));
    files.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).collect()
}

/// The cases that belong to a component: `cases.yaml` in the project's folder, beside the component, or here.
pub(super) fn cases(path: &Path) -> Option<PathBuf> {
    let beside = if path.is_dir() { Some(path) } else { path.parent() };
    let places = beside.into_iter().chain([Path::new("")]);
    places.map(|folder| folder.join("cases.yaml")).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_folder_means_its_newest_component() {
        let dir = tempfile::tempdir().expect("a folder");
        let said = component(dir.path()).expect_err("nothing there").to_string();
        assert!(said.contains("there is no .wasm file"), "{said}");
        std::fs::create_dir_all(dir.path().join(CARGO_OUTPUT)).expect("created");
        let files =
            ["old.wasm", "target/wasm32-wasip2/release/new.wasm", "newer.txt"].map(|name| dir.path().join(name));
        for (age, file) in files.iter().enumerate() {
            let file = std::fs::File::create(file).expect("created");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64)).expect("set");
        }
        assert_eq!(component(dir.path()).expect("found"), files[1]);
        assert_eq!(component(&files[0]).expect("a file is itself"), files[0]);
    }
}
