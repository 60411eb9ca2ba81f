//! Pages of the program's own files that need not be in memory.
//!
//! The system reads a program page by page as it is run, and maps the neighbours of each page with it, so a
//! process soon has most of its file in memory, most of it code that it ran once. Such pages are copies of
//! the file: forgotten, they are mapped again from the system's cache when they are touched.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Forgets the pages of the program and its libraries that cannot be written and were not.
pub(crate) fn forget_file_pages() {
    // Without it nobody can say which pages are the file's.
    let Ok(mut pages) = File::open("/proc/self/pagemap") else {
        return;
    };
    // SAFETY: `forget_segments` is what the call asks for; it gets `pages` and uses it as that.
    unsafe { libc::dl_iterate_phdr(Some(forget_segments), (&raw mut pages).cast()) };
}

/// Forgets pages of one object: the program or a library.
///
/// # Safety
/// `object` is valid, and `pages` a [`File`], during the call.
unsafe extern "C" fn forget_segments(
    object: *mut libc::dl_phdr_info,
    _: usize,
    pages: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the caller's promise; the loader's lock is held meanwhile, so the object stays loaded.
    let (base, headers, pages) = unsafe {
        let object = &*object;
        let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        (object.dlpi_addr as usize, headers, &*pages.cast::<File>())
    };
    for segment in headers {
        if segment.p_type == libc::PT_LOAD && segment.p_flags & libc::PF_W == 0 {
            let start = base + segment.p_vaddr as usize;
            forget(start, start + segment.p_memsz as usize, pages);
        }
    }
    0
}

/// Forgets those pages of a segment from `start` to `end` that are the file's.
fn forget(start: usize, end: usize, pages: &File) {
    // SAFETY: asks for a constant of the system.
    let Ok(size) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else {
        return;
    };
    let (first, count) = (start / size, end.div_ceil(size) - start / size);
    let mut entries = vec![0; count * 8];
    if pages.read_exact_at(&mut entries, first as u64 * 8).is_err() {
        return;
    }
    let written = |page: &usize| {
        let mut entry = [0; 8];
        entry.copy_from_slice(&entries[page * 8..][..8]);
        is_written(u64::from_ne_bytes(entry))
    };
    let mut from = 0;
    while from < count {
        let to = (from..count).find(written).unwrap_or(count);
        let address = (first + from) * size;
        // SAFETY: pages of a private mapping of a file that were not written since (text that was
        // relocated or patched, or holds a breakpoint, was), and can only be by whoever changes code
        // that runs. They are read from the file again, with the same contents.
        unsafe { libc::madvise(address as *mut _, (to - from) * size, libc::MADV_DONTNEED) };
        from = to + 1;
    }
}

/// Whether an entry of `/proc/self/pagemap` is of a page that is not the file's any more: one in swap, or
/// one in memory that is not a file's.
fn is_written(entry: u64) -> bool {
    let bit = |n: u32| entry >> n & 1 == 1;
    bit(62) || (bit(63) && !bit(61))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `/proc/self/smaps` says of the mapping with `address`, in KiB.
    fn resident(address: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split_whitespace().next().unwrap();
            if let Some((start, end)) = range.split_once('-') {
                let number = |text| usize::from_str_radix(text, 16).unwrap();
                inside = (number(start)..number(end)).contains(&address);
            } else if inside && range == "Rss:" {
                return line.split_whitespace().nth(1).unwrap().parse().unwrap();
            }
        }
        panic!("{address:x} is not mapped");
    }

    #[test]
    fn code_is_forgotten_and_comes_back_and_what_was_written_stays() {
        static TABLE: [u8; 1 << 20] = [3; 1 << 20];
        // What is the same everywhere would not be read.
        let table = std::hint::black_box(&TABLE);
        let sum = || table.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        assert_eq!(sum(), 3 << 20);
        let address = table.as_ptr() as usize;
        let before = resident(address);
        forget_file_pages();
        let after = resident(address);
        assert!(after + 512 < before, "{before} to {after} KiB");
        assert_eq!(sum(), 3 << 20);

        // Not in memory; the file's; not a file's; in swap.
        assert_eq!(
            [0, 5 << 61, 1 << 63, 1 << 62].map(is_written),
            [false, false, true, true]
        );
    }

    #[test]
    fn a_page_that_was_written_is_kept() {
        let mut file = tempfile::tempfile().unwrap();
        let len = 12 << 12;
        std::io::Write::write_all(&mut file, &vec![5; len]).unwrap();
        let pages = File::open("/proc/self/pagemap").unwrap();
        // SAFETY: a mapping of a file that nobody else has, used below while it is mapped.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
            let map = libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_PRIVATE, fd, 0);
            assert_ne!(map, libc::MAP_FAILED);
            let bytes = std::slice::from_raw_parts_mut(map.cast::<u8>(), len);
            bytes[len / 2] = 9;
            forget(map as usize, map as usize + len, &pages);
            assert_eq!((bytes[0], bytes[len / 2], bytes[len - 1]), (5, 9, 5));
            assert_eq!(libc::munmap(map, len), 0);
        }
    }
}
