//! One tile for the rows and heads of a block: scores, online softmax, weighted values.
//!
//! Lanes of a block (a row and a query head each) share the panels and nothing else. They go through
//! the loops four, two or one at a time, which changes how often a panel is read and no result.

use super::TILE;
use super::panel::Ahead;
use crate::kernels::math::{LANES, Lanes, exp};

/// The state and scratch of a block of lanes.
pub(super) struct Block<'s> {
    /// Queries, `[lane][steps]`.
    pub(super) q: &'s [u32],
    pub(super) keys: &'s [u32],
    pub(super) values: &'s [u32],
    /// Scores of the tile, then their weights as the values take them.
    pub(super) scores: &'s mut [u32],
    /// Which positions of the tile a lane sees.
    pub(super) visible: &'s mut [u32],
    pub(super) rescale: &'s mut [f32],
    pub(super) m: &'s mut [f32],
    /// Sixteen partial sums of each lane.
    pub(super) l: &'s mut [f32],
    /// `[lane][dims]`.
    pub(super) o: &'s mut [f32],
    /// Words between the queries of neighbouring lanes.
    pub(super) q_stride: usize,
    /// Steps of the key panel.
    pub(super) steps: usize,
    /// Dims of the value panel, a multiple of 32.
    pub(super) dims: usize,
    pub(super) scale: f32,
    /// Keys and values of the next tile.
    pub(super) ahead: [Ahead; 2],
}

impl Block<'_> {
    /// Adds the tile in the panels to lanes `from..to`, all of which see some of it.
    #[inline(always)]
    pub(super) fn tile<L: Lanes, const PAIRS: bool>(&mut self, l: L, from: usize, to: usize) {
        let rows = if PAIRS { TILE / 2 } else { TILE };
        assert!(self.q.len() >= to * self.q_stride && self.q_stride >= self.steps);
        assert!(self.keys.len() >= self.steps * TILE && self.scores.len() >= to * TILE);
        assert!(self.values.len() >= rows * self.dims && self.dims.is_multiple_of(32));
        assert!(self.o.len() >= to * self.dims && self.l.len() >= to * LANES);
        let mut lane = from;
        while lane < to {
            // SAFETY: the lanes named are below `to`, for which the lengths were asserted.
            unsafe {
                match to - lane {
                    4.. => {
                        self.scores::<L, PAIRS, 4>(l, lane);
                        lane += 4;
                    }
                    2.. => {
                        self.scores::<L, PAIRS, 2>(l, lane);
                        lane += 2;
                    }
                    _ => {
                        self.scores::<L, PAIRS, 1>(l, lane);
                        lane += 1;
                    }
                }
            }
        }
        for lane in from..to {
            self.softmax::<L, PAIRS>(l, lane);
        }
        let mut lane = from;
        while lane < to {
            let lanes = match to - lane {
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            let masked = self.visible[lane..lane + lanes].iter().any(|&v| v != !0);
            // SAFETY: the lanes named are below `to`, for which the lengths were asserted.
            unsafe {
                match (lanes, masked) {
                    (4, false) => self.weigh::<L, PAIRS, 4, false>(l, lane),
                    (4, true) => self.weigh::<L, PAIRS, 4, true>(l, lane),
                    (2, false) => self.weigh::<L, PAIRS, 2, false>(l, lane),
                    (2, true) => self.weigh::<L, PAIRS, 2, true>(l, lane),
                    (_, false) => self.weigh::<L, PAIRS, 1, false>(l, lane),
                    (_, true) => self.weigh::<L, PAIRS, 1, true>(l, lane),
                }
            }
            lane += lanes;
        }
    }

    /// # Safety
    /// Lanes `lane..lane + N` and all steps lie within `q`, `keys` and `scores`.
    #[inline(always)]
    unsafe fn scores<L: Lanes, const PAIRS: bool, const N: usize>(&mut self, l: L, lane: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let q = self.q.as_ptr().add(lane * self.q_stride);
            let keys = self.keys.as_ptr();
            let mut acc = [[l.splat(0.0); 2]; N];
            let mut ahead = self.ahead[0];
            let share = ahead.share(self.steps);
            for step in 0..self.steps {
                ahead.touch(l, share);
                let k0 = l.iload(keys.add(step * TILE));
                let k1 = l.iload(keys.add(step * TILE + LANES));
                for (n, acc) in acc.iter_mut().enumerate() {
                    let x = l.isplat(*q.add(n * self.q_stride + step));
                    acc[0] = multiply::<L, PAIRS>(l, acc[0], x, k0);
                    acc[1] = multiply::<L, PAIRS>(l, acc[1], x, k1);
                }
            }
            self.ahead[0] = ahead;
            for (n, acc) in acc.iter().enumerate() {
                let to = self.scores.as_mut_ptr().add((lane + n) * TILE);
                l.istore(l.bits(acc[0]), to);
                l.istore(l.bits(acc[1]), to.add(LANES));
            }
        }
    }

    #[inline(always)]
    fn softmax<L: Lanes, const PAIRS: bool>(&mut self, l: L, lane: usize) {
        let bits = self.visible[lane];
        let scores = &mut self.scores[lane * TILE..][..TILE];
        let sums = &mut self.l[lane * LANES..][..LANES];
        let scale = l.splat(self.scale);
        let hidden = l.splat(f32::NEG_INFINITY);
        // SAFETY: `scores` is two vectors, `sums` one.
        unsafe {
            let s0 = l.mul(l.float(l.iload(scores.as_ptr())), scale);
            let s1 = l.mul(l.float(l.iload(scores.as_ptr().add(LANES))), scale);
            let s0 = l.select(l.mask(bits as u16), s0, hidden);
            let s1 = l.select(l.mask((bits >> 16) as u16), s1, hidden);
            let highest = l.maximum(l.max(s0, s1));
            let old = self.m[lane];
            let new = if old > highest { old } else { highest };
            // With only minus infinity seen so far, any finite maximum makes weights of zero.
            let safe = l.splat(if new == f32::NEG_INFINITY { 0.0 } else { new });
            let p0 = exp(l, l.sub(s0, safe));
            let p1 = exp(l, l.sub(s1, safe));
            let rescale = exp(l, l.sub(l.splat(old), safe));
            let total = l.mul(l.load(sums.as_ptr()), rescale);
            let total = if PAIRS {
                let p = l.pack_bf16(p0, p1);
                l.istore(p, scores.as_mut_ptr());
                l.add(total, l.add(l.low_bf16(p), l.high_bf16(p)))
            } else {
                l.istore(l.bits(p0), scores.as_mut_ptr());
                l.istore(l.bits(p1), scores.as_mut_ptr().add(LANES));
                l.add(total, l.add(p0, p1))
            };
            l.store(total, sums.as_mut_ptr());
            self.m[lane] = new;
            let mut first = [0.0; LANES];
            l.store(rescale, first.as_mut_ptr());
            self.rescale[lane] = first[0];
        }
    }

    /// # Safety
    /// Lanes `lane..lane + N` lie within `scores` and `o`, the tile within `values`.
    #[inline(always)]
    unsafe fn weigh<L: Lanes, const PAIRS: bool, const N: usize, const MASKED: bool>(
        &mut self,
        l: L,
        lane: usize,
    ) {
        let mut dim = 0;
        while dim < self.dims {
            // SAFETY: the caller's promise; `dims` is a multiple of two vectors.
            unsafe {
                if dim + 4 * LANES <= self.dims {
                    self.weigh_dims::<L, PAIRS, N, 4, MASKED>(l, lane, dim);
                    dim += 4 * LANES;
                } else {
                    self.weigh_dims::<L, PAIRS, N, 2, MASKED>(l, lane, dim);
                    dim += 2 * LANES;
                }
            }
        }
    }

    /// # Safety
    /// As [`weigh`](Block::weigh), and `dim + W * LANES <= dims`.
    #[inline(always)]
    unsafe fn weigh_dims<
        L: Lanes,
        const PAIRS: bool,
        const N: usize,
        const W: usize,
        const MASKED: bool,
    >(
        &mut self,
        l: L,
        lane: usize,
        dim: usize,
    ) {
        let rows = if PAIRS { TILE / 2 } else { TILE };
        // SAFETY: the caller's promise.
        unsafe {
            let values = self.values.as_ptr().add(dim);
            let weights = self.scores.as_ptr().add(lane * TILE);
            let o = self.o.as_mut_ptr().add(lane * self.dims + dim);
            let mut acc = [[l.splat(0.0); W]; N];
            for (n, acc) in acc.iter_mut().enumerate() {
                let rescale = l.splat(*self.rescale.get_unchecked(lane + n));
                for (w, acc) in acc.iter_mut().enumerate() {
                    *acc = l.mul(l.load(o.add(n * self.dims + w * LANES)), rescale);
                }
            }
            let mut ahead = self.ahead[1];
            let share = ahead.share(rows * (self.dims - dim).div_ceil(W * LANES));
            for j in 0..rows {
                ahead.touch(l, share);
                let mut v = [l.isplat(0); W];
                for (w, v) in v.iter_mut().enumerate() {
                    *v = l.iload(values.add(j * self.dims + w * LANES));
                }
                for (n, acc) in acc.iter_mut().enumerate() {
                    let p = l.isplat(*weights.add(n * TILE + j));
                    // A hidden value may be anything, NaN included: its weight of zero is not enough.
                    let seen = l.isplat(if MASKED {
                        seen::<PAIRS>(*self.visible.get_unchecked(lane + n), j)
                    } else {
                        !0
                    });
                    for w in 0..W {
                        let v = if MASKED { l.and(v[w], seen) } else { v[w] };
                        acc[w] = multiply::<L, PAIRS>(l, acc[w], p, v);
                    }
                }
            }
            self.ahead[1] = ahead;
            for (n, acc) in acc.iter().enumerate() {
                for (w, &acc) in acc.iter().enumerate() {
                    l.store(acc, o.add(n * self.dims + w * LANES));
                }
            }
        }
    }
}

/// The bits to keep of row `j` of a value panel.
#[inline(always)]
fn seen<const PAIRS: bool>(visible: u32, j: usize) -> u32 {
    let first = 0u32.wrapping_sub(visible >> j & 1);
    if PAIRS {
        let second = 0u32.wrapping_sub(visible >> (j + 16) & 1);
        first & 0xffff | second & 0xffff_0000
    } else {
        first
    }
}

#[inline(always)]
fn multiply<L: Lanes, const PAIRS: bool>(l: L, acc: L::F, a: L::I, b: L::I) -> L::F {
    if PAIRS {
        l.dot2(acc, a, b)
    } else {
        l.fma(l.float(a), l.float(b), acc)
    }
}
