//! `lazuli convert`: a model folder in MLX's format, as it is, quantized, or dequantized.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use lazuli::Dtype;
use lazuli::core::ops::quantized::Affine;
use lazuli::lm::convert::{Conversion, Error, Recipe, Report, Weights};

use crate::args::ThreadArgs;
use crate::failure::{INTERRUPTED, report};
use crate::output::{count, note, size};
use crate::{interrupt, model, progress};

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli convert --model org/name -q --output ./name-4bit
  lazuli convert --model ./model -q --q-bits 8 --q-group-size 32 --output ./model-8bit
  lazuli convert --model ./model -q --quant-predicate mixed_3_6 --output ./model-mixed
  lazuli convert --model ./model-4bit --dequantize --dtype bfloat16 --output ./model-bf16

The folder can be loaded by lazuli and by mlx-lm. It appears when it is complete, or not at all.";

/// Flags of `lazuli convert`.
#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    /// Model: a folder, or org/name[@revision] on the Hugging Face hub, downloaded once
    #[arg(long, visible_alias = "hf-path", value_name = "MODEL")]
    model: String,

    /// The folder to write; it must not exist
    #[arg(
        short,
        long,
        visible_alias = "mlx-path",
        value_name = "FOLDER",
        default_value = "mlx_model"
    )]
    output: PathBuf,

    /// Quantize matrices and embeddings
    #[arg(short, long)]
    quantize: bool,

    /// Bits of a quantized weight: 1, 2, 3, 4, 5, 6 or 8 [default: 4]
    #[arg(long, value_name = "N", requires = "quantize", value_parser = bits)]
    q_bits: Option<usize>,

    /// Weights that share a scale: 32, 64 or 128 [default: 64]
    #[arg(long, value_name = "N", requires = "quantize", value_parser = group_size)]
    q_group_size: Option<usize>,

    /// Quantize with two widths, the larger where it matters most
    #[arg(
        long,
        value_name = "RECIPE",
        requires = "quantize",
        conflicts_with = "q_bits"
    )]
    quant_predicate: Option<RecipeArg>,

    /// Number type of what is not quantized, and of scales [default: what config.json says]
    #[arg(long, value_name = "DTYPE")]
    dtype: Option<DtypeArg>,

    /// Turn quantized weights back into floats
    #[arg(short, long, conflicts_with = "quantize")]
    dequantize: bool,

    #[command(flatten)]
    threads: ThreadArgs,
}

/// A recipe by its name.
#[derive(Clone, Copy, Debug)]
struct RecipeArg(Recipe);

impl ValueEnum for RecipeArg {
    fn value_variants<'a>() -> &'a [RecipeArg] {
        const ALL: [RecipeArg; 4] = [
            RecipeArg(Recipe::ALL[0]),
            RecipeArg(Recipe::ALL[1]),
            RecipeArg(Recipe::ALL[2]),
            RecipeArg(Recipe::ALL[3]),
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let (low, high) = self.0.bits();
        let value = clap::builder::PossibleValue::new(self.0.name());
        Some(value.help(format!("{low} bits, {high} where it matters most")))
    }
}

/// A number type to store, by the names that configs use.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum DtypeArg {
    /// 16-bit floats of IEEE 754
    #[value(alias = "f16")]
    Float16,
    /// 16-bit floats with the range of float32
    #[value(alias = "bf16")]
    Bfloat16,
    /// 32-bit floats
    #[value(alias = "f32")]
    Float32,
}

fn bits(text: &str) -> Result<usize, String> {
    let bits = text
        .parse()
        .ok()
        .filter(|&bits| Affine::new(bits, 64).is_ok());
    bits.ok_or_else(|| "it must be 1, 2, 3, 4, 5, 6 or 8".to_owned())
}

fn group_size(text: &str) -> Result<usize, String> {
    let group = text
        .parse()
        .ok()
        .filter(|&group| Affine::new(4, group).is_ok());
    group.ok_or_else(|| "it must be 32, 64 or 128".to_owned())
}

impl ConvertArgs {
    fn conversion(&self) -> Result<Conversion> {
        let group = self.q_group_size.unwrap_or(64);
        let weights = match (self.quantize, self.quant_predicate, self.dequantize) {
            (true, Some(RecipeArg(recipe)), _) => Weights::Mixed { recipe, group },
            (true, None, _) => Weights::Quantize(Affine::new(self.q_bits.unwrap_or(4), group)?),
            (false, _, true) => Weights::Dequantize,
            (false, _, false) => Weights::Keep,
        };
        let dtype = self.dtype.map(|dtype| match dtype {
            DtypeArg::Float16 => Dtype::F16,
            DtypeArg::Bfloat16 => Dtype::BF16,
            DtypeArg::Float32 => Dtype::F32,
        });
        Ok(Conversion { weights, dtype })
    }
}

/// Runs the command.
pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode> {
    let conversion = args.conversion()?;
    args.threads.init()?;
    let from = model::folder(&args.model, false)?;
    let ctrl_c = interrupt::listen();
    let bar = progress::bar("converting {bar:30} {bytes} of {total_bytes}, {eta} left");
    let result = conversion.run(&from, &args.output, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        match ctrl_c.requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    bar.finish_and_clear();
    match result {
        Ok(written) => {
            note(&summary(args, &written));
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ Error::Interrupted) => {
            report(&error.to_string());
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => Err(error.into()),
    }
}

fn summary(args: &ConvertArgs, written: &Report) -> String {
    format!(
        "{}: {}, {} parameters at {:.3} bits per weight",
        args.output.display(),
        size(written.bytes),
        count(written.parameters as usize),
        written.bits_per_weight(),
    )
}
