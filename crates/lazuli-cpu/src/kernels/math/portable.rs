//! The portable path: arrays of sixteen, which LLVM turns into whatever the target has.
//!
//! Multiply-add rounds twice here: without the instruction, one rounding would be a library call.

use super::lanes::{LANES, Lanes, nibbles_by_arithmetic};
use half::f16;

/// Runs everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

macro_rules! lanewise {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = |$i:ident| $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: [$type; LANES]),*) -> [$out; LANES] {
            let mut out = [<$out>::default(); LANES];
            for $i in 0..LANES { out[$i] = $body; }
            out
        }
    )*};
}

impl Lanes for Portable {
    type F = [f32; LANES];
    type I = [u32; LANES];
    type M = [bool; LANES];

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; LANES] {
        [x; LANES]
    }
    #[inline(always)]
    fn isplat(self, x: u32) -> [u32; LANES] {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; LANES] {
        // SAFETY: the caller gives 64 readable bytes.
        unsafe { from.cast::<[f32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, x: [f32; LANES], to: *mut f32) {
        // SAFETY: the caller gives 64 writable bytes.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn iload(self, from: *const u32) -> [u32; LANES] {
        // SAFETY: the caller gives 64 readable bytes.
        unsafe { from.cast::<[u32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn istore(self, x: [u32; LANES], to: *mut u32) {
        // SAFETY: the caller gives 64 writable bytes.
        unsafe { to.cast::<[u32; LANES]>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn iload16(self, from: *const u16) -> [u32; LANES] {
        // SAFETY: the caller gives 32 readable bytes.
        let half = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        half.map(u32::from)
    }
    #[inline(always)]
    unsafe fn istore16(self, x: [u32; LANES], to: *mut u16) {
        // SAFETY: the caller gives 32 writable bytes.
        unsafe {
            to.cast::<[u16; LANES]>()
                .write_unaligned(x.map(|word| word as u16))
        }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> [f32; LANES] {
        // SAFETY: the caller gives 32 readable bytes.
        let half = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        half.map(|bits| f16::from_bits(bits).to_f32())
    }
    #[inline(always)]
    unsafe fn store_f16(self, x: [f32; LANES], to: *mut u16) {
        // SAFETY: the caller gives 32 writable bytes.
        unsafe {
            to.cast::<[u16; LANES]>()
                .write_unaligned(x.map(|value| f16::from_f32(value).to_bits()))
        }
    }

    lanewise! {
        fn add(a: f32, b: f32) -> f32 = |i| a[i] + b[i];
        fn sub(a: f32, b: f32) -> f32 = |i| a[i] - b[i];
        fn mul(a: f32, b: f32) -> f32 = |i| a[i] * b[i];
        fn div(a: f32, b: f32) -> f32 = |i| a[i] / b[i];
        fn fma(a: f32, b: f32, c: f32) -> f32 = |i| a[i] * b[i] + c[i];
        fn max(a: f32, b: f32) -> f32 = |i| if a[i] > b[i] { a[i] } else { b[i] };
        fn min(a: f32, b: f32) -> f32 = |i| if a[i] < b[i] { a[i] } else { b[i] };
        fn select(m: bool, a: f32, b: f32) -> f32 = |i| if m[i] { a[i] } else { b[i] };
        fn and(a: u32, b: u32) -> u32 = |i| a[i] & b[i];
        fn or(a: u32, b: u32) -> u32 = |i| a[i] | b[i];
        fn iadd(a: u32, b: u32) -> u32 = |i| a[i].wrapping_add(b[i]);
        fn shlv(a: u32, n: u32) -> u32 = |i| if n[i] < 32 { a[i] << n[i] } else { 0 };
        fn shrv(a: u32, n: u32) -> u32 = |i| if n[i] < 32 { a[i] >> n[i] } else { 0 };
        fn bits(a: f32) -> u32 = |i| a[i].to_bits();
        fn float(a: u32) -> f32 = |i| f32::from_bits(a[i]);
        fn convert(a: u32) -> f32 = |i| a[i] as i32 as f32;
        fn iselect_nan(x: f32, a: u32, b: u32) -> u32 = |i| if x[i].is_nan() { a[i] } else { b[i] };
    }

    #[inline(always)]
    fn ldexp(self, y: [f32; LANES], n: [f32; LANES]) -> [f32; LANES] {
        let mut out = y;
        for i in 0..LANES {
            // Two factors, so that neither leaves the range of normal numbers.
            let n = n[i] as i32;
            let first = n >> 1;
            out[i] *= f32::from_bits(((first + 127) as u32) << 23);
            out[i] *= f32::from_bits(((n - first + 127) as u32) << 23);
        }
        out
    }
    #[inline(always)]
    fn fma64(self, a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
    #[inline(always)]
    fn mask(self, bits: u16) -> [bool; LANES] {
        let mut out = [false; LANES];
        for (i, lane) in out.iter_mut().enumerate() {
            *lane = bits >> i & 1 != 0;
        }
        out
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: [u32; LANES]) -> [u32; LANES] {
        a.map(|word| word << N)
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: [u32; LANES]) -> [u32; LANES] {
        a.map(|word| word >> N)
    }
    #[inline(always)]
    fn lookup8(self, words: &[u32; 8], index: [u32; LANES]) -> [u32; LANES] {
        index.map(|i| words[i as usize & 7])
    }
    #[inline(always)]
    fn pack_bf16(self, lo: [f32; LANES], hi: [f32; LANES]) -> [u32; LANES] {
        self.or(self.round_bf16(lo), self.shl::<16>(self.round_bf16(hi)))
    }
    #[inline(always)]
    fn dot2(self, acc: [f32; LANES], a: [u32; LANES], b: [u32; LANES]) -> [f32; LANES] {
        let acc = self.fma(self.low_bf16(a), self.low_bf16(b), acc);
        self.fma(self.high_bf16(a), self.high_bf16(b), acc)
    }
    type Nibbles = (f32, f32);
    #[inline(always)]
    fn nibbles(self, scale: f32, bias: f32) -> (f32, f32) {
        (scale, bias)
    }
    #[inline(always)]
    unsafe fn lookup_nibbles(self, table: (f32, f32), from: *const u32) -> [u32; LANES] {
        // SAFETY: the caller's promise.
        unsafe { nibbles_by_arithmetic(self, table, from) }
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [[u32; LANES]; LANES]) {
        let from = *rows;
        for (i, row) in rows.iter_mut().enumerate() {
            for (j, word) in row.iter_mut().enumerate() {
                *word = from[j][i];
            }
        }
    }
    #[inline(always)]
    fn sum(self, mut a: [f32; LANES]) -> f32 {
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                a[i] += a[i + half];
            }
            half /= 2;
        }
        a[0]
    }
    #[inline(always)]
    fn maximum(self, mut a: [f32; LANES]) -> f32 {
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                if a[i] > a[i + half] {
                } else {
                    a[i] = a[i + half];
                }
            }
            half /= 2;
        }
        a[0]
    }
}
