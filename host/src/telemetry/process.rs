//! The process itself: uptime, CPU time, memory. The `runtime_*` gauges stand in for the Go runtime's, which dashboards plot;
//! here they come from the allocator.

use std::time::Instant;

use super::metrics::{Desc, Metrics};
use crate::host::allocator;

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
    metrics.observe_gauge(HEAP, &[], || allocator::allocated_bytes() as f64);
    metrics.observe_gauge(SYSTEM, &[], || allocator::mapped_bytes() as f64);
    metrics.observe_counter(TOTAL, &[], || allocator::allocated_since_start_bytes() as f64);
}

fn stat() -> Option<procfs::process::Stat> {
    procfs::process::Process::myself().ok()?.stat().ok()
}

fn cpu_seconds(stat: &procfs::process::Stat) -> f64 {
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_plausible() {
        let stat = stat().unwrap();
        assert!(cpu_seconds(&stat) >= 0.0);
        assert!(stat.rss * procfs::page_size() > 1 << 20);
    }
}
