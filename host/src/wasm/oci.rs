//! Components from an OCI distribution registry, as `wkg` and `oras` push them.
//!
//! ```text
//! reference with digest ─▶ cache ─┬─▶ manifest ─▶ layer application/wasm ─▶ cache ─┬─▶ component
//!                                 └─ registry (HTTPS, credentials of docker)       └─ registry
//!        └─▶ with a key: the artefact's cosign signature over that very digest
//! ```
//!
//! The digest in the reference is what is trusted: everything else is checked against it, whether it came over the network or lay
//! in the cache. A reference without one is refused with the digest that its tag has now. What was fetched once is fetched no more,
//! so a host starts without its registry.

mod cosign;
mod credentials;
mod http;
mod manifest;
mod reference;
mod store;
mod token;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub(super) use reference::Reference;

use self::http::Registry;
use self::manifest::Manifest;
use self::store::Store;
use super::engine::off_runtime;
use super::module::Remote;

/// All of a fetch, retries included.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The bytes of the component that `reference` names. Blocks; the network is used on a thread and runtime of its own.
pub(super) fn fetch(reference: &Reference, remote: &Remote, max_bytes: u64) -> Result<Vec<u8>, String> {
    off_runtime(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime to fetch it on: {error}"))?;
        let fetcher = Fetcher { reference, remote, registry: Registry::new(reference, remote)?, store: Store::open() };
        runtime.block_on(async {
            match tokio::time::timeout(TIMEOUT, fetcher.component(max_bytes)).await {
                Ok(fetched) => fetched,
                Err(_) => Err(format!("{} did not give it within {TIMEOUT:?}", reference.registry)),
            }
        })
    })
    .map_err(|why| format!("{reference}: {why}"))
}

struct Fetcher<'a> {
    reference: &'a Reference,
    remote: &'a Remote,
    registry: Registry,
    store: Option<Store>,
}

impl Fetcher<'_> {
    async fn component(&self, max_bytes: u64) -> Result<Vec<u8>, String> {
        let Some(digest) = &self.reference.digest else { return Err(self.without_digest().await) };
        let bytes = self.content("manifests", digest, manifest::MAX_BYTES).await?;
        if let Some(key) = &self.remote.cosign_key {
            self.verify(digest, key).await?;
        }
        let layer = Manifest::parse(&bytes)?.component()?;
        if layer.size > max_bytes {
            return Err(format!(
                "the component has {} bytes, more than the {} MiB allowed",
                layer.size,
                max_bytes >> 20
            ));
        }
        self.content("blobs", &layer.digest, max_bytes).await
    }

    /// What says how to pin it.
    async fn without_digest(&self) -> String {
        let needs = "names no digest, and what a tag points at may change";
        let tag = self.reference.tag.as_deref().unwrap_or("latest");
        match self.registry.get("manifests", tag, manifest::MAX_BYTES).await {
            Ok(bytes) => {
                let pinned = Reference { digest: Some(sha256(&bytes)), ..self.reference.clone() };
                format!("{needs}; as it is now it would be: {pinned}")
            }
            Err(error) => format!("{needs}; add @sha256:… (which one it has now could not be found out: {error})"),
        }
    }

    /// A manifest or blob by its digest: from the cache, or from the registry.
    async fn content(&self, what: &str, digest: &str, max_bytes: u64) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.store.as_ref().and_then(|store| store.get(digest)) {
            return Ok(bytes);
        }
        let bytes = self.registry.get(what, &format!("sha256:{digest}"), max_bytes).await?;
        let actual = sha256(&bytes);
        if actual != digest {
            return Err(format!("the registry gave something else: it has sha256:{actual}, not sha256:{digest}"));
        }
        if let Some(store) = &self.store {
            store.put(digest, &bytes);
        }
        Ok(bytes)
    }

    /// Whether one of the artefact's signatures is by the key. They are kept, as the artefact is; what counts is that they hold.
    async fn verify(&self, digest: &str, key: &std::path::Path) -> Result<(), String> {
        let key = cosign::Key::read(key)?;
        let tag = format!("sha256-{digest}.sig");
        let name = format!("signature-{digest}-{}", key.fingerprint());
        let kept = self.store.as_ref().and_then(|store| store.get_named(&name));
        if kept.is_some_and(|kept| cosign::Signature::unpack(&kept).is_some_and(|one| one.holds(&key, digest).is_ok()))
        {
            return Ok(());
        }
        let manifest = self.registry.get("manifests", &tag, manifest::MAX_BYTES).await;
        let manifest = manifest.map_err(|error| format!("it has no cosign signature that could be had: {error}"))?;
        let mut why = "it has no cosign signature".to_owned();
        for (layer, signature) in Manifest::parse(&manifest)?.signatures() {
            let payload = self.registry.get("blobs", &format!("sha256:{}", layer.digest), cosign::MAX_BYTES).await?;
            if sha256(&payload) != layer.digest {
                why = String::from("its signature's payload is not what its manifest says");
                continue;
            }
            let signature = cosign::Signature { payload, signature };
            match signature.holds(&key, digest) {
                Ok(()) => {
                    if let Some(store) = &self.store {
                        store.put_named(&name, &signature.pack());
                    }
                    return Ok(());
                }
                Err(problem) => why = problem,
            }
        }
        Err(why)
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
