//! Floats to codes, scales and biases.
//!
//! The reference CPU algorithm exactly: the extreme of larger magnitude becomes code 0 (so the scale
//! is negative when that is the maximum), zero is representable, and codes are chosen with the
//! unrounded scale and bias. Of one bit the codes are the two extremes, and zero is nothing special.

use lazuli_core::dtype::Dtype;

use super::bits::{pack8, with_bits};
use super::{BITS, GROUPS, floats};
use crate::pool::Pool;

/// Where [`quantize`] writes; lengths as in [`super::Affine`].
#[derive(Debug)]
pub struct Quantized<'a> {
    /// Codes.
    pub packed: &'a mut [u8],
    /// One scale per group, in the dtype of the weights.
    pub scales: &'a mut [u8],
    /// One bias per group, in the dtype of the weights.
    pub biases: &'a mut [u8],
    /// Code width, one of [`BITS`].
    pub bits: usize,
    /// Group size, one of [`GROUPS`].
    pub group: usize,
}

/// Quantizes `w`, any number of whole groups of `dtype` (`F32`, `F16` or `BF16`).
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn quantize(pool: &Pool, w: &[u8], dtype: Dtype, out: Quantized<'_>) {
    let Quantized {
        packed,
        scales,
        biases,
        bits,
        group,
    } = out;
    assert!(BITS.contains(&bits), "quantize: {bits} bits");
    assert!(GROUPS.contains(&group), "quantize: groups of {group}");
    assert!(floats::is_float(dtype), "quantize: weights of {dtype}");
    let size = dtype.size();
    let groups = w.len() / (group * size);
    assert_eq!(w.len(), groups * group * size, "quantize: not whole groups");
    assert_eq!(
        packed.len(),
        groups * group * bits / 8,
        "quantize: length of the codes"
    );
    assert_eq!(
        scales.len(),
        groups * size,
        "quantize: length of the scales"
    );
    assert_eq!(
        biases.len(),
        groups * size,
        "quantize: length of the biases"
    );

    // Each part owns a range of groups in all three outputs.
    let per_part = groups.div_ceil(pool.threads()).max(1);
    let parts: Vec<_> = w
        .chunks(per_part * group * size)
        .zip(packed.chunks_mut(per_part * group * bits / 8))
        .zip(
            scales
                .chunks_mut(per_part * size)
                .zip(biases.chunks_mut(per_part * size)),
        )
        .map(std::sync::Mutex::new)
        .collect();
    pool.run(parts.len(), &|i| {
        // Each lock is taken once.
        if let Ok(mut part) = parts[i].lock() {
            let ((w, packed), (scales, biases)) = &mut *part;
            let out = Quantized {
                packed,
                scales,
                biases,
                bits,
                group,
            };
            with_bits!(bits, encode::<_>(w, dtype, out));
        }
    });
}

fn encode<const B: usize>(w: &[u8], dtype: Dtype, out: Quantized<'_>) {
    let (size, group) = (dtype.size(), out.group);
    let mut values = [0.0; 128];
    let values = &mut values[..group];
    let sources = w.chunks_exact(group * size);
    let codes = out.packed.chunks_exact_mut(group * B / 8);
    let affine = (out.scales.chunks_exact_mut(size)).zip(out.biases.chunks_exact_mut(size));
    for ((source, codes), (scale_out, bias_out)) in sources.zip(codes).zip(affine) {
        floats::read(dtype, source, values);
        let (scale, bias) = affine_of::<B>(values);
        for (eight, bytes) in values.chunks_exact(8).zip(codes.chunks_exact_mut(B)) {
            pack8::<B>(
                std::array::from_fn(|i| code::<B>(eight[i], scale, bias)),
                bytes,
            );
        }
        floats::write(dtype, &[scale], scale_out);
        floats::write(dtype, &[bias], bias_out);
    }
}

fn affine_of<const B: usize>(values: &[f32]) -> (f32, f32) {
    let n = ((1u32 << B) - 1) as f32;
    let (min, max) = (values.iter()).fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &v| {
        (min.min(v), max.max(v))
    });
    if B == 1 {
        return ((max - min).max(1e-7), min);
    }
    let low_wins = min.abs() > max.abs();
    let scale = ((max - min) / n).max(1e-7);
    let (scale, edge) = if low_wins {
        (scale, min)
    } else {
        (-scale, max)
    };
    let steps = (edge / scale).round_ties_even();
    if steps == 0.0 {
        (scale, 0.0)
    } else {
        (edge / steps, edge)
    }
}

#[inline(always)]
fn code<const B: usize>(value: f32, scale: f32, bias: f32) -> u32 {
    let n = ((1u32 << B) - 1) as f32;
    // Clamping to integers first does not change the result; adding 2^23 then rounds half to even.
    let steps = ((value - bias) / scale).max(0.0).min(n);
    (steps + 8_388_608.0).to_bits() & 0xff
}
