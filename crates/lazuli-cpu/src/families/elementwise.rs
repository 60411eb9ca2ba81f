//! What the elementwise families share: the loops over their operands, and types by dtype.

use lazuli_core::Dtype;
use lazuli_core::plan::Spec;

use crate::call::Call;
use crate::kernels::elementwise::{Loops, Row, SHARED_BYTES};

/// Calls `f` with the rows of the output and the first `N - 1` inputs, which have one shape.
pub(crate) fn rows<const N: usize>(call: &mut Call<'_, '_>, f: &(dyn Fn(Row<N>) + Sync)) {
    let out = &mut call.outputs[0];
    let elements = out.shape().elements();
    if elements == 0 || call.inputs.len() + 1 < N {
        return;
    }
    let inputs = call.inputs;
    let dtype = |i: usize| {
        if i == 0 {
            out.dtype()
        } else {
            inputs[i - 1].dtype()
        }
    };
    let sizes: [usize; N] = std::array::from_fn(|i| dtype(i).size());
    let starts: [*mut u8; N] = std::array::from_fn(|i| {
        if i == 0 {
            out.as_mut_ptr()
        } else {
            inputs[i - 1].as_ptr().cast_mut()
        }
    });
    let flat = (inputs[..N - 1].iter()).all(|x| x.spec().strides.is_none());
    if flat && elements * sizes[0] < SHARED_BYTES {
        // One row, and no loops to set up.
        return f(Row {
            at: starts,
            step: sizes.map(|s| s as isize),
            len: elements,
        });
    }
    let loops = if flat {
        Loops::flat(elements, sizes)
    } else {
        let shape = out.shape();
        let strides: [_; N] = std::array::from_fn(|i| {
            if i == 0 {
                shape.contiguous_strides()
            } else {
                strides(inputs[i - 1].spec())
            }
        });
        Loops::new(shape, |axis| {
            std::array::from_fn(|i| strides[i][axis] * sizes[i] as isize)
        })
    };
    loops.run(&call.cpu.pool, starts, sizes[0], f);
}

/// Strides in elements.
pub(crate) fn strides(spec: &Spec) -> lazuli_core::shape::Strides {
    match &spec.strides {
        Some(strides) => (**strides).clone(),
        None => spec.shape.contiguous_strides(),
    }
}

/// `$body` with `$name` the type beside the dtype of `$value`; `$other` for dtypes that are not listed.
macro_rules! with_listed {
    ($value:expr, $name:ident => $body:expr, $other:pat => $rest:expr, [$($dtype:ident $ty:ty,)*]) => {
        match $value {
            $(lazuli_core::Dtype::$dtype => {
                type $name = $ty;
                $body
            })*
            $other => $rest,
        }
    };
}

/// `$body` with `$name` the type of a dtype of integers or truth values; `$other` for the rest.
macro_rules! with_integer {
    ($dtype:expr, $name:ident => $body:expr, $other:expr) => {
        crate::families::elementwise::with_listed!($dtype, $name => $body, _ => $other, [
            Bool crate::kernels::elementwise::number::Truth,
            U8 u8, U16 u16, U32 u32, U64 u64,
            I8 i8, I16 i16, I32 i32, I64 i64,
        ])
    };
}

/// `$body` with `$name` the Rust type of a dtype.
macro_rules! with_type {
    ($dtype:expr, $name:ident => $body:expr) => {
        crate::families::elementwise::with_integer!($dtype, $name => $body,
            crate::families::elementwise::with_listed!($dtype, $name => $body, _ => {
                type $name = crate::kernels::elementwise::number::Complex;
                $body
            }, [
                F16 half::f16, BF16 half::bf16, F32 f32, F64 f64,
            ])
        )
    };
}

/// `$body` with `$name` the unsigned integer of a size in bytes.
macro_rules! with_word {
    ($size:expr, $name:ident => $body:expr) => {
        match $size {
            1 => {
                type $name = u8;
                $body
            }
            2 => {
                type $name = u16;
                $body
            }
            4 => {
                type $name = u32;
                $body
            }
            _ => {
                type $name = u64;
                $body
            }
        }
    };
}

pub(crate) use {with_integer, with_listed, with_type, with_word};

/// Whether kernels compute the dtype in `f32`.
pub(crate) const fn in_f32(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}
