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

/// `$body` with `$name` the Rust type of a dtype.
macro_rules! with_type {
    ($dtype:expr, $name:ident => $body:expr) => {
        match $dtype {
            lazuli_core::Dtype::Bool => {
                type $name = crate::kernels::elementwise::number::Truth;
                $body
            }
            lazuli_core::Dtype::U8 => {
                type $name = u8;
                $body
            }
            lazuli_core::Dtype::U16 => {
                type $name = u16;
                $body
            }
            lazuli_core::Dtype::U32 => {
                type $name = u32;
                $body
            }
            lazuli_core::Dtype::U64 => {
                type $name = u64;
                $body
            }
            lazuli_core::Dtype::I8 => {
                type $name = i8;
                $body
            }
            lazuli_core::Dtype::I16 => {
                type $name = i16;
                $body
            }
            lazuli_core::Dtype::I32 => {
                type $name = i32;
                $body
            }
            lazuli_core::Dtype::I64 => {
                type $name = i64;
                $body
            }
            lazuli_core::Dtype::F16 => {
                type $name = half::f16;
                $body
            }
            lazuli_core::Dtype::BF16 => {
                type $name = half::bf16;
                $body
            }
            lazuli_core::Dtype::F32 => {
                type $name = f32;
                $body
            }
            lazuli_core::Dtype::F64 => {
                type $name = f64;
                $body
            }
            lazuli_core::Dtype::C64 => {
                type $name = crate::kernels::elementwise::number::Complex;
                $body
            }
        }
    };
}

/// `$body` with `$name` the type of a dtype of integers or truth values; `$other` for the rest.
macro_rules! with_integer {
    ($dtype:expr, $name:ident => $body:expr, $other:expr) => {
        match $dtype {
            lazuli_core::Dtype::Bool => {
                type $name = crate::kernels::elementwise::number::Truth;
                $body
            }
            lazuli_core::Dtype::U8 => {
                type $name = u8;
                $body
            }
            lazuli_core::Dtype::U16 => {
                type $name = u16;
                $body
            }
            lazuli_core::Dtype::U32 => {
                type $name = u32;
                $body
            }
            lazuli_core::Dtype::U64 => {
                type $name = u64;
                $body
            }
            lazuli_core::Dtype::I8 => {
                type $name = i8;
                $body
            }
            lazuli_core::Dtype::I16 => {
                type $name = i16;
                $body
            }
            lazuli_core::Dtype::I32 => {
                type $name = i32;
                $body
            }
            lazuli_core::Dtype::I64 => {
                type $name = i64;
                $body
            }
            _ => $other,
        }
    };
}

pub(crate) use {with_integer, with_type};

/// Whether kernels compute the dtype in `f32`.
pub(crate) const fn in_f32(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}
