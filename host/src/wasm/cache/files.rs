//! Files and directories that are this user's alone.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// No code is larger: 18 MB of Python make 35.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Makes the directory, or makes sure that it is a directory of ours that nobody else can enter.
pub(in crate::wasm) fn private_dir(dir: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", dir.display());
    if let Some(parent) = dir.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    let metadata = fs::symlink_metadata(dir).map_err(failed)?;
    if !metadata.is_dir() {
        return Err(format!("{} is not a directory", dir.display()));
    }
    private(&metadata).map_err(|doubt| format!("{} {doubt}", dir.display()))
}

/// Whether only this user can do anything with it.
fn private(metadata: &Metadata) -> Result<(), &'static str> {
    if metadata.uid() != own_uid() {
        return Err("belongs to another user");
    }
    if metadata.mode() & 0o077 != 0 {
        return Err("can be used by others than its owner");
    }
    Ok(())
}

#[expect(unsafe_code, reason = "the standard library does not tell the user")]
fn own_uid() -> u32 {
    // SAFETY: takes nothing and can not fail.
    unsafe { libc::geteuid() }
}

/// A file's content, `None` if there is no such file; an error if there is doubt whose it is.
pub(in crate::wasm) fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err("it is a symbolic link".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.nlink() != 1 {
        return Err("it has another name".to_owned());
    }
    private(&metadata).map_err(|doubt| format!("it {doubt}"))?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err("it is too large".to_owned());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    (&file).take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    // What is used stays; that its time can not be set does not matter.
    let _ = file.set_modified(SystemTime::now());
    Ok(Some(bytes))
}

/// Puts a file in the place of whatever is at `path`.
pub(in crate::wasm) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (temporary, mut file) = create_beside(path)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nth = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{nth}.tmp", process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    match options.open(&temporary) {
        Ok(file) => Ok((temporary, file)),
        // Left by a process of the same number that was killed.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary)?;
            options.open(&temporary).map(|file| (temporary, file))
        }
        Err(error) => Err(error),
    }
}

/// The key in the file, made if there is none.
pub(super) fn key(path: &Path) -> Result<[u8; 32], String> {
    let failed = |error: String| format!("{}: {error}", path.display());
    if let Some(key) = read(path).map_err(failed)? {
        return key.try_into().map_err(|_| failed("is no key".to_owned()));
    }
    let mut key = [0; 32];
    let made = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut key)).and_then(|()| {
        let (temporary, mut file) = create_beside(path)?;
        // Unlike a rename it fails if another process has made one meanwhile.
        let linked = file.write_all(&key).and_then(|()| fs::hard_link(&temporary, path));
        fs::remove_file(&temporary)?;
        linked
    });
    match made {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let theirs = read(path).map_err(failed)?;
            theirs.and_then(|key| key.try_into().ok()).ok_or_else(|| failed("is no key".to_owned()))
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Files being written that are older were left by a process that was killed.
const STALE: Duration = Duration::from_hours(1);

/// Removes the files used longest ago until `max_bytes` are left.
pub(in crate::wasm) fn shrink(dir: &Path, max_bytes: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            if used.elapsed().is_ok_and(|age| age > STALE) {
                let _ = fs::remove_file(&path);
            }
            continue;
        }
        files.push((used, metadata.len(), path));
    }
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in files {
        if total <= max_bytes {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
    }
    Ok(())
}
