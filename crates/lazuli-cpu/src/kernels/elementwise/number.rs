//! The element types as Rust types with arithmetic: what each operation means for each of them.
//!
//! Integers wrap. Truth values add as `or` and multiply as `and`. NaN stays in maxima and minima. The
//! float types up to 32 bits have their arithmetic in `float`; here they only convert and compare.

/// A truth value: a byte, true unless zero.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Truth(pub u8);

/// A complex number: real and imaginary part.
pub type Complex = [f32; 2];

/// Addition, subtraction, multiplication and equality.
#[allow(missing_docs)]
pub trait Ring: Copy + Send + Sync + 'static {
    const ZERO: Self;
    const ONE: Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn same(self, b: Self) -> bool;
}

/// What types with an order have besides.
#[allow(missing_docs)]
pub trait Ordered: Ring {
    const LEAST: Self;
    const GREATEST: Self;
    fn negative(self) -> Self;
    fn absolute(self) -> Self;
    fn larger(self, b: Self) -> Self;
    fn smaller(self, b: Self) -> Self;
    fn power(self, b: Self) -> Self;
    fn less(self, b: Self) -> bool;
    fn at_most(self, b: Self) -> bool;
}

/// What integers and truth values have besides.
#[allow(missing_docs)]
pub trait Whole: Ordered {
    fn sign(self) -> Self;
    /// Rounded down; zero where `b` is.
    fn quotient(self, b: Self) -> Self;
    /// What the quotient leaves: `self` where `b` is zero.
    fn rest(self, b: Self) -> Self;
    /// Moved down by `n` bits; only the sign is left when `n` is negative or too large.
    fn down(self, n: Self) -> Self;
}

/// Unsigned words: what is the same for signed integers of their size.
#[allow(missing_docs)]
pub trait Word:
    Ring
    + std::ops::BitAnd<Output = Self>
    + std::ops::BitOr<Output = Self>
    + std::ops::Not<Output = Self>
{
    fn xor(self, b: Self) -> Self;
    /// Moved up by `n` bits; zero when `n` is too large.
    fn up(self, n: Self) -> Self;
}

macro_rules! words {
    ($($ty:ident)*) => {$(
        impl Word for $ty {
            #[inline(always)]
            fn xor(self, b: $ty) -> $ty {
                self ^ b
            }
            #[inline(always)]
            fn up(self, n: $ty) -> $ty {
                if n < $ty::BITS as $ty { self << n } else { 0 }
            }
        }
    )*};
}

words!(u8 u16 u32 u64);

macro_rules! integers {
    ($($ty:ident)*) => {$(
        impl Whole for $ty {
            #[inline(always)]
            fn sign(self) -> $ty {
                let minus_one = (0 as $ty).wrapping_sub(1);
                if self == 0 { 0 } else if self > 0 { 1 } else { minus_one }
            }
            #[inline(always)]
            fn quotient(self, b: $ty) -> $ty {
                if b == 0 {
                    return 0;
                }
                let towards_zero = self.wrapping_div(b);
                let rest = self.wrapping_rem(b);
                if rest != 0 && (rest ^ b) as i64 >> 63 != 0 && $ty::MIN != 0 {
                    towards_zero.wrapping_sub(1)
                } else {
                    towards_zero
                }
            }
            #[inline(always)]
            fn rest(self, b: $ty) -> $ty {
                if b == 0 {
                    return self;
                }
                let rest = self.wrapping_rem(b);
                if rest != 0 && (rest ^ b) as i64 >> 63 != 0 && $ty::MIN != 0 {
                    rest.wrapping_add(b)
                } else {
                    rest
                }
            }
            #[inline(always)]
            fn down(self, n: $ty) -> $ty {
                // A negative number of bits is a large one here.
                let within = (n as u64) < u64::from($ty::BITS);
                // The last bit of an unsigned type is no sign.
                let gone = if $ty::MIN == 0 { 0 } else { self >> ($ty::BITS - 1) };
                if within { self >> n } else { gone }
            }
        }

        impl Ring for $ty {
            const ZERO: $ty = 0;
            const ONE: $ty = 1;
            #[inline(always)]
            fn add(self, b: $ty) -> $ty {
                self.wrapping_add(b)
            }
            #[inline(always)]
            fn sub(self, b: $ty) -> $ty {
                self.wrapping_sub(b)
            }
            #[inline(always)]
            fn mul(self, b: $ty) -> $ty {
                self.wrapping_mul(b)
            }
            #[inline(always)]
            fn same(self, b: $ty) -> bool {
                self == b
            }
        }

        impl Ordered for $ty {
            const LEAST: $ty = $ty::MIN;
            const GREATEST: $ty = $ty::MAX;
            #[inline(always)]
            fn negative(self) -> $ty {
                self.wrapping_neg()
            }
            #[inline(always)]
            fn absolute(self) -> $ty {
                if (self as i128) < 0 { self.wrapping_neg() } else { self }
            }
            #[inline(always)]
            fn larger(self, b: $ty) -> $ty {
                self.max(b)
            }
            #[inline(always)]
            fn smaller(self, b: $ty) -> $ty {
                self.min(b)
            }
            /// Wraps; 0 to a negative exponent.
            #[inline(always)]
            fn power(self, b: $ty) -> $ty {
                if (b as i128) < 0 {
                    return 0;
                }
                let mut exponent = b as u64;
                let (mut base, mut result) = (self, 1 as $ty);
                while exponent > 0 {
                    if exponent & 1 == 1 {
                        result = result.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    exponent >>= 1;
                }
                result
            }
            #[inline(always)]
            fn less(self, b: $ty) -> bool {
                self < b
            }
            #[inline(always)]
            fn at_most(self, b: $ty) -> bool {
                self <= b
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 i8 i16 i32 i64);

impl Ring for Truth {
    const ZERO: Truth = Truth(0);
    const ONE: Truth = Truth(1);
    #[inline(always)]
    fn add(self, b: Truth) -> Truth {
        Truth(((self.0 | b.0) != 0) as u8)
    }
    #[inline(always)]
    fn sub(self, b: Truth) -> Truth {
        Truth(!self.same(b) as u8)
    }
    #[inline(always)]
    fn mul(self, b: Truth) -> Truth {
        Truth((self.0 != 0) as u8 & (b.0 != 0) as u8)
    }
    #[inline(always)]
    fn same(self, b: Truth) -> bool {
        (self.0 != 0) == (b.0 != 0)
    }
}

impl Ordered for Truth {
    const LEAST: Truth = Truth(0);
    const GREATEST: Truth = Truth(1);
    #[inline(always)]
    fn negative(self) -> Truth {
        self
    }
    #[inline(always)]
    fn absolute(self) -> Truth {
        self
    }
    #[inline(always)]
    fn larger(self, b: Truth) -> Truth {
        self.add(b)
    }
    #[inline(always)]
    fn smaller(self, b: Truth) -> Truth {
        self.mul(b)
    }
    #[inline(always)]
    fn power(self, b: Truth) -> Truth {
        Truth((self.0 != 0 || b.0 == 0) as u8)
    }
    #[inline(always)]
    fn less(self, b: Truth) -> bool {
        self.0 == 0 && b.0 != 0
    }
    #[inline(always)]
    fn at_most(self, b: Truth) -> bool {
        self.0 == 0 || b.0 != 0
    }
}

impl Whole for Truth {
    #[inline(always)]
    fn sign(self) -> Truth {
        self
    }
    #[inline(always)]
    fn quotient(self, b: Truth) -> Truth {
        self.mul(b)
    }
    #[inline(always)]
    fn rest(self, b: Truth) -> Truth {
        Truth((self.0 != 0 && b.0 == 0) as u8)
    }
    /// By one bit nothing is left.
    #[inline(always)]
    fn down(self, n: Truth) -> Truth {
        self.rest(n)
    }
}

macro_rules! floats {
    ($($ty:ident)*) => {$(
        impl Ring for $ty {
            const ZERO: $ty = 0.0;
            const ONE: $ty = 1.0;
            #[inline(always)]
            fn add(self, b: $ty) -> $ty {
                self + b
            }
            #[inline(always)]
            fn sub(self, b: $ty) -> $ty {
                self - b
            }
            #[inline(always)]
            fn mul(self, b: $ty) -> $ty {
                self * b
            }
            #[inline(always)]
            fn same(self, b: $ty) -> bool {
                self == b
            }
        }

        impl Ordered for $ty {
            const LEAST: $ty = $ty::NEG_INFINITY;
            const GREATEST: $ty = $ty::INFINITY;
            #[inline(always)]
            fn negative(self) -> $ty {
                -self
            }
            #[inline(always)]
            fn absolute(self) -> $ty {
                self.abs()
            }
            #[inline(always)]
            fn larger(self, b: $ty) -> $ty {
                if self > b || self.is_nan() { self } else { b }
            }
            #[inline(always)]
            fn smaller(self, b: $ty) -> $ty {
                if self < b || self.is_nan() { self } else { b }
            }
            #[inline(always)]
            fn power(self, b: $ty) -> $ty {
                self.powf(b)
            }
            #[inline(always)]
            fn less(self, b: $ty) -> bool {
                self < b
            }
            #[inline(always)]
            fn at_most(self, b: $ty) -> bool {
                self <= b
            }
        }
    )*};
}

floats!(f32 f64);

impl Ring for Complex {
    const ZERO: Complex = [0.0, 0.0];
    const ONE: Complex = [1.0, 0.0];
    #[inline(always)]
    fn add(self, b: Complex) -> Complex {
        [self[0] + b[0], self[1] + b[1]]
    }
    #[inline(always)]
    fn sub(self, b: Complex) -> Complex {
        [self[0] - b[0], self[1] - b[1]]
    }
    #[inline(always)]
    fn mul(self, b: Complex) -> Complex {
        [
            self[0] * b[0] - self[1] * b[1],
            self[0] * b[1] + self[1] * b[0],
        ]
    }
    #[inline(always)]
    fn same(self, b: Complex) -> bool {
        self == b
    }
}

/// By the real, then by the imaginary parts; a NaN in either part is one.
impl Ordered for Complex {
    const LEAST: Complex = [f32::NEG_INFINITY, f32::NEG_INFINITY];
    const GREATEST: Complex = [f32::INFINITY, f32::INFINITY];
    #[inline(always)]
    fn negative(self) -> Complex {
        self.map(|part| -part)
    }
    #[inline(always)]
    fn absolute(self) -> Complex {
        [self[0].hypot(self[1]), 0.0]
    }
    #[inline(always)]
    fn larger(self, b: Complex) -> Complex {
        if b.less(self) || !self.same(self) {
            self
        } else {
            b
        }
    }
    #[inline(always)]
    fn smaller(self, b: Complex) -> Complex {
        if self.less(b) || !self.same(self) {
            self
        } else {
            b
        }
    }
    /// `exp(b ln a)`, which is 1 at `b = 0` and 0 at `a = 0`.
    #[inline(always)]
    fn power(self, b: Complex) -> Complex {
        if b.same(Complex::ZERO) {
            return Complex::ONE;
        }
        if self.same(Complex::ZERO) {
            return Complex::ZERO;
        }
        let (ln, turn) = (self[0].hypot(self[1]).ln(), self[1].atan2(self[0]));
        let size = (b[0] * ln - b[1] * turn).exp();
        let angle = b[0] * turn + b[1] * ln;
        [size * angle.cos(), size * angle.sin()]
    }
    #[inline(always)]
    fn less(self, b: Complex) -> bool {
        let ordered = self.same(self) && b.same(b);
        ordered && (self[0] < b[0] || (self[0] == b[0] && self[1] < b[1]))
    }
    #[inline(always)]
    fn at_most(self, b: Complex) -> bool {
        self.less(b) || self.same(b)
    }
}
