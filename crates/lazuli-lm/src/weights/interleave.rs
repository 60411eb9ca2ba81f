//! Qwen3-Next's input projections, whose rows come per key head, put in order.
//!
//! Row order is all that differs, and packed groups lie along the other axis: so quantized matrices
//! are put in order exactly, once, and the forward needs no shuffle.

use crate::config::GatedDelta;

/// Rows of `in_proj_qkvz` that make up `[queries, keys, values]`, and those that make up `z`.
///
/// Stored per key head: its query, its key, then the values and the gates of its value heads.
pub(super) fn qkv_and_z(shape: &GatedDelta) -> (Vec<u32>, Vec<u32>) {
    let (dk, dv) = (shape.key_head_dim, shape.value_head_dim);
    let values = shape.value_heads / shape.key_heads * dv;
    let block = 2 * dk + 2 * values;
    let rows = |from: usize, len: usize| {
        (0..shape.key_heads).flat_map(move |head| {
            let start = head * block + from;
            (start..start + len).map(|row| row as u32)
        })
    };
    let qkv = rows(0, dk).chain(rows(dk, dk)).chain(rows(2 * dk, values));
    (qkv.collect(), rows(2 * dk + values, values).collect())
}

/// Rows of `in_proj_ba` that make up `b`, and those that make up `a`.
pub(super) fn b_and_a(shape: &GatedDelta) -> (Vec<u32>, Vec<u32>) {
    let values = shape.value_heads / shape.key_heads;
    let rows = |from: usize| {
        let heads = 0..shape.key_heads;
        let of_head = move |head| (0..values).map(move |i| (head * 2 * values + from + i) as u32);
        heads.flat_map(of_head).collect()
    };
    (rows(0), rows(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_in_head_order_each_once() {
        let shape = GatedDelta {
            key_heads: 2,
            value_heads: 4,
            key_head_dim: 1,
            value_head_dim: 2,
            conv_kernel: 4,
        };
        let (qkv, z) = qkv_and_z(&shape);
        // Head 0: q 0, k 1, v 2-5, z 6-9; head 1 the same plus 10.
        assert_eq!(qkv, [0, 10, 1, 11, 2, 3, 4, 5, 12, 13, 14, 15]);
        assert_eq!(z, [6, 7, 8, 9, 16, 17, 18, 19]);
        let (b, a) = b_and_a(&shape);
        assert_eq!((b, a), (vec![0, 1, 4, 5], vec![2, 3, 6, 7]));
    }
}
