//! Nested loops over the elements of operands that have one shape and different strides.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use crate::Pool;

/// Loops over `N` operands; axes that all operands lay out as one are merged.
pub struct Loops<const N: usize> {
    /// Outermost first; never empty.
    dims: SmallVec<[usize; 4]>,
    /// Bytes from one index to the next.
    steps: SmallVec<[[isize; N]; 4]>,
}

/// The innermost loop: elements at `at[i] + k * step[i]` for `k` in `0..len`.
#[derive(Clone, Copy)]
pub struct Row<const N: usize> {
    /// First element of each operand.
    pub at: [*mut u8; N],
    /// Bytes between elements.
    pub step: [isize; N],
    /// Elements.
    pub len: usize,
}

// SAFETY: a row is addresses; who may use them when is decided where it is made and used.
unsafe impl<const N: usize> Sync for Row<N> {}

/// First elements of operands, shared with the threads of a region.
pub struct Starts<const N: usize>([*mut u8; N]);

// SAFETY: as for `Row`.
unsafe impl<const N: usize> Sync for Starts<N> {}

impl<const N: usize> Starts<N> {
    /// The addresses.
    pub fn get(&self) -> [*mut u8; N] {
        self.0
    }
}

impl<const N: usize> From<[*mut u8; N]> for Starts<N> {
    fn from(starts: [*mut u8; N]) -> Starts<N> {
        Starts(starts)
    }
}

/// Threads share an operation from this many bytes of output on: below, one thread is done before
/// another is awake.
pub const SHARED_BYTES: usize = 1 << 20;

impl<const N: usize> Loops<N> {
    /// One loop over `len` elements of `sizes` bytes, all without gaps.
    pub fn flat(len: usize, sizes: [usize; N]) -> Loops<N> {
        Loops {
            dims: smallvec![len],
            steps: smallvec![sizes.map(|s| s as isize)],
        }
    }

    /// Loops over `shape`; `steps(axis)` says how many bytes apart neighbours along an axis are.
    pub fn new(shape: &[usize], steps: impl Fn(usize) -> [isize; N]) -> Loops<N> {
        let mut loops = Loops {
            dims: SmallVec::new(),
            steps: SmallVec::new(),
        };
        for (axis, &dim) in shape.iter().enumerate() {
            if dim == 1 {
                continue;
            }
            let step = steps(axis);
            if let (Some(last_dim), Some(last)) = (loops.dims.last_mut(), loops.steps.last_mut())
                && (0..N).all(|i| last[i] == step[i] * dim as isize)
            {
                *last_dim *= dim;
                *last = step;
                continue;
            }
            loops.dims.push(dim);
            loops.steps.push(step);
        }
        if loops.dims.is_empty() {
            loops.dims.push(1);
            loops.steps.push([0; N]);
        }
        loops
    }

    /// The merged axes, outermost first.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Bytes between neighbours along each merged axis.
    pub fn steps(&self) -> &[[isize; N]] {
        &self.steps
    }

    /// Elements of one operand.
    pub fn elements(&self) -> usize {
        self.dims.iter().product()
    }

    /// Calls `f` with the rows of elements `range`, in order; a row may be cut by the range's ends.
    #[inline]
    pub fn rows(&self, starts: [*mut u8; N], range: Range<usize>, mut f: impl FnMut(Row<N>)) {
        let inner = self.dims.len() - 1;
        let (len, step) = (self.dims[inner], self.steps[inner]);
        if range.is_empty() {
            return;
        }
        let mut at = starts;
        let mut index: SmallVec<[usize; 4]> = smallvec![0; inner];
        let mut skip = range.start % len;
        let mut rest = range.start / len;
        for axis in (0..inner).rev() {
            index[axis] = rest % self.dims[axis];
            rest /= self.dims[axis];
            advance(&mut at, &self.steps[axis], index[axis] as isize);
        }
        let mut left = range.len();
        loop {
            let mut first = at;
            advance(&mut first, &step, skip as isize);
            let take = (len - skip).min(left);
            f(Row {
                at: first,
                step,
                len: take,
            });
            left -= take;
            if left == 0 {
                return;
            }
            skip = 0;
            for axis in (0..inner).rev() {
                index[axis] += 1;
                advance(&mut at, &self.steps[axis], 1);
                if index[axis] < self.dims[axis] {
                    break;
                }
                advance(&mut at, &self.steps[axis], -(index[axis] as isize));
                index[axis] = 0;
            }
        }
    }

    /// Calls `f` with all rows; large operands are divided among the threads of `pool`.
    ///
    /// `f` is called through a pointer: one copy of the loops serves every function.
    pub fn run(&self, pool: &Pool, starts: [*mut u8; N], size: usize, f: &(dyn Fn(Row<N>) + Sync)) {
        let elements = self.elements();
        if elements * size < SHARED_BYTES || pool.threads() == 1 {
            return self.rows(starts, 0..elements, f);
        }
        let parts = pool.threads();
        let starts = Starts(starts);
        // Whole cache lines of output to each thread.
        let share = elements.div_ceil(parts).next_multiple_of(64);
        pool.run(parts, &|part| {
            let first = (part * share).min(elements);
            self.rows(starts.get(), first..elements.min(first + share), f);
        });
    }
}

#[inline(always)]
fn advance<const N: usize>(at: &mut [*mut u8; N], step: &[isize; N], times: isize) {
    for (at, step) in at.iter_mut().zip(step) {
        *at = at.wrapping_offset(step * times);
    }
}
