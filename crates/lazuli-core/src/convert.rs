//! Arrays from what Rust has: numbers, vectors, nested arrays, and the `array!` macro.
//!
//! A literal says its dtype: integers are `int32`, floats `float32` and truth values `bool`, as in
//! `mlx.core`; the conversions from typed values keep their type.

use half::{bf16, f16};

use crate::array::Array;
use crate::dtype::Dtype;
use crate::element::Element;
use crate::error::Result;
use crate::shape::Shape;

#[track_caller]
fn made(array: Result<Array>) -> Array {
    array.unwrap_or_else(Array::poisoned)
}

impl From<&Array> for Array {
    fn from(array: &Array) -> Array {
        array.clone()
    }
}

impl<T: Element> From<&[T]> for Array {
    #[track_caller]
    fn from(values: &[T]) -> Array {
        made(Array::from_slice(values, [values.len()]))
    }
}

impl<T: Element> From<Vec<T>> for Array {
    #[track_caller]
    fn from(values: Vec<T>) -> Array {
        Array::from(&values[..])
    }
}

impl<T: Element> From<&Vec<T>> for Array {
    #[track_caller]
    fn from(values: &Vec<T>) -> Array {
        Array::from(&values[..])
    }
}

macro_rules! values {
    ($($ty:ident)*) => {$(
        impl From<$ty> for Array {
            #[track_caller]
            fn from(value: $ty) -> Array {
                Array::scalar(value)
            }
        }

        impl<const N: usize> From<[$ty; N]> for Array {
            #[track_caller]
            fn from(values: [$ty; N]) -> Array {
                made(Array::from_slice(&values, [N]))
            }
        }

        impl<const N: usize, const M: usize> From<[[$ty; N]; M]> for Array {
            #[track_caller]
            fn from(rows: [[$ty; N]; M]) -> Array {
                made(Array::from_slice(rows.as_flattened(), [M, N]))
            }
        }
    )*};
}

values!(bool u8 u16 u32 u64 i8 i16 i32 i64 f16 bf16 f32 f64);

/// A literal of the `array!` macro, or an array of them.
pub trait Nested {
    /// The dtype of the literals.
    const DTYPE: Dtype;
    /// Appends the lengths of the axes.
    fn dims(shape: &mut Vec<usize>);
    /// Appends the little-endian elements.
    fn bytes(&self, to: &mut Vec<u8>);
}

macro_rules! literals {
    ($($ty:ident $dtype:ident, |$x:ident| $bytes:expr;)*) => {$(
        impl Nested for $ty {
            const DTYPE: Dtype = Dtype::$dtype;
            fn dims(_: &mut Vec<usize>) {}
            fn bytes(&self, to: &mut Vec<u8>) {
                let $x = *self;
                to.extend_from_slice(&$bytes);
            }
        }
    )*};
}

// One float type only: it is what makes a float literal `float32`.
literals! {
    bool Bool, |x| [x as u8];
    u8 U8, |x| x.to_le_bytes();
    u16 U16, |x| x.to_le_bytes();
    u32 U32, |x| x.to_le_bytes();
    u64 U64, |x| x.to_le_bytes();
    i8 I8, |x| x.to_le_bytes();
    i16 I16, |x| x.to_le_bytes();
    i32 I32, |x| x.to_le_bytes();
    i64 I64, |x| x.to_le_bytes();
    f32 F32, |x| x.to_le_bytes();
}

impl<T: Nested, const N: usize> Nested for [T; N] {
    const DTYPE: Dtype = T::DTYPE;
    fn dims(shape: &mut Vec<usize>) {
        shape.push(N);
        T::dims(shape);
    }
    fn bytes(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|x| x.bytes(to));
    }
}

impl Array {
    /// Nested arrays of literals; what `array!` calls.
    #[track_caller]
    pub fn nested<T: Nested>(values: T) -> Array {
        let (mut shape, mut bytes) = (Vec::new(), Vec::new());
        T::dims(&mut shape);
        values.bytes(&mut bytes);
        made(Array::from_bytes(&bytes, T::DTYPE, Shape::from(shape)))
    }
}

/// An array of literals: `array![1.0, 2.0]` is `float32`, `array![[1, 2], [3, 4]]` is `int32`,
/// `array![true]` is `bool`. Typed literals keep their type; `f64` arrays are made with `Array::from`.
#[macro_export]
macro_rules! array {
    () => {
        $crate::Array::nested::<[f32; 0]>([])
    };
    ($($value:expr),+ $(,)?) => {
        $crate::Array::nested([$($value),+])
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_say_their_dtype_and_shape() {
        let of = |a: Array| (a.dtype(), a.shape().to_vec());
        assert_eq!(of(array![1.0, 2.0]), (Dtype::F32, vec![2]));
        assert_eq!(of(array![[1, 2, 3], [4, 5, 6]]), (Dtype::I32, vec![2, 3]));
        assert_eq!(
            of(array![[[true]], [[false]]]),
            (Dtype::Bool, vec![2, 1, 1])
        );
        assert_eq!(of(array![1u8]), (Dtype::U8, vec![1]));
        assert_eq!(of(array![]), (Dtype::F32, vec![0]));
        assert_eq!(of(Array::from(vec![1.0f64])), (Dtype::F64, vec![1]));
        assert_eq!(of(Array::from([[1i64, 2]])), (Dtype::I64, vec![1, 2]));
        assert_eq!(of(Array::from(3)), (Dtype::I32, vec![]));
        assert_eq!(of(Array::from(true)), (Dtype::Bool, vec![]));
        let values = array![[1.5, -2.0], [0.0, 3.0]].to_vec::<f32>().unwrap();
        assert_eq!(values, [1.5, -2.0, 0.0, 3.0]);
    }
}
