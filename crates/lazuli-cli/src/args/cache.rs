//! How keys and values are kept.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use lazuli::lm::cache::CacheOptions;

use super::positive;

/// How keys and values are kept.
#[derive(Args, Debug)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheArgs {
    /// Prompt tokens computed at a time, rounded up to a multiple of 64; changes speed and memory,
    /// never the answer
    #[arg(long, value_name = "N", default_value = "512", value_parser = positive)]
    pub(crate) prefill_step: usize,

    /// Bits of cached keys and values [default: not quantized]
    #[arg(long, value_name = "BITS", value_parser = bits())]
    kv_bits: Option<usize>,

    /// Cached values that share a scale
    #[arg(long, value_name = "N", default_value = "64", value_parser = positive, requires = "kv_bits")]
    kv_group_size: usize,

    /// Tokens from which on the cache is quantized
    #[arg(long, value_name = "N", default_value = "0", requires = "kv_bits")]
    quantized_kv_start: usize,

    /// Most tokens that full attention sees: the first 4 and the latest [default: all]
    #[arg(long, value_name = "N", value_parser = positive)]
    max_kv_size: Option<usize>,
}

impl CacheArgs {
    /// The options of a cache for one sequence.
    pub(crate) fn options(&self) -> CacheOptions {
        CacheOptions {
            slots: 1,
            kv_bits: self.kv_bits,
            kv_group_size: self.kv_group_size,
            quantized_kv_start: self.quantized_kv_start,
            max_kv_size: self.max_kv_size,
            prefill_step: self.prefill_step,
        }
    }
}

fn bits() -> impl TypedValueParser<Value = usize> {
    PossibleValuesParser::new(["2", "4", "8"]).try_map(|text| text.parse::<usize>())
}
