//! Models from folders, from checkpoints in memory, and from nothing.

use std::path::Path;

use lazuli_core::Dtype;
use lazuli_core::ops::quantized::Affine;
use lazuli_io::safetensors::Checkpoint;

use super::{Error, Model};
use crate::config::Config;
use crate::weights::{Random, Weights};

/// How a model is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadOptions {
    /// Dtype of activations and caches, and of float weights; none: the checkpoint's own.
    pub dtype: Option<Dtype>,
}

impl Model {
    /// Loads a model folder: config.json and safetensors files, as published or as MLX's conversion
    /// leaves them. Weights stay in their mapped files unless their form must change.
    ///
    /// # Errors
    /// [`Error`], one line that names the folder or file and everything that is wrong.
    pub fn load(folder: &Path, options: LoadOptions) -> Result<Model, Error> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        Model::from_checkpoint(&config, &checkpoint, options).map_err(|e| e.of_folder(folder))
    }

    /// The model of `config` with the parameters in `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Weights`] with everything that does not fit.
    pub fn from_checkpoint(
        config: &Config,
        checkpoint: &Checkpoint,
        options: LoadOptions,
    ) -> Result<Model, Error> {
        let mut weights = Weights::new(checkpoint, config, options.dtype);
        let model = Model::new(config, &mut weights)?;
        weights.finish()?;
        Ok(model)
    }

    /// The model of `config` with random parameters, for measuring: floats of `dtype`, or matrices
    /// packed as `affine`.
    ///
    /// # Errors
    /// [`Error::Array`] when `dtype` cannot be computed in, or memory is short.
    pub fn random(
        config: &Config,
        dtype: Dtype,
        affine: Option<Affine>,
        seed: u64,
    ) -> Result<Model, Error> {
        let mut random = Random::new(dtype, affine, seed)?;
        Ok(Model::new(config, &mut random)?)
    }
}
