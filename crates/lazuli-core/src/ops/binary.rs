//! Elementwise functions of two operands, broadcast and promoted by the builder.
//!
//! One row of the table below is one function: its name and its builder.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident $name:ident;)*) => {
        /// An elementwise function of two operands of one shape and dtype.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub enum Binary {
            $($(#[$doc])* $variant,)*
        }

        impl Binary {
            /// Every function.
            pub const ALL: &[Binary] = &[$(Binary::$variant),*];

            fn title(self) -> &'static str {
                match self {
                    $(Binary::$variant => stringify!($name),)*
                }
            }
        }

        impl Array {$(
            $(#[$doc])*
            ///
            /// Operands are promoted to one dtype, which the result has where nothing else is said, and
            /// broadcast.
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

functions! {
    /// `a + b`; integers wrap, truth values are joined by "or".
    Add add;
    /// `a - b`.
    Subtract subtract;
    /// `a * b`.
    Multiply multiply;
    /// `a / b`; integers become `float32`.
    Divide divide;
    /// `a / b` rounded down, in the promoted dtype; an integer by zero is 0. Complex numbers are only
    /// divided.
    FloorDivide floor_divide;
    /// What [`Array::floor_divide`] leaves, with the sign of `b`; an integer by zero is itself.
    Remainder remainder;
    /// The larger of each pair; NaN if either is. Complex numbers are ordered by real, then by
    /// imaginary part.
    Maximum maximum;
    /// The smaller of each pair; NaN if either is.
    Minimum minimum;
    /// `a` to the power `b`; an integer to a negative power is 0.
    Power power;
    /// `log(eᵃ + eᵇ)`; integers become `float32`.
    LogAddExp logaddexp;
    /// The angle of the point `(b, a)`, radians; integers become `float32`.
    Arctan2 arctan2;
    /// The bits that are set in both.
    BitAnd bitwise_and;
    /// The bits that are set in either.
    BitOr bitwise_or;
    /// The bits that are set in one of the two.
    BitXor bitwise_xor;
    /// `a` with its bits moved up by `b`: 0 when `b` is negative or not below the number of bits.
    /// Truth values become `uint8`.
    LeftShift left_shift;
    /// `a` with its bits moved down by `b`, signed types keeping the sign; when `b` is negative or not
    /// below the number of bits, only the sign is left. Truth values become `uint8`.
    RightShift right_shift;
    /// `a == b`, truth values, as of all comparisons.
    Equal equal;
    /// `a != b`, truth values.
    NotEqual not_equal;
    /// `a < b`, truth values; complex numbers are ordered by real, then by imaginary part.
    Less less;
    /// `a <= b`, truth values.
    LessEqual less_equal;
    /// `a > b`, truth values.
    Greater greater;
    /// `a >= b`, truth values.
    GreaterEqual greater_equal;
    /// Both true or not zero: truth values.
    LogicalAnd logical_and;
    /// Either true or not zero: truth values.
    LogicalOr logical_or;
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
        match self {
            Divide | LogAddExp | Arctan2 => dtype = dtype.at_least_float(),
            LogicalAnd | LogicalOr => dtype = Dtype::Bool,
            LeftShift | RightShift if dtype == Dtype::Bool => dtype = Dtype::U8,
            FloorDivide if dtype == Dtype::C64 => return Divide.apply(a, b),
            _ => {}
        }
        if a.shape() == b.shape() && a.dtype() == dtype && b.dtype() == dtype {
            return Array::from_op(self, &[a, b]);
        }
        let shape = a.shape().broadcast(self.name(), b.shape())?;
        let a = a.astype(dtype)?.broadcast_to(&shape)?;
        let b = b.astype(dtype)?.broadcast_to(&shape)?;
        Array::from_op(self, &[&a, &b])
    }

    fn takes(self, dtype: Dtype) -> bool {
        match self {
            Divide | LogAddExp => dtype.is_inexact(),
            Arctan2 => dtype.is_float(),
            FloorDivide | Remainder => dtype != Dtype::C64,
            BitAnd | BitOr | BitXor => !dtype.is_inexact(),
            LeftShift | RightShift => dtype.is_integer(),
            LogicalAnd | LogicalOr => dtype == Dtype::Bool,
            _ => true,
        }
    }

    /// Partial derivatives at `(a, b)`: none where they are zero everywhere.
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
            Remainder => [number(1.0), a.floor_divide(b)?.negative()?],
            // Equal operands: all of it goes to the second.
            Maximum | Minimum => {
                let first = if self == Maximum {
                    a.greater(b)?
                } else {
                    a.less(b)?
                };
                let second = first.logical_not()?;
                [first.astype(a.dtype())?, second.astype(a.dtype())?]
            }
            Power => {
                let zero = number(0.0);
                let by_a = b.multiply(&a.power(&b.subtract(&number(1.0))?)?)?;
                let y = a.power(b)?;
                let by_b = y.multiply(&a.log()?)?;
                [
                    Array::select(&b.equal(&zero)?, &zero, &by_a)?,
                    Array::select(&y.equal(&zero)?, &zero, &by_b)?,
                ]
            }
            LogAddExp if a.dtype() == Dtype::C64 => {
                let y = a.logaddexp(b)?;
                [a.subtract(&y)?.exp()?, b.subtract(&y)?.exp()?]
            }
            LogAddExp => [a.subtract(b)?.sigmoid()?, b.subtract(a)?.sigmoid()?],
            Arctan2 => {
                let square = a.square()?.add(&b.square()?)?;
                [b.divide(&square)?, a.divide(&square)?.negative()?]
            }
            _ => return Ok(None),
        }))
    }
}

impl Family for Binary {
    fn name(&self) -> &'static str {
        self.title()
    }

    fn is_elementwise(&self) -> bool {
        true
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
        if !self.takes(dtype) {
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
        match self {
            Add => return Ok(vec![Some(g[0].clone()), Some(g[0].clone())]),
            Subtract => return Ok(vec![Some(g[0].clone()), Some(g[0].negative()?)]),
            _ => {}
        }
        let Some(partials) = self.partials(&x[0], &x[1])? else {
            return Ok(vec![None, None]);
        };
        partials
            .iter()
            .map(|p| g[0].multiply(&p.conjugate()?).map(Some))
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
