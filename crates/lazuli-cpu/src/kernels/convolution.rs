//! Convolutions, channels last: what the kernel sees at a place becomes a row, and rows times weights
//! are the matrix products of [`super::matmul`].
//!
//! Rows are made a tile at a time, so the memory is that of a tile and not of the whole matrix, which
//! repeats the input once for each element of the kernel. A tile is one thread's work. Where each
//! channel has a kernel of its own, sums run over the channels directly. Not chosen: Winograd's and
//! Fourier transforms, whose rounding differs from that of a sum of products.

use std::sync::Mutex;

use lazuli_core::dtype::Dtype;

use super::matmul::{Linear, Roles, Rows, Table, Weight, linear};
use super::quant::floats;
use crate::pool::Pool;

/// Bytes of a tile of rows: half of a common L2.
const TILE_BYTES: usize = 256 << 10;

/// Rows that a tile has at least.
const FEW: usize = 16;

/// One spatial axis.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Axis {
    pub input: usize,
    pub kernel: usize,
    /// Places of the kernel.
    pub places: usize,
    pub stride: usize,
    /// Zeros before the input.
    pub low: isize,
    pub kernel_dilation: usize,
    pub input_dilation: usize,
}

impl Axis {
    /// An axis of one element.
    pub const ONE: Axis = Axis {
        input: 1,
        kernel: 1,
        places: 1,
        stride: 1,
        low: 0,
        kernel_dilation: 1,
        input_dilation: 1,
    };

    /// The input's element under element `k` of the kernel at a place; none between and beside them.
    #[inline(always)]
    fn under(&self, place: usize, k: usize) -> Option<usize> {
        let at = (place * self.stride + k * self.kernel_dilation) as isize - self.low;
        let at = usize::try_from(at).ok()?;
        if self.input_dilation > 1 && !at.is_multiple_of(self.input_dilation) {
            return None;
        }
        let at = at / self.input_dilation;
        (at < self.input).then_some(at)
    }

    /// Whether neighbours in the kernel see neighbours in the input.
    fn is_dense(&self) -> bool {
        self.kernel_dilation == 1 && self.input_dilation == 1
    }

    /// Whether the kernel sees each element of the input once and nothing else.
    fn is_pointwise(&self) -> bool {
        self.kernel == 1
            && self.stride == 1
            && self.low == 0
            && self.places == self.input
            && self.input_dilation == 1
    }
}

/// What is convolved.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Geometry {
    pub examples: usize,
    pub axes: [Axis; 3],
    pub channels: usize,
    pub out_channels: usize,
    pub groups: usize,
    /// Whether the kernel is walked backwards.
    pub flip: bool,
}

impl Geometry {
    /// Elements of the kernel.
    fn taps(&self) -> usize {
        self.axes.iter().map(|a| a.kernel).product()
    }

    /// Input channels of a group.
    fn inner(&self) -> usize {
        self.channels / self.groups
    }

    /// Places of the kernel in all examples: rows of the result.
    fn rows(&self) -> usize {
        self.examples * self.axes.iter().map(|a| a.places).product::<usize>()
    }

    /// The example and the place along each axis of a row.
    fn place(&self, row: usize) -> (usize, [usize; 3]) {
        let [a, b, c] = self.axes.map(|axis| axis.places);
        (row / (a * b * c), [row / (b * c) % a, row / c % b, row % c])
    }

    fn check(&self, x: usize, w: usize, out: usize) {
        let inputs: usize = self.axes.iter().map(|a| a.input).product();
        assert_eq!(
            x,
            self.examples * inputs * self.channels,
            "conv: length of the input"
        );
        let weights = self.out_channels * self.taps() * self.inner();
        assert_eq!(w, weights, "conv: length of the weights");
        assert_eq!(
            out,
            self.rows() * self.out_channels,
            "conv: length of the output"
        );
    }

    /// Calls `f(tap, first)` for each element of the kernel that lies on an element of the input at the
    /// place of `row`: its number among the weights and the input's element, of its first channel.
    #[inline(always)]
    fn seen(&self, row: usize, mut f: impl FnMut(usize, usize)) {
        let [a, b, c] = self.axes;
        let (example, at) = self.place(row);
        let last = self.taps() - 1;
        for i in 0..a.kernel {
            let Some(x) = a.under(at[0], i) else { continue };
            for j in 0..b.kernel {
                let Some(y) = b.under(at[1], j) else { continue };
                for k in 0..c.kernel {
                    let Some(z) = c.under(at[2], k) else { continue };
                    let tap = (i * b.kernel + j) * c.kernel + k;
                    let tap = if self.flip { last - tap } else { tap };
                    let element = ((example * a.input + x) * b.input + y) * c.input + z;
                    f(tap, element * self.channels);
                }
            }
        }
    }

    /// Writes what `group` sees at the place of `row`: zeros, and the channels of each element.
    fn gather(&self, row: usize, group: usize, x: &[u8], size: usize, to: &mut [u8]) {
        let inner = self.inner() * size;
        let [a, b, c] = self.axes;
        to.fill(0);
        if self.groups > 1 || self.flip || !c.is_dense() {
            return self.seen(row, |tap, first| {
                let from = first * size + group * inner;
                to[tap * inner..][..inner].copy_from_slice(&x[from..][..inner]);
            });
        }
        // Elements along the last axis lie side by side.
        let (example, at) = self.place(row);
        let start = (at[2] * c.stride) as isize - c.low;
        let first = (-start).clamp(0, c.kernel as isize) as usize;
        let end = (c.input as isize - start).clamp(first as isize, c.kernel as isize) as usize;
        let run = (end - first) * inner;
        if run == 0 {
            return;
        }
        for i in 0..a.kernel {
            let Some(p) = a.under(at[0], i) else { continue };
            for j in 0..b.kernel {
                let Some(q) = b.under(at[1], j) else { continue };
                let line = ((example * a.input + p) * b.input + q) * c.input;
                let from = (line + (start + first as isize) as usize) * inner;
                let tap = (i * b.kernel + j) * c.kernel + first;
                to[tap * inner..][..run].copy_from_slice(&x[from..][..run]);
            }
        }
    }
}

/// The convolution of `x [n, .., c]` with `w [o, kernel.., c / groups]`, all of `dtype` (`F32`, `F16` or
/// `BF16`), summed in f32.
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn convolve(
    table: &Table,
    pool: &Pool,
    geometry: &Geometry,
    x: &[u8],
    w: &[u8],
    dtype: Dtype,
    out: &mut [u8],
) {
    let size = dtype.size();
    geometry.check(x.len() / size, w.len() / size, out.len() / size);
    if out.is_empty() {
        return;
    }
    let k = geometry.taps() * geometry.inner();
    if k == 0 {
        // Zero in every dtype.
        return out.fill(0);
    }
    let groups = geometry.groups;
    let product = |x: &[u8], w: &[u8], m: usize, out: &mut [u8]| {
        let weight = match dtype {
            Dtype::BF16 => Weight::BF16(w),
            Dtype::F16 => Weight::F16(w),
            _ => Weight::F32(w),
        };
        let args = Linear {
            x: Rows {
                bytes: x,
                dtype,
                stride: k,
            },
            weight,
            m,
            n: geometry.out_channels / groups,
            k,
            out,
            out_dtype: dtype,
            roles: Roles::PROMPT,
        };
        linear(table, pool, args);
    };
    if groups == 1 && geometry.axes.iter().all(Axis::is_pointwise) {
        return product(x, w, geometry.rows(), out);
    }
    let row_bytes = geometry.out_channels * size;
    if geometry.inner() == 1 && groups > 1 {
        let by_tap = taps_first(geometry, w, dtype);
        let rows = (TILE_BYTES / row_bytes).max(FEW);
        return in_tiles(pool, out, rows * row_bytes, |tile, out| {
            depthwise(geometry, x, &by_tap, dtype, tile * rows, out);
        });
    }
    let rows = (TILE_BYTES / (k * size)).max(FEW);
    in_tiles(pool, out, rows * row_bytes, |tile, out| {
        let (first, count) = (tile * rows, out.len() / row_bytes);
        let mut seen = vec![0; count * k * size];
        let group_bytes = row_bytes / groups;
        let mut part = vec![0; if groups > 1 { count * group_bytes } else { 0 }];
        for (group, w) in w.chunks_exact(group_bytes / size * k * size).enumerate() {
            for (i, to) in seen.chunks_exact_mut(k * size).enumerate() {
                geometry.gather(first + i, group, x, size, to);
            }
            if groups == 1 {
                product(&seen, w, count, out);
                continue;
            }
            product(&seen, w, count, &mut part);
            for (row, part) in out
                .chunks_exact_mut(row_bytes)
                .zip(part.chunks_exact(group_bytes))
            {
                row[group * group_bytes..][..group_bytes].copy_from_slice(part);
            }
        }
    });
}

/// Calls `f` with each tile of `out` and its number: the tiles side by side on the pool's threads if
/// there are enough, else one after the other, each free to use the pool itself.
fn in_tiles<T: Send>(pool: &Pool, out: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if out.len().div_ceil(len) < pool.threads() {
        return out
            .chunks_mut(len)
            .enumerate()
            .for_each(|(i, tile)| f(i, tile));
    }
    let tiles: Vec<_> = out.chunks_mut(len).map(Mutex::new).collect();
    pool.run(tiles.len(), &|i| {
        // Each lock is taken once.
        if let Ok(mut tile) = tiles[i].lock() {
            f(i, &mut tile);
        }
    });
}

/// Weights `[o, taps]` as f32 `[taps, o]`.
fn taps_first(geometry: &Geometry, w: &[u8], dtype: Dtype) -> Vec<f32> {
    let (taps, channels) = (geometry.taps(), geometry.out_channels);
    let mut values = vec![0.0; taps * channels];
    floats::read(dtype, w, &mut values);
    (0..taps * channels)
        .map(|at| values[at % channels * taps + at / channels])
        .collect()
}

/// Rows `first..` where each input channel has kernels of its own; `w` is `[taps, out_channels]`.
fn depthwise(geometry: &Geometry, x: &[u8], w: &[f32], dtype: Dtype, first: usize, out: &mut [u8]) {
    let (size, channels, outs) = (dtype.size(), geometry.channels, geometry.out_channels);
    let each = outs / channels;
    let mut sums = vec![0.0f32; outs];
    let mut values = vec![0.0f32; channels];
    for (i, out) in out.chunks_exact_mut(outs * size).enumerate() {
        sums.fill(0.0);
        geometry.seen(first + i, |tap, element| {
            floats::read(dtype, &x[element * size..][..channels * size], &mut values);
            let w = &w[tap * outs..][..outs];
            if each == 1 {
                for ((sum, w), x) in sums.iter_mut().zip(w).zip(&values) {
                    *sum += w * x;
                }
                return;
            }
            let per_channel = sums.chunks_exact_mut(each).zip(w.chunks_exact(each));
            for ((sums, w), x) in per_channel.zip(&values) {
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum += w * x;
                }
            }
        });
        floats::write(dtype, &sums, out);
    }
}

/// As [`convolve`], of `f64`: plain sums.
///
/// # Panics
/// As [`convolve`].
pub fn convolve_f64(pool: &Pool, geometry: &Geometry, x: &[f64], w: &[f64], out: &mut [f64]) {
    geometry.check(x.len(), w.len(), out.len());
    if out.is_empty() {
        return;
    }
    let (outs, inner, taps) = (geometry.out_channels, geometry.inner(), geometry.taps());
    let each = outs / geometry.groups;
    let rows = geometry.rows().div_ceil(pool.threads());
    in_tiles(pool, out, rows * outs, |tile, out| {
        for (i, sums) in out.chunks_exact_mut(outs).enumerate() {
            sums.fill(0.0);
            geometry.seen(tile * rows + i, |tap, element| {
                for (o, sum) in sums.iter_mut().enumerate() {
                    let x = &x[element + o / each * inner..][..inner];
                    let w = &w[(o * taps + tap) * inner..][..inner];
                    for (x, w) in x.iter().zip(w) {
                        *sum += x * w;
                    }
                }
            });
        }
    });
}
