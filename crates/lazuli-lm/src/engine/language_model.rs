//! A model with its text side: what a folder, or a set of embedded files, holds.

use std::path::Path;

use lazuli_io::safetensors::Checkpoint;

use crate::config::Config;
use crate::error::Result;
use crate::model::{LoadOptions, Model};
use crate::text::{ChatTemplate, EosSet, Tokenizer};

/// The files of a model that is part of a program.
#[derive(Clone, Copy, Debug)]
pub struct Files {
    /// `config.json`.
    pub config: &'static [u8],
    /// `model.safetensors`, best 64-byte aligned.
    pub weights: &'static [u8],
    /// `tokenizer.json`.
    pub tokenizer: &'static [u8],
    /// `tokenizer_config.json`.
    pub tokenizer_config: &'static [u8],
    /// `chat_template.jinja`.
    pub chat_template: &'static str,
}

/// A model, its tokenizer, its chat template if it has one, and the tokens that end its text.
pub struct LanguageModel {
    /// The network.
    pub model: Model,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// Tokens that end a text.
    pub eos: EosSet,
    template: Result<ChatTemplate, crate::text::Error>,
}

impl LanguageModel {
    /// Loads a model folder (or a `.safetensors` file in one): config, tokenizer, weights.
    ///
    /// # Errors
    /// What is wrong with the first file that does not fit, in one line.
    pub fn load(path: &Path, options: LoadOptions) -> Result<LanguageModel> {
        let folder = if path.is_file() {
            path.parent().unwrap_or(path)
        } else {
            path
        };
        let config = Config::read(folder)?;
        let tokenizer = Tokenizer::load(folder)?;
        let eos = EosSet::load(folder, &tokenizer)?;
        let template = ChatTemplate::load(folder, tokenizer.config());
        let model = Model::from_checkpoint(&config, &Checkpoint::open(path)?, options)?;
        Ok(LanguageModel {
            model,
            tokenizer,
            eos,
            template,
        })
    }

    /// Loads a model from the bytes of its files, without copying the weights.
    ///
    /// # Errors
    /// What is wrong with the first file that does not fit, in one line.
    pub fn from_files(files: &Files, options: LoadOptions) -> Result<LanguageModel> {
        let config = Config::parse(files.config)?;
        let tokenizer = Tokenizer::from_static(files.tokenizer, Some(files.tokenizer_config))?;
        let eos = EosSet::from_bytes(Some(files.config), None, &tokenizer)?;
        let source = [("default".to_owned(), files.chat_template.to_owned())];
        let template = ChatTemplate::new(source, tokenizer.config());
        let model =
            Model::from_checkpoint(&config, &Checkpoint::from_bytes(files.weights)?, options)?;
        Ok(LanguageModel {
            model,
            tokenizer,
            eos,
            template,
        })
    }

    /// The chat template.
    ///
    /// # Errors
    /// What is wrong with it, or that there is none.
    pub fn template(&self) -> Result<&ChatTemplate> {
        self.template.as_ref().map_err(|e| e.clone().into())
    }
}
