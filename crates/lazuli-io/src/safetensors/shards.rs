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
        let listed = Listed::of(path)?;
        if listed.names.is_empty() {
            let reason = format!("no weights: expected model*.safetensors or {INDEX}");
            return Err(Error::malformed(&listed.by, reason));
        }
        let missing: Vec<String> = listed.missing.iter().map(|name| one_line(name)).collect();
        refuse_missing(&listed.by, &missing, listed.of)?;
        Ok(Shards {
            paths: listed.names.iter().map(|name| path.join(name)).collect(),
            weight_map: listed.weight_map,
        })
    }
}

/// What a folder says of its files of weights.
pub(crate) struct Listed {
    /// What says it: the index, else the folder.
    by: String,
    /// The files: all that an index names, else those that are there.
    pub(crate) names: BTreeSet<String>,
    /// Those of them, and those that their names tell of, which are not there.
    pub(crate) missing: Vec<String>,
    /// How many there should be.
    of: usize,
    weight_map: BTreeMap<String, String>,
}

impl Listed {
    /// What the model folder `folder` says.
    pub(crate) fn of(folder: &Path) -> Result<Listed> {
        let index = folder.join(INDEX);
        match fs::read(&index) {
            Ok(json) => Listed::by_index(folder, &index, &json),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Listed::by_names(folder),
            Err(e) => Err(Error::io("cannot read", &index, e)),
        }
    }

    fn by_index(folder: &Path, index: &Path, json: &[u8]) -> Result<Listed> {
        let by = index.display().to_string();
        let Index { weight_map } = serde_json::from_slice(json)
            .map_err(|e| Error::malformed(&by, format!("the index is not valid: {e}")))?;
        let mut names = BTreeSet::new();
        for (tensor, name) in &weight_map {
            if !is_plain(name) {
                let reason = format!(
                    "the index puts it in `{}`, a shard must be a file of this folder",
                    one_line(name)
                );
                return Err(Error::tensor(&by, tensor, reason));
            }
            names.insert(name.clone());
        }
        if names.is_empty() {
            return Err(Error::malformed(&by, "the index lists no tensors"));
        }
        let absent = |name: &&String| !folder.join(name).is_file();
        Ok(Listed {
            by,
            missing: names.iter().filter(absent).cloned().collect(),
            of: names.len(),
            names,
            weight_map,
        })
    }

    fn by_names(folder: &Path) -> Result<Listed> {
        let failed = |e| Error::io("cannot list", folder, e);
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(name) = name.to_str()
                && is_weights(name)
            {
                names.insert(name.to_owned());
            }
        }
        let of = names.iter().filter_map(|name| shard_total(name)).max();
        let of = of.unwrap_or(0);
        let set = (1..=of).map(|i| format!("model-{i:05}-of-{of:05}.safetensors"));
        Ok(Listed {
            by: folder.display().to_string(),
            missing: set.filter(|name| !names.contains(name)).collect(),
            of,
            names,
            weight_map: BTreeMap::new(),
        })
    }
}

/// Whether a file of this name holds weights when no index says which do.
pub(crate) fn is_weights(name: &str) -> bool {
    name.starts_with("model") && name.ends_with(".safetensors")
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
