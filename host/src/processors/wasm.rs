//! Shows every request to a transform in a plugin, which leaves it as it is, puts another in its place, or discards it.
//!
//! ```yaml
//! processors:
//!   wasm/redact:
//!     module: /etc/tailrace/redact.wasm   # watched: a new file takes over between two requests;
//!                                         # or oci://registry/name:tag@sha256:…, with docker's credentials
//!     registry: {insecure: false, cosign_key: /etc/tailrace/cosign.pub}   # of an oci:// module: who must have signed it
//!     digest: sha256:…                    # that the module must have; optional
//!     transform: redact                   # which of the plugin's; may be left out if it has one
//!     config: {keys: [password]}          # the transform's own
//!     on_error: refuse                    # or pass, or drop
//!     instances: 2                        # threads, each with an instance when busy; 0: one for each core
//!     max_wait: 5s                        # for a thread, while all are busy; then the request is refused for now
//!     limits: {memory_mib: 128, request_bytes: 20971520, apply: 200ms, apply_per_mib: 2s, configure: 5s,
//!              log_lines_per_second: 20, max_failures: 5, retry_after: 30s,
//!              recycle_percentage: 75,    # of its memory: an instance that has grown beyond is replaced
//!              trial_requests: 32, trial_mib: 16}   # the last ones, which a new file is tried on before it takes over
//! ```
//!
//! - The pipelines that name one id share its threads and instances.
//! - What the transform gives back is checked as if it had just arrived: it must be a request of the same signal, well-formed and
//!   no larger than `request_bytes`.
//! - `on_error` says what becomes of a request that the transform has no answer to (it traps, hangs, gives back garbage, or errs).
//!   By default it is **refused**, so that nothing is lost silently and nothing goes on untransformed: for good if the transform
//!   said so itself or the request is too large, for now otherwise, so that senders try again while the plugin is mended. `pass`
//!   lets it go on as it was, `drop` counts it as dropped.
//! - **A new file is tried first.** It has to answer the last requests that the running version answered; one that it does not answer
//!   refuses it, and the running version goes on. What it makes otherwise of them is logged and counted.
//! - Items that a transform took out, or discarded, are counted as dropped with the reason `transform`.

mod settings;

pub use self::settings::Settings;
use super::pooled::Pooled;
use crate::config::{Fault, Path};
use crate::pipeline::{Batch, BuildError, Cx, Next, Processor, Refusal};
use crate::wasm::transform::Pool;

/// The processor.
pub struct WasmProcessor(Pooled);

impl Processor for WasmProcessor {
    const TYPE: &'static str = "wasm";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let written = serde_json::to_string(&settings).map_err(BuildError::new)?;
        Ok(Self(Pooled::new(cx, &written, settings.on_error, || start_pool(&settings, cx))?))
    }

    async fn process(&self, batch: Batch, next: &Next) -> Result<(), Refusal> {
        self.0.process(batch, next).await
    }

    fn describe(&self) -> Vec<String> {
        self.0.describe()
    }
}

fn start_pool(settings: &Settings, cx: &Cx) -> Result<Pool, BuildError> {
    let wrong = |faults: Vec<Fault>| BuildError::new(Fault::errors(&faults).unwrap_or_default());
    let spec = settings.spec(cx).map_err(|fault| wrong(vec![fault]))?;
    let at = Path::root().join("config");
    Pool::start(spec, &at, settings.threads(), settings.max_wait.0, cx).map_err(wrong)
}

#[cfg(test)]
mod tests;
