//! Elementwise functions of two operands, broadcast and promoted by the builder.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

/// An elementwise function of two operands of one shape and dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Maximum,
    Minimum,
    Power,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    LogicalAnd,
    LogicalOr,
}

use Binary::*;

impl Binary {
    /// Whether the result is a truth value.
    pub fn is_comparison(self) -> bool {
        self as u8 >= Equal as u8
    }

    fn apply(self, a: &Array, b: &Array) -> Result<Array> {
        a.check()?;
        b.check()?;
        let mut dtype = a.dtype().promote(b.dtype());
        if self == Divide {
            dtype = dtype.at_least_float();
        }
        if matches!(self, LogicalAnd | LogicalOr) {
            dtype = Dtype::Bool;
        }
        if a.shape() == b.shape() && a.dtype() == dtype && b.dtype() == dtype {
            return Array::from_op(self, &[a, b]);
        }
        let shape = a.shape().broadcast(self.name(), b.shape())?;
        let a = a.astype(dtype)?.broadcast_to(&shape)?;
        let b = b.astype(dtype)?.broadcast_to(&shape)?;
        Array::from_op(self, &[&a, &b])
    }

    /// Partial derivatives at `(a, b)`.
    fn partials(self, a: &Array, b: &Array) -> Result<Option<[Array; 2]>> {
        let number = |v: f64| Array::scalar_of(v, a.dtype());
        Ok(Some(match self {
            Add => [number(1.0), number(1.0)],
            Subtract => [number(1.0), number(-1.0)],
            Multiply => [b.clone(), a.clone()],
            Divide => {
                let inverse = number(1.0).divide(b)?;
                let by_b = a.divide(b)?.multiply(&inverse)?.negative()?;
                [inverse, by_b]
            }
            Maximum => {
                let first = a.greater(b)?.astype(a.dtype())?;
                let second = number(1.0).subtract(&first)?;
                [first, second]
            }
            Minimum => {
                let first = a.less(b)?.astype(a.dtype())?;
                let second = number(1.0).subtract(&first)?;
                [first, second]
            }
            Power => {
                let by_a = b.multiply(&a.power(&b.subtract(&number(1.0))?)?)?;
                let by_b = a.power(b)?.multiply(&a.log()?)?;
                [by_a, by_b]
            }
            _ => return Ok(None),
        }))
    }
}

impl Family for Binary {
    fn name(&self) -> &'static str {
        match self {
            Add => "add",
            Subtract => "subtract",
            Multiply => "multiply",
            Divide => "divide",
            Maximum => "maximum",
            Minimum => "minimum",
            Power => "power",
            Equal => "equal",
            NotEqual => "not_equal",
            Less => "less",
            LessEqual => "less_equal",
            Greater => "greater",
            GreaterEqual => "greater_equal",
            LogicalAnd => "logical_and",
            LogicalOr => "logical_or",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (a, b) = (&inputs[0], &inputs[1]);
        if a.shape() != b.shape() || a.dtype() != b.dtype() {
            return Err(Error::shape(
                self.name(),
                format!("operands differ: {a:?} and {b:?}"),
            ));
        }
        let dtype = a.dtype();
        let refused = match self {
            Divide => !dtype.is_float(),
            Power => dtype == Dtype::C64 || dtype == Dtype::Bool,
            LogicalAnd | LogicalOr => dtype != Dtype::Bool,
            Subtract => dtype == Dtype::Bool,
            _ => false,
        } || (dtype == Dtype::C64
            && !matches!(self, Add | Subtract | Multiply | Equal | NotEqual));
        if refused {
            return Err(Error::dtype(self.name(), format!("does not take {dtype}")));
        }
        let out = if self.is_comparison() {
            Dtype::Bool
        } else {
            dtype
        };
        Ok(smallvec![(a.shape().clone(), out)])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let Some(partials) = self.partials(&x[0], &x[1])? else {
            return Ok(vec![None, None]);
        };
        partials
            .iter()
            .map(|p| g[0].multiply(p).map(Some))
            .collect()
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let Some(partials) = self.partials(&x[0], &x[1])? else {
            return Ok(vec![None]);
        };
        let mut sum: Option<Array> = None;
        for (t, p) in tangents.iter().zip(&partials) {
            let Some(t) = t else { continue };
            let part = t.multiply(p)?;
            sum = Some(match sum {
                Some(s) => s.add(&part)?,
                None => part,
            });
        }
        Ok(vec![sum])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        Ok(vec![(
            Array::from_op(*self, &[&inputs[0], &inputs[1]])?,
            axis,
        )])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        if self.is_comparison() {
            &[]
        } else {
            &[(0, 0), (0, 1)]
        }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident => $variant:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`Error::Shape`] when the shapes do not broadcast, [`Error::Dtype`] when the function
            /// does not take the promoted dtype.
            pub fn $name(&self, other: &Array) -> Result<Array> {
                Binary::$variant.apply(self, other)
            }
        )*}
    };
}

methods! {
    /// `a + b`.
    add => Add;
    /// `a - b`.
    subtract => Subtract;
    /// `a * b`.
    multiply => Multiply;
    /// `a / b`; integers become `float32`.
    divide => Divide;
    /// The larger of each pair; NaN if either is.
    maximum => Maximum;
    /// The smaller of each pair; NaN if either is.
    minimum => Minimum;
    /// `a` to the power `b`.
    power => Power;
    /// `a == b`.
    equal => Equal;
    /// `a != b`.
    not_equal => NotEqual;
    /// `a < b`.
    less => Less;
    /// `a <= b`.
    less_equal => LessEqual;
    /// `a > b`.
    greater => Greater;
    /// `a >= b`.
    greater_equal => GreaterEqual;
    /// Both true or not zero.
    logical_and => LogicalAnd;
    /// Either true or not zero.
    logical_or => LogicalOr;
}
