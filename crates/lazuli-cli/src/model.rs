//! From what `--model` says to a model, or to a sentence about why not.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use lazuli::io::safetensors::Checkpoint;
use lazuli::lm::config::Config;
use lazuli::lm::engine::{Files, LanguageModel};
use lazuli::lm::model::{LoadOptions, Model};

use crate::args::{CacheArgs, ModelArgs};
use crate::failure::usage;
use crate::{embedded, memory, output};

/// Where a model comes from.
pub(crate) enum Source {
    /// A folder with the model's files.
    Folder(PathBuf),
    /// This program.
    Embedded(Files),
}

impl Source {
    /// The model called `name`, or the embedded one; a `quiet` search says nothing of a download.
    ///
    /// # Errors
    /// What is missing, or why it is refused.
    pub(crate) fn find(name: Option<&str>, quiet: bool) -> Result<Source> {
        match (name, embedded::files()) {
            (Some(name), _) => folder(name, quiet).map(Source::Folder),
            (None, Some(files)) => Ok(Source::Embedded(files)),
            (None, None) => Err(usage(
                "no model: pass --model with a folder or org/name (this build has none embedded)",
            )),
        }
    }

    /// The name that output calls the model by.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Embedded(_) => embedded::NAME.to_owned(),
        }
    }
}

/// Finds and loads the model that was asked for, on the CPU that was asked for.
pub(crate) fn load(args: &ModelArgs, quiet: bool) -> Result<LanguageModel> {
    args.threads.init()?;
    let options = args.load_options();
    Ok(match Source::find(args.model.as_deref(), quiet)? {
        Source::Folder(folder) => LanguageModel::load(&folder, options)?,
        Source::Embedded(files) => LanguageModel::from_files(&files, options)?,
    })
}

/// As [`load`], without the model's text side.
pub(crate) fn load_network(args: &ModelArgs) -> Result<Model> {
    args.threads.init()?;
    let source = Source::find(args.model.as_deref(), false)?;
    network(&source, args.load_options())
}

/// The model alone, which needs no tokenizer.
pub(crate) fn network(source: &Source, options: LoadOptions) -> Result<Model> {
    Ok(match source {
        Source::Folder(folder) => Model::load(folder, options)?,
        Source::Embedded(files) => {
            let config = Config::parse(files.config)?;
            let checkpoint = Checkpoint::from_bytes(files.weights)?;
            Model::from_checkpoint(&config, &checkpoint, options)?
        }
    })
}

/// The folder of the model called `name`, which is downloaded if it has to be.
///
/// # Errors
/// Where it was looked for, or why it is refused.
pub(crate) fn folder(name: &str, quiet: bool) -> Result<PathBuf> {
    if is_gguf(Path::new(name)) {
        bail!("{name}: {GGUF}");
    }
    match fs::metadata(name) {
        // `find` says the same of what is not there and of what cannot be looked at.
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            bail!("cannot open {name}: {error}");
        }
        _ => {}
    }
    let folder = find(name, quiet)?;
    refuse(&folder)?;
    Ok(folder)
}

#[cfg(feature = "hub")]
fn find(name: &str, quiet: bool) -> lazuli::io::Result<PathBuf> {
    let mut download = crate::progress::Download::new(name);
    let settings = lazuli::io::hub::Settings::from_environment();
    lazuli::io::hub::find(name, &settings, &mut |step| {
        if !quiet {
            download.show(step);
        }
    })
}

#[cfg(not(feature = "hub"))]
fn find(name: &str, _quiet: bool) -> lazuli::io::Result<PathBuf> {
    lazuli::io::model_folder::find(name)
}

const GGUF: &str = "GGUF models are not supported: pass the folder of the model's safetensors \
                    files, which most models were first published as";

fn is_gguf(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
}

/// Refuses folders that hold a model in a form that cannot be used.
fn refuse(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder)
        .map_err(|error| anyhow::anyhow!("cannot open {}: {error}", folder.display()))?;
    let files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    let weights = |path: &PathBuf| path.extension().is_some_and(|e| e == "safetensors");
    if !files.iter().any(weights) && files.iter().any(|path| is_gguf(path)) {
        bail!("{}: {GGUF}", folder.display());
    }
    // MLX's way to bring code; transformers' way (auto_map) is the config reader's to refuse.
    let config = fs::read(folder.join("config.json")).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap_or_default();
    if let Some(file) = config.get("model_file").and_then(|v| v.as_str()) {
        bail!(
            "{}: the model needs the Python code in `{}` (model_file), which is not run",
            folder.join("config.json").display(),
            file.escape_debug()
        );
    }
    Ok(())
}

/// Warns once if the model and a cache of so many tokens exceed the memory that is free.
pub(crate) fn warn_if_short(lm: &LanguageModel, args: &CacheArgs, tokens: usize) {
    let Some(free) = memory::available() else {
        return;
    };
    let Ok(sizes) = lm.model.info(&args.options()) else {
        return; // the session reports options that do not fit
    };
    let tokens = tokens.min(lm.model.config().max_positions);
    let cache = (sizes.kv_bytes_per_token as u64).saturating_mul(tokens as u64);
    let needed = cache.saturating_add((sizes.bytes + sizes.state_bytes) as u64);
    if needed > free {
        output::note(&format!(
            "lazuli: warning: the model and a cache of {} tokens need {}, {} of memory are free: \
             expect it to be slow",
            output::count(tokens),
            output::size(needed),
            output::size(free)
        ));
    }
}
