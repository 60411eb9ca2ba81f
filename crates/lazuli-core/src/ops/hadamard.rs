//! The Walsh-Hadamard transform along the last axis, of lengths `m * 2^k` with `m` in 1, 12, 20, 28.
//!
//! The matrix is a Kronecker product of small ones, so the transform is a matrix product along each of
//! a few reshaped axes: two passes up to length 1024. Not chosen: butterflies of one bit a pass, which
//! as base operations would walk the memory once for each bit.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// Most bits of the index that one product transforms.
const BITS: u32 = 5;

/// Signs of the Hadamard matrices that are not of a power of two, from Sloane's library (`had.12`,
/// `had.20.will`, `had.28.will`): bit `j` of row `i` is set where element (i, j) is negative.
const H12: [u32; 12] = [
    0x002, 0xaab, 0x3c8, 0x96e, 0xf20, 0x5ba, 0xc8c, 0x6e6, 0x23c, 0xb96, 0x8f0, 0xe5a,
];

const H20: [u32; 20] = [
    0x933de, 0x2e3bd, 0x5477b, 0xa0ef7, 0x499ef, 0x637c1, 0xc6ba2, 0x8d764, 0x1aee8, 0x359f0,
    0x0fa53, 0x174a7, 0x26d4e, 0x45e9c, 0x83d39, 0xf7a6d, 0xef4fa, 0xdedd5, 0xbdf8b, 0x7bf36,
];

const H28: [u32; 28] = [
    0xcd69e7e, 0x9ad7c7d, 0x37ab8fb, 0x6d571f7, 0xd8ae3ef, 0xb3587df, 0x66b4f3f, 0xb467f43,
    0x6acbe87, 0xd593d8e, 0xab27b9c, 0x564f7b8, 0xac9aff0, 0x5b31fe1, 0x87fb325, 0x0ff66ca,
    0x1decd95, 0x39ddb2a, 0x71bf654, 0xe17eca9, 0xc2fd9d2, 0xfcf1299, 0xfbe2532, 0xf7c4ae4,
    0xef8d549, 0xdf1ea13, 0xbe3d4a6, 0x7e7a94c,
];

/// The matrix of `m` rows as numbers.
fn matrix(m: usize, dtype: Dtype) -> Result<Array> {
    let rows: &[u32] = match m {
        12 => &H12,
        20 => &H20,
        28 => &H28,
        _ => &[],
    };
    let negative = |i: usize, j: usize| match rows.get(i) {
        Some(row) => row >> j & 1 == 1,
        // Sylvester's matrix of a power of two.
        None => (i & j).count_ones() % 2 == 1,
    };
    let signs: Vec<f32> = (0..m * m)
        .map(|at| if negative(at / m, at % m) { -1.0 } else { 1.0 })
        .collect();
    Array::from_slice(&signs, [m, m])?.astype(dtype)
}

impl Array {
    /// The Walsh-Hadamard transform along the last axis, times `scale`, or orthonormal without one;
    /// integers become `float32`. Half types are rounded once.
    ///
    /// # Errors
    /// [`Error::Shape`] when the last axis is not of length `m * 2^k` with `m` in 1, 12, 20, 28;
    /// [`Error::Dtype`] for complex numbers.
    pub fn hadamard_transform(&self, scale: Option<f64>) -> Result<Array> {
        self.check()?;
        let dtype = self.dtype().at_least_float();
        if dtype == Dtype::C64 {
            return Err(Error::dtype(
                "hadamard_transform",
                "does not take complex64",
            ));
        }
        let n = self.shape().last().copied().unwrap_or(1);
        let bits = n.checked_ilog2().map_or(0, |_| n.trailing_zeros());
        let (odd, bits) = match n >> bits {
            1 => (1, bits),
            odd @ (3 | 5 | 7) if bits >= 2 => (odd * 4, bits - 2),
            _ => {
                return Err(Error::shape(
                    "hadamard_transform",
                    format!(
                        "the last axis must be of length m * 2^k with m in 1, 12, 20, 28: {self:?}"
                    ),
                ));
            }
        };
        let wide = dtype.accumulator();
        let mut x = self.astype(wide)?;
        // The length of the axis that is transformed next lies between `before` and `after`.
        let (mut after, total) = (1, self.elements());
        let mut along = |len: usize, x: Array| -> Result<Array> {
            let outer = total / (len * after);
            let rows = x.reshape([outer, len, after])?.matrix_transpose()?;
            let h = matrix(len, wide)?.matrix_transpose()?;
            let y = rows.reshape([outer * after, len])?.matmul(&h)?;
            let y = y.reshape([outer, after, len])?.matrix_transpose()?;
            after *= len;
            Ok(y)
        };
        let mut left = bits;
        while left > 0 {
            let step = left.div_ceil(left.div_ceil(BITS));
            x = along(1 << step, x)?;
            left -= step;
        }
        if odd > 1 {
            x = along(odd, x)?;
        }
        // Rows of length 1 have only the scale.
        let scale = scale.unwrap_or(1.0 / (n as f64).sqrt());
        let y = x.reshape(self.shape())?;
        y.multiply(&Array::scalar_of(scale, wide))?.astype(dtype)
    }
}
