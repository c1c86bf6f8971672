//! Compiled code on disk, so that a start takes milliseconds and not seconds.
//!
//! What lies there is native code that will run in this process, and loading it is as good as trusting it. So the directory and
//! its files are this user's alone, are opened without following links, and carry a MAC under a key that lies elsewhere; the MAC
//! covers the component's digest, the exact version and settings of the compiler and the processor, and is checked on the very
//! bytes that are then loaded. On any doubt there is no code in the cache, and the plugin is compiled in memory.

pub(super) mod files;
mod mac;
mod places;

use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Code of more than this many bytes together is not kept; the oldest goes first. Python's plugin has 35 MB.
const MAX_BYTES: u64 = 512 << 20;

/// A file starts with this, its form.
const MAGIC: &[u8; 8] = b"trcode01";
const MAC_BYTES: usize = 32;

fn places() -> Result<places::Places, String> {
    #[cfg(not(test))]
    let lookup = |name: &str| std::env::var_os(name);
    // Unit tests leave the user's directories alone.
    #[cfg(test)]
    let lookup = |name: &str| (name == "HOME").then(|| env!("OUT_DIR").into());
    places::Places::find(lookup)
}

/// Where artefacts from registries are kept, beside the compiled code.
pub(super) fn artefacts() -> Result<PathBuf, String> {
    places().map(|places| places.code.with_file_name("oci"))
}

/// The directory of compiled code and the key to it.
pub(super) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
    max_bytes: u64,
}

impl Cache {
    /// The cache of this user, or why there is none.
    pub(super) fn open() -> Result<Self, String> {
        let places = places()?;
        Self::open_in(places, MAX_BYTES)
    }

    fn open_in(places: places::Places, max_bytes: u64) -> Result<Self, String> {
        files::private_dir(&places.code)?;
        files::private_dir(&places.secrets)?;
        let key = files::key(&places.secrets.join("code-cache.key"))?;
        Ok(Self { dir: places.code, key, max_bytes })
    }

    /// The place of the code that `engine` makes of the component with this digest.
    pub(super) fn entry(&self, engine: &Engine, digest: &str) -> Entry<'_> {
        let mut identity = Sha256::new();
        for part in [digest, env!("TAILRACE_WASMTIME_VERSION"), std::env::consts::ARCH, std::env::consts::OS] {
            identity.update(part);
            identity.update([0]);
        }
        let mut hasher = Feed(identity);
        // Covers the compiler's settings and the processor's features.
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Entry { cache: self, identity: hasher.0.finalize().into() }
    }
}

/// Feeds what is hashed to SHA-256.
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Only what was written is of use.
        0
    }
}

/// One component's code.
pub(super) struct Entry<'a> {
    cache: &'a Cache,
    identity: [u8; 32],
}

impl Entry<'_> {
    /// The code, if it is there and beyond doubt.
    #[expect(unsafe_code, reason = "loading compiled code is trusting it")]
    pub(super) fn load(&self, engine: &Engine) -> Option<Component> {
        let bytes = match files::read(&self.path()) {
            Ok(bytes) => bytes?,
            Err(doubt) => {
                tracing::warn!(file = %self.path().display(), "compiled code is not used: {doubt}");
                return None;
            }
        };
        let code = self.verified(&bytes)?;
        // SAFETY: the MAC says that these bytes are what this program got from `Component::serialize` with the same version and
        // settings of wasmtime; they are in memory of ours, where nobody changes them after the check.
        match unsafe { Component::deserialize(engine, code) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(file = %self.path().display(), "compiled code is not used: {error:#}");
                None
            }
        }
    }

    /// Keeps code for the next time. That it can not be kept is logged and no more.
    pub(super) fn store(&self, code: &[u8]) {
        let mut bytes = Vec::with_capacity(MAGIC.len() + MAC_BYTES + code.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.mac(code));
        bytes.extend_from_slice(code);
        let stored =
            files::replace(&self.path(), &bytes).and_then(|()| files::shrink(&self.cache.dir, self.cache.max_bytes));
        if let Err(error) = stored {
            tracing::warn!(file = %self.path().display(), "compiled code is not kept: {error}");
        }
    }

    fn verified<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (mac, code) = rest.split_first_chunk::<MAC_BYTES>()?;
        if magic == MAGIC && mac::equal(mac, &self.mac(code)) {
            return Some(code);
        }
        tracing::warn!(file = %self.path().display(), "compiled code is not used: it was not written by this host");
        None
    }

    fn mac(&self, code: &[u8]) -> [u8; MAC_BYTES] {
        mac::hmac_sha256(&self.cache.key, &[&self.identity, code])
    }

    fn path(&self) -> PathBuf {
        self.cache.dir.join(format!("{}.cwasm", hex::encode(self.identity)))
    }
}

#[cfg(test)]
mod tests;
