//! Which files a checkpoint consists of.
//!
//! An index is believed when there is one: it is the only thing that knows what is missing. Without
//! it, `model*.safetensors` are taken, and names of the form `model-00002-of-00005` still tell
//! whether the set is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::INDEX;
use crate::error::{Error, Result, one_line};

/// The files of a checkpoint.
pub(super) struct Shards {
    pub(super) paths: Vec<PathBuf>,
    /// From the index: tensor to file name.
    pub(super) weight_map: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    /// The files that `path`, a model folder or a single `.safetensors` file, stands for.
    pub(super) fn find(path: &Path) -> Result<Shards> {
        let metadata = fs::metadata(path).map_err(|e| Error::io("cannot open", path, e))?;
        if !metadata.is_dir() {
            return Ok(Shards {
                paths: vec![path.to_owned()],
                weight_map: BTreeMap::new(),
            });
        }
        let index = path.join(INDEX);
        match fs::read(&index) {
            Ok(json) => from_index(path, &index, &json),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => from_names(path),
            Err(e) => Err(Error::io("cannot read", &index, e)),
        }
    }
}

fn from_index(folder: &Path, index: &Path, json: &[u8]) -> Result<Shards> {
    let file = index.display().to_string();
    let Index { weight_map } = serde_json::from_slice(json)
        .map_err(|e| Error::malformed(&file, format!("the index is not valid: {e}")))?;
    let mut names = BTreeSet::new();
    for (tensor, name) in &weight_map {
        if !is_plain(name) {
            let reason = format!(
                "the index puts it in `{}`, a shard must be a file of this folder",
                one_line(name)
            );
            return Err(Error::tensor(&file, tensor, reason));
        }
        names.insert(name.as_str());
    }
    if names.is_empty() {
        return Err(Error::malformed(&file, "the index lists no tensors"));
    }
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !folder.join(name).is_file())
        .map(|name| one_line(name))
        .collect();
    refuse_missing(&file, &missing, names.len())?;
    Ok(Shards {
        paths: names.iter().map(|name| folder.join(name)).collect(),
        weight_map,
    })
}

fn from_names(folder: &Path) -> Result<Shards> {
    let file = folder.display().to_string();
    let failed = |e| Error::io("cannot list", folder, e);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(name) = name.to_str()
            && name.starts_with("model")
            && name.ends_with(".safetensors")
        {
            names.insert(name.to_owned());
        }
    }
    if names.is_empty() {
        let reason = format!("no weights: expected model*.safetensors or {INDEX}");
        return Err(Error::malformed(&file, reason));
    }
    if let Some(of) = names.iter().filter_map(|name| shard_total(name)).max() {
        let missing: Vec<String> = (1..=of)
            .map(|i| super::writer::shard_name(i, of))
            .filter(|name| !names.contains(name))
            .collect();
        refuse_missing(&file, &missing, of)?;
    }
    Ok(Shards {
        paths: names.iter().map(|name| folder.join(name)).collect(),
        weight_map: BTreeMap::new(),
    })
}

/// All missing files at once: a download is resumed once, not once per file.
fn refuse_missing(file: &str, missing: &[String], of: usize) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    const MOST_NAMED: usize = 100;
    let count = missing.len();
    let mut names = missing[..count.min(MOST_NAMED)].join(", ");
    if count > MOST_NAMED {
        names.push_str(", …");
    }
    let verb = if count == 1 { "is" } else { "are" };
    let reason = format!("{count} of {of} shard files {verb} missing: {names}");
    Err(Error::incomplete(file, reason))
}

/// Whether a name from an index stays in its folder, on every system.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', ':', '\0'])
}

/// The `n` of `model-0000i-of-0000n.safetensors`.
fn shard_total(name: &str) -> Option<usize> {
    let numbers = name.strip_prefix("model-")?.strip_suffix(".safetensors")?;
    let (i, of) = numbers.split_once("-of-")?;
    let five_digits = |n: &str| n.len() == 5 && n.bytes().all(|b| b.is_ascii_digit());
    (five_digits(i) && five_digits(of)).then(|| of.parse().ok())?
}
