//! Changes to the logits before the distribution is formed: bias, then the three penalties, in
//! mlx-lm's order. Windows count back from the newest token and include the prompt; tokens outside
//! the row (image placeholders, say) are passed over.

use super::{Error, Result, SamplingParams};

/// Applies `params`' logit bias and penalties to `row`, given the tokens so far.
pub(super) fn apply(params: &SamplingParams, history: &[u32], row: &mut [f32]) -> Result<()> {
    for &(token, bias) in &params.logit_bias {
        let last = row.len().saturating_sub(1);
        *row.get_mut(token as usize)
            .ok_or(Error::BiasToken { token, last })? += bias;
    }
    if !matches!(params.repetition_penalty, 0.0 | 1.0) {
        let penalty = params.repetition_penalty;
        for (token, _) in counts(history, params.repetition_context_size) {
            if let Some(logit) = row.get_mut(token as usize) {
                *logit = if *logit < 0.0 {
                    *logit * penalty
                } else {
                    *logit / penalty
                };
            }
        }
    }
    if params.presence_penalty != 0.0 {
        for (token, _) in counts(history, params.presence_context_size) {
            if let Some(logit) = row.get_mut(token as usize) {
                *logit -= params.presence_penalty;
            }
        }
    }
    if params.frequency_penalty != 0.0 {
        for (token, count) in counts(history, params.frequency_context_size) {
            if let Some(logit) = row.get_mut(token as usize) {
                *logit -= params.frequency_penalty * count as f32;
            }
        }
    }
    Ok(())
}

/// The distinct tokens among the last `window` of `history`, each with how often it occurs there.
fn counts(history: &[u32], window: usize) -> impl Iterator<Item = (u32, usize)> {
    let mut recent = history[history.len().saturating_sub(window)..].to_vec();
    recent.sort_unstable();
    let mut start = 0;
    std::iter::from_fn(move || {
        let token = *recent.get(start)?;
        let count = recent[start..].partition_point(|&other| other == token);
        start += count;
        Some((token, count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(params: SamplingParams, history: &[u32], row: &[f32]) -> Vec<f32> {
        let mut row = row.to_vec();
        apply(&params, history, &mut row).unwrap();
        row
    }

    #[test]
    fn repetition_divides_positive_and_multiplies_negative_logits_once() {
        let params = SamplingParams {
            repetition_penalty: 2.0,
            ..Default::default()
        };
        let row = applied(params, &[0, 1, 1, 0], &[4.0, -4.0, 4.0, -4.0]);
        assert_eq!(row, [2.0, -8.0, 4.0, -4.0]);
    }

    #[test]
    fn presence_counts_a_token_once_and_frequency_each_time() {
        let history = [1, 2, 2, 2];
        let presence = SamplingParams {
            presence_penalty: 0.5,
            ..Default::default()
        };
        assert_eq!(
            applied(presence, &history, &[0.0; 4]),
            [0.0, -0.5, -0.5, 0.0]
        );
        let frequency = SamplingParams {
            frequency_penalty: 0.5,
            ..Default::default()
        };
        assert_eq!(
            applied(frequency, &history, &[0.0; 4]),
            [0.0, -0.5, -1.5, 0.0]
        );
    }

    #[test]
    fn each_penalty_has_its_own_window_over_the_newest_tokens() {
        let params = SamplingParams {
            presence_penalty: 1.0,
            presence_context_size: 1,
            frequency_penalty: 10.0,
            frequency_context_size: 2,
            ..Default::default()
        };
        assert_eq!(applied(params, &[0, 1, 2], &[0.0; 3]), [0.0, -10.0, -11.0]);
    }

    #[test]
    fn bias_comes_before_the_penalty_that_depends_on_sign() {
        let params = SamplingParams {
            repetition_penalty: 2.0,
            logit_bias: vec![(0, -3.0)],
            ..Default::default()
        };
        assert_eq!(applied(params, &[0], &[1.0]), [-4.0]);
    }

    #[test]
    fn a_bias_must_name_a_token_but_history_may_hold_placeholders() {
        let params = SamplingParams {
            logit_bias: vec![(9, 1.0)],
            ..Default::default()
        };
        let error = apply(&params, &[], &mut [0.0; 4]).unwrap_err();
        assert_eq!(error, Error::BiasToken { token: 9, last: 3 });
        let params = SamplingParams {
            presence_penalty: 1.0,
            ..Default::default()
        };
        assert_eq!(applied(params, &[u32::MAX, 0], &[0.0, 0.0]), [-1.0, 0.0]);
    }
}
