//! Elements as unsigned keys that have their order.
//!
//! One comparison of integers serves every dtype: NaN becomes the largest key and `-0` that of `0`, so
//! that what a sort must not tell apart has one key.

use lazuli_core::Dtype;

/// How the bits of an element say its place in the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// Unsigned integers and truth values.
    Unsigned,
    /// Two's complement.
    Signed,
    /// Sign and magnitude; magnitudes above this one are NaN.
    Float(u64),
    /// Two `f32`, the real part in the low half.
    Complex,
}

impl Code {
    /// That of a dtype.
    pub fn of(dtype: Dtype) -> Code {
        match dtype {
            Dtype::Bool | Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => Code::Unsigned,
            Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64 => Code::Signed,
            Dtype::F16 => Code::Float(0x7c00),
            Dtype::BF16 => Code::Float(0x7f80),
            Dtype::F32 => Code::Float(F32_INFINITY),
            Dtype::F64 => Code::Float(0x7ff0_0000_0000_0000),
            Dtype::C64 => Code::Complex,
        }
    }
}

const F32_INFINITY: u64 = 0x7f80_0000;

/// The bits of an element.
#[allow(missing_docs)]
pub trait Bits: Copy + Send + Sync + 'static {
    const WIDTH: u32;
    fn wide(self) -> u64;
    fn narrow(x: u64) -> Self;
}

macro_rules! bits {
    ($($ty:ident)*) => {$(
        impl Bits for $ty {
            const WIDTH: u32 = $ty::BITS;
            #[inline(always)]
            fn wide(self) -> u64 {
                self.into()
            }
            #[inline(always)]
            fn narrow(x: u64) -> $ty {
                x as $ty
            }
        }
    )*};
}

bits!(u8 u16 u32 u64);

/// The key, of as many bits as the element.
#[inline(always)]
pub fn key<B: Bits>(code: Code, x: B) -> u64 {
    let sign = 1u64 << (B::WIDTH - 1);
    let bits = x.wide();
    match code {
        Code::Unsigned => bits,
        Code::Signed => bits ^ sign,
        Code::Float(infinity) => {
            let magnitude = bits & !sign;
            if magnitude > infinity {
                return u64::MAX >> (64 - B::WIDTH);
            }
            let negative = bits & sign != 0 && magnitude != 0;
            if negative {
                sign - 1 - magnitude
            } else {
                sign | magnitude
            }
        }
        Code::Complex => {
            let part = |bits: u64| key(Code::Float(F32_INFINITY), bits as u32);
            let (real, imaginary) = (part(bits), part(bits >> 32));
            let nan = u64::from(u32::MAX);
            if real == nan || imaginary == nan {
                u64::MAX
            } else {
                real << 32 | imaginary
            }
        }
    }
}

/// Whether [`element`] of the key is the element: not a NaN or `-0`, which share theirs.
#[inline(always)]
pub fn is_plain<B: Bits>(code: Code, x: B) -> bool {
    match code {
        Code::Unsigned | Code::Signed => true,
        Code::Float(infinity) => {
            let sign = 1u64 << (B::WIDTH - 1);
            x.wide() != sign && x.wide() & !sign <= infinity
        }
        Code::Complex => false,
    }
}

/// The element that has a key.
#[inline(always)]
pub fn element<B: Bits>(code: Code, key: u64) -> B {
    let sign = 1u64 << (B::WIDTH - 1);
    B::narrow(match code {
        Code::Unsigned | Code::Complex => key,
        Code::Signed => key ^ sign,
        Code::Float(_) if key & sign != 0 => key ^ sign,
        Code::Float(_) => sign | (sign - 1 - key),
    })
}
