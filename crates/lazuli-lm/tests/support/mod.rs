//! What the tests of whole models share: fixtures, and checkpoints made in memory.
#![allow(dead_code)] // each test file uses its part

use std::path::PathBuf;

use lazuli_core::{Array, Dtype};
use lazuli_io::safetensors::Checkpoint;
use lazuli_lm::config::Config;
use lazuli_lm::model::Model;
use lazuli_nn::Parameters;

/// The fixture families, one folder each.
pub(crate) const FAMILIES: [&str; 9] = [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "qwen3_5",
    "qwen3_5_moe",
    "qwen3_5_moe_text",
    "qwen3_moe",
    "qwen3_next",
];

/// The folder of a fixture family.
pub(crate) fn folder(family: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/families")
        .join(family)
}

/// A fixture's config.
pub(crate) fn config(family: &str) -> Config {
    Config::read(&folder(family)).unwrap()
}

/// A tensor of a file that is made up.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Entry {
    pub(crate) fn of(name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) -> Entry {
        let dtype = match dtype {
            Dtype::F32 => "F32",
            Dtype::BF16 => "BF16",
            Dtype::F16 => "F16",
            Dtype::U32 => "U32",
            other => panic!("{other} is not used in tests"),
        };
        Entry {
            name: name.to_owned(),
            dtype,
            shape: shape.to_vec(),
            bytes,
        }
    }

    pub(crate) fn zeros(name: &str, dtype: Dtype, shape: &[usize]) -> Entry {
        let bytes = shape.iter().product::<usize>() * dtype.size();
        Entry::of(name, dtype, shape, vec![0; bytes])
    }

    pub(crate) fn array(name: &str, array: &Array) -> Entry {
        let bytes = array.to_bytes().unwrap();
        Entry::of(name, array.dtype(), array.shape(), bytes)
    }
}

/// The entries as a safetensors file in memory.
pub(crate) fn checkpoint(entries: &[Entry], format: Option<&str>) -> Checkpoint {
    let mut header = serde_json::Map::new();
    if let Some(format) = format {
        let metadata = serde_json::json!({ "format": format });
        header.insert("__metadata__".to_owned(), metadata);
    }
    let mut end = 0;
    for entry in entries {
        let start = end;
        end += entry.bytes.len();
        let value = serde_json::json!({
            "dtype": entry.dtype, "shape": entry.shape, "data_offsets": [start, end],
        });
        header.insert(entry.name.clone(), value);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    for entry in entries {
        file.extend(&entry.bytes);
    }
    Checkpoint::from_bytes(file).unwrap()
}

/// Entries named and shaped like a model's parameters, in MLX's layout, all zeros.
pub(crate) fn blank(model: &Model) -> Vec<Entry> {
    let mut entries = Vec::new();
    model.visit("", &mut |name, parameter| {
        for (name, array) in parameter.tensors(name) {
            entries.push(Entry::zeros(&name, array.dtype(), array.shape()));
        }
    });
    entries
}
