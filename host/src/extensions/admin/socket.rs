//! A Unix socket of this user alone, put in its place whole: it is bound inside a directory that nobody else can enter, gets its mode, and
//! is then renamed to its path. So there is no moment at which others could connect, and one that a dead process left is replaced.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Paths of sockets end up in 108 bytes; the temporary one is a little longer than the path itself.
const MAX_PATH_BYTES: usize = 90;

/// A listening socket, which is removed when dropped.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode: a successor may have taken the path.
    identity: (u64, u64),
}

impl Socket {
    /// Listens at `path`.
    pub(super) fn bind(path: &Path) -> Result<Self, String> {
        let said = |error: io::Error| format!("listen unix {}: {error}", path.display());
        if path.as_os_str().len() > MAX_PATH_BYTES {
            return Err(format!("the path of the socket {} is longer than {MAX_PATH_BYTES} bytes", path.display()));
        }
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(said)?;
        check_dir(dir)?;
        check_free(path)?;
        let hidden = dir.join(format!(".{:08x}", fastrand::u32(..)));
        DirBuilder::new().mode(0o700).create(&hidden).map_err(said)?;
        let bound = Self::bind_in(&hidden, path).map_err(said);
        // Empty by now, unless something failed.
        let _ = fs::remove_file(hidden.join("s"));
        let _ = fs::remove_dir(&hidden);
        bound
    }

    fn bind_in(hidden: &Path, path: &Path) -> io::Result<Self> {
        let fresh = hidden.join("s");
        let listener = UnixListener::bind(&fresh)?;
        fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
        let metadata = fs::symlink_metadata(&fresh)?;
        fs::rename(&fresh, path)?;
        Ok(Self { listener, path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_own = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_own) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// In a directory that others may write to without a sticky bit, they could put a socket of theirs in its place.
fn check_dir(dir: &Path) -> Result<(), String> {
    let metadata = fs::metadata(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mode = metadata.mode();
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Err(format!(
            "{} can be written to by others (mode {:o}): no place for admin's socket",
            dir.display(),
            mode & 0o7777
        ));
    }
    Ok(())
}

/// Whether nothing but a socket of a dead process, or of this one before a reload, is in the way.
fn check_free(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(format!("{} is there and is no socket", path.display()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    }
    let Ok(stream) = std::os::unix::net::UnixStream::connect(path) else { return Ok(()) };
    let peer =
        stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream)).and_then(|peer| peer.peer_cred());
    let pid = peer.ok().and_then(|peer| peer.pid());
    if pid.is_some_and(|pid| pid as u32 == std::process::id()) {
        return Ok(());
    }
    let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    Err(format!("{} is served by another process{who}", path.display()))
}
