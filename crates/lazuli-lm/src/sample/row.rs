//! Passes over a whole row of logits, written so that the compiler vectorises them.
//!
//! A vocabulary has up to 256 k tokens, so these passes are what sampling costs. Sums run over fixed
//! lanes in a fixed order: a row's result depends on the row only.

use super::{Error, Result};

const LANES: usize = 16;

/// The largest logit.
///
/// # Errors
/// NaN or plus infinity anywhere in the row, or no finite logit at all.
pub(super) fn checked_max(row: &[f32], position: u64) -> Result<f32> {
    let mut max = [f32::NEG_INFINITY; LANES];
    let mut nan = [false; LANES];
    let (blocks, tail) = row.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            max[lane] = if block[lane] > max[lane] {
                block[lane]
            } else {
                max[lane]
            };
            nan[lane] |= block[lane].is_nan();
        }
    }
    for (lane, &logit) in tail.iter().enumerate() {
        max[lane] = if logit > max[lane] { logit } else { max[lane] };
        nan[lane] |= logit.is_nan();
    }
    let max = max.into_iter().fold(f32::NEG_INFINITY, f32::max);
    if nan.contains(&true) || max == f32::INFINITY {
        let broken = |logit: &f32| logit.is_nan() || *logit == f32::INFINITY;
        let token = row.iter().position(broken).unwrap_or_default();
        return Err(Error::Logit {
            value: row[token],
            token,
            position,
        });
    }
    if max == f32::NEG_INFINITY {
        return Err(Error::NoCandidate { position });
    }
    Ok(max)
}

/// The sum of `exp(logit - max)` over the row.
pub(super) fn sum_exp(row: &[f32], max: f32) -> f64 {
    let mut total = 0.0;
    // Short f32 sums inside, f64 across: the error stays that of one exponential.
    for run in row.chunks(1024) {
        let mut sums = [0.0f32; LANES];
        let (blocks, tail) = run.as_chunks::<LANES>();
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] += exp(block[lane] - max);
            }
        }
        for (lane, &logit) in tail.iter().enumerate() {
            sums[lane] += exp(logit - max);
        }
        total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
    }
    total
}

/// `e^x` for `x <= 0`, within 2 units in the last place; below -87 it stays at the smallest normal
/// number, which no sum here can tell from zero.
///
/// Inlined arithmetic instead of `f32::exp`, a library call that keeps loops from vectorising.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let mut poly = 1.987_569_1e-4;
    for coefficient in [
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        poly = poly * r + coefficient;
    }
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (poly * r * r + r + 1.0) * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_of_the_last_place() {
        let mut x = 0.0f32;
        while x > -87.0 {
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (ours / exact - 1.0).abs() < 2.5e-7,
                "exp({x}) = {ours}, not {exact}"
            );
            x -= 0.000_37;
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) < 2e-38 && exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn broken_rows_are_errors_that_name_the_token() {
        for len in [1, 15, 16, 17, 40] {
            for at in 0..len {
                let mut row = vec![0.0; len];
                row[at] = f32::NAN;
                let error = checked_max(&row, 7).unwrap_err();
                assert!(
                    matches!(error, Error::Logit { token, position: 7, .. } if token == at),
                    "{error}"
                );
                row[at] = f32::INFINITY;
                assert!(
                    matches!(checked_max(&row, 7), Err(Error::Logit { token, .. }) if token == at)
                );
                row[at] = 3.0;
                assert_eq!(checked_max(&row, 7), Ok(3.0));
            }
        }
        for row in [&[][..], &[f32::NEG_INFINITY; 20]] {
            assert_eq!(checked_max(row, 7), Err(Error::NoCandidate { position: 7 }));
        }
    }

    #[test]
    fn sums_match_f64() {
        let row: Vec<f32> = (0..50_001)
            .map(|i| ((i * 7919) % 1000) as f32 * 0.02)
            .collect();
        let exact: f64 = row.iter().map(|&x| f64::from(x - 19.98).exp()).sum();
        assert!((sum_exp(&row, 19.98) / exact - 1.0).abs() < 1e-6);
    }
}
