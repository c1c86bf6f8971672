//! The engine's settings, and the clock that interrupts guests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, EngineWeak, OptLevel, Strategy};

use super::cache::Cache;
use super::plugin::PluginError;
use super::state::State;
use super::{bindings, wasi};

/// One engine and what belongs to it; a plugin keeps it alive.
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) ticker: Ticker,
    /// Absent where there is no place for it.
    pub(super) cache: Option<Cache>,
    /// Whether instructions are counted.
    pub(super) counts: bool,
}

/// Guests run on threads with at least four times as much.
const MAX_WASM_STACK_BYTES: usize = 512 << 10;

/// The stack of threads that guests run on, beside the evaluators' own.
pub(super) const THREAD_STACK_BYTES: usize = 4 << 20;

impl Runtime {
    /// With `counts`, guests run slower and their instructions are counted.
    pub(super) fn start(counts: bool) -> Result<Self, PluginError> {
        Self::with(settings().consume_fuel(counts), counts)
    }

    /// An engine with these settings.
    pub(super) fn with(settings: &Config, counts: bool) -> Result<Self, PluginError> {
        let engine = Engine::new(settings).map_err(PluginError::engine)?;
        let mut linker = Linker::new(&engine);
        bindings::tailrace::plugin::host::add_to_linker::<_, wasmtime::component::HasSelf<State>>(
            &mut linker,
            |state| state,
        )
        .map_err(PluginError::engine)?;
        bindings::capabilities::tailrace::request::context::add_to_linker::<_, wasmtime::component::HasSelf<State>>(
            &mut linker,
            |state| state,
        )
        .map_err(PluginError::engine)?;
        wasi::add_to_linker(&mut linker).map_err(PluginError::engine)?;
        let ticker = Ticker::start(&engine).map_err(PluginError::engine)?;
        let cache =
            Cache::open().inspect_err(|why| tracing::info!("compiled plugins are not kept on disk: {why}")).ok();
        Ok(Self { engine, linker, ticker, cache, counts })
    }
}

pub(super) fn settings() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
    // A recording evaluates to the same votes on every machine.
    config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
    // Left on, it makes each call cost 800 ns instead of 300.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(MAX_WASM_STACK_BYTES);
    // No toolchain needs these, and each was the subject of advisories. Garbage collection, exceptions, threads and stack switching
    // are not compiled in. Multi-memory stays on: with it off, wasmtime 48 panics on composed components.
    config.wasm_memory64(false);
    config
}

/// Runs `work` on a thread outside the tokio runtime: for loading and configuring, which happen wherever a component is built.
pub(super) fn off_runtime<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("plugin-setup".to_owned()).stack_size(THREAD_STACK_BYTES);
        let handle = builder.spawn_scoped(scope, work).expect("the system gives a thread");
        handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// How often the epoch advances. Deadlines are this coarse.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Ticks without a guest running after which the ticker goes to sleep. Waking it costs the next call some microseconds.
const LINGER_TICKS: u32 = 40;

/// Advances the engine's epoch while guests run, and sleeps otherwise.
pub(super) struct Ticker {
    beat: Arc<Beat>,
    thread: Thread,
}

#[derive(Default)]
struct Beat {
    running: AtomicUsize,
    asleep: AtomicBool,
}

impl Ticker {
    fn start(engine: &Engine) -> std::io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let (engine, shared) = (engine.weak(), beat.clone());
        let thread = thread::Builder::new().name("plugin-ticker".to_owned()).spawn(move || tick(&engine, &shared))?;
        Ok(Self { beat, thread: thread.thread().clone() })
    }

    /// The epoch advances until the guard is dropped.
    pub(super) fn run(&self) -> Running<'_> {
        self.beat.running.fetch_add(1, Ordering::SeqCst);
        if self.beat.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.beat)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // It finds its engine gone.
        self.thread.unpark();
    }
}

/// A guest is running.
pub(super) struct Running<'a>(&'a Beat);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(engine: &EngineWeak, beat: &Beat) {
    let mut idle_ticks = 0;
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        idle_ticks = if beat.running.load(Ordering::SeqCst) > 0 { 0 } else { idle_ticks + 1 };
        if idle_ticks < LINGER_TICKS {
            thread::sleep(TICK);
            continue;
        }
        beat.asleep.store(true, Ordering::SeqCst);
        // A guest that started before the store is seen here; one that starts after it wakes this thread.
        if beat.running.load(Ordering::SeqCst) == 0 {
            thread::park();
        }
        beat.asleep.store(false, Ordering::SeqCst);
        idle_ticks = 0;
    }
}
