//! What was fetched, kept on disk under its digest: a host starts although its registry is away.

use std::path::PathBuf;

use crate::wasm::cache::{self, files};

/// More than this is not kept; what was used longest ago goes first.
const MAX_BYTES: u64 = 1 << 30;

/// A directory that is this user's alone. What is read is checked against its digest, so nothing in it is trusted.
pub(super) struct Store {
    dir: PathBuf,
}

impl Store {
    /// None where there is no place for it.
    pub(super) fn open() -> Option<Self> {
        let opened = cache::artefacts().and_then(|dir| files::private_dir(&dir).map(|()| Self { dir }));
        opened.inspect_err(|why| tracing::info!("fetched plugins are not kept on disk: {why}")).ok()
    }

    /// The content with this digest.
    pub(super) fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = self.get_named(digest)?;
        if super::sha256(&bytes) == digest {
            return Some(bytes);
        }
        tracing::warn!(file = %self.dir.join(digest).display(), "a kept plugin has changed on disk and is fetched again");
        None
    }

    pub(super) fn put(&self, digest: &str, bytes: &[u8]) {
        self.put_named(digest, bytes);
    }

    /// What was kept under a name; whether it is worth anything is for the caller to say.
    pub(super) fn get_named(&self, name: &str) -> Option<Vec<u8>> {
        files::read(&self.dir.join(name)).unwrap_or_else(|doubt| {
            tracing::warn!(file = %self.dir.join(name).display(), "a kept plugin is not used: {doubt}");
            None
        })
    }

    /// That it can not be kept is logged and no more.
    pub(super) fn put_named(&self, name: &str, bytes: &[u8]) {
        let kept = files::replace(&self.dir.join(name), bytes).and_then(|()| files::shrink(&self.dir, MAX_BYTES));
        if let Err(error) = kept {
            tracing::warn!(dir = %self.dir.display(), "a fetched plugin is not kept: {error}");
        }
    }
}
