//! Processors that are transforms in a component that ships with the host. A file of its own beside this one says what each is:
//! its type, the component and the kind in it, the names of its metrics.
//!
//! - Everything below the processor's id in the YAML is the configuration of the plugin's kind, whole and as it stands. What is
//!   wrong with it, unknown keys included, is said by the plugin and its schema, at the line and column of the node.
//! - The component is compiled when a configuration first has such a processor (the code is kept on disk like every plugin's).
//! - The pipelines that name one id share its instances, one for each core at most.
//! - A request that the sandbox has no answer to is refused, so that nothing is lost silently and nothing goes on
//!   untransformed: see the `wasm` processor, which runs transforms the same way.

mod block;

use std::marker::PhantomData;
use std::thread;
use std::time::Duration;

pub use self::block::Block;
use super::pooled::{OnError, Pooled};
use crate::config::{Fault, Path};
use crate::pipeline::{Batch, BuildError, Cx, Next, Processor, Refusal, Signal};
use crate::wasm::Embedded;
use crate::wasm::transform::{Pool, Series, TransformLimits, TransformSpec};

/// What there is to say of one such processor.
pub trait Kind: Send + Sync + 'static {
    /// The canonical type name in YAML.
    const TYPE: &'static str;
    /// Other spellings.
    const ALIASES: &'static [&'static str] = &[];
    /// The signals it can work on.
    const SIGNALS: &'static [Signal] = &Signal::ALL;
    /// Where its transform is.
    const COMPONENT: Embedded;
    /// What its transform is called there.
    const KIND: &'static str = Self::TYPE;
    /// Metrics that show what it counts.
    const SERIES: &'static [Series] = &[];
    /// What becomes of a request that the sandbox has no answer to.
    const ON_ERROR: OnError = OnError::Refuse;
    /// Keys of the block whose texts are never printed.
    const SECRETS: &'static [&'static str] = &[];
}

/// The processor of a kind.
pub struct Transforming<K> {
    pooled: Pooled,
    kind: PhantomData<fn() -> K>,
}

/// Requests that arrived have at most 20 MiB each unless told otherwise; `batch` may have joined some.
fn limits() -> TransformLimits {
    TransformLimits { memory_bytes: 512 << 20, request_bytes: 100 << 20, ..TransformLimits::default() }
}

/// How long a request waits while all instances are at work; then it is refused for now.
const PATIENCE: Duration = Duration::from_secs(5);

impl<K: Kind> Processor for Transforming<K> {
    const TYPE: &'static str = K::TYPE;
    const ALIASES: &'static [&'static str] = K::ALIASES;
    const SIGNALS: &'static [Signal] = K::SIGNALS;
    type Settings = Block<K>;

    fn new(settings: Block<K>, cx: &Cx) -> Result<Self, BuildError> {
        let start = || start_pool::<K>(&settings, cx);
        let pooled = Pooled::new(cx, &settings.config().to_string(), K::ON_ERROR, start)?;
        if let Some(signal) = cx.signal {
            pooled.pool().current().accepts(signal).map_err(BuildError::new)?;
        }
        Ok(Self { pooled, kind: PhantomData })
    }

    async fn process(&self, batch: Batch, next: &Next) -> Result<(), Refusal> {
        self.pooled.process(batch, next).await
    }

    fn describe(&self) -> Vec<String> {
        self.pooled.describe()
    }
}

fn start_pool<K: Kind>(block: &Block<K>, cx: &Cx) -> Result<Pool, BuildError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let wrong = |faults: Vec<Fault>| BuildError::new(Fault::errors(&faults).unwrap_or_default());
    Pool::start(spec(block, cx)?, &Path::root(), threads, PATIENCE, cx).map_err(wrong)
}

fn spec<K: Kind>(block: &Block<K>, cx: &Cx) -> Result<TransformSpec, BuildError> {
    Ok(TransformSpec {
        name: cx.id.to_string(),
        plugin: cx.host.wasm.embedded(K::COMPONENT).map_err(BuildError::new)?,
        kind: K::KIND.to_owned(),
        config: block.config().clone(),
        limits: limits(),
        series: K::SERIES,
    })
}

#[cfg(test)]
mod tests;
