//! What ordinary toolchains import whether they use it or not, linked interface by interface with nothing behind it: no
//! arguments, no environment, clocks that stand still, a fixed sequence for randomness, output to the log. File systems and
//! sockets are never linked; a plugin that imports them is refused when it is loaded.
//!
//! Waiting never waits: wasmtime-wasi would block the thread inside the host, where no deadline reaches.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::sync::io::{poll, streams};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtx};

use super::state::{GuestLog, State};

/// Interfaces that are linked, without their version.
pub(super) const GRANTED: &[&str] = &[
    "tailrace:plugin/host",
    "tailrace:plugin/types",
    "tailrace:request/context",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// Links [`GRANTED`].
pub(super) fn add_to_linker(l: &mut Linker<State>) -> wasmtime::Result<()> {
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    random::random::add_to_linker::<State, WasiRandom>(l, State::random)?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, State::random)?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, State::random)?;
    streams::add_to_linker::<State, HasTable>(l, |state| &mut state.table)?;
    poll::add_to_linker::<State, HasAlways>(l, |state| Always(&mut state.table))?;
    add_error(l)
}

/// `wasi:io/error`, which wasmtime-wasi keeps in a crate of its own.
fn add_error(l: &mut Linker<State>) -> wasmtime::Result<()> {
    // Any 0.2 matches any other.
    let mut instance = l.instance("wasi:io/error@0.2.0")?;
    instance.resource("error", ResourceType::host::<streams::Error>(), |mut store, rep| {
        store.data_mut().table.delete::<streams::Error>(Resource::new_own(rep))?;
        Ok(())
    })?;
    instance.func_wrap("[method]error.to-debug-string", |store, (error,): (Resource<streams::Error>,)| {
        Ok((format!("{:?}", store.data().table.get(&error)?),))
    })
}

/// The table of a store's resources, for streams.
struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Polling that finds everything ready.
struct HasAlways;

impl HasData for HasAlways {
    type Data<'a> = Always<'a>;
}

struct Always<'a>(&'a mut ResourceTable);

impl poll::Host for Always<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        Ok((0..).take(pollables.len()).collect())
    }
}

impl poll::HostPollable for Always<'_> {
    fn ready(&mut self, _: Resource<DynPollable>) -> wasmtime::Result<bool> {
        Ok(true)
    }

    fn block(&mut self, _: Resource<DynPollable>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.0, pollable)
    }
}

/// The context of a store: nothing but a way into the log.
pub(super) fn context(log: &Arc<GuestLog>) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder.wall_clock(Frozen).monotonic_clock(Frozen);
    builder
        .secure_random(Deterministic::new(seed(1)))
        .insecure_random(Deterministic::new(seed(2)))
        .insecure_random_seed(3);
    builder.max_random_size(MAX_RANDOM_BYTES);
    builder.stdout(Output(log.clone())).stderr(Output(log.clone()));
    builder.build()
}

/// What a guest may ask for at once.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// A page of splitmix64, repeated for ever: enough to seed hash maps.
fn seed(mut state: u64) -> Vec<u8> {
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    (0..512).flat_map(|_| next()).collect()
}

/// A clock that shows one time: a vote must not depend on when it is given. Not 0, which Go's runtime takes for broken.
struct Frozen;

const FROZEN_AT: Duration = Duration::from_secs(1);

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        FROZEN_AT
    }

    fn now(&self) -> Duration {
        FROZEN_AT
    }
}

impl HostMonotonicClock for Frozen {
    fn resolution(&self) -> u64 {
        FROZEN_AT.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        FROZEN_AT.as_nanos() as u64
    }
}

/// Standard output and standard error: lines of the log.
#[derive(Clone)]
struct Output(Arc<GuestLog>);

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.output(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(super::state::MAX_LINE_BYTES)
    }
}

impl Pollable for Output {
    fn ready<'life, 'future>(&'life mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(()))
    }
}
