//! Rows of functions on plain Rust types, which LLVM vectorises for the baseline of the target.
//!
//! Blocks are read whole before they are written, so that an output which is an operand's memory
//! costs no vectorisation.

use super::loops::Row;

const BLOCK: usize = 8;

/// `out = f(a)` along a row.
///
/// # Safety
/// The row's addresses are an output of `O` without gaps and an operand of `A`; the output is
/// nobody else's, except that it may be the operand's memory element by element.
#[inline(always)]
pub unsafe fn map1<A: Copy, O: Copy>(row: &Row<2>, f: impl Fn(A) -> O) {
    let (out, mut a) = (row.at[0].cast::<O>(), row.at[1]);
    let whole = row.step[1] == size_of::<A>() as isize;
    let mut done = 0;
    // SAFETY: all addresses are those of elements of the row (the caller's promise).
    unsafe {
        while whole && done + BLOCK <= row.len {
            let block = a.cast::<[A; BLOCK]>().read_unaligned();
            let values: [O; BLOCK] = std::array::from_fn(|i| f(block[i]));
            out.add(done).cast::<[O; BLOCK]>().write_unaligned(values);
            a = a.add(size_of::<[A; BLOCK]>());
            done += BLOCK;
        }
        for k in done..row.len {
            let value = f(a.cast::<A>().read_unaligned());
            out.add(k).write_unaligned(value);
            a = a.wrapping_offset(row.step[1]);
        }
    }
}

/// [`map1`] one element at a time, for the many conversions that are not worth a vector loop each.
///
/// # Safety
/// As [`map1`].
#[inline(always)]
pub unsafe fn convert<A: Copy, O: Copy>(row: &Row<2>, f: impl Fn(A) -> O) {
    for k in 0..row.len {
        let a = row.at[1]
            .wrapping_offset(row.step[1] * k as isize)
            .cast::<A>();
        // SAFETY: the caller's promise.
        unsafe {
            row.at[0]
                .cast::<O>()
                .add(k)
                .write_unaligned(f(a.read_unaligned()))
        };
    }
}

/// [`map2`] one element at a time, for functions that no vector unit has.
///
/// # Safety
/// As [`map2`].
#[inline(always)]
pub unsafe fn pairs<A: Copy, O: Copy>(row: &Row<3>, f: impl Fn(A, A) -> O) {
    for k in 0..row.len {
        let at = |i: usize| row.at[i].wrapping_offset(row.step[i] * k as isize);
        // SAFETY: the caller's promise.
        unsafe {
            let a = at(1).cast::<A>().read_unaligned();
            let b = at(2).cast::<A>().read_unaligned();
            row.at[0].cast::<O>().add(k).write_unaligned(f(a, b));
        }
    }
}

/// `out = f(a, b)` along a row.
///
/// # Safety
/// As [`map1`], with two operands.
#[inline(always)]
pub unsafe fn map2<A: Copy, B: Copy, O: Copy>(row: &Row<3>, f: impl Fn(A, B) -> O) {
    let (out, mut a, mut b) = (row.at[0].cast::<O>(), row.at[1], row.at[2]);
    let (size_a, size_b) = (size_of::<A>() as isize, size_of::<B>() as isize);
    let whole =
        (row.step[1] == size_a || row.step[1] == 0) && (row.step[2] == size_b || row.step[2] == 0);
    let mut done = 0;
    // SAFETY: all addresses are those of elements of the row (the caller's promise).
    unsafe {
        while whole && done + BLOCK <= row.len {
            let x: [A; BLOCK] = block(a, row.step[1]);
            let y: [B; BLOCK] = block(b, row.step[2]);
            let values: [O; BLOCK] = std::array::from_fn(|i| f(x[i], y[i]));
            out.add(done).cast::<[O; BLOCK]>().write_unaligned(values);
            a = a.offset(row.step[1] * BLOCK as isize);
            b = b.offset(row.step[2] * BLOCK as isize);
            done += BLOCK;
        }
        for k in done..row.len {
            let value = f(
                a.cast::<A>().read_unaligned(),
                b.cast::<B>().read_unaligned(),
            );
            out.add(k).write_unaligned(value);
            a = a.wrapping_offset(row.step[1]);
            b = b.wrapping_offset(row.step[2]);
        }
    }
}

/// `out = if c { a } else { b }` along a row.
///
/// # Safety
/// As [`map1`], with a condition of bytes and two operands of `T`.
#[inline(always)]
pub unsafe fn choose<T: Copy>(row: &Row<4>) {
    let (out, mut c, mut a, mut b) = (row.at[0].cast::<T>(), row.at[1], row.at[2], row.at[3]);
    let size = size_of::<T>() as isize;
    let fits = |step: isize| step == size || step == 0;
    let whole = (row.step[1] == 1 || row.step[1] == 0) && fits(row.step[2]) && fits(row.step[3]);
    let mut done = 0;
    // SAFETY: all addresses are those of elements of the row (the caller's promise).
    unsafe {
        while whole && done + BLOCK <= row.len {
            let t: [u8; BLOCK] = block(c, row.step[1]);
            let x: [T; BLOCK] = block(a, row.step[2]);
            let y: [T; BLOCK] = block(b, row.step[3]);
            let values: [T; BLOCK] = std::array::from_fn(|i| if t[i] != 0 { x[i] } else { y[i] });
            out.add(done).cast::<[T; BLOCK]>().write_unaligned(values);
            c = c.offset(row.step[1] * BLOCK as isize);
            a = a.offset(row.step[2] * BLOCK as isize);
            b = b.offset(row.step[3] * BLOCK as isize);
            done += BLOCK;
        }
        for k in done..row.len {
            let from = if c.read() != 0 { a } else { b };
            out.add(k)
                .write_unaligned(from.cast::<T>().read_unaligned());
            c = c.wrapping_offset(row.step[1]);
            a = a.wrapping_offset(row.step[2]);
            b = b.wrapping_offset(row.step[3]);
        }
    }
}

/// The next elements of an operand that has no gaps, or only one element.
///
/// # Safety
/// `at` is the first of `BLOCK` elements without gaps, or of one where `step` is 0.
#[inline(always)]
unsafe fn block<T: Copy>(at: *const u8, step: isize) -> [T; BLOCK] {
    // SAFETY: the caller's promise.
    unsafe {
        if step == 0 {
            [at.cast::<T>().read_unaligned(); BLOCK]
        } else {
            at.cast::<[T; BLOCK]>().read_unaligned()
        }
    }
}
