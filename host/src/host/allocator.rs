//! jemalloc's figures and controls. In a process with another allocator they all read 0.

use tikv_jemalloc_ctl::{epoch, raw, stats};

/// Bytes of live allocations, now.
pub fn allocated_bytes() -> u64 {
    let _ = epoch::advance();
    stats::allocated::read().unwrap_or(0) as u64
}

/// Bytes of address space that the allocator holds.
pub fn mapped_bytes() -> u64 {
    stats::mapped::read().unwrap_or(0) as u64
}

/// `MALLCTL_ARENAS_ALL` of jemalloc's documentation: the sum over arenas.
const ALL_ARENAS: u32 = 4096;

/// Bytes ever allocated, rounded up to size classes: jemalloc counts allocations per class.
pub fn allocated_since_start_bytes() -> u64 {
    let small = number::<u32>("arenas.nbins").map_or(0, |bins| {
        let one = |n| class(&format!("stats.arenas.{ALL_ARENAS}.bins.{n}"), &format!("arenas.bin.{n}"));
        (0..bins).map(one).sum::<u64>()
    });
    let large = number::<u32>("arenas.nlextents").map_or(0, |extents| {
        let one = |n| class(&format!("stats.arenas.{ALL_ARENAS}.lextents.{n}"), &format!("arenas.lextent.{n}"));
        (0..extents).map(one).sum::<u64>()
    });
    small + large
}

fn class(stats: &str, class: &str) -> u64 {
    let allocations = number::<u64>(&format!("{stats}.nmalloc")).unwrap_or(0);
    allocations * number::<usize>(&format!("{class}.size")).unwrap_or(0) as u64
}

/// Gives pages that hold no allocation back to the system: with a decay time of 0 an arena purges at once.
pub fn purge() {
    for arena in 0..number::<u32>("arenas.narenas").unwrap_or(0) {
        for pages in ["dirty", "muzzy"] {
            let name = format!("arena.{arena}.{pages}_decay_ms");
            if let Some(decay_ms) = number::<isize>(&name) {
                set_number(&name, 0_isize);
                set_number(&name, decay_ms);
            }
        }
    }
}

/// The types of jemalloc's numbers: any bits are a value.
trait Number: Copy {}
impl Number for u32 {}
impl Number for u64 {}
impl Number for usize {}
impl Number for isize {}

fn number<T: Number>(name: &str) -> Option<T> {
    let name = format!("{name}\0");
    #[expect(unsafe_code, reason = "these have no typed accessor")]
    // SAFETY: the name ends in NUL, and `T` is the type that jemalloc's manual gives for each name used here.
    unsafe {
        raw::read(name.as_bytes()).ok()
    }
}

fn set_number<T: Number>(name: &str, value: T) {
    let name = format!("{name}\0");
    #[expect(unsafe_code, reason = "these have no typed accessor")]
    // SAFETY: as in `number`; jemalloc copies the value.
    let _ = unsafe { raw::write(name.as_bytes(), value) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was freed still counts as ever allocated, and purging leaves live allocations alone.
    #[test]
    fn figures_hold_together() {
        let before = allocated_since_start_bytes();
        let live = std::hint::black_box(vec![1_u8; 8 << 20]);
        purge();
        assert!(live.iter().all(|byte| *byte == 1));
        drop(live);
        let _ = allocated_bytes();
        let after = allocated_since_start_bytes();
        // Unit tests may run on the system's allocator, where the figures stand still.
        assert!(after == before || after >= before + (8 << 20), "{before} -> {after}");
    }
}
