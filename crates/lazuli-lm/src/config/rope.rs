//! Rotary position embedding: inverse frequencies and attention scaling of each kind.
//!
//! A pair of channels `i` of a token at position `p` turns by `p * inverse[i]`; cosine and sine are
//! both multiplied by the attention scaling. Computed in f64 and rounded once, so that every backend
//! starts from the same numbers. Pairs are halves of the rotated part (`i` with `i + rotary_dim / 2`).
//!
//! Su et al., 2021 (arXiv 2104.09864); YaRN: Peng et al., 2023 (arXiv 2309.00071); LongRoPE: Ding et
//! al., 2024 (arXiv 2402.13753).

use std::f64::consts::TAU;

/// Rotary embedding of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// Channels of a head that are rotated, from the first on; even, at most `head_dim`.
    pub rotary_dim: usize,
    /// Positions that the model is configured for.
    pub max_positions: usize,
    /// How frequencies are stretched for long contexts.
    pub kind: RopeKind,
}

/// How frequencies are stretched beyond the context that the model was first trained for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RopeKind {
    /// Not at all.
    Default,
    /// All divided by `factor`.
    Linear {
        /// Ratio of the contexts.
        factor: f64,
    },
    /// The base grows with the sequence once it is longer than `max_positions`.
    Dynamic {
        /// Ratio of the contexts.
        factor: f64,
    },
    /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, a blend between.
    Llama3 {
        /// Ratio of the contexts.
        factor: f64,
        /// Wavelengths above `original / low` are divided.
        low: f64,
        /// Wavelengths below `original / high` are kept.
        high: f64,
        /// Context of the first training.
        original: usize,
    },
    /// A linear ramp over channels between divided and kept.
    Yarn {
        /// Ratio of the contexts.
        factor: f64,
        /// Turns within `original` above which a channel is kept.
        beta_fast: f64,
        /// Turns within `original` below which a channel is divided.
        beta_slow: f64,
        /// Whether the ramp's ends are rounded outward to whole channels.
        truncate: bool,
        /// Context of the first training.
        original: usize,
        /// Factor of cosine and sine.
        attention_scaling: f64,
    },
    /// A divisor per channel pair, one set for short sequences, one for long.
    LongRope {
        /// For sequences up to `original`.
        short: Vec<f64>,
        /// For longer ones.
        long: Vec<f64>,
        /// Context of the first training.
        original: usize,
        /// Factor of cosine and sine.
        attention_scaling: f64,
    },
}

/// What a kernel needs to rotate.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeFrequencies {
    /// Radians per position of each channel pair: `rotary_dim / 2`.
    pub inverse: Vec<f32>,
    /// Factor of cosine and sine.
    pub attention_scaling: f32,
}

impl Rope {
    /// The frequencies for sequences of up to `length` tokens.
    ///
    /// Only `dynamic` and `longrope` look at `length`. A caller who wants the tokens of a sequence not
    /// to depend on how it grew passes one length for its whole life.
    pub fn frequencies(&self, length: usize) -> RopeFrequencies {
        let plain = self.powers(self.theta);
        let (inverse, attention_scaling): (Vec<f64>, f64) = match &self.kind {
            RopeKind::Default => (plain, 1.0),
            RopeKind::Linear { factor } => (plain.iter().map(|f| f / factor).collect(), 1.0),
            RopeKind::Dynamic { factor } => {
                let dim = self.rotary_dim as f64;
                let stretch = length.max(self.max_positions) as f64 / self.max_positions as f64;
                let grown = (factor * stretch - (factor - 1.0)).powf(dim / (dim - 2.0));
                (self.powers(self.theta * grown), 1.0)
            }
            RopeKind::Llama3 {
                factor,
                low,
                high,
                original,
            } => {
                let stretched = |f: &f64| {
                    let turns = *original as f64 * f / TAU;
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - kept) * f / factor + kept * f
                };
                (plain.iter().map(stretched).collect(), 1.0)
            }
            RopeKind::Yarn {
                factor,
                beta_fast,
                beta_slow,
                truncate,
                original,
                attention_scaling,
            } => {
                let channel = |turns: f64| self.channel_of(turns, *original);
                let (mut low, mut high) = (channel(*beta_fast), channel(*beta_slow));
                if *truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                low = low.max(0.0);
                high = high.min(self.rotary_dim as f64 - 1.0);
                if low == high {
                    high += 0.001; // a step instead of a division by zero
                }
                let stretched = |(i, f): (usize, &f64)| {
                    let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                    divided * f / factor + (1.0 - divided) * f
                };
                let inverse = plain.iter().enumerate().map(stretched).collect();
                (inverse, *attention_scaling)
            }
            RopeKind::LongRope {
                short,
                long,
                original,
                attention_scaling,
            } => {
                let divisors = if length > *original { long } else { short };
                let inverse = plain.iter().zip(divisors).map(|(f, d)| f / d).collect();
                (inverse, *attention_scaling)
            }
        };
        RopeFrequencies {
            inverse: inverse.into_iter().map(|f| f as f32).collect(),
            attention_scaling: attention_scaling as f32,
        }
    }

    /// `base^(-2i / rotary_dim)`.
    fn powers(&self, base: f64) -> Vec<f64> {
        (0..self.rotary_dim / 2)
            .map(|i| base.powf(-2.0 * i as f64 / self.rotary_dim as f64))
            .collect()
    }

    /// The (fractional) channel pair that makes so many turns within `original` positions.
    fn channel_of(&self, turns: f64, original: usize) -> f64 {
        let dim = self.rotary_dim as f64;
        dim * (original as f64 / (turns * TAU)).ln() / (2.0 * self.theta.ln())
    }
}
