//! Products with quantized matrices whose arithmetic may depend on what a row is.
//!
//! A generated token meets each weight alone, a prompt's tokens meet it by the hundred; a device may
//! answer with two arithmetics, and each row says by its role which one is its own (design, section
//! 5). The definition is the plain product.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::ops::experts::GatherMatmul;
use crate::ops::quantized::{Quantization, QuantizedArray, QuantizedMatmul};

/// `x [t, k]`, a matrix `[n, k]` to `[t, n]`; or, with experts, what [`GatherMatmul`] takes and gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct RoleMatmul {
    /// The matrices' format.
    pub quantization: Quantization,
    /// Whether expert ids follow `x`.
    pub experts: bool,
    /// Whether an operand `[t]` of `uint8` at the end says of each row whether it is of a generated
    /// token; else all are.
    pub each: bool,
}

impl RoleMatmul {
    /// The operands of the plain product.
    fn plain<'a>(&self, inputs: &'a [Array]) -> &'a [Array] {
        &inputs[..inputs.len() - usize::from(self.each)]
    }
}

impl Family for RoleMatmul {
    fn name(&self) -> &'static str {
        "role_matmul"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, plain) = (&inputs[0], self.plain(inputs));
        if let [roles] = &inputs[plain.len()..]
            && (roles.dtype() != Dtype::U8 || **roles.shape() != [x.dim(0)])
        {
            return Err(Error::shape(
                self.name(),
                format!("the roles of {x:?} must be one uint8 per row, not {roles:?}"),
            ));
        }
        let matrices = QuantizedMatmul {
            quantization: self.quantization,
            transpose: true,
        };
        match self.experts {
            true => GatherMatmul {
                quantization: Some(self.quantization),
            }
            .infer(plain),
            false if x.rank() == 2 => matrices.infer(plain),
            false => Err(Error::shape(
                self.name(),
                format!("x must be [tokens, k], not {x:?}"),
            )),
        }
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        let plain = self.plain(inputs);
        let split = 1 + usize::from(self.experts);
        Some((|| {
            let w = QuantizedArray::from_parts(self.quantization, plain[split..].iter().cloned())?;
            Ok(vec![match self.experts {
                true => plain[0].gather_quantized_matmul(&plain[1], &w)?,
                false => plain[0].quantized_matmul(&w)?,
            }])
        })())
    }
}

impl Array {
    /// [`Array::quantized_matmul`] of rows `[t, k]`, in the arithmetic that the device has for each
    /// row's role: `generated [t]` (`uint8`) is 0 for tokens of a prompt, or none where all were
    /// generated.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn role_matmul(&self, w: &QuantizedArray, generated: Option<&Array>) -> Result<Array> {
        self.by_role(None, w, generated)
    }

    /// [`Array::gather_quantized_matmul`], in the arithmetic of each row's role as in
    /// [`Array::role_matmul`].
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn gather_role_matmul(
        &self,
        ids: &Array,
        w: &QuantizedArray,
        generated: Option<&Array>,
    ) -> Result<Array> {
        self.by_role(Some(ids), w, generated)
    }

    fn by_role(
        &self,
        ids: Option<&Array>,
        w: &QuantizedArray,
        generated: Option<&Array>,
    ) -> Result<Array> {
        if w.global_scale.is_some() {
            return Err(Error::value("role_matmul", "takes no global scale"));
        }
        let op = RoleMatmul {
            quantization: w.quantization,
            experts: ids.is_some(),
            each: generated.is_some(),
        };
        let operands: Vec<&Array> = [self]
            .into_iter()
            .chain(ids)
            .chain(w.parts())
            .chain(generated)
            .collect();
        Array::from_op(op, &operands)
    }
}
