//! Memory as the system sees it.
//!
//! Read from `/proc`, where there is one. Elsewhere the peak is that of the library's own buffers,
//! and free memory is not known.

use std::fs;

/// The most memory that this process has had at a time, in bytes.
pub(crate) fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:").unwrap_or(lazuli::core::memory::peak() as u64)
}

/// Memory that this process can have without swapping, in bytes: what is free and what it holds.
pub(crate) fn available() -> Option<u64> {
    let held = field("/proc/self/status", "VmRSS:")?;
    field("/proc/meminfo", "MemAvailable:")?.checked_add(held)
}

/// Memory of this process that lies in huge pages, in bytes.
pub(crate) fn in_huge_pages() -> Option<u64> {
    field("/proc/self/smaps_rollup", "AnonHugePages:")
}

/// The value of a line `NAME: 1234 kB`.
fn field(file: &str, name: &str) -> Option<u64> {
    parse(&fs::read_to_string(file).ok()?, name)
}

fn parse(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "VmPeak:\t  10 kB\nVmHWM:\t    2048 kB\nVmRSS: broken\n";
        assert_eq!(parse(text, "VmHWM:"), Some(2048 * 1024));
        assert_eq!(parse(text, "VmRSS:"), None);
        assert_eq!(parse(text, "VmSwap:"), None);
    }

    #[test]
    fn the_peak_covers_what_was_touched() {
        let before = peak();
        let block = vec![1u8; 32 << 20];
        assert!(std::hint::black_box(&block).iter().all(|&b| b == 1));
        if cfg!(target_os = "linux") {
            assert!(peak() >= before.max(32 << 20));
        }
    }
}
