//! Copies between layouts, by element size: what elements mean does not matter here.

pub mod rows;
mod transpose;

use crate::Pool;
use crate::kernels::elementwise::{Loops, Row};

/// Copies every element of operand 1 of `loops` to operand 0; both have elements of `size` bytes.
///
/// # Safety
/// `starts` are the first elements of two operands laid out as `loops` says, the first of them
/// nobody else's, and they do not overlap.
pub unsafe fn copy(pool: &Pool, loops: &Loops<2>, starts: [*mut u8; 2], size: usize) {
    if let Some(transpose) = transpose::Transpose::of(loops, size) {
        // SAFETY: the caller's promise.
        return unsafe { transpose.run(pool, starts) };
    }
    // SAFETY: the rows are parts of the two operands (the caller's promise).
    loops.run(pool, starts, size, &|row| unsafe { copy_row(&row, size) });
}

/// # Safety
/// The row's addresses are elements of `size` bytes of two operands that do not overlap.
#[inline]
unsafe fn copy_row(row: &Row<2>, size: usize) {
    let gapless = row.step[0] == size as isize && row.step[1] == size as isize;
    // SAFETY: the caller's promise.
    unsafe {
        if gapless || row.len == 1 {
            std::ptr::copy_nonoverlapping(row.at[1], row.at[0], row.len * size);
            return;
        }
        match size {
            1 => strided::<u8>(row),
            2 => strided::<u16>(row),
            4 => strided::<u32>(row),
            _ => strided::<u64>(row),
        }
    }
}

/// # Safety
/// As [`copy_row`], with elements of `T`.
#[inline]
unsafe fn strided<T: Copy>(row: &Row<2>) {
    let [mut to, mut from] = row.at;
    for _ in 0..row.len {
        // SAFETY: the caller's promise.
        unsafe {
            to.cast::<T>()
                .write_unaligned(from.cast::<T>().read_unaligned());
        }
        to = to.wrapping_offset(row.step[0]);
        from = from.wrapping_offset(row.step[1]);
    }
}
