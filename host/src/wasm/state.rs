//! What a store holds beside the guest: its memory account, its log, its counters.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::tailrace::plugin::host::{self, Level};
use super::counters::Counters;
use super::request::About;
use super::wasi;
use crate::host::Host;
use crate::telemetry::Gauge;

/// The data of a store.
pub(super) struct State {
    pub(super) table: ResourceTable,
    wasi: WasiCtx,
    pub(super) memory: MemoryAccount,
    pub(super) log: Arc<GuestLog>,
    pub(super) deadline: Deadline,
    /// Of the request that is shown.
    pub(super) about: About,
    counters: Counters,
}

impl State {
    pub(super) fn new(memory: MemoryAccount, log: Arc<GuestLog>, counters: Counters) -> Self {
        let wasi = wasi::context(&log);
        Self {
            table: ResourceTable::new(),
            wasi,
            memory,
            log,
            deadline: Deadline::default(),
            about: About::default(),
            counters,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl host::Host for State {
    fn log(&mut self, level: Level, message: String) {
        self.log.line(level, &message);
    }

    fn counter_add(&mut self, id: u32, delta: u32) {
        self.counters.add(id, delta);
    }
}

/// A store's linear memories: bounded, and part of what the process counts as memory.
pub(super) struct MemoryAccount {
    /// Bytes, all memories of the store together.
    used: usize,
    limit: usize,
    /// What the last growth added, should it fail after it was granted.
    last: usize,
    refused: bool,
    /// Absent while a plugin is only looked at.
    shared: Option<(Arc<Host>, Gauge)>,
}

/// Interpreters of the size of Python's need a few ten thousand.
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// `QuickJS` guests consist of 24 components of 11 modules.
const MAX_INSTANCES: usize = 256;

impl MemoryAccount {
    pub(super) fn new(limit: usize, shared: Option<(Arc<Host>, Gauge)>) -> Self {
        Self { used: 0, limit, last: 0, refused: false, shared }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether memory was refused since this was last asked.
    pub(super) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    fn set(&mut self, used: usize) {
        if let Some((host, gauge)) = &self.shared {
            gauge.add(used as i64 - self.used as i64);
            host.memory.add_outside(used.saturating_sub(self.used) as u64);
            host.memory.sub_outside(self.used.saturating_sub(used) as u64);
        }
        self.used = used;
    }
}

impl Drop for MemoryAccount {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let used = self.used.saturating_add(more);
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.last = more;
        self.set(used);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let used = self.used - std::mem::take(&mut self.last);
        self.set(used);
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_INSTANCES
    }
}

/// How long the call under way may go on after its first deadline. On a machine that is busy with other things a call is late
/// through no fault of its own: what counts then is the processor time of the thread.
#[derive(Default)]
pub(super) struct Deadline {
    /// Ticks of the second half of the budget.
    grace_ticks: u64,
    /// Processor time of the thread when the first half was over, nanoseconds.
    cpu_at_half_ns: Option<u64>,
    fired: u32,
}

/// However starved a call is, it ends after so many times its budget.
const MAX_STARVED: u32 = 20;

impl Deadline {
    /// Starts a call of so many ticks; the store's own deadline is to be the first half of them.
    pub(super) fn start(&mut self, ticks: u64) -> u64 {
        let half = ticks.div_ceil(2);
        *self = Self { grace_ticks: half, cpu_at_half_ns: None, fired: 0 };
        half + 1
    }

    /// What to do when the store's deadline has passed.
    pub(super) fn passed(&mut self) -> UpdateDeadline {
        let cpu_ns = thread_cpu_ns();
        let Some(at_half) = self.cpu_at_half_ns else {
            self.cpu_at_half_ns = Some(cpu_ns);
            return UpdateDeadline::Continue(self.grace_ticks);
        };
        self.fired += 1;
        let grace_ns = self.grace_ticks.saturating_mul(super::engine::TICK.as_nanos() as u64);
        // Half of it, since ticks and the accounting of processor time are coarse.
        if cpu_ns.saturating_sub(at_half) >= grace_ns / 2 || self.fired > MAX_STARVED {
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Continue(self.grace_ticks)
    }
}

/// Processor time that this thread has used.
#[expect(unsafe_code, reason = "the standard library does not tell a thread's processor time")]
fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Cut here: one line must not fill a disk.
pub(super) const MAX_LINE_BYTES: usize = 4096;

/// What a guest says, at a bounded rate.
pub(super) struct GuestLog {
    plugin: String,
    lines_per_second: u32,
    inner: Mutex<LogInner>,
}

struct LogInner {
    /// Whose policy is being asked.
    policy: Arc<str>,
    second: Instant,
    written: u32,
    suppressed: u64,
    /// The last line of level error since it was last taken: a panic's text.
    last_error: Option<String>,
}

impl GuestLog {
    pub(super) fn new(plugin: &str, lines_per_second: u32) -> Arc<Self> {
        let inner =
            LogInner { policy: Arc::from(""), second: Instant::now(), written: 0, suppressed: 0, last_error: None };
        Arc::new(Self { plugin: plugin.to_owned(), lines_per_second, inner: Mutex::new(inner) })
    }

    /// Lines from now on are those of this policy.
    pub(super) fn speaks_for(&self, policy: &Arc<str>) {
        let mut inner = self.inner.lock();
        inner.policy = policy.clone();
        inner.last_error = None;
    }

    /// The last line of level error.
    pub(super) fn take_error(&self) -> Option<String> {
        self.inner.lock().last_error.take()
    }

    /// A write to standard output or error.
    pub(super) fn output(&self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines().filter(|line| !line.trim().is_empty()) {
            self.line(Level::Info, line);
        }
    }

    fn line(&self, level: Level, message: &str) {
        let message = &message[..message.floor_char_boundary(MAX_LINE_BYTES)];
        let mut inner = self.inner.lock();
        if level == Level::Error {
            inner.last_error = Some(message.to_owned());
        }
        let Some(suppressed) = inner.may_write(self.lines_per_second) else { return };
        let (plugin, policy) = (&self.plugin, &*inner.policy);
        if suppressed > 0 {
            tracing::warn!(plugin, policy, suppressed, "lines of the plugin were not logged: too many a second");
        }
        match level {
            Level::Debug => tracing::debug!(plugin, policy, "{message}"),
            Level::Info => tracing::info!(plugin, policy, "{message}"),
            Level::Warn => tracing::warn!(plugin, policy, "{message}"),
            Level::Error => tracing::error!(plugin, policy, "{message}"),
        }
    }
}

impl LogInner {
    /// Whether a line may be written, and how many were not since the last one.
    fn may_write(&mut self, lines_per_second: u32) -> Option<u64> {
        if self.second.elapsed().as_secs() > 0 {
            self.second = Instant::now();
            self.written = 0;
        }
        if self.written >= lines_per_second {
            self.suppressed += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// Whether an instance with `used` bytes of memory, `settled` after its first call, had better be replaced: it has grown, and has more
/// than `percentage` of what it may have. One that is that large from the start would be as large again.
pub(super) fn is_outgrown(used: usize, settled: usize, limit: usize, percentage: u32) -> bool {
    let share = (limit as u128 * u128::from(percentage) / 100) as usize;
    used.saturating_sub(settled) > limit / 8 && used > share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_over_all_memories_of_a_store() {
        let host = Host::new();
        let gauge = Gauge::default();
        let mut account = MemoryAccount::new(100, Some((host.clone(), gauge.clone())));
        let mut grows = |from, to| account.memory_growing(from, to, None).expect("no error");
        assert!(grows(0, 60));
        assert!(grows(0, 30), "a second memory");
        assert!(!grows(30, 50));
        account.memory_grow_failed(wasmtime::format_err!("no such memory")).expect("no error");
        assert_eq!(
            (account.used(), gauge.get(), host.memory.outside_bytes()),
            (60, 60, 60),
            "what failed is not counted"
        );
        assert!(account.take_refused());
        assert!(!account.take_refused());
        drop(account);
        assert_eq!((gauge.get(), host.memory.outside_bytes()), (0, 0));
    }

    #[test]
    fn an_instance_that_has_grown_is_replaced() {
        for (used, settled, percentage, expected) in [
            (76, 10, 75, true),
            (75, 10, 75, false),
            (51, 10, 50, true),
            (90, 80, 75, false),
            (100, 10, 100, false),
            (30, 10, 1, true),
        ] {
            assert_eq!(is_outgrown(used, settled, 100, percentage), expected, "{used} {settled} {percentage}");
        }
    }

    #[test]
    fn lines_are_cut_and_bounded_per_second() {
        let log = GuestLog::new("p", 2);
        log.line(Level::Error, &"é".repeat(MAX_LINE_BYTES));
        assert_eq!(log.take_error().map(|line| line.len()), Some(MAX_LINE_BYTES));
        let mut inner = log.inner.lock();
        inner.second = Instant::now();
        inner.written = 0;
        let written = [1, 2, 3, 4].map(|_| inner.may_write(2));
        assert_eq!(written, [Some(0), Some(0), None, None]);
        inner.written = 0;
        assert_eq!(inner.may_write(2), Some(2), "how many are missing");
    }

    #[test]
    fn a_call_ends_after_its_budget_of_processor_time() {
        let mut deadline = Deadline::default();
        assert_eq!(deadline.start(4), 3);
        assert!(matches!(deadline.passed(), UpdateDeadline::Continue(2)), "half of it is left");
        // Starved, not slow: the thread has used no time since.
        assert!(matches!(deadline.passed(), UpdateDeadline::Continue(2)));
        deadline.cpu_at_half_ns = Some(0);
        deadline.grace_ticks = 0;
        assert!(matches!(deadline.passed(), UpdateDeadline::Interrupt));
        deadline.start(4);
        deadline.passed();
        assert!((0..=MAX_STARVED).any(|_| matches!(deadline.passed(), UpdateDeadline::Interrupt)), "at last");
    }
}
