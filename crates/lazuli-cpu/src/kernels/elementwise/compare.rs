//! Comparisons of `f32`, `bf16` and `f16`: truth values as bytes of 0 and 1.

use lazuli_core::ops::binary::Binary as Op;

use super::float::Task;
use super::tile::Tile;
use crate::kernels::math::{Kernel, LANES, Lanes};

/// A comparison.
pub struct Compare;

trait Relation {
    fn holds(a: f32, b: f32) -> bool;
}

/// # Safety
/// The tile's output, bytes, may be written and its operands, vectors of `f32`, read.
#[inline(always)]
unsafe fn each<R: Relation>(tile: &Tile<3>) {
    for k in 0..tile.vectors {
        let [out, a, b] = tile.vector(k);
        // SAFETY: vectors of the tile (the caller's promise).
        unsafe {
            let a = a.cast::<[f32; LANES]>().read_unaligned();
            let b = b.cast::<[f32; LANES]>().read_unaligned();
            let mut truth = [0u8; LANES];
            for (t, (x, y)) in truth.iter_mut().zip(a.iter().zip(&b)) {
                *t = R::holds(*x, *y) as u8;
            }
            out.cast::<[u8; LANES]>().write_unaligned(truth);
        }
    }
}

macro_rules! relations {
    ($($name:ident $sign:tt;)*) => {
        $(
            struct $name;
            impl Relation for $name {
                #[inline(always)]
                fn holds(a: f32, b: f32) -> bool {
                    a $sign b
                }
            }
        )*

        impl Kernel for Compare {
            type Args<'a> = Task<'a, Op, 3>;

            #[inline(always)]
            fn run<L: Lanes>(_: L, task: &Task<'_, Op, 3>, _: usize) {
                // SAFETY: whoever made the tile gave an output of bytes and two operands.
                unsafe {
                    match task.op {
                        $(Op::$name => each::<$name>(task.tile),)*
                        // Arithmetic: see `float`; logic is for truth values only.
                        _ => {}
                    }
                }
            }
        }
    };
}

relations! {
    Equal ==;
    NotEqual !=;
    Less <;
    LessEqual <=;
    Greater >;
    GreaterEqual >=;
}
