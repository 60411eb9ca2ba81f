//! What the tests of whole models share: fixtures, and checkpoints made in memory.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part; a failure is a failed test

use std::path::PathBuf;

use lazuli_core::{Array, Dtype, Role, Rows};
use lazuli_io::safetensors::Checkpoint;
use lazuli_lm::cache::Caches;
use lazuli_lm::config::Config;
use lazuli_lm::model::{LoadOptions, Model};
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

/// Registers the CPU, once in a process.
pub(crate) fn device() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let options = lazuli_cpu::Options::from_environment().unwrap();
        lazuli_cpu::register(options).unwrap();
    });
}

/// A fixture's model, computing in `f32`.
pub(crate) fn model(family: &str) -> Model {
    device();
    let options = LoadOptions {
        dtype: Some(Dtype::F32),
    };
    Model::load(&folder(family), options).unwrap()
}

/// A fixture's reference logits, and how many there are in a row.
pub(crate) fn reference(family: &str, file: &str) -> (Vec<f32>, usize) {
    let npy = lazuli_io::npy::open(folder(family).join(file)).unwrap();
    assert_eq!((npy.dtype, npy.fortran_order), (Dtype::F32, false));
    let values = npy.bytes.chunks_exact(4);
    let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    (values.collect(), npy.shape[1])
}

/// A list of tokens in a fixture's or another reference file.
pub(crate) fn tokens(value: &serde_json::Value) -> Vec<u32> {
    let list = value.as_array().unwrap();
    list.iter().map(|t| t.as_u64().unwrap() as u32).collect()
}

/// A fixture's prompt and its greedy continuation.
pub(crate) fn prompt_and_greedy(family: &str) -> (Vec<u32>, Vec<u32>) {
    let json = std::fs::read(folder(family).join("reference.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    (tokens(&json["prompt"]), tokens(&json["greedy"]))
}

/// Feeds `tokens` to slot 0 in one call; the logits of all of them.
pub(crate) fn feed(model: &Model, caches: &mut Caches, tokens: &[u32], role: Role) -> Vec<f32> {
    let rows = Rows::single(caches.len(0), tokens.len(), role).unwrap();
    let logits = model.step(tokens, &rows, caches).unwrap();
    logits.to_vec().unwrap()
}

/// Feeds `tokens` in pieces of at most `piece`; the logits of all of them.
pub(crate) fn feed_in_pieces(
    model: &Model,
    caches: &mut Caches,
    tokens: &[u32],
    piece: usize,
    role: Role,
) -> Vec<f32> {
    let pieces = tokens.chunks(piece);
    pieces
        .flat_map(|tokens| feed(model, caches, tokens, role))
        .collect()
}

/// The first greatest element's index.
pub(crate) fn argmax(row: &[f32]) -> u32 {
    let mut best = 0;
    for (i, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = i;
        }
    }
    best as u32
}

/// The largest difference, relative to the largest reference value.
pub(crate) fn distance(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let size = wanted.iter().fold(0f32, |m, x| m.max(x.abs()));
    let worst = found.iter().zip(wanted).fold(0f32, |m, (a, b)| {
        let d = (a - b).abs();
        if d.is_nan() { f32::INFINITY } else { m.max(d) }
    });
    worst / size
}

/// The difference in the root-mean-square sense, relative to the reference.
pub(crate) fn mean_distance(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let apart: f32 = found.iter().zip(wanted).map(|(a, b)| (a - b).powi(2)).sum();
    let size: f32 = wanted.iter().map(|x| x * x).sum();
    (apart / size).sqrt()
}

/// Whether two lists of floats are the same bit for bit.
pub(crate) fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
