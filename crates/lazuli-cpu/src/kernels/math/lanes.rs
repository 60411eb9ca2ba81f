//! Sixteen lanes of `f32` or `u32`: the one vocabulary in which the sequence kernels are written.
//!
//! A kernel is written once over [`Lanes`] and instantiated per dispatch path; every path sees the
//! same sixteen logical lanes, so loop shapes, tails and reduction trees are the same everywhere and
//! only rounding of multiply-adds may differ. Not chosen: leaving vectorisation to LLVM, which keeps
//! the source shorter but decides anew, for each loop and compiler, whether it happens.

/// Lanes of a vector, on every path.
pub const LANES: usize = 16;

/// Operations on sixteen lanes. A value of the implementing type is the proof that the processor
/// can run its instructions.
#[allow(clippy::missing_safety_doc)] // Each unsafe method says what its pointer must be valid for.
pub trait Lanes: Copy {
    /// Sixteen `f32`.
    type F: Copy;
    /// Sixteen `u32`.
    type I: Copy;
    /// Sixteen truth values.
    type M: Copy;

    /// The same number in all lanes.
    fn splat(self, x: f32) -> Self::F;
    /// The same word in all lanes.
    fn isplat(self, x: u32) -> Self::I;
    /// Reads sixteen `f32`; `from` is valid for reads of 64 bytes, of any alignment.
    unsafe fn load(self, from: *const f32) -> Self::F;
    /// Writes sixteen `f32`; `to` is valid for writes of 64 bytes, of any alignment.
    unsafe fn store(self, x: Self::F, to: *mut f32);
    /// Reads sixteen words; `from` is valid for reads of 64 bytes, of any alignment.
    unsafe fn iload(self, from: *const u32) -> Self::I;
    /// Writes sixteen words; `to` is valid for writes of 64 bytes, of any alignment.
    unsafe fn istore(self, x: Self::I, to: *mut u32);
    /// Reads sixteen half-words, zero-extended; `from` is valid for reads of 32 bytes.
    unsafe fn iload16(self, from: *const u16) -> Self::I;
    /// Writes the low half of each lane; `to` is valid for writes of 32 bytes.
    unsafe fn istore16(self, x: Self::I, to: *mut u16);
    /// Reads sixteen `f16` as `f32`; `from` is valid for reads of 32 bytes.
    unsafe fn load_f16(self, from: *const u16) -> Self::F;
    /// Writes sixteen `f32` rounded to `f16`; `to` is valid for writes of 32 bytes.
    unsafe fn store_f16(self, x: Self::F, to: *mut u16);

    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`: one rounding where the path has the instruction, two where it has not.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// As [`fma`](Lanes::fma), of one `f64`.
    fn fma64(self, a: f64, b: f64, c: f64) -> f64;
    /// `if a > b { a } else { b }`: a NaN in `b` stays.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`: a NaN in `b` stays.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `y * 2^n` for whole `n` in -300..=300.
    fn ldexp(self, y: Self::F, n: Self::F) -> Self::F;

    /// Truth per lane from the bits of a word, lowest first.
    fn mask(self, bits: u16) -> Self::M;
    /// `if m { a } else { b }` per lane.
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F;

    /// Bitwise and.
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise or.
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping addition.
    fn iadd(self, a: Self::I, b: Self::I) -> Self::I;
    /// Shift left, the same for all lanes.
    fn shl<const N: u32>(self, a: Self::I) -> Self::I;
    /// Logical shift right, the same for all lanes.
    fn shr<const N: u32>(self, a: Self::I) -> Self::I;
    /// Shift left by lane; a shift of 32 gives zero.
    fn shlv(self, a: Self::I, n: Self::I) -> Self::I;
    /// Logical shift right by lane; a shift of 32 gives zero.
    fn shrv(self, a: Self::I, n: Self::I) -> Self::I;
    /// `words[index]` per lane, indices below 8.
    fn lookup8(self, words: &[u32; 8], index: Self::I) -> Self::I;
    /// The bits of the lanes.
    fn bits(self, a: Self::F) -> Self::I;
    /// The lanes of the bits.
    fn float(self, a: Self::I) -> Self::F;
    /// Integers below 2^31 as floats.
    fn convert(self, a: Self::I) -> Self::F;

    /// `lo` and `hi` rounded to bf16 (to nearest, ties to even) in the low and high half of each lane.
    fn pack_bf16(self, lo: Self::F, hi: Self::F) -> Self::I;
    /// `acc + a.lo * b.lo + a.hi * b.hi` over lanes that hold two bf16 each; subnormal factors may
    /// count as zero.
    fn dot2(self, acc: Self::F, a: Self::I, b: Self::I) -> Self::F;
    /// Lane `j` of vector `i` becomes lane `i` of vector `j`.
    fn transpose(self, rows: &mut [Self::I; LANES]);
    /// Sum of the lanes: halves are added until one is left.
    fn sum(self, a: Self::F) -> f32;
    /// Largest lane, by the same tree as [`sum`](Lanes::sum).
    fn maximum(self, a: Self::F) -> f32;

    /// A table of `bf16(code * scale + bias)` for the codes of four bits.
    type Nibbles: Copy;

    /// The table of a scale and a bias.
    fn nibbles(self, scale: f32, bias: f32) -> Self::Nibbles;
    /// 32 values of a table as pairs; codes come from 16 bytes, low nibble first. `from` is valid for
    /// reads of 16 bytes.
    unsafe fn lookup_nibbles(self, table: Self::Nibbles, from: *const u32) -> Self::I;

    /// Asks for the line of `at`, which need not be valid, to be brought to the second-level cache.
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: part of the baseline of x86-64; a prefetch never faults.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(at.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }

    /// The low bf16 of each lane as `f32`.
    #[inline(always)]
    fn low_bf16(self, a: Self::I) -> Self::F {
        self.float(self.shl::<16>(a))
    }

    /// The high bf16 of each lane as `f32`.
    #[inline(always)]
    fn high_bf16(self, a: Self::I) -> Self::F {
        self.float(self.and(a, self.isplat(0xffff_0000)))
    }

    /// Rounds to bf16, to nearest, ties to even, subnormals kept, NaN quiet: the bits in the low half.
    #[inline(always)]
    fn round_bf16(self, x: Self::F) -> Self::I {
        let bits = self.bits(x);
        let odd = self.and(self.shr::<16>(bits), self.isplat(1));
        let rounded = self.shr::<16>(self.iadd(bits, self.iadd(odd, self.isplat(0x7fff))));
        let quiet = self.or(self.shr::<16>(bits), self.isplat(0x40));
        self.iselect_nan(x, quiet, rounded)
    }

    /// `a` where `x` is NaN, else `b`.
    fn iselect_nan(self, x: Self::F, a: Self::I, b: Self::I) -> Self::I;
}

/// [`Lanes::lookup_nibbles`] by arithmetic, for paths without a lookup of half-words.
///
/// # Safety
/// `from` is valid for reads of 16 bytes.
#[inline(always)]
pub(super) unsafe fn nibbles_by_arithmetic<L: Lanes>(
    l: L,
    table: (f32, f32),
    from: *const u32,
) -> L::I {
    const WORD: [u32; LANES] = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
    const SHIFT: [u32; LANES] = [0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24];
    let mut words = [0; 8];
    // SAFETY: the caller's promise; the tables are one vector each.
    let (word, shift) = unsafe {
        words[..4].copy_from_slice(&from.cast::<[u32; 4]>().read_unaligned());
        (l.iload(WORD.as_ptr()), l.iload(SHIFT.as_ptr()))
    };
    let bytes = l.shrv(l.lookup8(&words, word), shift);
    let low = l.convert(l.and(bytes, l.isplat(15)));
    let high = l.convert(l.and(l.shr::<4>(bytes), l.isplat(15)));
    let (scale, bias) = (l.splat(table.0), l.splat(table.1));
    l.pack_bf16(l.fma(low, scale, bias), l.fma(high, scale, bias))
}
