//! The process itself: uptime, CPU time, memory. The `runtime_*` gauges stand in for the Go runtime's, which dashboards plot;
//! here they come from the allocator.

use std::time::Instant;

use super::metrics::{Desc, Metrics};

const UPTIME: Desc = Desc { name: "process_uptime", unit: "s", help: "Uptime of the process." };
const CPU: Desc = Desc { name: "process_cpu_seconds", unit: "s", help: "Total CPU user and system time in seconds." };
const RSS: Desc = Desc { name: "process_memory_rss", unit: "By", help: "Total physical memory (resident set size)." };
const HEAP: Desc =
    Desc { name: "process_runtime_heap_alloc_bytes", unit: "By", help: "Bytes of allocated heap objects." };
const SYSTEM: Desc = Desc {
    name: "process_runtime_total_sys_memory_bytes",
    unit: "By",
    help: "Total bytes of memory obtained from the system by the allocator.",
};
const TOTAL: Desc = Desc {
    name: "process_runtime_total_alloc_bytes",
    unit: "By",
    help: "Cumulative bytes allocated for heap objects, rounded up to size classes.",
};

/// Registers the figures; they are read when rendered.
pub(super) fn register(metrics: &Metrics) {
    let started = Instant::now();
    metrics.observe_counter(UPTIME, &[], move || started.elapsed().as_secs_f64());
    metrics.observe_counter(CPU, &[], || stat().map_or(0.0, |stat| cpu_seconds(&stat)));
    metrics.observe_gauge(RSS, &[], || stat().map_or(0.0, |stat| (stat.rss * procfs::page_size()) as f64));
    metrics.observe_gauge(HEAP, &[], || {
        let _ = tikv_jemalloc_ctl::epoch::advance();
        tikv_jemalloc_ctl::stats::allocated::read().unwrap_or(0) as f64
    });
    metrics.observe_gauge(SYSTEM, &[], || tikv_jemalloc_ctl::stats::mapped::read().unwrap_or(0) as f64);
    metrics.observe_counter(TOTAL, &[], || allocated_since_start() as f64);
}

fn stat() -> Option<procfs::process::Stat> {
    procfs::process::Process::myself().ok()?.stat().ok()
}

fn cpu_seconds(stat: &procfs::process::Stat) -> f64 {
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}

/// jemalloc counts requests per size class; their sum by size is what was ever allocated.
fn allocated_since_start() -> u64 {
    let small = number::<u32>("arenas.nbins").map_or(0, |bins| {
        (0..bins).map(|bin| class(&format!("stats.arenas.{ALL_ARENAS}.bins.{bin}"), &format!("arenas.bin.{bin}"))).sum()
    });
    let large = number::<u32>("arenas.nlextents").map_or(0, |extents| {
        let one = |n| class(&format!("stats.arenas.{ALL_ARENAS}.lextents.{n}"), &format!("arenas.lextent.{n}"));
        (0..extents).map(one).sum::<u64>()
    });
    small + large
}

/// `MALLCTL_ARENAS_ALL` of jemalloc's documentation: the sum over arenas.
const ALL_ARENAS: u32 = 4096;

fn class(stats: &str, class: &str) -> u64 {
    let requests = number::<u64>(&format!("{stats}.nmalloc")).unwrap_or(0);
    requests * number::<usize>(&format!("{class}.size")).unwrap_or(0) as u64
}

/// Reads one of jemalloc's numbers.
fn number<T: Copy + Number>(name: &str) -> Option<T> {
    let name = format!("{name}\0");
    #[expect(unsafe_code, reason = "jemalloc's per-class statistics have no typed accessor")]
    // SAFETY: the name ends in NUL, and `T` is the type that jemalloc's manual gives for each name used here; jemalloc
    // refuses a read of another size.
    unsafe {
        tikv_jemalloc_ctl::raw::read(name.as_bytes()).ok()
    }
}

/// The types of jemalloc's numbers: any bits are a value.
trait Number {}
impl Number for u32 {}
impl Number for u64 {}
impl Number for usize {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Allocating a megabyte shows in the cumulative figure, and freeing it does not take it back.
    #[test]
    fn total_only_grows() {
        // The figures of this thread reach the arena when its cache is flushed; a large allocation bypasses the cache.
        let size = 8 << 20;
        let read = || {
            tikv_jemalloc_ctl::epoch::advance().unwrap();
            allocated_since_start()
        };
        let before = read();
        drop(std::hint::black_box(vec![1u8; size]));
        // Unit tests may run on the system's allocator, where the figures stand still.
        let after = read();
        assert!(after == before || after >= before + size as u64, "{before} -> {after}");
    }

    #[test]
    fn figures_are_plausible() {
        let stat = stat().unwrap();
        assert!(cpu_seconds(&stat) >= 0.0);
        assert!(stat.rss * procfs::page_size() > 1 << 20);
    }
}
