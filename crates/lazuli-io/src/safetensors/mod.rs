//! safetensors: named tensors in one file, or in shards with an index.
//!
//! A file is an 8-byte little-endian length, that many bytes of JSON, and the tensors' bytes. The
//! JSON maps each name to `{dtype, shape, data_offsets}`, offsets counting from the end of the JSON;
//! `__metadata__` maps strings to strings.
//!
//! Reading ([`Checkpoint`]) accepts what loads safely, gaps between tensors included. Writing
//! ([`Writer`]) produces what every reader accepts and what kernels like: no gaps, and each tensor
//! at a multiple of its element's size, of 64 bytes wherever its own size allows.
//!
//! ```
//! use lazuli_core::Dtype;
//! use lazuli_io::Staging;
//! use lazuli_io::safetensors::{Checkpoint, Options, TensorSpec, Writer};
//!
//! # let root = tempfile::tempdir()?;
//! # let folder = root.path().join("model");
//! let staging = Staging::folder(&folder)?;
//! let specs = [TensorSpec::new("w", Dtype::U8, [2, 2])];
//! let mut writer = Writer::folder(staging.path(), &specs, &Options::default())?;
//! writer.write("w", &[1, 2, 3, 4])?;
//! writer.finish()?;
//! staging.write("config.json", b"{}")?;
//! staging.commit()?;
//!
//! let checkpoint = Checkpoint::open(&folder)?;
//! let w = checkpoint.get("w").expect("it was written");
//! assert_eq!((w.dtype, &w.shape[..], &w.bytes[..]), (Dtype::U8, &[2, 2][..], &[1, 2, 3, 4][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod header;
mod layout;
mod shards;
mod writer;

pub use checkpoint::{Checkpoint, Tensor};
pub use layout::TensorSpec;
pub(crate) use shards::Listed;
#[cfg(feature = "hub")]
pub(crate) use shards::is_weights;
pub use writer::{Options, Writer};

use lazuli_core::Dtype;

/// The longest header that is read or written: a header of millions of tensors fits, a length that
/// is really other bytes does not.
const LONGEST_HEADER: u64 = 100_000_000;

/// More dimensions than any array has.
const MOST_DIMENSIONS: usize = 64;

/// The entry of a header that is not a tensor.
const METADATA: &str = "__metadata__";

pub(crate) const INDEX: &str = "model.safetensors.index.json";

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
}
