//! Which model, and how it computes.

use clap::{Args, ValueEnum};
use lazuli::Dtype;
use lazuli::cpu::Options;
use lazuli::lm::model::LoadOptions;

/// Which model, and how it computes.
#[derive(Args, Debug)]
pub(crate) struct ModelArgs {
    /// Model: a folder, a safetensors file in one, or org/name[@revision] on the Hugging Face hub,
    /// downloaded once [default: the embedded model]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Number type of activations and caches [default: the model's own]
    #[arg(long, value_name = "DTYPE")]
    dtype: Option<DtypeArg>,

    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

impl ModelArgs {
    /// How the model is to be loaded.
    pub(crate) fn load_options(&self) -> LoadOptions {
        LoadOptions {
            dtype: self.dtype.map(DtypeArg::dtype),
        }
    }
}

/// A number type to compute in.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum DtypeArg {
    F32,
    Bf16,
    F16,
}

impl DtypeArg {
    fn dtype(self) -> Dtype {
        match self {
            DtypeArg::F32 => Dtype::F32,
            DtypeArg::Bf16 => Dtype::BF16,
            DtypeArg::F16 => Dtype::F16,
        }
    }
}

/// How many threads compute.
#[derive(Args, Debug)]
pub(crate) struct ThreadArgs {
    /// Threads to compute with [default: LAZULI_THREADS, else all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadArgs {
    /// Gives the library its CPU.
    ///
    /// # Errors
    /// What is wrong with `LAZULI_CPU` or `LAZULI_THREADS`.
    pub(crate) fn init(&self) -> lazuli::Result<()> {
        let mut options = Options::from_environment()?;
        if let Some(threads) = self.threads {
            options.threads = threads.into();
        }
        lazuli::init_with(options)
    }
}
