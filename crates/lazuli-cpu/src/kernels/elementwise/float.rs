//! Functions of `f32`, `bf16` and `f16`: sixteen lanes of `f32`, rounded once.

use lazuli_core::ops::binary::Binary as BinaryOp;
use lazuli_core::ops::unary::Unary as UnaryOp;

use super::formulas;
use super::functions::{by_lane, by_pair, remainder, sign, tanh, wide, wide_angle, wide_pair};
use super::tile::Tile;
use crate::kernels::math::{self, Kernel, Lanes};

/// A function of sixteen lanes. A type and not a closure, because closures are not compiled for the
/// instruction set of the function they stand in.
trait Elementwise {
    fn of<L: Lanes>(l: L, x: L::F) -> L::F;
}

/// A function of two vectors of sixteen lanes.
trait Pairwise {
    fn of<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F;
}

/// # Safety
/// The tile's output may be written and its operand read, both vectors of `f32`.
#[inline(always)]
unsafe fn each<F: Elementwise, L: Lanes>(l: L, tile: &Tile<2>) {
    for k in 0..tile.vectors {
        let [out, x] = tile.vector(k);
        // SAFETY: vectors of the tile (the caller's promise).
        unsafe { l.store(F::of(l, l.load(x.cast())), out.cast()) };
    }
}

/// # Safety
/// As [`each`], with two operands.
#[inline(always)]
unsafe fn each_pair<F: Pairwise, L: Lanes>(l: L, tile: &Tile<3>) {
    for k in 0..tile.vectors {
        let [out, a, b] = tile.vector(k);
        // SAFETY: vectors of the tile (the caller's promise).
        unsafe {
            let (a, b) = (l.load(a.cast()), l.load(b.cast()));
            l.store(F::of(l, a, b), out.cast());
        }
    }
}

macro_rules! functions {
    ($($name:ident: |$l:ident, $x:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl Elementwise for $name {
                #[inline(always)]
                fn of<L: Lanes>($l: L, $x: L::F) -> L::F {
                    $body
                }
            }
        )*

        impl Kernel for Unary {
            type Args<'a> = Task<'a, UnaryOp, 2>;

            #[inline(always)]
            fn run<L: Lanes>(l: L, task: &Task<'_, UnaryOp, 2>, _: usize) {
                // SAFETY: whoever made the tile gave an output and an operand.
                unsafe {
                    match task.op {
                        $(UnaryOp::$name => each::<$name, L>(l, task.tile),)*
                        // Of truth values, integers or complex numbers.
                        _ => {}
                    }
                }
            }
        }
    };
}

functions! {
    Neg: |l, x| l.float(l.iadd(l.bits(x), l.isplat(0x8000_0000)));
    Abs: |l, x| l.float(l.and(l.bits(x), l.isplat(0x7fff_ffff)));
    Sign: |l, x| by_lane(l, x, sign);
    Square: |l, x| l.mul(x, x);
    Sqrt: |l, x| by_lane(l, x, f32::sqrt);
    Rsqrt: |l, x| l.div(l.splat(1.0), by_lane(l, x, f32::sqrt));
    Exp: |l, x| math::exp(l, x);
    Expm1: |l, x| wide(l, x, formulas::expm1);
    Log: |l, x| wide(l, x, formulas::log);
    Log2: |l, x| wide(l, x, formulas::log2);
    Log10: |l, x| wide(l, x, formulas::log10);
    Log1p: |l, x| wide(l, x, formulas::log1p);
    Sin: |l, x| wide_angle(l, x, formulas::sin, f32::sin);
    Cos: |l, x| wide_angle(l, x, formulas::cos, f32::cos);
    Tan: |l, x| wide_angle(l, x, formulas::tan, f32::tan);
    Arcsin: |l, x| wide(l, x, formulas::arcsin);
    Arccos: |l, x| wide(l, x, formulas::arccos);
    Arctan: |l, x| wide(l, x, formulas::arctan);
    Sinh: |l, x| wide(l, x, formulas::sinh);
    Cosh: |l, x| wide(l, x, formulas::cosh);
    Tanh: |l, x| tanh(l, x);
    Arcsinh: |l, x| wide(l, x, formulas::arcsinh);
    Arccosh: |l, x| wide(l, x, formulas::arccosh);
    Arctanh: |l, x| wide(l, x, formulas::arctanh);
    Sigmoid: |l, x| wide(l, x, formulas::sigmoid);
    Erf: |l, x| wide(l, x, formulas::erf);
    Erfinv: |l, x| by_lane(l, x, formulas::erfinv);
    Floor: |l, x| by_lane(l, x, f32::floor);
    Ceil: |l, x| by_lane(l, x, f32::ceil);
    Round: |l, x| by_lane(l, x, f32::round_ties_even);
}

macro_rules! pair_functions {
    ($($name:ident: |$l:ident, $a:ident, $b:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl Pairwise for $name {
                #[inline(always)]
                fn of<L: Lanes>($l: L, $a: L::F, $b: L::F) -> L::F {
                    $body
                }
            }
        )*

        impl Kernel for Binary {
            type Args<'a> = Task<'a, BinaryOp, 3>;

            #[inline(always)]
            fn run<L: Lanes>(l: L, task: &Task<'_, BinaryOp, 3>, _: usize) {
                // SAFETY: whoever made the tile gave an output and two operands.
                unsafe {
                    match task.op {
                        $(BinaryOp::$name => each_pair::<$name, L>(l, task.tile),)*
                        // Comparisons give truth values: see `compare`. The rest is for integers.
                        _ => {}
                    }
                }
            }
        }
    };
}

pair_functions! {
    Add: |l, a, b| l.add(a, b);
    Subtract: |l, a, b| l.sub(a, b);
    Multiply: |l, a, b| l.mul(a, b);
    Divide: |l, a, b| l.div(a, b);
    FloorDivide: |l, a, b| by_lane(l, l.div(a, b), f32::floor);
    Remainder: |l, a, b| by_pair(l, a, b, remainder);
    // A NaN in `b` stays by itself.
    Maximum: |l, a, b| l.float(l.iselect_nan(a, l.bits(a), l.bits(l.max(a, b))));
    Minimum: |l, a, b| l.float(l.iselect_nan(a, l.bits(a), l.bits(l.min(a, b))));
    Power: |l, a, b| wide_pair(l, a, b, formulas::power);
    LogAddExp: |l, a, b| wide_pair(l, a, b, formulas::logaddexp);
    Arctan2: |l, a, b| wide_pair(l, a, b, formulas::arctan2);
}

/// A function of one operand.
pub struct Unary;
/// A function of two operands.
pub struct Binary;

/// What to do with a tile.
pub struct Task<'t, Op, const N: usize> {
    /// The function.
    pub op: Op,
    /// The output, then the operands.
    pub tile: &'t Tile<N>,
}
