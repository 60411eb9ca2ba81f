//! Rust types that are elements of arrays.

use half::{bf16, f16};

use crate::dtype::Dtype;

/// A Rust type with the bytes of a [`Dtype`].
pub trait Element: bytemuck::NoUninit + Send + Sync {
    /// The dtype that this type stands for.
    const DTYPE: Dtype;

    /// The elements whose little-endian bytes these are; bytes that are too few for one are left out.
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! elements {
    ($($ty:ty => $dtype:ident),* $(,)?) => {$(
        impl Element for $ty {
            const DTYPE: Dtype = Dtype::$dtype;

            fn from_bytes(bytes: &[u8]) -> Vec<$ty> {
                let whole = bytes.len() - bytes.len() % size_of::<$ty>();
                bytemuck::pod_collect_to_vec(&bytes[..whole])
            }
        }
    )*};
}

elements! {
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    f16 => F16, bf16 => BF16, f32 => F32, f64 => F64,
    [f32; 2] => C64,
}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;

    /// Every byte but zero is true: a file may hold others than Rust's two.
    fn from_bytes(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().map(|&byte| byte != 0).collect()
    }
}
