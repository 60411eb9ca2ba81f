//! Reads [`Rope`] from a config in either form: `rope_theta` with `rope_scaling`, or the
//! `rope_parameters` of transformers 5 that hold all of it.
//!
//! Multimodal rope (mrope) is read as plain: for text its three positions are equal.

use super::error::Result;
use super::fields::Fields;
use super::rope::{Rope, RopeKind};

const FACTORS: std::ops::RangeInclusive<f64> = 1.0..=1e6;
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=super::MAX_POSITIONS;
const KINDS: &str = "one of default, linear, dynamic, llama3, yarn, longrope, mrope";

/// `text` holds the model's keys; `usual_part` is the rotated part of a head when the config is silent.
pub(super) fn read(
    text: &Fields<'_>,
    head_dim: usize,
    max_positions: usize,
    usual_part: f64,
) -> Result<Rope> {
    let mut settings = None;
    for key in ["rope_scaling", "rope_parameters"] {
        settings = match settings {
            None => text.object(key)?.filter(|object| !object.is_empty()),
            found => found,
        };
    }
    let settings = settings.as_ref();
    if let Some(settings) = settings {
        for key in ["full_attention", "sliding_attention"] {
            if settings.get(key).is_some() {
                return Err(settings.refuse(key, "absent: one rope serves all layers"));
            }
        }
    }
    let theta = float(settings, text, "rope_theta", 2.0..=1e12)?.unwrap_or(10_000.0);
    let part = float(settings, text, "partial_rotary_factor", 1e-3..=1.0)?.unwrap_or(usual_part);
    let rotary_dim = (head_dim as f64 * part) as usize;
    if rotary_dim == 0 || !rotary_dim.is_multiple_of(2) {
        let expected = format!("a share of head_dim ({head_dim}) that is even and not 0");
        return Err(
            match settings.filter(|s| s.get("partial_rotary_factor").is_some()) {
                Some(settings) => settings.refuse("partial_rotary_factor", expected),
                None if text.get("partial_rotary_factor").is_some() => {
                    text.refuse("partial_rotary_factor", expected)
                }
                None => text.refuse("head_dim", "even, so that its channels can be paired"),
            },
        );
    }
    let kind = match settings {
        None => RopeKind::Default,
        Some(settings) => read_kind(settings, text, rotary_dim / 2, max_positions)?,
    };
    Ok(Rope {
        theta,
        rotary_dim,
        max_positions,
        kind,
    })
}

/// From the settings, else from the config around them.
fn float(
    settings: Option<&Fields<'_>>,
    text: &Fields<'_>,
    key: &str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<Option<f64>> {
    let own = settings.map_or(Ok(None), |s| s.float(key, range.clone()))?;
    own.map_or_else(|| text.float(key, range), |x| Ok(Some(x)))
}

fn read_kind(
    settings: &Fields<'_>,
    text: &Fields<'_>,
    pairs: usize,
    max_positions: usize,
) -> Result<RopeKind> {
    // Two spellings; the newer one wins.
    let key = if settings.get("rope_type").is_some() {
        "rope_type"
    } else {
        "type"
    };
    // Phi-3 writes the first training's context beside the settings, and that value wins.
    let original = || -> Result<usize> {
        let key = "original_max_position_embeddings";
        let beside = text.size(key, LENGTHS)?;
        let within = settings.size(key, LENGTHS)?;
        Ok(beside.or(within).unwrap_or(max_positions))
    };
    let factor = || settings.required_float("factor", FACTORS);
    // Where the factor is left out, the ratio of the contexts is meant.
    let ratio = |original: usize| -> Result<f64> {
        let ratio = max_positions as f64 / original as f64;
        Ok(settings.float("factor", FACTORS)?.unwrap_or(ratio))
    };
    let given_scaling = settings.float("attention_factor", 1e-3..=1e3)?;
    Ok(match settings.text(key)?.unwrap_or("default") {
        "default" | "mrope" => RopeKind::Default,
        "linear" => RopeKind::Linear { factor: factor()? },
        "dynamic" => RopeKind::Dynamic { factor: factor()? },
        "llama3" => {
            let low = settings.required_float("low_freq_factor", 1e-3..=1e6)?;
            let high = settings.required_float("high_freq_factor", 1e-3..=1e6)?;
            if high <= low {
                let expected = format!("more than low_freq_factor ({low})");
                return Err(settings.refuse("high_freq_factor", expected));
            }
            RopeKind::Llama3 {
                factor: factor()?,
                low,
                high,
                original: original()?,
            }
        }
        "yarn" | "deepseek_yarn" => {
            let original = original()?;
            let factor = ratio(original)?;
            let mscale = settings.float("mscale", 0.0..=1e3)?.unwrap_or(0.0);
            let mscale_all = settings.float("mscale_all_dim", 0.0..=1e3)?.unwrap_or(0.0);
            let usual = if mscale != 0.0 && mscale_all != 0.0 {
                temperature(factor, mscale) / temperature(factor, mscale_all)
            } else {
                temperature(factor, 1.0)
            };
            RopeKind::Yarn {
                factor,
                beta_fast: settings.float("beta_fast", 1e-3..=1e6)?.unwrap_or(32.0),
                beta_slow: settings.float("beta_slow", 1e-3..=1e6)?.unwrap_or(1.0),
                truncate: settings.flag("truncate")?.unwrap_or(true),
                original,
                attention_scaling: given_scaling.unwrap_or(usual),
            }
        }
        "longrope" | "su" => {
            let original = original()?;
            let factor = ratio(original)?;
            let usual = if factor <= 1.0 || original <= 1 {
                1.0
            } else {
                (1.0 + factor.ln() / (original as f64).ln()).sqrt()
            };
            RopeKind::LongRope {
                short: settings.required_floats("short_factor", pairs, 1e-3..=1e6)?,
                long: settings.required_floats("long_factor", pairs, 1e-3..=1e6)?,
                original,
                attention_scaling: given_scaling.unwrap_or(usual),
            }
        }
        _ => return Err(settings.refuse(key, KINDS)),
    })
}

/// YaRN's factor on attention for a context stretched by `factor`.
fn temperature(factor: f64, mscale: f64) -> f64 {
    if factor <= 1.0 {
        1.0
    } else {
        0.1 * mscale * factor.ln() + 1.0
    }
}
