//! safetensors: named tensors in one file, or in shards with an index.
//!
//! A file is an 8-byte little-endian length, that many bytes of JSON, and the tensors' bytes. The
//! JSON maps each name to `{dtype, shape, data_offsets}`, offsets counting from the end of the JSON;
//! `__metadata__` maps strings to strings.
//!
//! Reading ([`Checkpoint`]) accepts what loads safely, gaps between tensors included. Writing
//! ([`Writer`]) produces what every reader accepts and what kernels like: no gaps, and each tensor
//! at a multiple of its element's size, of 64 bytes wherever its own size allows.

mod checkpoint;
mod header;
mod layout;
mod shards;
mod writer;

pub use checkpoint::{Checkpoint, Tensor};
pub use layout::TensorSpec;
pub use writer::{Options, Writer};

use lazuli_core::Dtype;

/// The longest header that is read or written: a header of millions of tensors fits, a length that
/// is really other bytes does not.
const LONGEST_HEADER: u64 = 100_000_000;

/// More dimensions than any array has; a bound on what a header can make us hold.
const MOST_DIMENSIONS: usize = 64;

/// The entry of a header that is not a tensor.
const METADATA: &str = "__metadata__";

const INDEX: &str = "model.safetensors.index.json";

/// Element types by their names in a header, with the dtype that holds them. The 8-bit floats have
/// no dtype of their own: their bits come as `uint8` and [`Tensor::stored_as`] says what they are.
const ELEMENTS: [(&str, Dtype); 17] = [
    ("BOOL", Dtype::Bool),
    ("U8", Dtype::U8),
    ("I8", Dtype::I8),
    ("F8_E4M3", Dtype::U8),
    ("F8_E5M2", Dtype::U8),
    ("F8_E8M0", Dtype::U8),
    ("I16", Dtype::I16),
    ("U16", Dtype::U16),
    ("F16", Dtype::F16),
    ("BF16", Dtype::BF16),
    ("I32", Dtype::I32),
    ("U32", Dtype::U32),
    ("F32", Dtype::F32),
    ("F64", Dtype::F64),
    ("I64", Dtype::I64),
    ("U64", Dtype::U64),
    ("C64", Dtype::C64),
];

/// A dtype's own name in a header.
const fn stored_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "BOOL",
        Dtype::U8 => "U8",
        Dtype::U16 => "U16",
        Dtype::U32 => "U32",
        Dtype::U64 => "U64",
        Dtype::I8 => "I8",
        Dtype::I16 => "I16",
        Dtype::I32 => "I32",
        Dtype::I64 => "I64",
        Dtype::F16 => "F16",
        Dtype::BF16 => "BF16",
        Dtype::F32 => "F32",
        Dtype::F64 => "F64",
        Dtype::C64 => "C64",
    }
}

/// Bytes of a C-order array; none when they cannot be counted.
///
/// Multiplied without the zeros, so that a shape such as `[0, 2^63, 2^63]` is refused like any other
/// whose other dimensions no program can multiply.
pub(crate) fn byte_size(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    let nonzero = shape
        .iter()
        .filter(|&&n| n != 0)
        .try_fold(dtype.size(), |bytes, &n| bytes.checked_mul(n))?;
    // A slice may not be longer than `isize::MAX` bytes.
    isize::try_from(nonzero).ok()?;
    Some(if shape.contains(&0) { 0 } else { nonzero })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazuli_core::dtype::ALL;

    #[test]
    fn every_dtype_has_one_name_that_reads_back_as_itself() {
        for dtype in ALL {
            let name = stored_name(dtype);
            let found: Vec<_> = ELEMENTS.iter().filter(|(n, _)| *n == name).collect();
            assert_eq!(found, [&(name, dtype)]);
        }
    }

    #[test]
    fn sizes_that_overflow_are_none() {
        assert_eq!(byte_size(Dtype::F32, &[]), Some(4));
        assert_eq!(byte_size(Dtype::F32, &[3, 0, 5]), Some(0));
        assert_eq!(byte_size(Dtype::F32, &[usize::MAX, 2]), None);
        assert_eq!(byte_size(Dtype::F32, &[usize::MAX, 0]), None);
        assert_eq!(byte_size(Dtype::U8, &[usize::MAX]), None);
    }
}
