//! Rust types that are elements of arrays.

use half::{bf16, f16};

use crate::dtype::Dtype;

/// A Rust type with the bytes of a [`Dtype`].
pub trait Element: bytemuck::Pod + Send + Sync + 'static {
    /// The dtype that this type stands for.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($ty:ty => $dtype:ident),* $(,)?) => {$(
        impl Element for $ty {
            const DTYPE: Dtype = Dtype::$dtype;
        }
    )*};
}

elements! {
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    f16 => F16, bf16 => BF16, f32 => F32, f64 => F64,
    [f32; 2] => C64,
}
