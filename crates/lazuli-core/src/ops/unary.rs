//! Elementwise functions of one operand.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// An elementwise function. Floats in, the same floats out, except [`Unary::Not`]; half types are
/// computed in `f32` and rounded once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Unary {
    Neg,
    Abs,
    Square,
    Sqrt,
    Rsqrt,
    Exp,
    Log,
    Log1p,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Floor,
    Round,
    /// True where the element is zero or false.
    Not,
}

impl Unary {
    fn of(self, x: &Array) -> Result<Array> {
        Array::from_op(self, &[x])
    }

    /// The derivative at `x`, where `y` is the value.
    fn derivative(self, x: &Array, y: &Array) -> Result<Option<Array>> {
        let number = |v: f64| Array::scalar_of(v, x.dtype());
        Ok(Some(match self {
            Unary::Neg => number(-1.0).broadcast_to(x.shape())?,
            Unary::Abs => Array::select(&x.less(&number(0.0))?, &number(-1.0), &number(1.0))?,
            Unary::Square => x.multiply(&number(2.0))?,
            Unary::Sqrt => number(0.5).divide(y)?,
            Unary::Rsqrt => number(-0.5).multiply(&y.divide(x)?)?,
            Unary::Exp => y.clone(),
            Unary::Log => number(1.0).divide(x)?,
            Unary::Log1p => number(1.0).divide(&x.add(&number(1.0))?)?,
            Unary::Sin => x.cos()?,
            Unary::Cos => x.sin()?.negative()?,
            Unary::Tanh => number(1.0).subtract(&y.square()?)?,
            Unary::Sigmoid => y.multiply(&number(1.0).subtract(y)?)?,
            Unary::Floor | Unary::Round | Unary::Not => return Ok(None),
        }))
    }
}

impl Family for Unary {
    fn name(&self) -> &'static str {
        match self {
            Unary::Neg => "negative",
            Unary::Abs => "abs",
            Unary::Square => "square",
            Unary::Sqrt => "sqrt",
            Unary::Rsqrt => "rsqrt",
            Unary::Exp => "exp",
            Unary::Log => "log",
            Unary::Log1p => "log1p",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tanh => "tanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Floor => "floor",
            Unary::Round => "round",
            Unary::Not => "logical_not",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let dtype = inputs[0].dtype();
        let takes = match self {
            Unary::Not => true,
            Unary::Neg | Unary::Abs | Unary::Square => dtype != Dtype::Bool && dtype != Dtype::C64,
            _ => dtype.is_float(),
        };
        if !takes {
            return Err(Error::dtype(self.name(), format!("does not take {dtype}")));
        }
        let out = if *self == Unary::Not {
            Dtype::Bool
        } else {
            dtype
        };
        Ok(smallvec![(inputs[0].shape().clone(), out)])
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let slope = self.derivative(&x[0], &y[0])?;
        Ok(vec![slope.map(|d| g[0].multiply(&d)).transpose()?])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let Some(t) = &tangents[0] else {
            return Ok(vec![None]);
        };
        let slope = self.derivative(&x[0], &self.of(&x[0])?)?;
        Ok(vec![slope.map(|d| t.multiply(&d)).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        Ok(vec![(self.of(&inputs[0])?, axes[0])])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 0)]
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident => $variant:ident, $convert:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`Error::Dtype`] when the function does not take the dtype.
            pub fn $name(&self) -> Result<Array> {
                let convert: fn(&Array) -> Result<Array> = $convert;
                Unary::$variant.of(&convert(self)?)
            }
        )*}
    };
}

fn as_is(x: &Array) -> Result<Array> {
    Ok(x.clone())
}

fn as_float(x: &Array) -> Result<Array> {
    x.astype(x.dtype().at_least_float())
}

methods! {
    /// `-x`.
    negative => Neg, as_is;
    /// `|x|`.
    abs => Abs, as_is;
    /// `x²`.
    square => Square, as_is;
    /// Square root; integers become `float32`.
    sqrt => Sqrt, as_float;
    /// `1 / sqrt(x)`.
    rsqrt => Rsqrt, as_float;
    /// `eˣ`.
    exp => Exp, as_float;
    /// Natural logarithm.
    log => Log, as_float;
    /// `log(1 + x)`.
    log1p => Log1p, as_float;
    /// Sine of radians.
    sin => Sin, as_float;
    /// Cosine of radians.
    cos => Cos, as_float;
    /// Hyperbolic tangent.
    tanh => Tanh, as_float;
    /// `1 / (1 + e⁻ˣ)`.
    sigmoid => Sigmoid, as_float;
    /// Largest integer not above `x`.
    floor => Floor, as_float;
    /// Nearest integer, ties to even.
    round => Round, as_float;
    /// True where the element is zero or false.
    logical_not => Not, as_is;
}
