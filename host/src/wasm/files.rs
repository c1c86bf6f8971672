//! Whether the files that plugins were loaded from have changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use super::Plugin;

/// The file that is meant: `path` itself, or the one `.wasm` file in it if it is a directory.
pub(super) fn component(path: &Path) -> io::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.extension().is_some_and(|extension| extension == "wasm") && entry.is_file() {
            found.push(entry);
        }
    }
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(io::Error::other("there is no .wasm file in the directory")),
        (Some(_), more) => {
            Err(io::Error::other(format!("there are {} .wasm files in the directory; leave one", more + 1)))
        }
    }
}

/// Files and what they looked like.
pub(super) struct Files(BTreeMap<PathBuf, File>);

struct File {
    /// What was last acted on.
    known: Option<Signature>,
    /// What it looked like at the last poll.
    last: Option<Signature>,
}

/// Changes with the content, also when a mount flips a symbolic link of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    modified: SystemTime,
    bytes: u64,
    inode: (u64, u64),
}

impl Signature {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(component(path).ok()?).ok()?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self { modified, bytes: metadata.len(), inode: (metadata.dev(), metadata.ino()) })
    }
}

impl Files {
    /// The files of those plugins that come from one.
    pub(super) fn of<'a>(plugins: impl IntoIterator<Item = &'a Plugin>) -> Self {
        let paths = plugins.into_iter().filter_map(|plugin| plugin.origin.as_ref()).map(|origin| origin.path.clone());
        // Nothing is known of a file that may have changed since it was loaded: the first poll compares digests.
        Self(paths.map(|path| (path, File { known: None, last: None })).collect())
    }

    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file changed and has come to rest: a copy under way is not looked at.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for (path, file) in &mut self.0 {
            let now = Signature::of(path);
            if now.is_some() && now == file.last && now != file.known {
                file.known = now;
                changed = true;
            }
            file.last = now;
        }
        changed
    }
}
