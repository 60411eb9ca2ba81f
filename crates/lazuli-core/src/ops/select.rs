//! Elementwise choice.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

/// `condition ? a : b`, all of one shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Select;

impl Family for Select {
    fn name(&self) -> &'static str {
        "where"
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let [c, a, b] = inputs else {
            return Err(Error::value("where", "needs three operands"));
        };
        let fits = c.dtype() == Dtype::Bool
            && a.dtype() == b.dtype()
            && c.shape() == a.shape()
            && a.shape() == b.shape();
        if !fits {
            return Err(Error::shape(
                "where",
                format!("operands differ: {c:?}, {a:?}, {b:?}"),
            ));
        }
        Ok(smallvec![(a.shape().clone(), a.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let zero = Array::scalar_of(0.0, g[0].dtype());
        let to_a = Array::select(&x[0], &g[0], &zero)?;
        let to_b = Array::select(&x[0], &zero, &g[0])?;
        Ok(vec![None, Some(to_a), Some(to_b)])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        if tangents[1].is_none() && tangents[2].is_none() {
            return Ok(vec![None]);
        }
        let zero = Array::scalar_of(0.0, x[1].dtype());
        let of = |t: &Option<Array>| t.clone().unwrap_or_else(|| zero.clone());
        Ok(vec![Some(Array::select(
            &x[0],
            &of(&tangents[1]),
            &of(&tangents[2]),
        )?)])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (i, axis) = batch::all_to_front(inputs, axes)?;
        Ok(vec![(
            Array::from_op(Select, &[&i[0], &i[1], &i[2]])?,
            axis,
        )])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 1), (0, 2)]
    }
}

impl Array {
    /// `a` where `condition` is true, else `b`; broadcast and promoted.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not broadcast.
    pub fn select(condition: &Array, a: &Array, b: &Array) -> Result<Array> {
        for x in [condition, a, b] {
            x.check()?;
        }
        let dtype = a.dtype().promote(b.dtype());
        let shape = a.shape().broadcast("where", b.shape())?;
        let shape = condition.shape().broadcast("where", &shape)?;
        Array::from_op(
            Select,
            &[
                &condition.astype(Dtype::Bool)?.broadcast_to(&shape)?,
                &a.astype(dtype)?.broadcast_to(&shape)?,
                &b.astype(dtype)?.broadcast_to(&shape)?,
            ],
        )
    }
}
