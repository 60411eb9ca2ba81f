//! Matrix products of `f64` and `complex64`: tiles in registers over a packed right operand.
//!
//! Plain loops over the type's arithmetic, compiled once for the baseline and once for AVX2. Every sum
//! runs over the inner axis in ascending order, so a row's bits depend on nothing else. Not chosen: the
//! `gemm` crate, whose kernels and cache blocks, and so the order of its sums, follow the number of rows.

use std::ops::Range;

use crate::Isa;
use crate::kernels::elementwise::number::{Complex, Ring};
use crate::pool::Pool;

/// Rows of a tile.
const M: usize = 4;

/// Columns of a tile.
const N: usize = 8;

/// Products below this many multiplications are not worth waking a thread.
const SERIAL: usize = 1 << 15;

/// An element type of these products.
pub trait Wide: Ring {
    /// `sum + a * b`, rounded once where the path fuses.
    fn step<const FUSED: bool>(a: Self, b: Self, sum: Self) -> Self;
}

impl Wide for f64 {
    #[inline(always)]
    fn step<const FUSED: bool>(a: f64, b: f64, sum: f64) -> f64 {
        if FUSED {
            a.mul_add(b, sum)
        } else {
            sum + a * b
        }
    }
}

impl Wide for Complex {
    #[inline(always)]
    fn step<const FUSED: bool>(a: Complex, b: Complex, sum: Complex) -> Complex {
        if FUSED {
            [
                (-a[1]).mul_add(b[1], a[0].mul_add(b[0], sum[0])),
                a[1].mul_add(b[0], a[0].mul_add(b[1], sum[1])),
            ]
        } else {
            sum.add(a.mul(b))
        }
    }
}

/// The right operand: `k` by `n` elements at any strides.
#[derive(Clone, Copy)]
pub struct Right<T> {
    /// First element.
    pub first: *const T,
    /// Elements from one row to the next.
    pub down: isize,
    /// Elements from one column to the next.
    pub across: isize,
}

/// `out[m, n] = a[m, k] x b[k, n]`.
///
/// # Safety
/// All elements of `b` are readable; they may be unaligned.
///
/// # Panics
/// If the lengths do not fit: shapes are the caller's contract.
pub unsafe fn product<T: Wide>(
    isa: Isa,
    pool: &Pool,
    a: &[T],
    b: Right<T>,
    [m, k, n]: [usize; 3],
    out: &mut [T],
) {
    assert_eq!(a.len(), m * k, "wide product: length of the left operand");
    assert_eq!(out.len(), m * n, "wide product: length of the output");
    if k == 0 {
        return out.fill(T::ZERO);
    }
    if out.is_empty() {
        return;
    }
    let panels = n.div_ceil(N);
    let mut packed = vec![T::ZERO; panels * k * N];
    for (panel, block) in packed.chunks_exact_mut(k * N).enumerate() {
        let columns = panel * N..n.min((panel + 1) * N);
        for (p, row) in block.chunks_exact_mut(N).enumerate() {
            for (to, j) in row.iter_mut().zip(columns.clone()) {
                let at = p as isize * b.down + j as isize * b.across;
                // SAFETY: element (p, j) of the operand.
                *to = unsafe { b.first.offset(at).read_unaligned() };
            }
        }
    }
    let blocks = m.div_ceil(M);
    let job = Job {
        a,
        packed: &packed,
        k,
        n,
        blocks,
        out: out.as_mut_ptr(),
        m,
    };
    let tiles = blocks * panels;
    let run = job.path(isa);
    if m * n * k < SERIAL {
        // SAFETY: the path is available, and the tiles are those of the output, which is ours.
        return unsafe { run(&job, 0..tiles) };
    }
    let parts = pool.threads().min(tiles);
    pool.run(parts, &|part| {
        // SAFETY: as above; parts have no tile in common.
        unsafe { run(&job, part * tiles / parts..(part + 1) * tiles / parts) }
    });
}

struct Job<'a, T> {
    a: &'a [T],
    packed: &'a [T],
    m: usize,
    k: usize,
    n: usize,
    /// Tiles down the output.
    blocks: usize,
    out: *mut T,
}

// SAFETY: the operands are only read; each tile of the output belongs to one thread.
unsafe impl<T: Sync> Sync for Job<'_, T> {}

/// Computes a range of tiles.
///
/// # Safety
/// The path is available, and nobody else writes these tiles.
type Tiles<'a, T> = unsafe fn(&Job<'a, T>, Range<usize>);

impl<'a, T: Wide> Job<'a, T> {
    fn path(&self, isa: Isa) -> Tiles<'a, T> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 | Isa::Amx => avx2::<T> as Tiles<'a, T>,
            _ => plain::<T> as Tiles<'a, T>,
        }
    }

    /// # Safety
    /// Nobody else writes these tiles.
    #[inline(always)]
    unsafe fn tiles<const FUSED: bool>(&self, tiles: Range<usize>) {
        let k = self.k;
        for tile in tiles {
            let (panel, first) = (tile / self.blocks, tile % self.blocks * M);
            let block = &self.packed[panel * k * N..][..k * N];
            let rows: [&[T]; M] = std::array::from_fn(|i| {
                // Below the last row, the last row again.
                let row = (first + i).min(self.m - 1);
                &self.a[row * k..][..k]
            });
            let mut sums = [[T::ZERO; N]; M];
            for (p, columns) in block.chunks_exact(N).enumerate() {
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let a = row[p];
                    for (sum, &b) in sums.iter_mut().zip(columns) {
                        *sum = T::step::<FUSED>(a, b, *sum);
                    }
                }
            }
            let columns = N.min(self.n - panel * N);
            for (i, sums) in sums.iter().enumerate().take(self.m - first) {
                let at = (first + i) * self.n + panel * N;
                // SAFETY: the place lies in the output and belongs to this tile.
                unsafe {
                    std::slice::from_raw_parts_mut(self.out.add(at), columns)
                        .copy_from_slice(&sums[..columns]);
                }
            }
        }
    }
}

/// # Safety
/// See [`Tiles`].
unsafe fn plain<T: Wide>(job: &Job<'_, T>, tiles: Range<usize>) {
    // SAFETY: the caller's contract.
    unsafe { job.tiles::<false>(tiles) }
}

/// # Safety
/// See [`Tiles`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Wide>(job: &Job<'_, T>, tiles: Range<usize>) {
    // SAFETY: the caller's contract.
    unsafe { job.tiles::<true>(tiles) }
}
