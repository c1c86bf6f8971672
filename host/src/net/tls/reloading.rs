//! What new handshakes use, as new as the files it is made of.
//!
//! A task looks at the files every few seconds and compares their contents: mounted Secrets flip symbolic links, and times of change
//! and inodes say little about them. So nothing is read while a connection waits or data flows, a file that went bad is known
//! before the next handshake needs it, and whoever connects takes what is there. Looking at handshakes instead would save the looks
//! of idle hosts, a few small reads, and tell of a broken renewal only when connections are lost already.
//!
//! Bad material (half written, a key that does not fit) is not used: the old one goes on, the log says so once per change, and the
//! component counts as degraded until the files are good again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_blocking};

use super::material::{Fingerprint, Material, Sources};
use crate::host::Host;
use crate::host::health::Degraded;
use crate::pipeline::{BuildError, Cx};

/// How soon bad files are looked at again: a writer that was caught in between needs no longer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How something is made of certificates and keys.
pub(super) trait Recipe: Send + Sync + 'static {
    type Product: Send + Sync + 'static;
    fn sources(&self) -> Sources;
    fn make(&self, material: &Material) -> Result<Self::Product, BuildError>;
}

/// The newest good `T`. Dropping it ends the looks.
pub struct Reloading<T> {
    newest: watch::Receiver<Arc<T>>,
    task: Option<AbortHandle>,
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Makes the first one, and begins to look at the files every `interval`. Belongs into a runtime.
    pub(super) fn start(recipe: impl Recipe<Product = T>, interval: Duration, cx: &Cx) -> Result<Self, BuildError> {
        let sources = recipe.sources();
        let material = sources.read();
        let (newest, receiver) = watch::channel(Arc::new(recipe.make(&material)?));
        if !sources.can_change() {
            return Ok(Self { newest: receiver, task: None });
        }
        let keeper = Keeper {
            recipe: Arc::new(recipe),
            interval,
            newest,
            seen: material.fingerprint(),
            host: cx.host.clone(),
            component: cx.id.to_string(),
            refused: None,
        };
        let task = tokio::spawn(keeper.keep()).abort_handle();
        Ok(Self { newest: receiver, task: Some(task) })
    }

    /// What a handshake uses.
    pub fn newest(&self) -> Arc<T> {
        self.newest.borrow().clone()
    }

    /// Completes when there is a newer one than at this call.
    pub async fn changed(&self) {
        let mut newest = self.newest.clone();
        newest.mark_unchanged();
        if newest.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl<T> Drop for Reloading<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Looks at the files.
struct Keeper<R: Recipe> {
    recipe: Arc<R>,
    interval: Duration,
    newest: watch::Sender<Arc<R::Product>>,
    seen: Fingerprint,
    host: Arc<Host>,
    component: String,
    refused: Option<Degraded>,
}

/// What the files hold now, and what came of making something of it.
type Look<T> = (Fingerprint, Result<T, BuildError>);

impl<R: Recipe> Keeper<R> {
    async fn keep(mut self) {
        loop {
            let pause = if self.refused.is_some() { LOOK_AGAIN.min(self.interval) } else { self.interval };
            tokio::time::sleep(pause).await;
            let (recipe, seen) = (self.recipe.clone(), self.seen);
            // The files may be on something slow.
            if let Ok(Some(look)) = spawn_blocking(move || look(&*recipe, seen)).await {
                self.take(look);
            }
        }
    }

    fn take(&mut self, (fingerprint, made): Look<R::Product>) {
        self.seen = fingerprint;
        let component = &self.component;
        match made {
            Ok(made) => {
                self.newest.send_replace(Arc::new(made));
                self.refused = None;
                tracing::info!(
                    otelcol.component.id = component,
                    "TLS certificates or keys have changed: new connections use them"
                );
            }
            Err(error) => {
                let message = "Changed TLS certificates or keys are not used, the old ones go on";
                tracing::warn!(otelcol.component.id = component, %error, "{message}");
                self.refused = Some(Degraded::new(&self.host, component, format!("{message}: {error}")));
            }
        }
    }
}

/// `None` if nothing has changed since `seen`.
fn look<R: Recipe>(recipe: &R, seen: Fingerprint) -> Option<Look<R::Product>> {
    let material = recipe.sources().read();
    let fingerprint = material.fingerprint();
    (fingerprint != seen).then(|| (fingerprint, recipe.make(&material)))
}

#[cfg(test)]
mod tests;
