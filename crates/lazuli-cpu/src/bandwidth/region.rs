//! The memory that is read: its page kind, and how much of it there should be.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

use lazuli_core::error::{Error, Result};

use super::Pages;

/// A huge page; the alignment that lets one in.
const HUGE_PAGE: usize = 2 << 20;
/// Below this the allocator might hand out memory that was mapped earlier, with pages of its own kind.
const LEAST: usize = 64 << 20;
/// What a measurement takes on a machine with plenty.
const PLENTY: usize = 1 << 30;

/// Memory of one page kind, present and not zero.
pub(super) struct Region {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: plain bytes, written only through `&mut self`.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    pub(super) fn new(pages: Pages, bytes: usize) -> Result<Region> {
        let refused = || {
            let text = format!("{bytes} bytes to measure bandwidth with were refused");
            Error::memory("bandwidth", text)
        };
        let size = (bytes.max(LEAST).checked_next_multiple_of(HUGE_PAGE)).ok_or_else(refused)?;
        let layout = Layout::from_size_align(size, HUGE_PAGE).map_err(|_| refused())?;
        // SAFETY: the layout has a non-zero size.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or_else(refused)?;
        #[cfg(target_os = "linux")]
        {
            let advice = match pages {
                Pages::Base => libc::MADV_NOHUGEPAGE,
                Pages::Huge => libc::MADV_HUGEPAGE,
            };
            // SAFETY: the range is a block that we have just been given; the advice changes no contents.
            unsafe { libc::madvise(start.as_ptr().cast(), size, advice) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = pages;
        // One thread writes everything, as one thread fills the buffers that a model's weights lie in:
        // on a machine with several memory nodes both then lie on the same one. Not zero, because
        // untouched or merged pages would all be one page in the cache.
        // SAFETY: the block has `size` bytes.
        unsafe { start.as_ptr().write_bytes(0xA5, size) };
        Ok(Region { start, layout })
    }

    pub(super) fn len(&self) -> usize {
        self.layout.size()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the block is ours, initialised by `new`, and not written while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len()) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the block is ours, initialised by `new`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len()) }
    }

    /// Bytes that the system says are in huge pages.
    pub(super) fn huge_bytes(&self) -> Option<usize> {
        let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        huge_bytes_at(&maps, self.start.as_ptr() as usize)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the block came from `alloc` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// `AnonHugePages` of the mapping that holds `address`, in bytes.
fn huge_bytes_at(smaps: &str, address: usize) -> Option<usize> {
    let mut inside = false;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        if let Some((from, to)) = first.split_once('-') {
            let bound = |text| usize::from_str_radix(text, 16).ok();
            if let (Some(from), Some(to)) = (bound(from), bound(to)) {
                inside = (from..to).contains(&address);
            }
        } else if inside && first == "AnonHugePages:" {
            return Some(words.next()?.parse::<usize>().ok()? << 10);
        }
    }
    None
}

/// Bytes of memory that this process can still take without swapping, where the system says so.
fn available_memory() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let meminfo = read("/proc/meminfo")?;
    let line = meminfo.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let free = line.split_whitespace().nth(1)?.parse::<usize>().ok()? << 10;
    // A container may hold less than the machine has. "max" does not parse: no limit.
    let number = |path| read(path)?.trim().parse::<usize>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    Some(limit.map_or(free, |limit| free.min(limit.saturating_sub(used))))
}

/// How much memory to measure with: 1 GiB (half of that if `quick`), and at most a quarter of what
/// is available.
pub fn buffer_bytes(quick: bool) -> usize {
    let wanted = if quick { PLENTY / 2 } else { PLENTY };
    let share = available_memory().map_or(wanted, |free| free / 4);
    wanted.min(share).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
7f0000000000-7f0000200000 rw-p 00000000 00:00 0 \n\
Size:               2048 kB\n\
AnonHugePages:      2048 kB\n\
7f0000200000-7f0000400000 rw-p 00000000 00:00 0                  [heap]\n\
Size:               2048 kB\n\
AnonHugePages:         0 kB\n\
VmFlags: rd wr mr mw me ac sd nh\n";

    #[test]
    fn huge_pages_are_read_off_the_mapping_that_holds_the_address() {
        assert_eq!(huge_bytes_at(SMAPS, 0x7f00_0000_1000), Some(2 << 20));
        assert_eq!(huge_bytes_at(SMAPS, 0x7f00_0020_0000), Some(0));
        assert_eq!(huge_bytes_at(SMAPS, 0x7f00_0040_0000), None);
    }

    #[test]
    fn memory_of_the_base_kind_has_no_huge_pages() {
        let region = Region::new(Pages::Base, LEAST).unwrap();
        assert!(matches!(region.huge_bytes(), None | Some(0)));
        assert!(region.bytes().iter().step_by(4096).all(|&b| b == 0xA5));
    }

    #[test]
    fn a_small_request_is_raised_and_an_absurd_one_refused() {
        assert_eq!(Region::new(Pages::Huge, 1).unwrap().len(), LEAST);
        assert!(Region::new(Pages::Huge, usize::MAX).is_err());
        assert!(Region::new(Pages::Huge, isize::MAX as usize / 2).is_err());
        assert!(buffer_bytes(true) >= LEAST && buffer_bytes(false) <= PLENTY);
    }
}
