//! The sampler: processors, filters and one draw, from parameters that were checked once.

use lazuli_core::random::threefry;

use super::filters::{self, Candidate};
use super::{Result, SamplingParams, processors, row};

/// Chooses tokens for one request. It holds no state: any thread may use it for any position.
#[derive(Debug, Clone)]
pub struct Sampler {
    params: SamplingParams,
    xtc_exempt: Vec<u32>,
}

/// A chosen token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The token.
    pub token: u32,
    /// Its natural log-probability after bias and penalties, before filters and temperature.
    pub logprob: f32,
}

/// Buffers that calls reuse, and the last row. Keep one per thread, not one per request.
#[derive(Debug, Default)]
pub struct Workspace {
    row: Vec<f32>,
    log_total: f32,
    candidates: Vec<Candidate>,
    scaled: Vec<f32>,
}

impl Sampler {
    /// A sampler for `params`. `xtc_exempt` are the tokens that XTC never removes: newline and end of
    /// sequence, by custom.
    ///
    /// # Errors
    /// What [`SamplingParams::validate`] finds.
    pub fn new(params: SamplingParams, xtc_exempt: &[u32]) -> Result<Self> {
        params.validate()?;
        Ok(Self {
            params,
            xtc_exempt: xtc_exempt.to_vec(),
        })
    }

    /// The parameters.
    pub fn params(&self) -> &SamplingParams {
        &self.params
    }

    /// The token at `position` of its own sequence (the prompt's first token is position 0), given
    /// the model's `logits` for it and the tokens before it, prompt included.
    ///
    /// The random key is that of (seed, position); its first word is the draw, its second XTC's coin.
    /// Penalties look no further back in `history` than their windows.
    ///
    /// # Errors
    /// NaN or infinity among the logits, no finite logit, or a bias for a token that is not there.
    pub fn sample(
        &self,
        logits: &[f32],
        history: &[u32],
        position: u64,
        workspace: &mut Workspace,
    ) -> Result<Sample> {
        let Workspace {
            row,
            log_total,
            candidates,
            scaled,
        } = workspace;
        row.clear();
        row.extend_from_slice(logits);
        processors::apply(&self.params, history, row)?;
        let max = row::checked_max(row, position)?;
        let total = row::sum_exp(row, max);
        *log_total = (f64::from(max) + total.ln()) as f32;

        let token = if self.params.is_greedy() {
            row.iter()
                .position(|&logit| logit == max)
                .unwrap_or_default() as u32
        } else {
            let key = threefry::fold_in(threefry::key(self.params.seed), position);
            let [draw, coin] = threefry::words(key);
            let xtc = threefry::uniform_f32(coin) < self.params.xtc_probability;
            filters::candidates(
                &self.params,
                (row, max, total),
                xtc,
                &self.xtc_exempt,
                candidates,
            );
            // The middle of the word's interval, so that neither end of [0, 1] is ever drawn.
            let u = (f64::from(draw) + 0.5) / 4_294_967_296.0;
            filters::draw(candidates, self.params.temperature, u, position, scaled)?
        };
        Ok(Sample {
            token,
            logprob: workspace.logprob(token),
        })
    }
}

impl Workspace {
    /// The log-probability of `token` in the last sampled row, as [`Sample::logprob`] defines it;
    /// minus infinity for a token that the row does not have.
    pub fn logprob(&self, token: u32) -> f32 {
        self.row
            .get(token as usize)
            .map_or(f32::NEG_INFINITY, |logit| logit - self.log_total)
    }

    /// The `count` most likely tokens of the last sampled row with their log-probabilities, most
    /// likely first, the lower token first among equals.
    pub fn top_logprobs(&mut self, count: usize) -> Vec<(u32, f32)> {
        filters::most_likely(&self.row, count, &mut self.candidates);
        // Stable: equals stay in ascending token order.
        self.candidates.sort_by(|a, b| filters::by_logit(b, a));
        let top = self.candidates.iter();
        top.map(|c| (c.token, c.logit - self.log_total)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Error;
    use super::*;

    fn sampler(params: SamplingParams) -> Sampler {
        Sampler::new(params, &[]).unwrap()
    }

    fn hot(seed: u64) -> SamplingParams {
        SamplingParams {
            temperature: 1.0,
            seed,
            ..Default::default()
        }
    }

    #[test]
    fn temperature_zero_takes_the_largest_and_the_lowest_token_of_equals() {
        let mut workspace = Workspace::default();
        for len in [2, 17, 100] {
            for at in 0..len - 1 {
                let mut row = vec![-1.0; len];
                row[at] = 2.0;
                row[len - 1] = 2.0;
                let sample = sampler(SamplingParams::default())
                    .sample(&row, &[], 0, &mut workspace)
                    .unwrap();
                assert_eq!(sample.token as usize, at);
            }
        }
    }

    #[test]
    fn logprobs_are_those_of_the_row_before_filters_and_temperature() {
        let row = [2.0f32, 0.5, -1.0, 2.0];
        let total: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
        let params = SamplingParams {
            temperature: 0.3,
            top_k: 2,
            ..Default::default()
        };
        let mut workspace = Workspace::default();
        let sample = sampler(params)
            .sample(&row, &[], 0, &mut workspace)
            .unwrap();
        let exact = |token: usize| (f64::from(row[token]).exp() / total).ln() as f32;
        assert!((sample.logprob - exact(0)).abs() < 1e-6);
        let top = workspace.top_logprobs(3);
        assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 3, 1]);
        for (token, logprob) in top {
            assert!((logprob - exact(token as usize)).abs() < 1e-6);
        }
        assert_eq!(workspace.logprob(4), f32::NEG_INFINITY);
    }

    #[test]
    fn the_token_depends_on_seed_and_position_and_on_nothing_else() {
        let row: Vec<f32> = (0..500).map(|i| ((i * 37) % 100) as f32 * 0.02).collect();
        let params = SamplingParams {
            top_p: 0.9,
            xtc_probability: 0.5,
            xtc_threshold: 0.001,
            ..hot(11)
        };
        let sampler = sampler(params.clone());
        let forward: Vec<Sample> = {
            let mut workspace = Workspace::default();
            (0..64)
                .map(|p| sampler.sample(&row, &[], p, &mut workspace).unwrap())
                .collect()
        };
        // Another order, another history, buffers that another request used.
        let mut workspace = Workspace::default();
        for position in (0..64u64).rev() {
            sampler
                .sample(&[0.0; 3], &[], position, &mut workspace)
                .unwrap();
            let again = sampler
                .sample(&row, &[1, 2, 3], position, &mut workspace)
                .unwrap();
            assert_eq!(again, forward[position as usize]);
        }
        let other = Sampler::new(SamplingParams { seed: 12, ..params }, &[]).unwrap();
        let differing = (0..64u64)
            .filter(|&p| other.sample(&row, &[], p, &mut workspace).unwrap() != forward[p as usize])
            .count();
        assert!(differing > 50, "{differing}");
    }

    #[test]
    fn draws_follow_the_tempered_distribution() {
        let row = [1.0f32, 0.0, 2.0, -1.0, 0.5];
        let temperature = 0.7;
        let weights = row.map(|x| f64::from(x / temperature).exp());
        let total: f64 = weights.iter().sum();
        let mut workspace = Workspace::default();
        // Over positions of one seed, and over seeds at one position.
        for by_seed in [false, true] {
            let draws = 20_000u64;
            let mut counts = [0u32; 5];
            for i in 0..draws {
                let (seed, position) = if by_seed { (i, 3) } else { (3, i) };
                let sampler = sampler(SamplingParams {
                    temperature,
                    ..hot(seed)
                });
                let sample = sampler.sample(&row, &[], position, &mut workspace).unwrap();
                counts[sample.token as usize] += 1;
            }
            let chi_square: f64 = counts
                .iter()
                .zip(weights)
                .map(|(&count, weight)| {
                    let expected = weight / total * draws as f64;
                    (f64::from(count) - expected).powi(2) / expected
                })
                .sum();
            // 4 degrees of freedom: above 18.5 once in a thousand.
            assert!(chi_square < 18.5, "{chi_square} {counts:?}");
        }
    }

    #[test]
    fn xtc_is_applied_as_often_as_its_probability_says() {
        let row = [3.0f32, 2.9, -9.0];
        let params = SamplingParams {
            xtc_probability: 0.25,
            ..hot(1)
        };
        let sampler = Sampler::new(params, &[]).unwrap();
        let mut workspace = Workspace::default();
        // Without XTC token 0 has probability 0.525, with it 0.
        let first = (0..20_000)
            .filter(|&p| sampler.sample(&row, &[], p, &mut workspace).unwrap().token == 0)
            .count() as f64;
        assert!((first / 20_000.0 - 0.525 * 0.75).abs() < 0.015, "{first}");
    }

    #[test]
    fn broken_rows_are_error_values() {
        let mut workspace = Workspace::default();
        for params in [SamplingParams::default(), hot(0)] {
            let sampler = sampler(params);
            let mut sample = |row: &[f32]| sampler.sample(row, &[], 5, &mut workspace);
            assert!(matches!(
                sample(&[0.0, f32::NAN]),
                Err(Error::Logit { token: 1, .. })
            ));
            assert_eq!(
                sample(&[f32::NEG_INFINITY; 3]),
                Err(Error::NoCandidate { position: 5 })
            );
            assert_eq!(sample(&[]), Err(Error::NoCandidate { position: 5 }));
        }
    }

    #[test]
    fn an_excluded_token_is_never_drawn() {
        let params = SamplingParams {
            logit_bias: vec![(0, f32::NEG_INFINITY)],
            ..hot(9)
        };
        let sampler = sampler(params);
        let mut workspace = Workspace::default();
        for position in 0..2000 {
            let sample = sampler
                .sample(&[50.0, 0.0, 0.0], &[], position, &mut workspace)
                .unwrap();
            assert_ne!(sample.token, 0);
        }
    }

    /// `cargo test --release -p lazuli-lm -- --ignored --nocapture microseconds`
    #[test]
    #[ignore = "a measurement"]
    fn microseconds_per_token() {
        let mut words = vec![0; 151_936];
        threefry::fill(threefry::key(1), &mut words);
        // Peaked like a language model's row, and flat, where the nucleus is most of the vocabulary.
        let peaked: Vec<f32> = words
            .iter()
            .map(|&w| -2.0 * (1.0 - threefry::uniform_f32(w)).ln())
            .collect();
        let flat: Vec<f32> = words.iter().map(|&w| threefry::uniform_f32(w)).collect();
        let base = SamplingParams {
            temperature: 0.8,
            ..Default::default()
        };
        let cases = [
            ("greedy", SamplingParams::default()),
            ("temperature", base.clone()),
            (
                "top_p 0.95",
                SamplingParams {
                    top_p: 0.95,
                    ..base.clone()
                },
            ),
            (
                "top_k 40",
                SamplingParams {
                    top_k: 40,
                    ..base.clone()
                },
            ),
            (
                "top_p 0.95 + top_k 40",
                SamplingParams {
                    top_p: 0.95,
                    top_k: 40,
                    ..base.clone()
                },
            ),
            (
                "min_p 0.05",
                SamplingParams {
                    min_p: 0.05,
                    ..base.clone()
                },
            ),
            (
                "xtc",
                SamplingParams {
                    xtc_probability: 1.0,
                    ..base
                },
            ),
        ];
        let mut workspace = Workspace::default();
        for (name, params) in cases {
            let sampler = sampler(params);
            for (shape, row) in [("peaked", &peaked), ("flat", &flat)] {
                let mut times: Vec<_> = (0..200)
                    .map(|position| {
                        let start = std::time::Instant::now();
                        sampler.sample(row, &[], position, &mut workspace).unwrap();
                        start.elapsed()
                    })
                    .collect();
                times.sort_unstable();
                println!("{name:24} {shape:8} {:?}", times[100]);
            }
        }
    }
}
