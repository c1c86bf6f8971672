//! Small files that hold secrets and may be replaced at any time: a token, a password, a list of keys. They are looked at by their
//! content: a mounted Kubernetes Secret changes by a symbolic link two folders away, which watches of the file itself miss.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::host::Host;
use crate::host::health::Degraded;
use crate::pipeline::Stop;

/// Some thousand tokens or passwords.
const MAX_BYTES: u64 = 1 << 20;

/// How often a file is looked at.
pub const EVERY: Duration = Duration::from_secs(1);

/// The text of a file, or why there is none.
pub fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("can not read {}: {error}", path.display());
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MAX_BYTES {
        return Err(format!("{} has more than {MAX_BYTES} bytes", path.display()));
    }
    Ok(text)
}

/// A file's text without the white space around it, which editors like to add.
pub fn read_value(path: &Path) -> Result<String, String> {
    let text = read(path)?;
    let value = text.trim();
    if value.is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(value.to_owned()) }
}

/// Looks at files every second until `stop`, and has `take` use what they hold when that changes. What `take` can not use, or what can
/// not be read, leaves everything as it was: it is logged once, and the host is degraded until the files are good again.
pub async fn follow<T: PartialEq + Send + 'static>(
    host: &Arc<Host>,
    id: &str,
    every: Duration,
    mut known: Option<T>,
    read: impl Fn() -> Result<T, String> + Clone + Send + 'static,
    mut take: impl FnMut(&T) -> Result<(), String>,
    stop: &Stop,
) {
    let mut trouble: Option<(String, Degraded)> = None;
    loop {
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(every) => {}
        }
        let Ok(found) = tokio::task::spawn_blocking(read.clone()).await else { continue };
        let news = match found {
            Ok(found) if known.as_ref() == Some(&found) => Ok(false),
            Ok(found) => take(&found).map(|()| {
                known = Some(found);
                true
            }),
            Err(why) => Err(why),
        };
        match news {
            Ok(is_new) => {
                if is_new || trouble.is_some() {
                    tracing::info!("Credentials were read again");
                }
                trouble = None;
            }
            Err(why) if trouble.as_ref().is_some_and(|(known, _)| *known == why) => {}
            Err(why) => {
                tracing::error!(error = %why, "Credentials can not be read again; those known so far stay in force");
                trouble = Some((why.clone(), Degraded::new(host, id, why)));
            }
        }
    }
}

/// A value that stands in the configuration or in a file of its own.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, which wins.
    pub file: Option<PathBuf>,
    /// The value itself.
    pub value: crate::config::Secret,
}

impl Source {
    /// From a pair of options; an empty path is none.
    pub fn new(file: &str, value: &crate::config::Secret) -> Self {
        Self { file: (!file.is_empty()).then(|| file.into()), value: value.clone() }
    }

    /// The value at present.
    pub fn read(&self) -> Result<String, String> {
        match &self.file {
            Some(file) => read_value(file),
            None => Ok(self.value.expose().to_owned()),
        }
    }
}
