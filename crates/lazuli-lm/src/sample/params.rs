//! What a request may ask of the sampler, and the ranges it must keep.

use super::{Error, Result};

/// How a request's tokens are chosen. The default is greedy, with every filter and penalty off.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// Divides the log-probabilities before the draw; 0 takes the most likely token.
    pub temperature: f32,
    /// Nucleus: keep a token while the tokens above it hold less than this share; 1 keeps all.
    pub top_p: f32,
    /// Keep this many of the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep tokens at least this likely, as a share of the most likely one; 0 keeps all.
    pub min_p: f32,
    /// `min_p` leaves at least this many tokens.
    pub min_tokens_to_keep: usize,
    /// The chance that XTC is applied to a token; 0 is off.
    pub xtc_probability: f32,
    /// XTC removes all tokens above this probability except the least likely of them.
    pub xtc_threshold: f32,
    /// Divides positive and multiplies negative logits of recent tokens; 1 (or 0) is off.
    pub repetition_penalty: f32,
    /// How many recent tokens, prompt included, the repetition penalty looks at.
    pub repetition_context_size: usize,
    /// Subtracted once from the logit of each recent token; 0 is off.
    pub presence_penalty: f32,
    /// How many recent tokens, prompt included, the presence penalty looks at.
    pub presence_context_size: usize,
    /// Subtracted from a recent token's logit once per occurrence; 0 is off.
    pub frequency_penalty: f32,
    /// How many recent tokens, prompt included, the frequency penalty looks at.
    pub frequency_context_size: usize,
    /// Added to the logits of single tokens; minus infinity excludes a token.
    pub logit_bias: Vec<(u32, f32)>,
    /// Names the random numbers: the same seed gives the same tokens.
    pub seed: u64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            min_tokens_to_keep: 1,
            xtc_probability: 0.0,
            xtc_threshold: 0.1,
            repetition_penalty: 1.0,
            repetition_context_size: 20,
            presence_penalty: 0.0,
            presence_context_size: 20,
            frequency_penalty: 0.0,
            frequency_context_size: 20,
            logit_bias: Vec::new(),
            seed: 0,
        }
    }
}

impl SamplingParams {
    /// Whether the most likely token is taken and nothing is drawn.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Param`] for the first parameter that is out of range.
    pub fn validate(&self) -> Result<()> {
        let share = |x: f32| (0.0..=1.0).contains(&x);
        let not_negative = |x: f32| x.is_finite() && x >= 0.0;
        #[rustfmt::skip]
        let floats = [
            ("temperature", self.temperature, not_negative(self.temperature), "finite and at least 0"),
            ("top_p", self.top_p, share(self.top_p) && self.top_p > 0.0, "above 0 and at most 1 (1 is off)"),
            ("min_p", self.min_p, share(self.min_p), "between 0 and 1 (0 is off)"),
            ("xtc_probability", self.xtc_probability, share(self.xtc_probability), "between 0 and 1 (0 is off)"),
            ("xtc_threshold", self.xtc_threshold, (0.0..=0.5).contains(&self.xtc_threshold), "between 0 and 0.5"),
            ("repetition_penalty", self.repetition_penalty, not_negative(self.repetition_penalty), "finite and at least 0 (1 is off)"),
            ("presence_penalty", self.presence_penalty, self.presence_penalty.is_finite(), "finite (0 is off)"),
            ("frequency_penalty", self.frequency_penalty, self.frequency_penalty.is_finite(), "finite (0 is off)"),
        ];
        let counts = [
            ("min_tokens_to_keep", self.min_tokens_to_keep),
            ("repetition_context_size", self.repetition_context_size),
            ("presence_context_size", self.presence_context_size),
            ("frequency_context_size", self.frequency_context_size),
        ];
        let error = |name, value: String, expected| Error::Param {
            name,
            value,
            expected,
        };
        for (name, value, holds, expected) in floats {
            if !holds {
                return Err(error(name, value.to_string(), expected));
            }
        }
        for (name, value) in counts {
            if value == 0 {
                return Err(error(name, value.to_string(), "at least 1"));
            }
        }
        for &(token, bias) in &self.logit_bias {
            if bias.is_nan() || bias == f32::INFINITY {
                let value = format!("{bias} for token {token}");
                return Err(error(
                    "logit_bias",
                    value,
                    "finite, or minus infinity to exclude a token",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_greedy() {
        SamplingParams::default().validate().unwrap();
        assert!(SamplingParams::default().is_greedy());
    }

    #[test]
    fn each_range_is_checked_in_one_line() {
        type Change = fn(&mut SamplingParams);
        let wrong: [(&str, Change); 17] = [
            ("temperature: -1", |p| p.temperature = -1.0),
            ("temperature: NaN", |p| p.temperature = f32::NAN),
            ("top_p: 0 ", |p| p.top_p = 0.0),
            ("top_p: 1.1", |p| p.top_p = 1.1),
            ("min_p: -0.1", |p| p.min_p = -0.1),
            ("min_p: NaN", |p| p.min_p = f32::NAN),
            ("min_tokens_to_keep: 0", |p| p.min_tokens_to_keep = 0),
            ("xtc_probability: 2", |p| p.xtc_probability = 2.0),
            ("xtc_threshold: 0.6", |p| p.xtc_threshold = 0.6),
            ("repetition_penalty: -1", |p| p.repetition_penalty = -1.0),
            ("repetition_context_size", |p| p.repetition_context_size = 0),
            ("presence_penalty: inf", |p| {
                p.presence_penalty = f32::INFINITY
            }),
            ("presence_context_size", |p| p.presence_context_size = 0),
            ("frequency_penalty: NaN", |p| p.frequency_penalty = f32::NAN),
            ("frequency_context_size", |p| p.frequency_context_size = 0),
            ("logit_bias: inf for token 3", |p| {
                p.logit_bias = vec![(3, f32::INFINITY)]
            }),
            ("logit_bias: NaN for token 4", |p| {
                p.logit_bias = vec![(4, f32::NAN)]
            }),
        ];
        for (start, change) in wrong {
            let mut params = SamplingParams::default();
            change(&mut params);
            let message = params.validate().unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
            assert!(!message.contains('\n'));
        }
    }
}
