//! What a model folder holds besides tensors: the config, and the files that go along unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lazuli_core::Dtype;
use lazuli_core::ops::quantized::Affine;
use lazuli_io::Staging;
use lazuli_io::safetensors::TensorSpec;
use serde_json::{Map, Value, json};

use super::names::{Meaning, Names};
use super::plan::Plan;
use super::{Conversion, Error, Result, Weights};
use crate::config::{self, Config};

const INDEX: &str = "model.safetensors.index.json";

/// Files that are copied when they are there.
const COMPANIONS: [&str; 13] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tiktoken.model",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "README.md",
];
/// How the names of files begin that say what one may do with the model.
const TERMS: [&str; 5] = ["LICENSE", "LICENCE", "NOTICE", "COPYING", "USE_POLICY"];

/// Copies tokenizer, chat template, generation settings, model card and licence.
pub(super) fn copy_companions(from: &Path, staging: &Staging) -> Result<()> {
    let failed = |path: &Path, source| io("cannot read", path, source);
    for entry in fs::read_dir(from).map_err(|e| failed(from, e))? {
        let path = entry.map_err(|e| failed(from, e))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let terms = TERMS
            .iter()
            .any(|term| name.to_ascii_uppercase().starts_with(term));
        if (COMPANIONS.contains(&name) || terms) && path.is_file() {
            let content = fs::read(&path).map_err(|e| failed(&path, e))?;
            staging.write(name, &content)?;
        }
    }
    Ok(())
}

/// Writes the config: what was there, with what the conversion changed.
pub(super) fn write_config(
    conversion: &Conversion,
    plan: &Plan,
    config: &Config,
    names: &Names,
    from: &Path,
    staging: &Staging,
) -> Result<()> {
    let path = from.join("config.json");
    let bytes = fs::read(&path).map_err(|e| io("cannot read", &path, e))?;
    let invalid = |e: serde_json::Error| config::Error::Json(e.to_string());
    let mut root: Map<String, Value> = serde_json::from_slice(&bytes).map_err(invalid)?;
    // The vision tower is not converted, and the folder has another name now.
    root.shift_remove("vision_config");
    root.shift_remove("_name_or_path");
    if !config.nested {
        root.insert("model_type".to_owned(), json!(config.family.name()));
    }
    if let Some(dtype) = conversion.dtype {
        name_dtype(&mut root, dtype);
    }
    let block = match (conversion.weights, plan.default) {
        (Weights::Dequantize, _) => None,
        (_, Some(default)) => Some(block(default, &plan.overrides)),
        (_, None) => kept(&root, config, names),
    };
    if let Some(text) = root.get_mut("text_config").and_then(Value::as_object_mut) {
        text.shift_remove("quantization");
        text.shift_remove("quantization_config");
    }
    for key in ["quantization", "quantization_config"] {
        match &block {
            Some(block) => root.insert(key.to_owned(), Value::Object(block.clone())),
            None => root.shift_remove(key),
        };
    }
    let mut text = serde_json::to_string_pretty(&Value::Object(root)).map_err(invalid)?;
    text.push('\n');
    Ok(staging.write("config.json", text.as_bytes())?)
}

/// Says which dtype the floats have, wherever the config says it.
fn name_dtype(root: &mut Map<String, Value>, dtype: Dtype) {
    let name = json!(dtype.to_string());
    let mut said = false;
    let mut say = |object: &mut Map<String, Value>| {
        for key in ["dtype", "torch_dtype"] {
            if let Some(value) = object.get_mut(key) {
                *value = name.clone();
                said = true;
            }
        }
    };
    say(root);
    if let Some(text) = root.get_mut("text_config").and_then(Value::as_object_mut) {
        say(text);
    }
    if !said {
        root.insert("torch_dtype".to_owned(), name);
    }
}

fn settings(affine: Affine) -> Map<String, Value> {
    let pairs = [
        ("group_size", json!(affine.group)),
        ("bits", json!(affine.bits)),
        ("mode", json!("affine")),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn block(default: Affine, overrides: &BTreeMap<String, Affine>) -> Map<String, Value> {
    let own = |(path, affine): (&String, &Affine)| (path.clone(), Value::Object(settings(*affine)));
    settings(default)
        .into_iter()
        .chain(overrides.iter().map(own))
        .collect()
}

/// The quantization block that is there, its modules under their converted paths.
fn kept(root: &Map<String, Value>, config: &Config, names: &Names) -> Option<Map<String, Value>> {
    config.quantization.as_ref()?;
    let text = root.get("text_config").and_then(Value::as_object);
    let block = [Some(root), text]
        .into_iter()
        .flatten()
        .find_map(|object| {
            let keys = ["quantization", "quantization_config"];
            keys.iter().find_map(|key| object.get(*key)?.as_object())
        })?;
    let renamed = |(key, value): (&String, &Value)| {
        let key = match (value, names.meaning(key)) {
            (Value::Object(_) | Value::Bool(_), Meaning::Ours(path)) => names.converted(&path),
            _ => key.clone(),
        };
        (key, value.clone())
    };
    Some(block.iter().map(renamed).collect())
}

/// Adds the tensors of another file to the index of a folder.
pub(super) fn index_also(
    folder: &Path,
    file: &str,
    specs: &[TensorSpec],
    bytes: u64,
) -> Result<()> {
    let path = folder.join(INDEX);
    let text = fs::read(&path).map_err(|e| io("cannot read", &path, e))?;
    let invalid = |e: serde_json::Error| config::Error::Json(e.to_string());
    let mut index: Value = serde_json::from_slice(&text).map_err(invalid)?;
    index["metadata"]["total_size"] = json!(bytes);
    for spec in specs {
        index["weight_map"][&spec.name] = json!(file);
    }
    let text = serde_json::to_string_pretty(&index).map_err(invalid)?;
    fs::write(&path, text).map_err(|e| io("cannot write", &path, e))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File(lazuli_io::Error::Io {
        action,
        path: path.to_owned(),
        source,
    })
}
