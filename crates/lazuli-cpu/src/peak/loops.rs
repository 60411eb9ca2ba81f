//! Loops of multiply-adds over registers.
//!
//! Twelve sums at a time: enough to hide the latency of two units, and with two operands what the 16
//! registers of AVX2 hold. All values are zero, except in the portable loop, where the optimiser knows
//! nothing of its operands.

use std::hint::black_box;

use super::Instruction;
use crate::Isa;

/// Sums that a turn of a vector loop adds to.
const SUMS: usize = 12;
/// Turns of a pass of vectors, a few milliseconds.
const TURNS: usize = 1 << 19;
/// Turns of a pass of tiles, which take four products each.
#[cfg(target_arch = "x86_64")]
const TILE_TURNS: usize = 1 << 17;
/// Turns of a pass without wide vectors.
const PORTABLE_TURNS: usize = 1 << 18;
/// `f32` of the narrowest vectors.
const NARROW: usize = 4;

/// Multiply-adds of one call of [`run`].
pub(super) fn products(isa: Isa, instruction: Instruction) -> f64 {
    let (turns, each) = match (isa, instruction) {
        #[cfg(target_arch = "x86_64")]
        (_, Instruction::Bf16Tile) => (TILE_TURNS, 4 * 16 * 16 * 32),
        (Isa::Portable, _) => (PORTABLE_TURNS, SUMS * NARROW),
        (Isa::Avx2, _) => (TURNS, SUMS * 8),
        (_, Instruction::Bf16Dot) => (TURNS, SUMS * 32),
        (_, Instruction::Int8Dot) => (TURNS, SUMS * 64),
        _ => (TURNS, SUMS * 16),
    };
    (turns * each) as f64
}

/// Multiplies and adds.
///
/// # Panics
/// If this machine lacks the path, or the path the instruction.
pub(super) fn run(isa: Isa, instruction: Instruction) {
    assert!(isa.available() && Instruction::of(isa).contains(&instruction));
    match (isa, instruction) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX2 and FMA.
        (Isa::Avx2, _) => unsafe { x86::f32_of_avx2(TURNS) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX-512.
        (Isa::Avx512 | Isa::Amx, Instruction::F32) => unsafe { x86::f32_of_avx512(TURNS) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX-512 with BF16.
        (Isa::Avx512 | Isa::Amx, Instruction::Bf16Dot) => unsafe { x86::bf16_dot(TURNS) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX-512 with VNNI.
        (Isa::Avx512 | Isa::Amx, Instruction::Int8Dot) => unsafe { x86::int8_dot(TURNS) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AMX, and this process may use it.
        (Isa::Amx, Instruction::Bf16Tile) => unsafe { x86::bf16_tile(TILE_TURNS) },
        _ => portable(),
    }
}

/// A multiplication and an addition for each element: the baseline of a target may not fuse them.
fn portable() {
    let (factor, summand) = (black_box(0.5f32), black_box(1.0f32));
    let mut sums = black_box([[0.0f32; NARROW]; SUMS]);
    for _ in 0..PORTABLE_TURNS {
        for sum in sums.iter_mut().flatten() {
            *sum = *sum * factor + summand;
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    /// What `ldtilecfg` reads: palette 1, then from byte 16 on the bytes of a row of each tile in 16 bits,
    /// and from byte 48 on its rows; all eight of 16 rows of 64 bytes.
    #[repr(align(64))]
    struct Shapes([u8; 64]);

    static SHAPES: Shapes = {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = 16;
            tile += 1;
        }
        Shapes(bytes)
    };

    /// A loop of the instruction `$op` with sums in `$r` 0 to 11.
    macro_rules! vectors {
        ($name:ident, $features:literal, $op:literal, $r:literal) => {
            #[target_feature(enable = $features)]
            pub(super) fn $name(turns: usize) {
                // SAFETY: touches no memory, and only the registers named.
                unsafe {
                    asm!(
                        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,14,15",
                        "vxorps xmm\\i, xmm\\i, xmm\\i",
                        ".endr",
                        "2:",
                        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11",
                        concat!($op, " ", $r, "\\i, ", $r, "14, ", $r, "15"),
                        ".endr",
                        "dec {turns}",
                        "jnz 2b",
                        turns = inout(reg) turns => _,
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                        out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                        out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                        out("xmm14") _, out("xmm15") _,
                        options(nostack, nomem),
                    );
                }
            }
        };
    }

    vectors!(f32_of_avx2, "avx2,fma", "vfmadd231ps", "ymm");
    vectors!(f32_of_avx512, "avx512f", "vfmadd231ps", "zmm");
    vectors!(bf16_dot, "avx512f,avx512bf16", "vdpbf16ps", "zmm");
    vectors!(int8_dot, "avx512f,avx512vnni", "vpdpbusd", "zmm");

    /// Four tiles of sums, from two tiles on each side, as the kernels have them.
    ///
    /// # Safety
    /// The machine has AMX with `bf16`, and this process may use it.
    pub(super) unsafe fn bf16_tile(turns: usize) {
        // SAFETY: the caller's contract; reads the 64 bytes of the shapes, releases the tiles at the end.
        unsafe {
            asm!(
                "ldtilecfg [{shapes}]",
                ".irp i, 0,1,2,3,4,5,6,7",
                "tilezero tmm\\i",
                ".endr",
                "2:",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {turns}",
                "jnz 2b",
                "tilerelease",
                shapes = in(reg) SHAPES.0.as_ptr(),
                turns = inout(reg) turns => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, readonly),
            );
        }
    }
}
