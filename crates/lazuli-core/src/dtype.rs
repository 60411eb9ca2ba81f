//! Element types and the promotion table.
//!
//! The 14 types of `mlx.core`, promoted by its rules. A float meeting an integer keeps the float's
//! width (`i64 + f16 = f16`), unlike NumPy: half-precision models stay half precision.

use std::fmt;

/// Element type of an array.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Dtype {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
    C64,
}

use Dtype::*;

/// Every dtype, in declaration order.
pub const ALL: [Dtype; 14] = [
    Bool, U8, U16, U32, U64, I8, I16, I32, I64, F16, BF16, F32, F64, C64,
];

impl Dtype {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Bool | U8 | I8 => 1,
            U16 | I16 | F16 | BF16 => 2,
            U32 | I32 | F32 => 4,
            U64 | I64 | F64 | C64 => 8,
        }
    }

    /// The name that `mlx.core` and NumPy print.
    pub const fn name(self) -> &'static str {
        match self {
            Bool => "bool",
            U8 => "uint8",
            U16 => "uint16",
            U32 => "uint32",
            U64 => "uint64",
            I8 => "int8",
            I16 => "int16",
            I32 => "int32",
            I64 => "int64",
            F16 => "float16",
            BF16 => "bfloat16",
            F32 => "float32",
            F64 => "float64",
            C64 => "complex64",
        }
    }

    /// Real floating point.
    pub const fn is_float(self) -> bool {
        matches!(self, F16 | BF16 | F32 | F64)
    }

    /// Floating point or complex.
    pub const fn is_inexact(self) -> bool {
        matches!(self, F16 | BF16 | F32 | F64 | C64)
    }

    /// Signed or unsigned integer; not bool.
    pub const fn is_integer(self) -> bool {
        self.is_signed_integer() || self.is_unsigned_integer()
    }

    /// Signed integer.
    pub const fn is_signed_integer(self) -> bool {
        matches!(self, I8 | I16 | I32 | I64)
    }

    /// Unsigned integer; not bool.
    pub const fn is_unsigned_integer(self) -> bool {
        matches!(self, U8 | U16 | U32 | U64)
    }

    /// This type if it is floating or complex, else `float32`: the result type of `exp`, `divide`, `mean`.
    pub const fn at_least_float(self) -> Dtype {
        if self.is_inexact() { self } else { F32 }
    }

    /// The type in which sums of this type are accumulated.
    pub const fn accumulator(self) -> Dtype {
        match self {
            F16 | BF16 => F32,
            other => other,
        }
    }

    /// The common type of a binary operation.
    pub fn promote(self, other: Dtype) -> Dtype {
        let (a, b) = if self <= other {
            (self, other)
        } else {
            (other, self)
        };
        if a == b || a == Bool || b == C64 {
            return b;
        }
        if b.is_float() {
            return match (a, b) {
                (F16, BF16) => F32,
                _ => b,
            };
        }
        // Declaration order puts unsigned types first, so `a` is the unsigned one of a mixed pair.
        if a.is_unsigned_integer() && b.is_signed_integer() {
            return match (a, b) {
                (U64, _) => F32,
                (U32, _) => I64,
                (U16, I8 | I16) => I32,
                (U8, I8) => I16,
                _ => b,
            };
        }
        b
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_is_symmetric_and_has_the_reference_corners() {
        for a in ALL {
            assert_eq!(a.promote(a), a);
            for b in ALL {
                assert_eq!(a.promote(b), b.promote(a), "{a} {b}");
            }
        }
        assert_eq!(I64.promote(F16), F16);
        assert_eq!(F16.promote(BF16), F32);
        assert_eq!(U8.promote(I8), I16);
        assert_eq!(U16.promote(I8), I32);
        assert_eq!(U32.promote(I8), I64);
        assert_eq!(U64.promote(I8), F32);
        assert_eq!(F64.promote(C64), C64);
        assert_eq!(F64.promote(F32), F64);
        assert_eq!(Bool.promote(U8), U8);
        assert_eq!(U8.promote(U32), U32);
        assert_eq!(U8.promote(I64), I64);
    }
}
