//! How much memory a run holds at its peak: an allocator that counts while it is asked to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

/// The system's allocator, which counts what is held while a measurement is on. It only passes
/// requests on, so memory may well be freed by a library that has another allocator of this kind.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
/// Bytes allocated since the measurement began, less those freed.
static HELD: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// Keeps count of a request that has been met.
#[inline]
fn count(met: bool, more: isize) {
    if ON.load(Relaxed) && met {
        let held = HELD.fetch_add(more, Relaxed) + more;
        PEAK.fetch_max(held, Relaxed);
    }
}

// SAFETY: every request goes to `System` as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is that of `System`.
        let pointer = unsafe { System.alloc(layout) };
        count(!pointer.is_null(), layout.size() as isize);
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is that of `System`.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        count(!pointer.is_null(), layout.size() as isize);
        pointer
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract is that of `System`.
        let pointer = unsafe { System.realloc(pointer, layout, size) };
        count(!pointer.is_null(), size as isize - layout.size() as isize);
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is that of `System`.
        unsafe { System.dealloc(pointer, layout) };
        count(true, -(layout.size() as isize));
    }
}

/// What a run held at its peak, on top of what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    pub bytes: u64,
    /// Whether every request was counted; otherwise this is what the system says, in whole pages.
    pub exact: bool,
}

/// Runs `work` and measures its peak; `None` where that cannot be done here.
///
/// Everything that allocates meanwhile counts: no other work should go on in this process.
pub fn peak<R>(work: impl FnOnce() -> R) -> (R, Option<Peak>) {
    if counts() {
        let measuring = Measuring::start();
        let result = work();
        drop(measuring);
        let bytes = PEAK.load(Relaxed).max(0) as u64;
        let exact = true;
        return (result, Some(Peak { bytes, exact }));
    }
    let before = resident::reset();
    let result = work();
    let bytes = before.and_then(|before| Some(resident::most()?.saturating_sub(before)));
    let exact = false;
    (result, bytes.map(|bytes| Peak { bytes, exact }))
}

/// Runs `work` without counting it: bookkeeping of our own inside a learner's run.
pub(crate) fn uncounted<R>(work: impl FnOnce() -> R) -> R {
    let on = ON.swap(false, Relaxed);
    let result = work();
    if on {
        ON.store(true, Relaxed);
    }
    result
}

/// Whether this program uses the allocator: one that links the standard library dynamically, as
/// the REPL does, has the library's own.
fn counts() -> bool {
    let measuring = Measuring::start();
    drop(black_box(Box::new(0u64)));
    drop(measuring);
    PEAK.load(Relaxed) > 0
}

/// Counting is on while this lives, also when the work panics.
struct Measuring;

impl Measuring {
    fn start() -> Measuring {
        HELD.store(0, Relaxed);
        PEAK.store(0, Relaxed);
        ON.store(true, Relaxed);
        Measuring
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        ON.store(false, Relaxed);
    }
}

/// The peak as Linux knows it: of pages that were touched.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod resident {
    use std::ffi::c_int;

    // Declared here, so that learners' code needs no crate for them: `malloc.h` of the GNU C library.
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
        fn malloc_trim(pad: usize) -> c_int;
    }

    /// Starts anew and says what is resident now.
    pub fn reset() -> Option<u64> {
        // SAFETY: plain calls. Freed memory goes back at once from here on, and large requests get
        // fresh pages, so that the peak is that of the work.
        unsafe {
            mallopt(M_MMAP_THRESHOLD, 64 << 10);
            mallopt(M_TRIM_THRESHOLD, 64 << 10);
            malloc_trim(0);
        }
        std::fs::write("/proc/self/clear_refs", "5").ok()?;
        status("VmRSS:")
    }

    /// The most that was resident since.
    pub fn most() -> Option<u64> {
        status("VmHWM:")
    }

    fn status(name: &str) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib << 10)
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod resident {
    pub fn reset() -> Option<u64> {
        None
    }

    pub fn most() -> Option<u64> {
        None
    }
}
