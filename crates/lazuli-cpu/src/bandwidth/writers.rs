//! Loops that move memory from one place to another: the floor of operations with a result.
//!
//! A plain store first reads the line that it changes; a non-temporal one does not, but leaves nothing
//! in the cache and is slower to begin with. Which of them moves more depends on the machine and on the
//! number of threads, so both are tried. As in the readers, the order of loads and stores is written
//! out. Elsewhere than on x86-64 there is no portable non-temporal store, so those writers are the
//! plain ones.

use super::Writer;
use crate::Isa;

/// Lengths are multiples of this: one turn of a loop.
pub(super) const STEP: usize = 512;
/// What a triad multiplies by; small, so that repeated passes stay finite.
const FACTOR: f32 = 0.5;

/// Fills `to` from the two sources, which are as long and aligned to a line: with `a`, or with
/// `a + b / 2` as `f32`.
///
/// # Panics
/// If the lengths differ or are no multiple of [`STEP`], `to` is not aligned to 64 bytes, or this
/// machine lacks the path.
pub(super) fn write(isa: Isa, writer: Writer, to: &mut [u8], a: &[u8], b: &[u8]) {
    assert!(to.len().is_multiple_of(STEP) && to.len() == a.len() && to.len() == b.len());
    assert!(to.as_ptr().addr().is_multiple_of(64) && isa.available());
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX-512; lengths and alignment are as asserted.
        Isa::Avx512 | Isa::Amx => unsafe { avx512::write(writer, to, a, b) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX2 and FMA; lengths and alignment are as asserted.
        Isa::Avx2 => unsafe { avx2::write(writer, to, a, b) },
        _ => portable(writer, to, a, b),
    }
}

fn portable(writer: Writer, to: &mut [u8], a: &[u8], b: &[u8]) {
    match writer {
        Writer::Copy | Writer::CopyAround => to.copy_from_slice(a),
        Writer::Triad | Writer::TriadAround => {
            let float = |x: &[u8; 4]| f32::from_ne_bytes(*x);
            let sources = a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0);
            for (to, (a, b)) in to.as_chunks_mut::<4>().0.iter_mut().zip(sources) {
                *to = (float(a) + FACTOR * float(b)).to_ne_bytes();
            }
        }
    }
}

/// Copies a line of 64 bytes with one register, or two. All moves name the same registers: renaming
/// gives each one of its own.
#[cfg(target_arch = "x86_64")]
macro_rules! copy512 {
    ($store:literal, $at:literal) => {
        concat!(
            "vmovups zmm0, [{a} + ",
            $at,
            "]\n",
            $store,
            " [{to} + ",
            $at,
            "], zmm0"
        )
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! copy256 {
    ($store:literal, $at:literal) => {
        concat!(
            "vmovups ymm0, [{a} + ",
            $at,
            "]\n",
            $store,
            " [{to} + ",
            $at,
            "], ymm0\n",
            "vmovups ymm0, [{a} + ",
            $at,
            " + 32]\n",
            $store,
            " [{to} + ",
            $at,
            " + 32], ymm0"
        )
    };
}

/// A line of a triad, whose factor is in register 1.
#[cfg(target_arch = "x86_64")]
macro_rules! triad512 {
    ($store:literal, $at:literal) => {
        concat!(
            "vmovups zmm0, [{b} + ",
            $at,
            "]\n",
            "vfmadd213ps zmm0, zmm1, [{a} + ",
            $at,
            "]\n",
            $store,
            " [{to} + ",
            $at,
            "], zmm0"
        )
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! triad256 {
    ($store:literal, $at:literal) => {
        concat!(
            "vmovups ymm0, [{b} + ",
            $at,
            "]\n",
            "vfmadd213ps ymm0, ymm1, [{a} + ",
            $at,
            "]\n",
            $store,
            " [{to} + ",
            $at,
            "], ymm0\n",
            "vmovups ymm0, [{b} + ",
            $at,
            " + 32]\n",
            "vfmadd213ps ymm0, ymm1, [{a} + ",
            $at,
            " + 32]\n",
            $store,
            " [{to} + ",
            $at,
            " + 32], ymm0"
        )
    };
}

/// The loops for one vector width: `$copy` and `$triad` are the texts that move one line.
#[cfg(target_arch = "x86_64")]
macro_rules! writers {
    ($module:ident, $features:literal, $broadcast:literal, $copy:ident, $triad:ident) => {
        mod $module {
            use super::{FACTOR, STEP, Writer};
            use std::arch::asm;

            /// See [`super::write`].
            #[target_feature(enable = $features)]
            pub(super) fn write(writer: Writer, to: &mut [u8], a: &[u8], b: &[u8]) {
                let sources = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
                for (to, (a, b)) in to.chunks_exact_mut(STEP).zip(sources) {
                    match writer {
                        Writer::Copy => copy(to, a),
                        Writer::CopyAround => copy_around(to, a),
                        Writer::Triad => triad(to, a, b),
                        Writer::TriadAround => triad_around(to, a, b),
                    }
                }
                // SAFETY: orders the non-temporal stores before whatever tells others of them.
                unsafe { asm!("sfence", options(nostack, preserves_flags)) };
            }

            writers!(@copy copy, $features, $copy, "vmovups");
            writers!(@copy copy_around, $features, $copy, "vmovntps");
            writers!(@triad triad, $features, $broadcast, $triad, "vmovups");
            writers!(@triad triad_around, $features, $broadcast, $triad, "vmovntps");
        }
    };
    (@copy $name:ident, $features:literal, $line:ident, $store:literal) => {
        #[target_feature(enable = $features)]
        #[inline]
        fn $name(to: &mut [u8], a: &[u8]) {
            // SAFETY: reads and writes `STEP` bytes of slices that have them, the target aligned to a
            // line as `write` has asserted, and writes only the register named.
            unsafe {
                asm!(
                    $line!($store, 0), $line!($store, 64), $line!($store, 128), $line!($store, 192),
                    $line!($store, 256), $line!($store, 320), $line!($store, 384), $line!($store, 448),
                    a = in(reg) a.as_ptr(), to = in(reg) to.as_mut_ptr(),
                    out("xmm0") _,
                    options(nostack, preserves_flags),
                );
            }
        }
    };
    (@triad $name:ident, $features:literal, $broadcast:literal, $line:ident, $store:literal) => {
        #[target_feature(enable = $features)]
        #[inline]
        fn $name(to: &mut [u8], a: &[u8], b: &[u8]) {
            // SAFETY: as in the copies.
            unsafe {
                asm!(
                    $broadcast,
                    $line!($store, 0), $line!($store, 64), $line!($store, 128), $line!($store, 192),
                    $line!($store, 256), $line!($store, 320), $line!($store, 384), $line!($store, 448),
                    a = in(reg) a.as_ptr(), b = in(reg) b.as_ptr(), to = in(reg) to.as_mut_ptr(),
                    out("xmm0") _, inout("xmm1") FACTOR => _,
                    options(nostack, preserves_flags),
                );
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
writers!(
    avx512,
    "avx512f",
    "vbroadcastss zmm1, xmm1",
    copy512,
    triad512
);
#[cfg(target_arch = "x86_64")]
writers!(
    avx2,
    "avx2,fma",
    "vbroadcastss ymm1, xmm1",
    copy256,
    triad256
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes aligned to a line.
    #[repr(align(64))]
    struct Lines([u8; 4 * STEP]);

    #[test]
    fn each_writer_writes_what_its_name_says_and_nothing_else() {
        let floats = |from: f32| {
            let mut lines = Lines([0; 4 * STEP]);
            for (i, out) in lines.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *out = (from + i as f32).to_ne_bytes();
            }
            lines
        };
        let (a, b) = (floats(1.0), floats(-300.0));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            for writer in Writer::ALL {
                let mut to = Lines([7; 4 * STEP]);
                let length = 3 * STEP;
                let [a, b] = [&a, &b].map(|lines| &lines.0[..length]);
                write(isa, writer, &mut to.0[..length], a, b);
                let mut expected = [7; 4 * STEP];
                match writer {
                    Writer::Copy | Writer::CopyAround => expected[..length].copy_from_slice(a),
                    Writer::Triad | Writer::TriadAround => {
                        for (i, out) in expected[..length]
                            .as_chunks_mut::<4>()
                            .0
                            .iter_mut()
                            .enumerate()
                        {
                            let value = 1.0 + i as f32 + 0.5 * (i as f32 - 300.0);
                            *out = value.to_ne_bytes();
                        }
                    }
                }
                assert!(to.0 == expected, "{isa}, {writer}");
            }
        }
    }
}
