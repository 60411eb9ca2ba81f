//! Loops that read every line of a slice and do nothing with it.
//!
//! 512 bytes per step in the order written here, whatever the optimiser would prefer. Elsewhere than on
//! x86-64 one volatile word of each line stands for the line: that moves the same bytes to the core and
//! cannot be limited by the rate of narrow loads.

use super::Reader;
use crate::Isa;

/// Lengths are multiples of this: four streams of one step each.
pub(super) const LINE_GROUP: usize = 4 * STEP;
/// Bytes per turn of a loop.
const STEP: usize = 512;
/// The least distance between two lines of any machine of interest.
const LINE: usize = 64;

/// Reads all of `bytes`, whose length is a multiple of [`LINE_GROUP`].
///
/// # Panics
/// If the length is not, or this machine lacks the path.
pub(super) fn read(isa: Isa, reader: Reader, bytes: &[u8]) {
    assert!(bytes.len().is_multiple_of(LINE_GROUP) && isa.available());
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX-512, and the length is a multiple of `LINE_GROUP`.
        Isa::Avx512 | Isa::Amx => unsafe { avx512::read(reader, bytes) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX2, and the length is a multiple of `LINE_GROUP`.
        Isa::Avx2 => unsafe { avx2::read(reader, bytes) },
        _ => portable(reader, bytes),
    }
}

/// One word of each line. There is no portable prefetch, so that reader is the plain one.
fn portable(reader: Reader, bytes: &[u8]) {
    let touch = |line: &[u8]| {
        // SAFETY: the reference is valid for a read of its one byte.
        unsafe { std::ptr::from_ref(&line[0]).read_volatile() };
    };
    match reader {
        Reader::Stream | Reader::Prefetch => bytes.chunks_exact(LINE).for_each(touch),
        Reader::FourStreams => {
            let (a, b) = bytes.split_at(bytes.len() / 2);
            let ((a, b), (c, d)) = (a.split_at(a.len() / 2), b.split_at(b.len() / 2));
            let lines = |part| <[u8]>::chunks_exact(part, LINE);
            for (((a, b), c), d) in lines(a).zip(lines(b)).zip(lines(c)).zip(lines(d)) {
                [a, b, c, d].into_iter().for_each(touch);
            }
        }
    }
}

/// One 64-byte load. All loads name the same register: renaming gives each one of its own.
#[cfg(target_arch = "x86_64")]
macro_rules! line512 {
    ($p:literal, $at:literal) => {
        concat!("vmovdqu64 zmm0, [{", $p, "} + ", $at, "]")
    };
}

/// Two 32-byte loads.
#[cfg(target_arch = "x86_64")]
macro_rules! line256 {
    ($p:literal, $at:literal) => {
        concat!(
            "vmovdqu ymm0, [{",
            $p,
            "} + ",
            $at,
            "]\nvmovdqu ymm0, [{",
            $p,
            "} + ",
            $at,
            " + 32]"
        )
    };
}

/// Asks for the line at an offset from the stream's place.
#[cfg(target_arch = "x86_64")]
macro_rules! ahead {
    ($at:literal) => {
        concat!("prefetcht0 [{p} + ", $at, "]")
    };
}

/// The loops for one vector width; `$line` is the text that loads one line, `$register` what it fills.
#[cfg(target_arch = "x86_64")]
macro_rules! readers {
    ($module:ident, $feature:literal, $line:ident, $register:tt) => {
        mod $module {
            use super::{LINE_GROUP, Reader, STEP};
            use std::arch::asm;

            /// Reads all of `bytes`, whose length is a multiple of [`LINE_GROUP`].
            #[target_feature(enable = $feature)]
            pub(super) fn read(reader: Reader, bytes: &[u8]) {
                debug_assert_eq!(bytes.len() % LINE_GROUP, 0);
                match reader {
                    Reader::Stream => stream(bytes),
                    Reader::FourStreams => four_streams(bytes),
                    Reader::Prefetch => prefetch(bytes),
                }
            }

            #[target_feature(enable = $feature)]
            fn stream(bytes: &[u8]) {
                for step in bytes.chunks_exact(STEP) {
                    // SAFETY: loads the `STEP` bytes of `step` and writes only the register named.
                    unsafe {
                        asm!(
                            $line!("p", 0), $line!("p", 64), $line!("p", 128), $line!("p", 192),
                            $line!("p", 256), $line!("p", 320), $line!("p", 384), $line!("p", 448),
                            p = in(reg) step.as_ptr(),
                            out($register) _,
                            options(nostack, readonly, preserves_flags),
                        );
                    }
                }
            }

            #[target_feature(enable = $feature)]
            fn four_streams(bytes: &[u8]) {
                let quarter = bytes.len() / 4;
                for step in bytes[..quarter].chunks_exact(STEP / 4) {
                    let p = step.as_ptr();
                    // SAFETY: loads `STEP / 4` bytes at the same place of each quarter, all within
                    // `bytes` (so the pointers are, too), and writes only the register named.
                    unsafe {
                        asm!(
                            $line!("a", 0), $line!("a", 64), $line!("b", 0), $line!("b", 64),
                            $line!("c", 0), $line!("c", 64), $line!("d", 0), $line!("d", 64),
                            a = in(reg) p,
                            b = in(reg) p.wrapping_add(quarter),
                            c = in(reg) p.wrapping_add(2 * quarter),
                            d = in(reg) p.wrapping_add(3 * quarter),
                            out($register) _,
                            options(nostack, readonly, preserves_flags),
                        );
                    }
                }
            }

            #[target_feature(enable = $feature)]
            fn prefetch(bytes: &[u8]) {
                for step in bytes.chunks_exact(STEP) {
                    // SAFETY: as in `stream`; a prefetch beyond the end is a hint that cannot fault.
                    unsafe {
                        asm!(
                            ahead!(4096), ahead!(4160), ahead!(4224), ahead!(4288),
                            ahead!(4352), ahead!(4416), ahead!(4480), ahead!(4544),
                            $line!("p", 0), $line!("p", 64), $line!("p", 128), $line!("p", 192),
                            $line!("p", 256), $line!("p", 320), $line!("p", 384), $line!("p", 448),
                            p = in(reg) step.as_ptr(),
                            out($register) _,
                            options(nostack, readonly, preserves_flags),
                        );
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
readers!(avx512, "avx512f", line512, "zmm0");
#[cfg(target_arch = "x86_64")]
readers!(avx2, "avx2", line256, "ymm0");

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    /// Memory that nobody has touched, between two pages that must not be touched.
    struct Fresh(*mut u8, usize);

    impl Fresh {
        fn new(len: usize) -> Fresh {
            let whole = len + 2 * PAGE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: a new anonymous mapping, of which the middle is made readable.
            let start = unsafe {
                let start = libc::mmap(std::ptr::null_mut(), whole, libc::PROT_NONE, flags, -1, 0);
                assert_ne!(start, libc::MAP_FAILED);
                let middle = start.cast::<u8>().add(PAGE);
                assert_eq!(libc::mprotect(middle.cast(), len, libc::PROT_READ), 0);
                libc::madvise(middle.cast(), len, libc::MADV_NOHUGEPAGE);
                middle
            };
            Fresh(start, len)
        }

        fn bytes(&self) -> &[u8] {
            // SAFETY: `len` readable bytes that are zero and live as long as `self`.
            unsafe { std::slice::from_raw_parts(self.0, self.1) }
        }
    }

    impl Drop for Fresh {
        fn drop(&mut self) {
            // SAFETY: the mapping of `new`.
            unsafe { libc::munmap(self.0.sub(PAGE).cast(), self.1 + 2 * PAGE) };
        }
    }

    /// Pages that this thread has been the first to touch.
    fn faults() -> usize {
        // SAFETY: all-zero bytes are a valid `rusage`, which the call fills.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
            usage.ru_minflt as usize
        }
    }

    /// The system counts the pages touched; a read outside of the slice ends the process.
    #[test]
    fn each_reader_touches_every_page_and_nothing_else() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            for reader in Reader::ALL {
                for pages in [1, 16, 1024] {
                    let fresh = Fresh::new(pages * PAGE);
                    let before = faults();
                    read(isa, reader, fresh.bytes());
                    let touched = faults() - before;
                    assert!(touched >= pages, "{isa}, {reader}: {touched} of {pages}");
                }
            }
        }
    }
}
