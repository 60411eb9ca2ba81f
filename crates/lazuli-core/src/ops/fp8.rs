//! Floats as bytes of the E4M3 kind: a sign, four bits of exponent, three of mantissa.
//!
//! Rounded to even; what is beyond 448 becomes 448, as does NaN; the byte 0x7f reads as NaN.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// A conversion to or from E4M3 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Fp8 {
    /// Floats to `uint8`.
    Encode,
    /// `uint8` to floats of this dtype.
    Decode(Dtype),
}

impl Family for Fp8 {
    fn name(&self) -> &'static str {
        match self {
            Fp8::Encode => "to_fp8",
            Fp8::Decode(_) => "from_fp8",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let (takes, out) = match *self {
            Fp8::Encode => (x.dtype().is_float(), Dtype::U8),
            Fp8::Decode(dtype) => (x.dtype() == Dtype::U8 && dtype.is_float(), dtype),
        };
        if !takes {
            return Err(Error::dtype(
                self.name(),
                format!("does not convert {} to {out}", x.dtype()),
            ));
        }
        Ok(smallvec![(x.shape().clone(), out)])
    }

    /// Through `float32`, which holds every value; only `float64` is rounded twice.
    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        let x = &inputs[0];
        match *self {
            Fp8::Encode if x.dtype() != Dtype::F32 => {
                Some(x.astype(Dtype::F32).and_then(|x| Ok(vec![x.to_fp8()?])))
            }
            Fp8::Decode(dtype) if dtype != Dtype::F32 => Some(
                x.from_fp8(Dtype::F32)
                    .and_then(|y| Ok(vec![y.astype(dtype)?])),
            ),
            _ => None,
        }
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn jvp(&self, _: &[Array], _: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        Ok(vec![(Array::from_op(*self, &[&inputs[0]])?, axes[0])])
    }
}

impl Array {
    /// The floats as E4M3 bytes, `uint8`.
    ///
    /// # Errors
    /// [`Error::Dtype`] when they are no real floats.
    pub fn to_fp8(&self) -> Result<Array> {
        Array::from_op(Fp8::Encode, &[self])
    }

    /// The floats of E4M3 bytes, in `dtype`.
    ///
    /// # Errors
    /// [`Error::Dtype`] when `self` is not `uint8` or `dtype` no real float.
    #[allow(clippy::wrong_self_convention)] // The name is mlx's.
    pub fn from_fp8(&self, dtype: Dtype) -> Result<Array> {
        Array::from_op(Fp8::Decode(dtype), &[self])
    }
}
