//! Conversion of a model folder to MLX's format: names, layouts, dtypes, quantization.
//!
//! Works tensor by tensor on the mapped files, so a model of any size is converted in the memory of
//! its largest tensor. What becomes of each tensor is decided before the first byte is written
//! (`plan`); the folder appears when it is whole, or not at all.
//!
//! The result is what mlx-lm writes and loads, with these differences: MTP weights are kept (mlx-lm
//! drops them when it loads); routers stay at 8 bits in mixed recipes too; `A_log` is never cast;
//! `_text` goes from a flat config's `model_type`, because mlx-lm knows the family only without it.
//! Not chosen: building the model and saving its parameters, which needs the memory of the model.

mod error;
mod folder;
mod names;
mod plan;
mod scheme;
mod tensors;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;

use lazuli_core::Dtype;
use lazuli_io::Staging;
use lazuli_io::safetensors::{Checkpoint, Options, TensorSpec, Writer};

use crate::config::{Config, Family};
use crate::model::Model;
use crate::weights::Mismatch;

pub use error::{Error, Result};
pub use scheme::{Recipe, Weights};

use names::Names;
use plan::Plan;

/// The file of MTP weights, where they cannot be in the model's own.
const MTP_FILE: &str = "mtp.safetensors";

/// What a conversion changes besides names and layouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// The form of the weights.
    pub weights: Weights,
    /// Dtype of all floats but `A_log`, scales of quantized weights included; the config's own if
    /// none, and that of each tensor if the config has none either.
    pub dtype: Option<Dtype>,
}

/// How far a conversion is, before each tensor.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The tensor that is next.
    pub tensor: &'a str,
    /// Bytes written.
    pub done: u64,
    /// Bytes of all tensors.
    pub total: u64,
}

/// What a conversion wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Tensors.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Numbers of the model, each counted once however it is stored.
    pub parameters: u64,
}

impl Report {
    /// Bits that a number of the model takes, its share of scales and biases included.
    pub fn bits_per_weight(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.parameters.max(1) as f64
    }
}

impl Conversion {
    /// Converts the model in folder `from` to a new folder `to`. `progress` is called before each
    /// tensor, and ends the conversion when it breaks.
    ///
    /// # Errors
    /// [`Error`], one line; nothing is left at `to`, nor beside it.
    pub fn run(
        &self,
        from: &Path,
        to: &Path,
        mut progress: impl FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Report> {
        let config = Config::read(from)?;
        let checkpoint = Checkpoint::open(from)?;
        check_fit(from, &checkpoint, &config)?;
        let names = Names::of(&checkpoint, &config);
        let plan = Plan::new(self, &checkpoint, &config, &names)?;
        let report = plan.report();

        let staging = Staging::folder(to)?;
        let mut done = 0;
        let (mut writers, specs) = writers(&plan, &config, staging.path())?;
        for item in &plan.items {
            let next = Progress {
                tensor: &item.name,
                done,
                total: report.bytes,
            };
            if progress(next).is_break() {
                return Err(Error::Interrupted);
            }
            let writer = match &mut writers.mtp {
                Some(mtp) if names::is_mtp(&item.name) => mtp,
                _ => &mut writers.model,
            };
            done += tensors::write(item, &checkpoint, writer)?;
        }
        writers.model.finish()?;
        if let Some(mtp) = writers.mtp {
            mtp.finish()?;
            folder::index_also(staging.path(), MTP_FILE, &specs, report.bytes)?;
        }
        folder::write_config(self, &plan, &config, &names, from, &staging)?;
        folder::copy_companions(from, &staging)?;
        staging.commit()?;
        Ok(report)
    }
}

/// Refuses a checkpoint that its config's model could not be loaded from. Computes nothing.
fn check_fit(folder: &Path, checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    let mut weights = crate::weights::Weights::new(checkpoint, config, None);
    Model::new(config, &mut weights)?;
    match weights.problems() {
        problems if problems.is_empty() => Ok(()),
        problems => Err(Error::Mismatch {
            folder: folder.display().to_string(),
            mismatch: Mismatch { problems },
        }),
    }
}

struct Writers {
    model: Writer,
    mtp: Option<Writer>,
}

/// Writers for a plan's tensors, and the tensors of the second one.
///
/// mlx-lm drops MTP weights from every converted model but Qwen3-Next's, where it takes them for a
/// mistake; it looks only into `model*.safetensors`. So there they have a file of their own.
fn writers(plan: &Plan, config: &Config, folder: &Path) -> Result<(Writers, Vec<TensorSpec>)> {
    let apart = config.family == Family::Qwen3Next;
    let (mtp, model): (Vec<TensorSpec>, Vec<TensorSpec>) = plan
        .items
        .iter()
        .flat_map(plan::Item::outputs)
        .partition(|spec| apart && names::is_mtp(&spec.name));
    let options = Options {
        total_parameters: Some(plan.report().parameters),
        ..Options::default()
    };
    let writers = Writers {
        model: Writer::folder(folder, &model, &options)?,
        mtp: match mtp.is_empty() {
            true => None,
            false => Some(Writer::file(&folder.join(MTP_FILE), &mtp, &options)?),
        },
    };
    Ok((writers, mtp))
}
