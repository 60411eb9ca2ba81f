//! AMX: eight registers of 16 rows of 64 bytes, and products of two of them.
//!
//! The intrinsics are not stable, hence assembly. Tiles are configured for a region's part and released
//! at its end: a thread that holds tiles pays for them at every switch.

use std::arch::asm;
use std::mem::offset_of;

/// Rows of a tile.
pub(crate) const ROWS: usize = 16;

/// The shapes of the tiles, as `ldtilecfg` reads them: palette 1, all of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIG: Config = Config {
    palette: 1,
    start: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Configures the tiles of this thread.
///
/// # Safety
/// The machine has [`crate::Isa::Amx`].
pub(crate) unsafe fn begin() {
    // SAFETY: the process may use tiles, and the configuration is a valid one.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, readonly)) };
}

/// Releases them.
///
/// # Safety
/// The machine has [`crate::Isa::Amx`].
pub(crate) unsafe fn end() {
    // SAFETY: the process may use tiles.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// The tiles of this thread while this lives.
pub(crate) struct Tiles(());

impl Tiles {
    /// Configures them.
    ///
    /// # Safety
    /// The machine has [`crate::Isa::Amx`].
    pub(crate) unsafe fn begin() -> Tiles {
        // SAFETY: the caller's contract.
        unsafe { begin() };
        Tiles(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: `begin` was told that the machine has tiles.
        unsafe { end() };
    }
}

/// A product of 32 rows with 32 columns, in steps of 32 elements of bf16.
///
/// Strides and steps are in bytes; a step moves both operands on.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Product {
    /// 32 rows of elements.
    pub(crate) rows: *const u8,
    pub(crate) row_stride: usize,
    pub(crate) row_step: usize,
    /// 16 rows of 32 pairs: of elements `2p` and `2p + 1` of each column in row `p`.
    pub(crate) panel: *const u8,
    pub(crate) panel_stride: usize,
    pub(crate) panel_step: usize,
    /// Steps, at least one.
    pub(crate) steps: usize,
    /// 32 rows of 32 sums.
    pub(crate) sums: *mut f32,
    pub(crate) sum_stride: usize,
    /// Whether to add to the sums, else they are written only.
    pub(crate) add: bool,
    /// Four cache lines that each step asks for, into the second-level cache, and where the next step's
    /// are from there. Spread over the steps, because a burst of requests would hold up the tiles.
    pub(crate) ahead: *const u8,
    pub(crate) ahead_step: usize,
}

impl Product {
    /// Computes it: four tiles of sums, and in each step four loads for four products, which from the
    /// second-level cache reach 0.95 of the rate of the products alone.
    ///
    /// # Safety
    /// Tiles are configured, and the memory is readable and writable as the fields say.
    #[inline(always)]
    pub(crate) unsafe fn run(&self) {
        // SAFETY: the caller's contract.
        unsafe {
            asm!(
                "test {add:e}, {add:e}",
                "jz 2f",
                "tileloadd tmm0, [{low_sums} + {sum_stride}*1]",
                "tileloadd tmm1, [{low_sums} + {sum_stride}*1 + 64]",
                "tileloadd tmm2, [{high_sums} + {sum_stride}*1]",
                "tileloadd tmm3, [{high_sums} + {sum_stride}*1 + 64]",
                "jmp 3f",
                "2:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "3:",
                "prefetcht1 [{ahead}]",
                "prefetcht1 [{ahead} + 64]",
                "tileloadd tmm6, [{panel} + {panel_stride}*1]",
                "tileloadd tmm4, [{low} + {row_stride}*1]",
                "tileloadd tmm7, [{panel} + {panel_stride}*1 + 64]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{high} + {row_stride}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "prefetcht1 [{ahead} + 128]",
                "prefetcht1 [{ahead} + 192]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {low}, [{product} + {row_step}]",
                "add {high}, [{product} + {row_step}]",
                "add {panel}, [{product} + {panel_step}]",
                "add {ahead}, [{product} + {ahead_step}]",
                "dec {steps}",
                "jnz 3b",
                "tilestored [{low_sums} + {sum_stride}*1], tmm0",
                "tilestored [{low_sums} + {sum_stride}*1 + 64], tmm1",
                "tilestored [{high_sums} + {sum_stride}*1], tmm2",
                "tilestored [{high_sums} + {sum_stride}*1 + 64], tmm3",
                low = inout(reg) self.rows => _,
                high = inout(reg) self.rows.add(ROWS * self.row_stride) => _,
                row_stride = in(reg) self.row_stride,
                // There are not registers enough for the steps.
                product = in(reg) self,
                row_step = const offset_of!(Product, row_step),
                panel_step = const offset_of!(Product, panel_step),
                ahead_step = const offset_of!(Product, ahead_step),
                panel = inout(reg) self.panel => _,
                panel_stride = in(reg) self.panel_stride,
                ahead = inout(reg) self.ahead => _,
                add = in(reg) u32::from(self.add),
                steps = inout(reg) self.steps => _,
                low_sums = in(reg) self.sums,
                high_sums = in(reg) self.sums.cast::<u8>().add(ROWS * self.sum_stride),
                sum_stride = in(reg) self.sum_stride,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
