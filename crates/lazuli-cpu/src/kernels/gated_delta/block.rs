//! Blocks of up to 64 prompt rows as matrix products with the state.
//!
//! With `c` the running sum of log decays in the block and `S` the state before it,
//!
//! ```text
//! delta_t = beta_t (v_t - e^c_t S k_t - sum_{j<t} e^(c_t - c_j) (k_t k_j) delta_j)
//! y_t     = e^c_t S q_t + sum_{j<=t} e^(c_t - c_j) (q_t k_j) delta_j
//! S'      = e^c_n S + sum_j e^(c_n - c_j) delta_j k_j^T
//! ```
//!
//! Sums over `j` run upwards and stop at the row's own end: rows after `t` are never multiplied in,
//! not even by zero, so a NaN in them stays there.

use super::{BLOCK, Job, carve};
use crate::kernels::math::{Element, LANES, Lanes, Scratch, exp, exp1};
use crate::kernels::seq::Seq;

#[inline(always)]
pub(super) fn run<L: Lanes, T: Element>(
    l: L,
    job: &Job<'_, T>,
    seq: &Seq,
    first_row: usize,
    head: usize,
    state: &mut [f32],
) {
    let (key_dim, value_dim) = (job.call.key_dim, job.call.value_dim);
    let keys = key_dim.next_multiple_of(LANES);
    let values = value_dim.next_multiple_of(LANES);
    let sizes = [
        keys * values,      // state, keys down
        2 * BLOCK * keys,   // keys, then queries
        keys * BLOCK,       // keys, one row per dim
        2 * BLOCK * values, // S k, then S q; turned into delta and y
        2 * BLOCK * BLOCK,  // k k^T, then q k^T
        values,
        BLOCK,
        BLOCK,
        BLOCK,
    ];
    let mut scratch = Scratch::take(sizes.iter().sum());
    let [
        turned,
        rows,
        columns,
        results,
        dots,
        value,
        logs,
        betas,
        decays,
    ] = carve(&mut scratch, sizes);
    turned.fill(0.0);
    rows.fill(0.0);
    transpose(l, state, key_dim, value_dim, turned, values);
    let mut done = 0;
    while done < seq.len as usize {
        let position = seq.first as usize + done;
        let len = (BLOCK - position % BLOCK).min(seq.len as usize - done);
        let first = first_row + done;
        let (k, q) = rows.split_at_mut(BLOCK * keys);
        let mut log = 0.0;
        for t in 0..len {
            job.key_and_query(l, first + t, head, &mut k[t * keys..], &mut q[t * keys..]);
            let gates = job.gates(l, first + t, head);
            log += gates.log_decay;
            logs[t] = log;
            betas[t] = gates.beta;
        }
        for t in 0..len.next_multiple_of(LANES) {
            for i in 0..keys {
                columns[i * BLOCK + t] = k[t * keys + i];
            }
        }
        let (deltas, ys) = results.split_at_mut(BLOCK * values);
        let (kk, qk) = dots.split_at_mut(BLOCK * BLOCK);
        let state_at = Matrix::new(turned, values);
        let columns = Matrix::new(columns, BLOCK);
        let wide = len.next_multiple_of(LANES);
        for (a, s_a, a_k) in [(&*k, &mut *deltas, &mut *kk), (&*q, &mut *ys, &mut *qk)] {
            product(
                l,
                len,
                keys,
                Factors::rows(a, keys),
                state_at,
                None,
                s_a,
                values,
                values,
            );
            product(
                l,
                len,
                keys,
                Factors::rows(a, keys),
                columns,
                None,
                a_k,
                BLOCK,
                wide,
            );
        }
        for t in 0..len {
            decays_to(l, logs, t, decays);
            for (at, d) in decays.iter().enumerate().take(t + 1) {
                kk[t * BLOCK + at] *= d;
                qk[t * BLOCK + at] *= d;
            }
            let decay = exp1(l, logs[t]);
            // delta_t, from those before it.
            let (before, own) = deltas.split_at_mut(t * values);
            let own = &mut own[..values];
            let factors = Factors::rows(&kk[t * BLOCK..], BLOCK);
            product(
                l,
                1,
                t,
                factors,
                Matrix::new(before, values),
                Some(decay),
                own,
                values,
                values,
            );
            job.value(l, first + t, head, value);
            for at in (0..values).step_by(LANES) {
                let rest = l.sub(f32::read(l, value, at), f32::read(l, own, at));
                f32::write(l, l.mul(rest, l.splat(betas[t])), own, at);
            }
            let factors = Factors::rows(&qk[t * BLOCK..], BLOCK);
            let y = &mut ys[t * values..][..values];
            let deltas = Matrix::new(deltas, values);
            product(l, 1, t + 1, factors, deltas, Some(decay), y, values, values);
            job.write(l, first + t, head, y);
        }
        // The state after the block, from keys weighted by what is left of them.
        decays_to(l, logs, len - 1, decays);
        for t in 0..len {
            for x in &mut k[t * keys..][..keys] {
                *x *= decays[t];
            }
        }
        let decay = exp1(l, logs[len - 1]);
        let factors = Factors::columns(k, keys);
        let deltas = Matrix::new(deltas, values);
        product(
            l,
            keys,
            len,
            factors,
            deltas,
            Some(decay),
            turned,
            values,
            values,
        );
        done += len;
    }
    transpose_back(l, turned, values, state, key_dim, value_dim);
}

/// `e^(c_t - c_j)` for all `j <= t`.
#[inline(always)]
fn decays_to<L: Lanes>(l: L, logs: &[f32], t: usize, decays: &mut [f32]) {
    for at in (0..=t).step_by(LANES) {
        let difference = l.sub(l.splat(logs[t]), f32::read(l, logs, at));
        f32::write(l, exp(l, difference), decays, at);
    }
}

/// Left factors: element `(row, k)` at `row * row_stride + k * step`.
#[derive(Clone, Copy)]
struct Factors<'a> {
    elements: &'a [f32],
    row_stride: usize,
    step: usize,
}

impl<'a> Factors<'a> {
    fn rows(elements: &'a [f32], stride: usize) -> Factors<'a> {
        Factors {
            elements,
            row_stride: stride,
            step: 1,
        }
    }

    fn columns(elements: &'a [f32], stride: usize) -> Factors<'a> {
        Factors {
            elements,
            row_stride: 1,
            step: stride,
        }
    }
}

/// Right factors, whole vectors to a row.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    elements: &'a [f32],
    stride: usize,
}

impl<'a> Matrix<'a> {
    fn new(elements: &'a [f32], stride: usize) -> Matrix<'a> {
        Matrix { elements, stride }
    }
}

/// `out = a b`, or `out * keep + a b`: `rows` by `width`, summed over `depth` upwards.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // A product has three matrices and three extents.
fn product<L: Lanes>(
    l: L,
    rows: usize,
    depth: usize,
    a: Factors<'_>,
    b: Matrix<'_>,
    keep: Option<f32>,
    out: &mut [f32],
    stride: usize,
    width: usize,
) {
    assert!(width.is_multiple_of(LANES) && width <= stride && rows * stride <= out.len());
    assert!(depth == 0 || (depth - 1) * b.stride + width <= b.elements.len());
    let last = rows.saturating_sub(1) * a.row_stride + depth.saturating_sub(1) * a.step;
    assert!(rows == 0 || depth == 0 || last < a.elements.len());
    let mut row = 0;
    while row < rows {
        let four = row + 4 <= rows;
        let mut at = 0;
        while at < width {
            let vectors = (width - at) / LANES;
            // SAFETY: rows, depth and columns are within the bounds asserted above.
            unsafe {
                match (four, vectors) {
                    (true, 4..) => tile::<L, 4, 4>(l, row, at, depth, a, b, keep, out, stride),
                    (true, _) => tile::<L, 4, 1>(l, row, at, depth, a, b, keep, out, stride),
                    (false, 8..) => tile::<L, 1, 8>(l, row, at, depth, a, b, keep, out, stride),
                    (false, _) => tile::<L, 1, 1>(l, row, at, depth, a, b, keep, out, stride),
                }
            }
            at += match (four, vectors) {
                (true, 4..) => 4 * LANES,
                (false, 8..) => 8 * LANES,
                _ => LANES,
            };
        }
        row += if four { 4 } else { 1 };
    }
}

/// # Safety
/// `R` rows from `row` and `W` vectors from `at` lie within the matrices.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // As `product`.
unsafe fn tile<L: Lanes, const R: usize, const W: usize>(
    l: L,
    row: usize,
    at: usize,
    depth: usize,
    a: Factors<'_>,
    b: Matrix<'_>,
    keep: Option<f32>,
    out: &mut [f32],
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let out = out.as_mut_ptr().add(row * stride + at);
        let mut acc = [[l.splat(0.0); W]; R];
        if let Some(keep) = keep {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (w, acc) in acc.iter_mut().enumerate() {
                    *acc = l.mul(l.load(out.add(r * stride + w * LANES)), l.splat(keep));
                }
            }
        }
        let a_start = a.elements.as_ptr().add(row * a.row_stride);
        let b_start = b.elements.as_ptr().add(at);
        for k in 0..depth {
            let mut right = [l.splat(0.0); W];
            for (w, right) in right.iter_mut().enumerate() {
                *right = l.load(b_start.add(k * b.stride + w * LANES));
            }
            for (r, acc) in acc.iter_mut().enumerate() {
                let left = l.splat(*a_start.add(r * a.row_stride + k * a.step));
                for w in 0..W {
                    acc[w] = l.fma(left, right[w], acc[w]);
                }
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (w, &acc) in acc.iter().enumerate() {
                l.store(acc, out.add(r * stride + w * LANES));
            }
        }
    }
}

/// `[value_dim][key_dim]` into `[key_dim][values]`.
#[inline(always)]
fn transpose<L: Lanes>(
    l: L,
    from: &[f32],
    key_dim: usize,
    value_dim: usize,
    to: &mut [f32],
    values: usize,
) {
    for i in (0..value_dim).step_by(LANES) {
        for j in (0..key_dim).step_by(LANES) {
            square(
                l,
                (
                    &from[i * key_dim..],
                    key_dim,
                    j,
                    LANES.min(value_dim - i),
                    key_dim,
                ),
                (
                    &mut to[j * values..],
                    values,
                    i,
                    LANES.min(key_dim - j),
                    values,
                ),
            );
        }
    }
}

/// `[key_dim][values]` into `[value_dim][key_dim]`.
#[inline(always)]
fn transpose_back<L: Lanes>(
    l: L,
    from: &[f32],
    values: usize,
    to: &mut [f32],
    key_dim: usize,
    value_dim: usize,
) {
    for j in (0..key_dim).step_by(LANES) {
        for i in (0..value_dim).step_by(LANES) {
            square(
                l,
                (
                    &from[j * values..],
                    values,
                    i,
                    LANES.min(key_dim - j),
                    values,
                ),
                (
                    &mut to[i * key_dim..],
                    key_dim,
                    j,
                    LANES.min(value_dim - i),
                    key_dim,
                ),
            );
        }
    }
}

/// Transposes sixteen by sixteen: (rows, stride, column, rows present, row length) each.
#[inline(always)]
fn square<L: Lanes>(
    l: L,
    from: (&[f32], usize, usize, usize, usize),
    to: (&mut [f32], usize, usize, usize, usize),
) {
    let mut rows = [l.isplat(0); LANES];
    for (i, row) in rows.iter_mut().enumerate().take(from.3) {
        *row = l.bits(f32::read(l, &from.0[i * from.1..][..from.4], from.2));
    }
    l.transpose(&mut rows);
    for (i, &row) in rows.iter().enumerate().take(to.3) {
        f32::write(l, l.float(row), &mut to.0[i * to.1..][..to.4], to.2);
    }
}
