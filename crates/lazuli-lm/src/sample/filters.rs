//! Which tokens may be drawn: top-p, min-p, XTC and top-k.
//!
//! Each filter is a threshold found by partial selection; nothing is sorted by probability, and
//! candidates stay in ascending token order, which is the order of the draw. Ties: top-p and min-p
//! keep all tokens of equal probability; counts (top-k, `min_tokens_to_keep`) prefer the lower token.

use std::cmp::Ordering;

use super::row::{checked_max, exp, sum_exp};
use super::{Result, SamplingParams};

/// A token that may still be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) token: u32,
    pub(super) logit: f32,
}

/// Fills `candidates`, in ascending token order, with the tokens of `row` that pass `params`' filters.
///
/// `max` and `total` are the row's largest logit and its sum of `exp(logit - max)`. `xtc` says whether
/// this token's coin chose XTC; `exempt` tokens are never removed by it.
pub(super) fn candidates(
    params: &SamplingParams,
    (row, max, total): (&[f32], f32, f64),
    xtc: bool,
    exempt: &[u32],
    candidates: &mut Vec<Candidate>,
) {
    let top_p = (params.top_p < 1.0).then_some(f64::from(params.top_p));
    // Top-p and min-p keep the most likely tokens, whatever the number, so without XTC between them
    // top-k may come first, where it is cheap.
    let top_k_first = params.top_k > 0 && !xtc;
    if top_k_first {
        most_likely(row, params.top_k, candidates);
    } else {
        let floor = rough_floor(params, (row.len(), max, total));
        candidates.clear();
        candidates.extend(
            (0..)
                .zip(row)
                .filter(|&(_, &logit)| logit >= floor && logit > f32::NEG_INFINITY)
                .map(|(token, &logit)| Candidate { token, logit }),
        );
    }
    if let Some(top_p) = top_p {
        let floor = nucleus_floor(candidates, max, total * top_p);
        candidates.retain(|c| c.logit >= floor);
    }
    if params.min_p > 0.0 {
        keep_min_p(candidates, max, params.min_p, params.min_tokens_to_keep);
    }
    if xtc {
        exclude_top_choices(candidates, max, params.xtc_threshold, exempt);
    }
    if params.top_k > 0 && !top_k_first {
        keep_most_likely(candidates, params.top_k);
        candidates.sort_unstable_by_key(|c| c.token);
    }
}

/// A logit below which no token of a row of `len` passes top-p and min-p, by a margin that keeps
/// rounding from deciding.
fn rough_floor(params: &SamplingParams, (len, max, total): (usize, f32, f64)) -> f32 {
    let mut share: f64 = 0.0;
    if params.top_p < 1.0 {
        // Tokens below (1 - top_p) / len hold less than 1 - top_p together: the nucleus is above.
        share = total * (1.0 - f64::from(params.top_p)) / len as f64;
    }
    if params.min_tokens_to_keep == 1 {
        share = share.max(f64::from(params.min_p));
    }
    (f64::from(max) + (share / 2.0).ln()) as f32
}

/// The `count` most likely tokens of `row` into `kept`, in ascending token order.
pub(super) fn most_likely(row: &[f32], count: usize, kept: &mut Vec<Candidate>) {
    const BLOCK: usize = 64;
    let full = count.saturating_mul(2).max(1024);
    let mut floor = f32::NEG_INFINITY;
    kept.clear();
    for (block, logits) in row.chunks(BLOCK).enumerate() {
        // Tokens come in ascending order, so one equal to the floor loses to those already kept.
        if !logits
            .iter()
            .fold(false, |any, &logit| any | (logit > floor))
        {
            continue;
        }
        for (i, &logit) in logits.iter().enumerate() {
            if logit > floor {
                kept.push(Candidate {
                    token: (block * BLOCK + i) as u32,
                    logit,
                });
            }
        }
        if kept.len() >= full {
            keep_most_likely(kept, count);
            floor = kept.iter().fold(f32::INFINITY, |low, c| low.min(c.logit));
        }
    }
    keep_most_likely(kept, count);
    kept.sort_unstable_by_key(|c| c.token);
}

/// Ascending order of logits, none of which is NaN (`total_cmp` would tell -0 from 0).
pub(super) fn by_logit(a: &Candidate, b: &Candidate) -> Ordering {
    a.logit.partial_cmp(&b.logit).unwrap_or(Ordering::Equal)
}

/// Keeps the `count` most likely candidates, the lower token first among equals, in no order.
fn keep_most_likely(candidates: &mut Vec<Candidate>, count: usize) {
    if count < candidates.len() {
        candidates.select_nth_unstable_by(count, |a, b| by_logit(b, a).then(a.token.cmp(&b.token)));
        candidates.truncate(count);
    }
}

/// The smallest logit of the nucleus: candidates that have less than `mass` strictly above them.
///
/// `mass` is in units of `exp(logit - max)`. Masses are summed by distance from the largest logit;
/// only candidates at the distance where `mass` is reached are sorted.
fn nucleus_floor(candidates: &[Candidate], max: f32, mass: f64) -> f32 {
    const STEPS_PER_NAT: f32 = 32.0;
    let step = |c: &Candidate| (((max - c.logit) * STEPS_PER_NAT) as usize).min(1023);
    let mut masses = [0.0f64; 1024];
    for candidate in candidates {
        masses[step(candidate)] += f64::from(exp(candidate.logit - max));
    }
    let mut above = 0.0;
    let mut crossing = 0;
    for (step, step_mass) in masses.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
        crossing = step;
        if above + step_mass >= mass {
            break;
        }
        above += step_mass;
    }
    let here = candidates.iter().filter(|c| step(c) == crossing);
    let mut logits: Vec<f32> = here.map(|c| c.logit).collect();
    logits.sort_unstable_by(|a, b| b.total_cmp(a));
    for equals in logits.chunk_by(|a, b| a == b) {
        above += f64::from(exp(equals[0] - max)) * equals.len() as f64;
        if above >= mass {
            return equals[0];
        }
    }
    // Rounding left the sum below `mass`: the whole step belongs to the nucleus.
    logits.last().copied().unwrap_or(max)
}

/// Keeps candidates at least `min_p` as likely as the most likely one, and `least` of them anyway.
fn keep_min_p(candidates: &mut Vec<Candidate>, max: f32, min_p: f32, least: usize) {
    let floor = f64::from(max) + f64::from(min_p).ln();
    let passes = |c: &Candidate| f64::from(c.logit) >= floor;
    if candidates.iter().filter(|c| passes(c)).count() >= least {
        candidates.retain(passes);
    } else {
        keep_most_likely(candidates, least);
        candidates.sort_unstable_by_key(|c| c.token);
    }
}

/// XTC: removes candidates above `threshold`, except the least likely of them and `exempt` tokens.
/// Probabilities are among the candidates.
fn exclude_top_choices(candidates: &mut Vec<Candidate>, max: f32, threshold: f32, exempt: &[u32]) {
    let total: f64 = candidates
        .iter()
        .map(|c| f64::from(exp(c.logit - max)))
        .sum();
    let floor = f64::from(max) + (f64::from(threshold) * total).ln();
    let least = candidates
        .iter()
        .filter(|c| f64::from(c.logit) > floor)
        .fold(f32::INFINITY, |least, c| least.min(c.logit));
    candidates.retain(|c| c.logit <= least || exempt.contains(&c.token));
}

/// A token of `candidates` (not empty, in ascending order): the first at which the running sum of
/// `exp(logit / temperature)` passes the share `u` of the whole.
pub(super) fn draw(
    candidates: &[Candidate],
    temperature: f32,
    u: f64,
    position: u64,
    scaled: &mut Vec<f32>,
) -> Result<u32> {
    scaled.clear();
    scaled.extend(candidates.iter().map(|c| c.logit));
    let max = checked_max(scaled, position)?;
    for logit in scaled.iter_mut() {
        *logit = (*logit - max) / temperature;
    }
    let mut left = u * sum_exp(scaled, 0.0);
    // Whole runs first, summed as the total was; the last run is walked.
    let mut start = 0;
    for run in scaled.chunks(1024) {
        let mass = sum_exp(run, 0.0);
        if left < mass || start + run.len() == scaled.len() {
            break;
        }
        left -= mass;
        start += run.len();
    }
    let run = &candidates[start..];
    let mut chosen = run[0].token;
    for (candidate, &logit) in run.iter().zip(&scaled[start..]) {
        chosen = candidate.token;
        left -= f64::from(exp(logit));
        if left < 0.0 {
            break;
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The filters as mlx-lm defines them, on a full sort and in `f64`.
    fn by_definition(params: &SamplingParams, row: &[f32], xtc: bool, exempt: &[u32]) -> Vec<u32> {
        let total: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
        let probability = |i: &usize| f64::from(row[*i]).exp() / total;
        let mut kept: Vec<usize> = (0..row.len()).filter(|&i| row[i].is_finite()).collect();
        kept.sort_by(|a, b| row[*b].partial_cmp(&row[*a]).unwrap().then(a.cmp(b)));
        let most = probability(&kept[0]);
        if params.top_p < 1.0 {
            let all = kept.clone();
            kept.retain(|i| {
                let above = all.iter().filter(|j| row[**j] > row[*i]);
                above.map(probability).sum::<f64>() < f64::from(params.top_p)
            });
        }
        if params.min_p > 0.0 {
            let passing = kept
                .iter()
                .filter(|i| probability(i) >= most * f64::from(params.min_p))
                .count();
            kept.truncate(passing.max(params.min_tokens_to_keep));
        }
        if xtc {
            let rest: f64 = kept.iter().map(probability).sum();
            let above = |i: &&usize| probability(i) / rest > f64::from(params.xtc_threshold);
            if let Some(&least) = kept.iter().rfind(above) {
                kept.retain(|&i| row[i] <= row[least] || exempt.contains(&(i as u32)));
            }
        }
        if params.top_k > 0 {
            kept.truncate(params.top_k);
        }
        let mut tokens: Vec<u32> = kept.into_iter().map(|i| i as u32).collect();
        tokens.sort_unstable();
        tokens
    }

    fn passing(params: &SamplingParams, row: &[f32], xtc: bool, exempt: &[u32]) -> Vec<u32> {
        let max = checked_max(row, 0).unwrap();
        let mut kept = vec![Candidate {
            token: 9,
            logit: 9.0,
        }];
        candidates(
            params,
            (row, max, sum_exp(row, max)),
            xtc,
            exempt,
            &mut kept,
        );
        kept.iter().map(|c| c.token).collect()
    }

    /// Rows with many ties, and some excluded tokens.
    fn rows() -> impl Strategy<Value = Vec<f32>> {
        let logit = prop_oneof![
            8 => (-24i32..24).prop_map(|x| x as f32 * 0.37),
            1 => -9.0f32..9.0,
            1 => Just(f32::NEG_INFINITY),
        ];
        prop::collection::vec(logit, 1..2500).prop_map(|mut row| {
            row[0] = 1.0;
            row
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]
        #[test]
        fn every_mix_of_filters_keeps_what_the_definitions_keep(
            row in rows(),
            top_p in prop_oneof![Just(1.0f32), 0.01f32..0.999],
            min_p in prop_oneof![Just(0.0f32), 0.001f32..1.0],
            min_tokens_to_keep in 1usize..5,
            top_k in prop_oneof![Just(0usize), 1usize..60, 60usize..3000],
            xtc in any::<bool>(),
            xtc_threshold in 0.0f32..0.5,
            exempt in prop::collection::vec(0u32..40, 0..3),
        ) {
            let params = SamplingParams {
                temperature: 1.0, top_p, min_p, min_tokens_to_keep, top_k, xtc_threshold,
                ..Default::default()
            };
            prop_assert_eq!(
                passing(&params, &row, xtc, &exempt),
                by_definition(&params, &row, xtc, &exempt)
            );
        }

        #[test]
        fn the_most_likely_tokens_are_those_of_a_full_sort(row in rows(), count in 0usize..2000) {
            let mut sorted: Vec<u32> = (0..row.len() as u32).collect();
            sorted.retain(|&t| row[t as usize].is_finite());
            sorted.sort_by(|&a, &b| row[b as usize].partial_cmp(&row[a as usize]).unwrap());
            sorted.truncate(count);
            sorted.sort_unstable();
            let mut kept = Vec::new();
            most_likely(&row, count, &mut kept);
            prop_assert_eq!(kept.iter().map(|c| c.token).collect::<Vec<_>>(), sorted);
        }
    }

    #[test]
    fn xtc_keeps_the_least_of_the_top_choices_and_the_exempt() {
        // Probabilities 0.4, 0.3, 0.2, 0.1.
        let row = [0.4f32, 0.3, 0.2, 0.1].map(f32::ln);
        let params = SamplingParams {
            xtc_threshold: 0.15,
            ..Default::default()
        };
        assert_eq!(passing(&params, &row, true, &[]), [2, 3]);
        assert_eq!(passing(&params, &row, true, &[0]), [0, 2, 3]);
        assert_eq!(passing(&params, &row, false, &[]), [0, 1, 2, 3]);
        let params = SamplingParams {
            xtc_threshold: 0.35,
            ..Default::default()
        };
        assert_eq!(passing(&params, &row, true, &[]), [0, 1, 2, 3]);
    }

    #[test]
    fn top_p_keeps_the_token_that_crosses_and_its_equals() {
        let row = [0.5f32, 0.2, 0.2, 0.1].map(f32::ln);
        let top_p = |top_p| SamplingParams {
            top_p,
            ..Default::default()
        };
        assert_eq!(passing(&top_p(0.45), &row, false, &[]), [0]);
        assert_eq!(passing(&top_p(0.55), &row, false, &[]), [0, 1, 2]);
        assert_eq!(passing(&top_p(0.95), &row, false, &[]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_draw_takes_the_token_whose_share_of_the_line_holds_the_number() {
        let weights = [0.1f32, 0.2, 0.3, 0.4];
        let line: Vec<Candidate> = (0..)
            .zip(weights)
            .map(|(token, weight)| Candidate {
                token,
                logit: weight.ln(),
            })
            .collect();
        let mut scaled = Vec::new();
        for (u, token) in [
            (1e-9, 0),
            (0.0999, 0),
            (0.1001, 1),
            (0.2999, 1),
            (0.3001, 2),
            (0.6001, 3),
            (0.999_999_999, 3),
        ] {
            assert_eq!(draw(&line, 1.0, u, 0, &mut scaled), Ok(token), "{u}");
        }
        // A tiny temperature leaves the most likely one, and overflows nowhere.
        assert_eq!(draw(&line, 1e-30, 1e-9, 0, &mut scaled), Ok(3));
    }
}
