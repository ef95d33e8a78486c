//! An allocator that counts, so that a reader's memory is known for every input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counting the bytes in use.
pub(crate) struct Counting {
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// A single request above this is refused, which ends the process: no reader needs it here.
const LARGEST: usize = 4 << 30;

impl Counting {
    pub(crate) const fn new() -> Self {
        Counting { now: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// What is in use now is the start from which [`above`](Self::above) counts.
    pub(crate) fn start(&self) -> usize {
        let now = self.now.load(Relaxed);
        self.peak.store(now, Relaxed);
        now
    }

    /// The most bytes in use since `start`, above what was in use then.
    pub(crate) fn above(&self, start: usize) -> usize {
        self.peak.load(Relaxed).saturating_sub(start)
    }
}

// SAFETY: every call is the system allocator's but for those that are too large, which answer null as an
// allocator without memory does.
#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return std::ptr::null_mut();
        }
        let now = self.now.fetch_add(layout.size(), Relaxed) + layout.size();
        self.peak.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps the rules of this call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
