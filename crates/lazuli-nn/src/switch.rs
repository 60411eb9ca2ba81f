//! One matrix per expert, chosen per row.

use lazuli_core::{Array, Result, Rows};

use crate::matrix::Matrix;
use crate::parameter::{Parameter, Parameters, Visitor};

/// `x · weight[id]ᵀ` for each row and each of its experts.
#[derive(Clone, Debug)]
pub struct SwitchLinear {
    weight: Matrix,
    /// Matrices per expert in the stack, and which of them is ours.
    part: Option<(u32, u32)>,
}

impl SwitchLinear {
    /// A stack `[e, n, k]` of one matrix per expert.
    pub fn new(weight: Matrix) -> SwitchLinear {
        SwitchLinear { weight, part: None }
    }

    /// The parts of a stack `[e, parts * n, k]` whose experts hold several matrices one above the
    /// other, such as gate and up: nothing is copied, expert `id` finds its part at `id * parts + i`.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the middle axis is not a multiple of `parts`.
    pub fn parts_of(fused: &Matrix, parts: usize) -> Result<Vec<SwitchLinear>> {
        let rows = fused.shape().get(1).map_or(0, |n| n / parts.max(1));
        let weight = fused.map(|a| a.reshape([a.dim(0) * parts, rows, a.dim(2)]))?;
        let part = |i| SwitchLinear {
            weight: weight.clone(),
            part: Some((parts as u32, i as u32)),
        };
        Ok((0..parts).map(part).collect())
    }

    /// `x [t, k]`, or `[t, s, k]` with a row per choice, and expert ids `[t, s]` (`uint32`) to `[t, s, n]`.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the operands do not fit.
    pub fn forward(&self, x: &Array, ids: &Array) -> Result<Array> {
        self.weight.gather_product(x, &self.places(ids)?)
    }

    /// [`SwitchLinear::forward`] of the rows of a call, in the arithmetic of each row's role.
    ///
    /// # Errors
    /// As [`SwitchLinear::forward`].
    pub fn forward_of(&self, x: &Array, ids: &Array, rows: &Rows) -> Result<Array> {
        self.weight.gather_product_of(x, &self.places(ids)?, rows)
    }

    /// Where in the stack the matrices of experts are.
    fn places(&self, ids: &Array) -> Result<Array> {
        match self.part {
            None => Ok(ids.clone()),
            Some((parts, 0)) => ids.multiply(&Array::scalar(parts)),
            Some((parts, i)) => ids.multiply(&Array::scalar(parts))?.add(&Array::scalar(i)),
        }
    }

    /// The arrays that hold the matrices, shared with the other parts of a fused stack.
    pub fn storage(&self) -> Vec<&Array> {
        self.weight.parts()
    }

    /// The matrices of this layer alone, `[e, n, k]`.
    ///
    /// # Errors
    /// None that a layer made by [`SwitchLinear::parts_of`] can meet.
    pub fn matrices(&self) -> Result<Matrix> {
        let Some((parts, i)) = self.part else {
            return Ok(self.weight.clone());
        };
        let (parts, i) = (parts as usize, i as usize);
        self.weight.map(|a| {
            let experts = a.dim(0) / parts;
            let apart = a.reshape([experts, parts, a.dim(1), a.dim(2)])?;
            apart
                .narrow(1, i, i + 1)?
                .reshape([experts, a.dim(1), a.dim(2)])
        })
    }
}

impl Parameters for SwitchLinear {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        if let Ok(weight) = self.matrices() {
            visitor(path, Parameter::Matrix(&weight));
        }
    }
}
