//! Elementwise functions of one operand.
//!
//! One row of the table below is one function: its name, the types that it takes and its builder.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// The dtypes that a function takes. A builder that is given others converts or returns its operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Domain {
    Any,
    /// All but truth values.
    Numbers,
    /// Integers and truth values.
    Whole,
    /// Real floats.
    Real,
    /// Real floats and complex numbers.
    Inexact,
    /// Real floats in the operation; integers are returned as they are.
    Rounded,
    Complex,
}

impl Domain {
    fn takes(self, dtype: Dtype) -> bool {
        match self {
            Domain::Any => true,
            Domain::Numbers => dtype != Dtype::Bool,
            Domain::Whole => !dtype.is_inexact(),
            Domain::Real | Domain::Rounded => dtype.is_float(),
            Domain::Inexact => dtype.is_inexact(),
            Domain::Complex => dtype == Dtype::C64,
        }
    }
}

/// What the documentation of a function says of dtypes.
macro_rules! dtypes {
    (Round Inexact) => {
        "Truth values stay too."
    };
    ($name:ident Inexact) => {
        "Integers and truth values become `float32`; takes complex numbers."
    };
    ($name:ident Real) => {
        "Integers and truth values become `float32`; refuses complex numbers."
    };
    ($name:ident Rounded) => {
        "Refuses complex numbers."
    };
    ($name:ident Whole) => {
        "Refuses floats and complex numbers."
    };
    ($name:ident Numbers) => {
        "Refuses truth values."
    };
    ($name:ident $domain:ident) => {
        "In the dtype of `x` where nothing else is said."
    };
}

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident $name:ident $domain:ident;)*) => {
        /// An elementwise function. The result has the operand's dtype, but for [`Unary::Not`] and
        /// the real results of complex operands. Half types are computed in `f32` and rounded once,
        /// complex numbers in `f64`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub enum Unary {
            $($(#[$doc])* $variant,)*
        }

        impl Unary {
            /// Every function.
            pub const ALL: &[Unary] = &[$(Unary::$variant),*];

            fn title(self) -> &'static str {
                match self {
                    $(Unary::$variant => stringify!($name),)*
                }
            }

            fn domain(self) -> Domain {
                match self {
                    $(Unary::$variant => Domain::$domain,)*
                }
            }
        }

        impl Array {$(
            $(#[$doc])*
            #[doc = dtypes!($variant $domain)]
            ///
            /// # Errors
            /// [`Error::Dtype`] when the function does not take the dtype.
            pub fn $name(&self) -> Result<Array> {
                Unary::$variant.apply(self)
            }
        )*}
    };
}

functions! {
    /// `-x`; integers wrap.
    Neg negative Numbers;
    /// `|x|`; of a complex number its modulus, `float32`.
    Abs abs Any;
    /// -1, 0 or 1; of a complex number `z / |z|`, of NaN 0.
    Sign sign Any;
    /// `x²`.
    Square square Any;
    /// Square root.
    Sqrt sqrt Inexact;
    /// `1 / sqrt(x)`.
    Rsqrt rsqrt Inexact;
    /// `eˣ`.
    Exp exp Inexact;
    /// `eˣ - 1`, exact near zero.
    Expm1 expm1 Real;
    /// Natural logarithm.
    Log log Inexact;
    /// Logarithm to base 2.
    Log2 log2 Inexact;
    /// Logarithm to base 10.
    Log10 log10 Inexact;
    /// `log(1 + x)`, exact near zero.
    Log1p log1p Inexact;
    /// Sine of radians.
    Sin sin Inexact;
    /// Cosine of radians.
    Cos cos Inexact;
    /// Tangent of radians.
    Tan tan Inexact;
    /// Inverse sine, radians.
    Arcsin arcsin Inexact;
    /// Inverse cosine, radians.
    Arccos arccos Inexact;
    /// Inverse tangent, radians.
    Arctan arctan Inexact;
    /// Hyperbolic sine.
    Sinh sinh Inexact;
    /// Hyperbolic cosine.
    Cosh cosh Inexact;
    /// Hyperbolic tangent.
    Tanh tanh Inexact;
    /// Inverse hyperbolic sine.
    Arcsinh arcsinh Inexact;
    /// Inverse hyperbolic cosine.
    Arccosh arccosh Inexact;
    /// Inverse hyperbolic tangent.
    Arctanh arctanh Inexact;
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid sigmoid Real;
    /// Error function.
    Erf erf Real;
    /// Inverse of the error function; in `f32` with the bits of `mlx` on a CPU, which
    /// `random.normal` has too.
    Erfinv erfinv Real;
    /// Largest integer not above `x`; integers and truth values stay.
    Floor floor Rounded;
    /// Smallest integer not below `x`; integers and truth values stay.
    Ceil ceil Rounded;
    /// Nearest integer, ties to even, of both parts of a complex number; integers stay.
    Round round Inexact;
    /// True where the element is zero or false.
    Not logical_not Any;
    /// Every bit inverted; of a truth value its negation.
    Invert bitwise_invert Whole;
    /// The imaginary part negated.
    Conjugate conjugate Complex;
    /// The real part, `float32` of a complex number.
    Real real Complex;
    /// The imaginary part, `float32` of a complex number; zero of a real one.
    Imag imag Complex;
}

impl Unary {
    fn of(self, x: &Array) -> Result<Array> {
        Array::from_op(self, &[x])
    }

    fn apply(self, x: &Array) -> Result<Array> {
        use Unary::*;
        x.check()?;
        let dtype = x.dtype();
        let stays = match self {
            Floor | Ceil | Round => !dtype.is_inexact(),
            Abs => dtype.is_unsigned_integer() || dtype == Dtype::Bool,
            Sign => dtype == Dtype::Bool,
            Conjugate | Real => dtype != Dtype::C64,
            _ => false,
        };
        if stays {
            return Ok(x.clone());
        }
        match self.domain() {
            Domain::Real | Domain::Inexact => self.of(&x.astype(dtype.at_least_float())?),
            Domain::Complex if dtype != Dtype::C64 => Array::full(x.shape(), 0.0, dtype),
            _ => self.of(x),
        }
    }

    /// The derivative at `x`, where `y` is the value: none where it is zero everywhere. The parts and
    /// the modulus of a complex number have none in this sense; see [`Unary::of_parts`].
    fn derivative(self, x: &Array, y: &Array) -> Result<Option<Array>> {
        use std::f64::consts::{LN_2, LN_10, PI};
        let number = |v: f64| Array::scalar_of(v, x.dtype());
        let one = || number(1.0);
        Ok(Some(match self {
            Unary::Neg => number(-1.0).broadcast_to(x.shape())?,
            Unary::Abs => x.sign()?,
            Unary::Square => x.multiply(&number(2.0))?,
            Unary::Sqrt => number(0.5).divide(y)?,
            Unary::Rsqrt => number(-0.5).multiply(&y.divide(x)?)?,
            Unary::Exp => y.clone(),
            Unary::Expm1 => x.exp()?,
            Unary::Log => one().divide(x)?,
            Unary::Log2 => one().divide(&x.multiply(&number(LN_2))?)?,
            Unary::Log10 => one().divide(&x.multiply(&number(LN_10))?)?,
            Unary::Log1p => one().divide(&x.add(&one())?)?,
            Unary::Sin => x.cos()?,
            Unary::Cos => x.sin()?.negative()?,
            Unary::Tan => y.square()?.add(&one())?,
            Unary::Arcsin => one().subtract(&x.square()?)?.rsqrt()?,
            Unary::Arccos => one().subtract(&x.square()?)?.rsqrt()?.negative()?,
            Unary::Arctan => one().divide(&x.square()?.add(&one())?)?,
            Unary::Sinh => x.cosh()?,
            Unary::Cosh => x.sinh()?,
            Unary::Tanh => one().subtract(&y.square()?)?,
            Unary::Arcsinh => x.square()?.add(&one())?.rsqrt()?,
            // Two roots: the root of the product is on another branch where the real part is negative.
            Unary::Arccosh => (x.subtract(&one())?.rsqrt()?).multiply(&x.add(&one())?.rsqrt()?)?,
            Unary::Arctanh => one().divide(&one().subtract(&x.square()?)?)?,
            Unary::Sigmoid => y.multiply(&one().subtract(y)?)?,
            Unary::Erf => (x.square()?.negative()?.exp()?).multiply(&number(2.0 / PI.sqrt()))?,
            Unary::Erfinv => y.square()?.exp()?.multiply(&number(PI.sqrt() / 2.0))?,
            Unary::Sign
            | Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::Not
            | Unary::Invert
            | Unary::Conjugate
            | Unary::Real
            | Unary::Imag => return Ok(None),
        }))
    }

    /// The rules of functions of complex numbers that are linear in the parts, not in the number:
    /// `vjp` of `v`, or else `jvp`.
    fn of_parts(self, x: &Array, v: &Array, back: bool) -> Result<Option<Array>> {
        if x.dtype() != Dtype::C64 {
            return Ok(None);
        }
        let complex = |v: &Array| v.astype(Dtype::C64);
        let i = || Array::scalar([0.0f32, 1.0]);
        Ok(Some(match (self, back) {
            (Unary::Conjugate, _) => v.conjugate()?,
            (Unary::Real, true) => complex(v)?,
            (Unary::Real, false) => v.real()?,
            (Unary::Imag, true) => complex(v)?.multiply(&i())?,
            (Unary::Imag, false) => v.imag()?,
            (Unary::Abs, true) => complex(v)?.multiply(&x.sign()?)?,
            (Unary::Abs, false) => x.sign()?.conjugate()?.multiply(v)?.real()?,
            _ => return Ok(None),
        }))
    }
}

impl Family for Unary {
    fn name(&self) -> &'static str {
        self.title()
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let dtype = inputs[0].dtype();
        if !self.domain().takes(dtype) {
            return Err(Error::dtype(self.name(), format!("does not take {dtype}")));
        }
        let out = match self {
            Unary::Not => Dtype::Bool,
            Unary::Abs | Unary::Real | Unary::Imag if dtype == Dtype::C64 => Dtype::F32,
            _ => dtype,
        };
        Ok(smallvec![(inputs[0].shape().clone(), out)])
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        if let Some(back) = self.of_parts(&x[0], &g[0], true)? {
            return Ok(vec![Some(back)]);
        }
        let slope = self.derivative(&x[0], &y[0])?;
        Ok(vec![
            slope.map(|d| g[0].multiply(&d.conjugate()?)).transpose()?,
        ])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let Some(t) = &tangents[0] else {
            return Ok(vec![None]);
        };
        if let Some(along) = self.of_parts(&x[0], t, false)? {
            return Ok(vec![Some(along)]);
        }
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
