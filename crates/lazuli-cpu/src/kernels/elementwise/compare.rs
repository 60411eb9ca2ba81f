//! Comparisons of `f32`, `bf16` and `f16`: truth values as bytes of 0 and 1.

use std::marker::PhantomData;

use lazuli_core::ops::binary::Binary as Op;

use super::float::{Task, gather};
use super::loops::Row;
use crate::kernels::math::{Element, Kernel, LANES, Lanes};

/// A row of a comparison.
pub struct Compare<T>(PhantomData<T>);

trait Relation {
    fn holds(a: f32, b: f32) -> bool;
}

macro_rules! relations {
    ($($name:ident $sign:tt;)*) => {$(
        struct $name;
        impl Relation for $name {
            #[inline(always)]
            fn holds(a: f32, b: f32) -> bool {
                a $sign b
            }
        }
    )*};
}

relations! {
    Equal ==;
    NotEqual !=;
    Less <;
    LessEqual <=;
    Greater >;
    GreaterEqual >=;
}

/// # Safety
/// The row is an output of bytes without gaps, nobody else's, and two operands of `T`.
#[inline(always)]
unsafe fn each<T: Element, R: Relation, L: Lanes>(l: L, row: &Row<3>) {
    let mut done = 0;
    while done < row.len {
        let count = (row.len - done).min(LANES);
        let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
        // SAFETY: elements `done..done + count` of the row (the caller's promise).
        unsafe {
            let a = row.at[1].offset(done as isize * row.step[1]);
            let b = row.at[2].offset(done as isize * row.step[2]);
            l.store(gather::<T, L>(l, a, row.step[1], count), x.as_mut_ptr());
            l.store(gather::<T, L>(l, b, row.step[2], count), y.as_mut_ptr());
            let mut truth = [0u8; LANES];
            for (t, (x, y)) in truth.iter_mut().zip(x.iter().zip(&y)) {
                *t = R::holds(*x, *y) as u8;
            }
            std::ptr::copy_nonoverlapping(truth.as_ptr(), row.at[0].add(done), count);
        }
        done += LANES;
    }
}

impl<T: Element> Kernel for Compare<T> {
    type Args<'a> = Task<Op, 3>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, task: &Task<Op, 3>, _: usize) {
        let row = &task.row;
        // SAFETY: whoever made the row gave an output of bytes and two operands of `T`.
        unsafe {
            match task.op {
                Op::Equal => each::<T, Equal, L>(l, row),
                Op::NotEqual => each::<T, NotEqual, L>(l, row),
                Op::Less => each::<T, Less, L>(l, row),
                Op::LessEqual => each::<T, LessEqual, L>(l, row),
                Op::Greater => each::<T, Greater, L>(l, row),
                Op::GreaterEqual => each::<T, GreaterEqual, L>(l, row),
                // Arithmetic: see `float`; logic is for truth values only.
                _ => {}
            }
        }
    }
}
