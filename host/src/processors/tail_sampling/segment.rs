//! Memory for the log: pieces of 2 MiB straight from the kernel, recycled by a pool that all shards share. The allocator is left
//! out because first touch of fresh memory costs more than everything else that happens to a buffered span, and because bytes
//! are exact this way. A piece is one huge page where the kernel gives those on request.

use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::host::Host;

/// Bytes of an ordinary segment: one huge page. Segments of 1 and 4 MiB were measured to be as fast.
pub(super) const SEGMENT_BYTES: usize = 2 << 20;

/// Anonymous memory, zeroed at first, aligned to [`SEGMENT_BYTES`].
struct Map {
    start: NonNull<u8>,
    len: usize,
}

#[expect(unsafe_code, reason = "memory from mmap, whose bounds only this type knows")]
mod map {
    use super::{Deref, DerefMut, Map, NonNull, SEGMENT_BYTES, ptr};

    // SAFETY: the memory belongs to this value alone, and access goes through its borrows.
    unsafe impl Send for Map {}
    // SAFETY: as above; a shared borrow only reads.
    unsafe impl Sync for Map {}

    impl Map {
        /// Memory for `len` bytes, rounded up to whole segments. Out of memory ends the process, as it does in the allocator.
        pub(super) fn new(len: usize) -> Self {
            let len = len.next_multiple_of(SEGMENT_BYTES);
            let reserved = len + SEGMENT_BYTES;
            // SAFETY: a fresh anonymous mapping at a place of the kernel's choice touches nothing that exists.
            let base = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    reserved,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            if base == libc::MAP_FAILED {
                std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; SEGMENT_BYTES]>());
            }
            let head = base.align_offset(SEGMENT_BYTES);
            let tail = reserved - head - len;
            let start = base.wrapping_byte_add(head);
            // SAFETY: both ranges lie in the mapping made above and outside start .. start + len; nothing points into them.
            // Page sizes divide SEGMENT_BYTES, so the ranges are whole pages; lengths of 0 are skipped.
            unsafe {
                if head > 0 {
                    libc::munmap(base, head);
                }
                if tail > 0 {
                    libc::munmap(start.wrapping_byte_add(len), tail);
                }
                // Advice only: without huge pages the log works, first touch is twice as dear.
                #[cfg(target_os = "linux")]
                libc::madvise(start, len, libc::MADV_HUGEPAGE);
            }
            let start = NonNull::new(start.cast()).expect("mmap gives no null without MAP_FIXED");
            Self { start, len }
        }
    }

    impl Drop for Map {
        fn drop(&mut self) {
            // SAFETY: exactly the range that `new` kept, and nobody can hold a borrow of it any more.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }

    impl Deref for Map {
        type Target = [u8];
        fn deref(&self) -> &[u8] {
            // SAFETY: start .. start + len is mapped, initialised (the kernel's zeros or what was written) and ours.
            unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
        }
    }

    impl DerefMut for Map {
        fn deref_mut(&mut self) -> &mut [u8] {
            // SAFETY: as in `deref`; the exclusive borrow of self makes it the only one.
            unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
        }
    }
}

/// Segments in use and free ones, shared by the shards of a processor.
pub(super) struct Pool {
    free: Mutex<Free>,
    in_use_bytes: AtomicUsize,
    in_use: AtomicUsize,
    packed_bytes: AtomicUsize,
    host: Arc<Host>,
}

#[derive(Default)]
struct Free {
    maps: Vec<Map>,
    /// The fewest that lay here since the last [`Pool::trim`].
    least: usize,
}

impl Pool {
    /// An empty pool that gives its free segments back when the host asks for memory.
    pub(super) fn new(host: Arc<Host>) -> Arc<Self> {
        let pool = Arc::new(Self {
            free: Mutex::default(),
            in_use_bytes: AtomicUsize::new(0),
            in_use: AtomicUsize::new(0),
            packed_bytes: AtomicUsize::new(0),
            host: host.clone(),
        });
        let weak = Arc::downgrade(&pool);
        host.memory.on_pressure(Arc::new(move || {
            if let Some(pool) = weak.upgrade() {
                pool.release_free();
            }
        }));
        pool
    }

    /// A segment of at least `len` bytes, with whatever its last user left in it.
    pub(super) fn take(self: &Arc<Self>, len: usize) -> Lease {
        let recycled = if len <= SEGMENT_BYTES { self.recycle() } else { None };
        let map = recycled.unwrap_or_else(|| Map::new(len));
        self.in_use_bytes.fetch_add(map.len(), Ordering::Relaxed);
        self.in_use.fetch_add(1, Ordering::Relaxed);
        self.host.memory.add_outside(map.len() as u64);
        Lease { map: Some(map), pool: self.clone() }
    }

    fn recycle(&self) -> Option<Map> {
        let mut free = self.free.lock();
        let map = free.maps.pop();
        free.least = free.least.min(free.maps.len());
        map
    }

    fn give(&self, map: Map) {
        self.in_use_bytes.fetch_sub(map.len(), Ordering::Relaxed);
        self.in_use.fetch_sub(1, Ordering::Relaxed);
        self.host.memory.sub_outside(map.len() as u64);
        // Larger ones are one trace's; keeping them would keep the largest trace ever seen.
        if map.len() == SEGMENT_BYTES {
            self.free.lock().maps.push(map);
        }
    }

    /// Bytes of the segments in use.
    pub(super) fn in_use_bytes(&self) -> usize {
        self.in_use_bytes.load(Ordering::Relaxed)
    }

    /// Segments in use.
    pub(super) fn in_use(&self) -> usize {
        self.in_use.load(Ordering::Relaxed)
    }

    /// Bytes of packed segments. The allocator has them, so they are no bytes outside it.
    pub(super) fn packed_bytes(&self) -> usize {
        self.packed_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn add_packed(&self, bytes: usize) {
        self.packed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn sub_packed(&self, bytes: usize) {
        self.packed_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Gives back the free segments that nobody has needed since the last call: a burst does not stay resident.
    pub(super) fn trim(&self) {
        let unneeded = {
            let mut free = self.free.lock();
            let keep = free.maps.len() - free.least.min(free.maps.len());
            let unneeded = free.maps.split_off(keep);
            free.least = free.maps.len();
            unneeded
        };
        drop(unneeded);
    }

    /// Gives back all free segments.
    pub(super) fn release_free(&self) {
        let unneeded = std::mem::take(&mut *self.free.lock());
        drop(unneeded);
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.lock().maps.len()
    }
}

/// A segment in use; goes back to its pool when dropped.
pub(super) struct Lease {
    map: Option<Map>,
    pool: Arc<Pool>,
}

impl Deref for Lease {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            self.pool.give(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_while_in_use_and_recycled_afterwards() {
        let host = Host::new();
        let pool = Pool::new(host.clone());
        let mut first = pool.take(10);
        assert_eq!((first.len(), first.as_ptr() as usize % SEGMENT_BYTES), (SEGMENT_BYTES, 0));
        first[SEGMENT_BYTES - 1] = 7;
        let large = pool.take(SEGMENT_BYTES + 1);
        assert_eq!(large.len(), 2 * SEGMENT_BYTES);
        assert_eq!((pool.in_use(), pool.in_use_bytes()), (2, 3 * SEGMENT_BYTES));
        assert_eq!(host.memory.outside_bytes(), 3 * SEGMENT_BYTES as u64);

        drop((first, large));
        assert_eq!((pool.in_use_bytes(), host.memory.outside_bytes(), pool.free()), (0, 0, 1));
        assert_eq!(pool.take(1)[SEGMENT_BYTES - 1], 7, "the same memory again");
    }

    #[test]
    fn free_segments_go_back_when_unneeded_or_asked_for() {
        let host = Host::new();
        let pool = Pool::new(host.clone());
        drop([pool.take(1), pool.take(1), pool.take(1)]);
        pool.trim();
        assert_eq!(pool.free(), 3, "the burst has only just ended");
        drop(pool.take(1));
        pool.trim();
        assert_eq!(pool.free(), 1, "one was needed in between");
        host.memory.reclaim();
        assert_eq!(pool.free(), 0);
    }
}
