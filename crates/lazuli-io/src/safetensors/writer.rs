//! Writes checkpoints tensor by tensor, so that converting a model needs the memory of one tensor.
//!
//! Names, dtypes and shapes come first: they decide shards, places and headers. The bytes follow in
//! any order, each written to its place. A folder's files are written in place, because the folder
//! itself is what appears at once ([`Staging`]); a single file replaces its target when it is whole.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::INDEX;
use super::layout::{Layout, TensorSpec};
use crate::error::{Error, Result};
use crate::staging::Staging;

/// How a checkpoint is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most bytes of tensors in a shard; a larger tensor has a shard of its own. 5 GiB.
    pub shard_bytes: u64,
    /// What is noted in each file beside the tensors. `format: mlx`.
    pub metadata: BTreeMap<String, String>,
    /// The index's `total_parameters`; when none, the number of elements, which is not the number of
    /// parameters in a quantized model.
    pub total_parameters: Option<u64>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            shard_bytes: 5 << 30,
            metadata: BTreeMap::from([("format".to_owned(), "mlx".to_owned())]),
            total_parameters: None,
        }
    }
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub struct Writer {
    /// What errors about a tensor name.
    target: String,
    shards: Vec<Shard>,
    order: Vec<String>,
    /// The first of `order` that `write_next` has not come to.
    next: usize,
    pending: HashMap<String, Place>,
    index: Option<(PathBuf, String)>,
    staging: Option<Staging>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    front: Vec<u8>,
    /// Open from the first tensor to the last, so that open files do not pile up.
    file: Option<File>,
    pending: usize,
}

#[derive(Debug)]
struct Place {
    shard: usize,
    position: u64,
    bytes: usize,
}

impl Writer {
    /// Begins a checkpoint in an existing folder: shards of [`Options::shard_bytes`], in the order of
    /// `tensors`, and their index. The folder is usually a [`Staging`]'s.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a name is given twice or a shape overflows.
    pub fn folder(folder: &Path, tensors: &[TensorSpec], options: &Options) -> Result<Writer> {
        let target = folder.display().to_string();
        let cuts = cut(tensors, options.shard_bytes, &target)?;
        let paths: Vec<PathBuf> = (1..=cuts.len())
            .map(|i| folder.join(shard_name(i, cuts.len())))
            .collect();
        let mut writer = Writer::new(target, &cuts, paths, &options.metadata)?;
        let index = index(tensors, &cuts, options, &writer.target)?;
        writer.index = Some((folder.join(INDEX), index));
        Ok(writer)
    }

    /// Begins a single safetensors file. It appears at `path`, replacing what is there, when
    /// [`finish`](Writer::finish) succeeds.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a name is given twice or a shape overflows; [`Error::Io`].
    pub fn file(path: &Path, tensors: &[TensorSpec], options: &Options) -> Result<Writer> {
        let target = path.display().to_string();
        let staging = Staging::file(path)?;
        let paths = vec![staging.path().to_owned()];
        let all: Vec<&TensorSpec> = tensors.iter().collect();
        let mut writer = Writer::new(target, &[all], paths, &options.metadata)?;
        writer.staging = Some(staging);
        Ok(writer)
    }

    fn new(
        target: String,
        cuts: &[Vec<&TensorSpec>],
        paths: Vec<PathBuf>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Writer> {
        let mut writer = Writer {
            target,
            shards: Vec::with_capacity(cuts.len()),
            order: Vec::new(),
            next: 0,
            pending: HashMap::new(),
            index: None,
            staging: None,
        };
        for (shard, (tensors, path)) in cuts.iter().zip(paths).enumerate() {
            let layout = Layout::new(tensors, metadata, &writer.target)?;
            for (tensor, position) in tensors.iter().zip(layout.positions) {
                let place = Place {
                    shard,
                    position,
                    bytes: tensor.byte_size(&writer.target)?,
                };
                writer.order.push(tensor.name.clone());
                if writer.pending.insert(tensor.name.clone(), place).is_some() {
                    return Err(writer.wrong(&tensor.name, "the name is taken"));
                }
            }
            writer.shards.push(Shard {
                path,
                front: layout.front,
                file: None,
                pending: tensors.len(),
            });
        }
        Ok(writer)
    }

    /// Writes a tensor's elements: C-order, little-endian.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the name was not announced or is written already, or when the bytes are
    /// not as many as its dtype and shape need; [`Error::Io`].
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let Some(place) = self.pending.get(name) else {
            return Err(self.wrong(name, "was not announced, or is written already"));
        };
        if bytes.len() != place.bytes {
            let reason = format!("{} bytes given, {} announced", bytes.len(), place.bytes);
            return Err(self.wrong(name, reason));
        }
        if let Some(shard) = self.shards.get_mut(place.shard) {
            shard.write(place.position, bytes)?;
        }
        self.pending.remove(name);
        Ok(())
    }

    /// Writes the elements of the next tensor in the order in which they were announced.
    ///
    /// # Errors
    /// As [`write`](Writer::write); [`Error::Malformed`] after the last one.
    pub fn write_next(&mut self, bytes: &[u8]) -> Result<()> {
        while let Some(name) = self.order.get(self.next).cloned() {
            if self.pending.contains_key(&name) {
                self.write(&name, bytes)?;
                self.next += 1;
                return Ok(());
            }
            self.next += 1;
        }
        Err(Error::malformed(
            &self.target,
            "all announced tensors are written already",
        ))
    }

    /// Completes the files and brings them to the disk.
    ///
    /// # Errors
    /// [`Error::Tensor`] when an announced tensor was not written; [`Error::Io`].
    pub fn finish(mut self) -> Result<()> {
        if let Some(name) = self
            .order
            .iter()
            .find(|name| self.pending.contains_key(*name))
        {
            let reason = match self.pending.len() {
                1 => "was announced and never written".to_owned(),
                more => format!("was announced and never written, as were {} more", more - 1),
            };
            return Err(self.wrong(name, reason));
        }
        for shard in &mut self.shards {
            shard.close()?;
        }
        if let Some((path, json)) = &self.index {
            std::fs::write(path, json).map_err(|e| Error::io("cannot write", path, e))?;
        }
        match self.staging.take() {
            Some(staging) => staging.commit(),
            None => Ok(()),
        }
    }

    fn wrong(&self, tensor: &str, reason: impl Into<String>) -> Error {
        Error::tensor(&self.target, tensor, reason)
    }
}

impl Shard {
    fn write(&mut self, position: u64, bytes: &[u8]) -> Result<()> {
        let path = &self.path;
        let failed = |e| Error::io("cannot write", path, e);
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(create(path, &self.front)?),
        };
        file.seek(SeekFrom::Start(position)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        self.pending -= 1;
        if self.pending == 0 {
            self.close()?;
        }
        Ok(())
    }

    /// Syncs and closes the file; one without tensors is only its header.
    fn close(&mut self) -> Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None if self.front.is_empty() => return Ok(()),
            None => create(&self.path, &self.front)?,
        };
        self.front = Vec::new();
        file.sync_all()
            .map_err(|e| Error::io("cannot write", &self.path, e))
    }
}

fn create(path: &Path, front: &[u8]) -> Result<File> {
    let failed = |e| Error::io("cannot write", path, e);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(front).map_err(failed)?;
    Ok(file)
}

/// `model.safetensors`, or `model-00002-of-00005.safetensors`.
pub(super) fn shard_name(i: usize, of: usize) -> String {
    match of {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{i:05}-of-{of:05}.safetensors"),
    }
}

/// The tensors of each shard: as many in order as fit; at least one shard, for a model of nothing.
fn cut<'a>(tensors: &'a [TensorSpec], most: u64, file: &str) -> Result<Vec<Vec<&'a TensorSpec>>> {
    let mut shards = vec![Vec::new()];
    let mut filled = 0u64;
    for tensor in tensors {
        let bytes = tensor.byte_size(file)? as u64;
        if filled > 0 && filled.saturating_add(bytes) > most {
            shards.push(Vec::new());
            filled = 0;
        }
        filled = filled.saturating_add(bytes);
        if let Some(shard) = shards.last_mut() {
            shard.push(tensor);
        }
    }
    Ok(shards)
}

fn index(
    tensors: &[TensorSpec],
    cuts: &[Vec<&TensorSpec>],
    options: &Options,
    file: &str,
) -> Result<String> {
    let (mut bytes, mut elements) = (0u64, 0u64);
    for tensor in tensors {
        let size = tensor.byte_size(file)?;
        bytes = bytes.saturating_add(size as u64);
        elements = elements.saturating_add((size / tensor.dtype.size()) as u64);
    }
    let weight_map: BTreeMap<&str, String> = cuts
        .iter()
        .enumerate()
        .flat_map(|(i, shard)| {
            let name = shard_name(i + 1, cuts.len());
            shard
                .iter()
                .map(move |tensor| (tensor.name.as_str(), name.clone()))
        })
        .collect();
    let index = json!({
        "metadata": {
            "total_size": bytes,
            "total_parameters": options.total_parameters.unwrap_or(elements),
        },
        "weight_map": weight_map,
    });
    serde_json::to_string_pretty(&index)
        .map_err(|e| Error::malformed(file, format!("the index cannot be written: {e}")))
}
