//! Discrete Fourier transforms along axes, in single precision.
//!
//! One operation for the complex transform, for that of a real array and for its inverse; each is the
//! others' derivative. Padding, cutting and the three ways to scale are the builder's.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{F32, Family, Outs};
use crate::transforms::batch;

/// What goes in and comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// `complex64` to `complex64`.
    Complex {
        /// With a positive exponent.
        inverse: bool,
    },
    /// `float32` to `complex64`, which has `n / 2 + 1` elements along the last of the axes.
    FromReal,
    /// `complex64` to `float32`, which has this many elements along the last of the axes; with a
    /// positive exponent.
    ToReal(usize),
}

/// A transform along `axes`, the last of which is the one that a real transform halves.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Fft {
    /// What goes in and comes out.
    pub kind: Kind,
    /// The axes, not empty.
    pub axes: SmallVec<[u8; 4]>,
    /// The result is multiplied by this.
    pub scale: F32,
}

impl Fft {
    fn of(self, x: &Array) -> Result<Array> {
        Array::from_op(Box::new(self), &[x])
    }

    fn with(&self, kind: Kind) -> Fft {
        Fft {
            kind,
            ..self.clone()
        }
    }

    /// `half`, a half spectrum of a line of `n`, with `inner` times the frequencies that stand for two.
    fn weighted(&self, half: &Array, n: usize, inner: f32) -> Result<Array> {
        let axis = self.last();
        let len = half.dim(axis);
        let mut weights = vec![inner; len];
        weights[0] = 1.0;
        if n.is_multiple_of(2) {
            weights[len - 1] = 1.0;
        }
        let mut shape = crate::Shape::from(vec![1; half.rank()]);
        shape.dims_mut()[axis] = len;
        half.multiply(&Array::from_slice(&weights, shape)?)
    }

    fn last(&self) -> usize {
        self.axes.last().map_or(0, |&axis| axis as usize)
    }
}

impl Family for Fft {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Complex { inverse: false } => "fft",
            Kind::Complex { inverse: true } => "ifft",
            Kind::FromReal => "rfft",
            Kind::ToReal(_) => "irfft",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let takes = match self.kind {
            Kind::FromReal => Dtype::F32,
            _ => Dtype::C64,
        };
        if x.dtype() != takes {
            return Err(Error::dtype(
                self.name(),
                format!("takes {takes}, not {}", x.dtype()),
            ));
        }
        for &axis in &self.axes {
            let axis = x.shape().axis(self.name(), axis as isize)?;
            if x.dim(axis) == 0 {
                return Err(Error::shape(
                    self.name(),
                    format!("axis {axis} of {} has no elements", x.shape()),
                ));
            }
        }
        let (last, len) = (self.last(), x.dim(self.last()));
        let out = match self.kind {
            Kind::Complex { .. } => (x.shape().clone(), Dtype::C64),
            Kind::FromReal => (x.shape().with(last, len / 2 + 1), Dtype::C64),
            Kind::ToReal(n) if n > 0 && n / 2 + 1 == len => (x.shape().with(last, n), Dtype::F32),
            Kind::ToReal(n) => {
                return Err(Error::shape(
                    "irfft",
                    format!(
                        "a line of {n} has a half spectrum of {}, not {len}",
                        n / 2 + 1
                    ),
                ));
            }
        };
        Ok(smallvec![out])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        // The adjoint of a transform is the one with the other exponent; of half a spectrum, the
        // frequencies that stand for two count twice on one side.
        Ok(vec![Some(match self.kind {
            Kind::Complex { inverse } => self.with(Kind::Complex { inverse: !inverse }).of(&g[0])?,
            Kind::FromReal => {
                let n = x[0].dim(self.last());
                let g = self.weighted(&g[0], n, 0.5)?;
                self.with(Kind::ToReal(n)).of(&g)?
            }
            Kind::ToReal(n) => {
                let back = self.with(Kind::FromReal).of(&g[0])?;
                self.weighted(&back, n, 2.0)?
            }
        })])
    }

    fn jvp(&self, _: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |t: &Array| self.clone().of(t);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let shift = axis.is_some() as u8;
        let op = Fft {
            axes: self.axes.iter().map(|a| a + shift).collect(),
            ..self.clone()
        };
        Ok(vec![(op.of(&inputs[0])?, axis)])
    }
}
