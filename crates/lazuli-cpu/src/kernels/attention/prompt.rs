//! Rows of prompts by AMX: scores and weighted values are products of tiles, the softmax is between them.
//!
//! As [`Unit`](super::unit::Unit), in steps of four tiles of keys at fixed positions and blocks of 32
//! lanes (a row and a query head each). What a lane does not see has a weight of zero, and a tile of keys
//! that no lane of a block sees is left out, which is the same: a sum is unchanged by zeros, and the zeros
//! of sums have one sign. Values that are not finite, which a weight of zero does not hide, take a longer
//! way. Panels are laid out once for all lanes of a unit, which are as many as its state fits in cache.

use super::merge::Total;
use super::panel::Head;
use super::unit::{Job, Place, load_query, out_lane};
use super::{SPLIT, TILE};
use crate::kernels::amx::{Product, Tiles};
use crate::kernels::math::{Kernel, LANES, Lanes, Scratch, exp};

/// Tiles of keys in a step.
const TILES: usize = 4;
/// Keys of a step.
const STEP: usize = TILES * TILE;
/// Lanes of a block.
const BLOCK: usize = 32;
/// Words of a lane's weights in a step.
const WEIGHTS: usize = STEP / 2;

/// One unit per part.
pub(super) struct Prompt;

impl Kernel for Prompt {
    type Args<'a> = Job<'a>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, job: &Job<'_>, part: usize) {
        let Some(place) = job.place(part) else {
            return;
        };
        let call = job.call;
        let group = call.heads / call.kv_heads;
        let lanes = place.rows * group;
        let padded = lanes.next_multiple_of(BLOCK);
        let q_words = call.key_dim.next_multiple_of(32) / 2;
        let dims = call.value_dim.next_multiple_of(32);
        let sizes = [
            padded * q_words,
            TILES * q_words * TILE,
            TILES * dims * TILE / 2,
            BLOCK * STEP,
            BLOCK * WEIGHTS,
            TILES * padded,
            padded,
            padded * LANES,
            padded * dims,
            padded,
            padded,
            padded * dims,
        ];
        let mut scratch = Scratch::take(sizes.iter().sum());
        let mut rest = scratch.words();
        let [
            q,
            keys,
            values,
            scores,
            weights,
            visible,
            m,
            sums,
            o,
            total_m,
            total_l,
            total_o,
        ] = sizes.map(|size| {
            let (first, more) = std::mem::take(&mut rest).split_at_mut(size);
            rest = more;
            first
        });
        let total_m: &mut [f32] = bytemuck::cast_slice_mut(total_m);
        let total_l: &mut [f32] = bytemuck::cast_slice_mut(total_l);
        let total_o: &mut [f32] = bytemuck::cast_slice_mut(total_o);
        total_m.fill(f32::NEG_INFINITY);
        total_l.fill(0.0);
        total_o.fill(0.0);
        q.fill(0);
        visible.fill(0);
        for lane in 0..lanes {
            let row = out_lane(job, &place, group, lane);
            let to = &mut q[lane * q_words..][..q_words];
            load_query::<L, true>(l, &call.q, row * call.key_dim, call.key_dim, to);
        }
        let head = |cache, codes, width| Head {
            cache,
            codes,
            slot: place.slot,
            head: place.kv_head,
            width,
            ring: call.ring,
        };
        let key_head = head(&call.keys, &job.key_codes, call.key_dim);
        let value_head = head(&call.values, &job.value_codes, call.value_dim);
        let mut state = State {
            q,
            q_words,
            keys,
            values,
            dims,
            scores: bytemuck::cast_slice_mut(scores),
            weights,
            visible,
            m: bytemuck::cast_slice_mut(m),
            l: bytemuck::cast_slice_mut(sums),
            o: bytemuck::cast_slice_mut(o),
            scale: call.scale,
        };
        // SAFETY: this kernel is made for AMX only (`Attention::new`).
        let tiles = unsafe { Tiles::begin() };
        for split in place.share(job.pieces) {
            state.m.fill(f32::NEG_INFINITY);
            state.l.fill(0.0);
            state.o.fill(0.0);
            let end = place.end.min((split + 1) * SPLIT);
            for start in (split * SPLIT..end).step_by(STEP) {
                let seen = state.see(job, &place, start, group);
                for tile in (0..TILES).filter(|tile| seen >> tile & 1 != 0) {
                    let at = start + tile * TILE;
                    let (keys, values) = state.panels(tile);
                    key_head.keys::<L, true>(l, at, place.end, keys);
                    value_head.values::<L, true>(l, at, place.end, values);
                }
                for block in 0..padded / BLOCK {
                    state.step(l, &tiles, block);
                }
            }
            for lane in 0..lanes {
                let sum = l.sum(f32s(l, &state.l[lane * LANES..]));
                let o = &mut state.o[lane * dims..][..dims];
                if sum.is_nan() {
                    // Of several kinds of NaN, which one is left depends on the tiles that were left out.
                    state.m[lane] = 0.0;
                    o.fill(f32::NAN);
                }
                let sum = if sum.is_nan() { f32::NAN } else { sum };
                // A zero is positive, whether or not zeros were added to it.
                for at in (0..dims).step_by(LANES) {
                    let x = l.add(f32s(l, &o[at..]), l.splat(0.0));
                    // SAFETY: `dims` is a multiple of a vector.
                    unsafe { l.store(x, o[at..].as_mut_ptr()) };
                }
                if job.pieces == 1 {
                    let mut total = Total {
                        m: &mut total_m[lane],
                        l: &mut total_l[lane],
                        o: &mut total_o[lane * dims..][..dims],
                    };
                    total.add(l, state.m[lane], sum, o);
                } else {
                    // SAFETY: a lane and split belong to one unit.
                    let to = unsafe { job.partial(out_lane(job, &place, group, lane), split) };
                    to[..dims].copy_from_slice(o);
                    to[dims] = state.m[lane];
                    to[dims + 1] = sum;
                }
            }
        }
        if job.pieces == 1 {
            for lane in 0..lanes {
                let mut total = Total {
                    m: &mut total_m[lane],
                    l: &mut total_l[lane],
                    o: &mut total_o[lane * dims..][..dims],
                };
                total.finish::<L, true>(l, job, out_lane(job, &place, group, lane));
            }
        }
    }
}

/// The first vector of a slice.
#[inline(always)]
fn f32s<L: Lanes>(l: L, from: &[f32]) -> L::F {
    // SAFETY: a vector lies within the slice.
    unsafe { l.load(from[..LANES].as_ptr()) }
}

/// The lanes of a unit and what they meet.
struct State<'s> {
    /// Queries, `[lane][q_words]`, zeros beyond the last dimension and lane.
    q: &'s [u32],
    q_words: usize,
    /// Panels of a step's tiles.
    keys: &'s mut [u32],
    values: &'s mut [u32],
    dims: usize,
    /// Of a block, `[lane][STEP]`.
    scores: &'s mut [f32],
    /// Of a block, `[lane][WEIGHTS]`: pairs as the value panels have them.
    weights: &'s mut [u32],
    /// `[tile][lane]`: which positions a lane sees, zeros beyond the last lane.
    visible: &'s mut [u32],
    m: &'s mut [f32],
    /// Sixteen partial sums of each lane.
    l: &'s mut [f32],
    /// `[lane][dims]`.
    o: &'s mut [f32],
    scale: f32,
}

impl State<'_> {
    fn lanes(&self) -> usize {
        self.m.len()
    }

    /// The panels of a tile.
    fn panels(&mut self, tile: usize) -> (&mut [u32], &mut [u32]) {
        let (keys, values) = (self.q_words * TILE, self.dims * TILE / 2);
        (
            &mut self.keys[tile * keys..][..keys],
            &mut self.values[tile * values..][..values],
        )
    }

    /// Notes what each lane sees of the step at `start`; returns the tiles that any sees, as bits.
    #[inline(always)]
    fn see(&mut self, job: &Job<'_>, place: &Place, start: usize, group: usize) -> u32 {
        let (lanes, mut seen) = (self.lanes(), 0);
        for tile in 0..TILES {
            for row in 0..place.rows {
                let bits = job.visible(place.last(job, row), start + tile * TILE);
                self.visible[tile * lanes + row * group..][..group].fill(bits);
                seen |= u32::from(bits != 0) << tile;
            }
        }
        seen
    }

    /// Which positions of a tile the lanes of a block see.
    #[inline(always)]
    fn bits(&self, tile: usize, block: usize) -> &[u32] {
        &self.visible[tile * self.lanes() + block * BLOCK..][..BLOCK]
    }

    /// Adds the step in the panels to a block of lanes.
    #[inline(always)]
    fn step<L: Lanes>(&mut self, l: L, _: &Tiles, block: usize) {
        let any = |tile: usize| self.bits(tile, block).iter().any(|&bits| bits != 0);
        let seen: [bool; TILES] = std::array::from_fn(any);
        if seen == [false; TILES] {
            return;
        }
        for tile in (0..TILES).filter(|&tile| seen[tile]) {
            let product = Product {
                rows: self.q[block * BLOCK * self.q_words..].as_ptr().cast(),
                row_stride: self.q_words * 4,
                row_step: 64,
                panel: self.keys[tile * self.q_words * TILE..].as_ptr().cast(),
                panel_stride: TILE * 4,
                panel_step: TILE * 64,
                steps: self.q_words / 16,
                sums: self.scores[tile * TILE..].as_mut_ptr(),
                sum_stride: STEP * 4,
                add: false,
                ahead: self.q.as_ptr().cast(),
                ahead_step: 0,
            };
            // SAFETY: tiles are configured; 32 queries, a key panel and 32 rows of scores.
            unsafe { product.run() };
        }
        let rescale = self.softmax(l, block, &seen);
        for (lane, &factor) in rescale.iter().enumerate() {
            if factor != 1.0 {
                let o = &mut self.o[(block * BLOCK + lane) * self.dims..][..self.dims];
                let factor = l.splat(factor);
                for at in (0..o.len()).step_by(LANES) {
                    let x = l.mul(f32s(l, &o[at..]), factor);
                    // SAFETY: `dims` is a multiple of a vector.
                    unsafe { l.store(x, o[at..].as_mut_ptr()) };
                }
            }
        }
        let mut hides = [false; TILES];
        for (tile, hides) in hides.iter_mut().enumerate() {
            let partly = self.bits(tile, block).iter().any(|&bits| bits != !0);
            *hides = seen[tile] && partly && !self.is_finite(l, tile);
        }
        let mut tile = 0;
        while tile < TILES {
            let run = (tile..TILES).take_while(|&t| seen[t] && !hides[t]).count();
            if run > 0 {
                let panel: *const u32 = self.values[tile * self.dims * TILE / 2..].as_ptr();
                // SAFETY: `run` value panels follow each other from this one on.
                unsafe { self.weigh(block, tile, run, panel) };
            } else if hides[tile] {
                self.weigh_hidden(block, tile);
            }
            tile += run.max(1);
        }
    }

    /// Scores to weights; returns the factor of each lane's state.
    #[inline(always)]
    fn softmax<L: Lanes>(&mut self, l: L, block: usize, seen: &[bool; TILES]) -> [f32; BLOCK] {
        let (scale, hidden) = (l.splat(self.scale), l.splat(f32::NEG_INFINITY));
        let first = block * BLOCK;
        let mut highest = [f32::NEG_INFINITY; BLOCK];
        for (lane, highest) in highest.iter_mut().enumerate() {
            let mut most = hidden;
            for tile in (0..TILES).filter(|&tile| seen[tile]) {
                let bits = self.bits(tile, block)[lane];
                let scores = &self.scores[lane * STEP + tile * TILE..][..TILE];
                for half in 0..2 {
                    let s = l.mul(f32s(l, &scores[half * LANES..]), scale);
                    let s = l.select(l.mask((bits >> (16 * half)) as u16), s, hidden);
                    most = l.max(most, s);
                }
            }
            *highest = l.maximum(most);
        }
        let mut rescale = [0.0; BLOCK];
        let mut safe = [0.0; BLOCK];
        for lane in 0..BLOCK {
            let (old, highest) = (self.m[first + lane], highest[lane]);
            let new = if old > highest { old } else { highest };
            // With only minus infinity seen so far, any finite maximum makes weights of zero.
            safe[lane] = if new == f32::NEG_INFINITY { 0.0 } else { new };
            rescale[lane] = old - safe[lane];
            self.m[first + lane] = new;
        }
        for half in rescale.chunks_exact_mut(LANES) {
            let factors = exp(l, f32s(l, half));
            // SAFETY: `half` is one vector.
            unsafe { l.store(factors, half.as_mut_ptr()) };
        }
        let nothing = l.splat(0.0);
        for lane in 0..BLOCK {
            let safe = l.splat(-safe[lane]);
            let sums = &mut self.l[(first + lane) * LANES..][..LANES];
            let mut total = l.mul(f32s(l, sums), l.splat(rescale[lane]));
            for tile in (0..TILES).filter(|&tile| seen[tile]) {
                let bits = self.visible[tile * self.m.len() + first + lane];
                let scores = &self.scores[lane * STEP + tile * TILE..][..TILE];
                let first = exp(l, l.fma(f32s(l, scores), scale, safe));
                let second = exp(l, l.fma(f32s(l, &scores[LANES..]), scale, safe));
                let first = l.select(l.mask(bits as u16), first, nothing);
                let second = l.select(l.mask((bits >> 16) as u16), second, nothing);
                let p = l.pack_bf16(first, second);
                total = l.add(total, l.add(l.low_bf16(p), l.high_bf16(p)));
                let to = &mut self.weights[lane * WEIGHTS + tile * LANES..][..LANES];
                // SAFETY: `to` is one vector.
                unsafe { l.istore(p, to.as_mut_ptr()) };
            }
            // SAFETY: `sums` is one vector.
            unsafe { l.store(total, sums.as_mut_ptr()) };
        }
        rescale
    }

    /// Whether all values of a tile are finite.
    #[inline(always)]
    fn is_finite<L: Lanes>(&self, l: L, tile: usize) -> bool {
        let words = self.dims * TILE / 2;
        let values = &self.values[tile * words..][..words];
        // Infinities and NaN have all bits of the exponent, and a zero times them is NaN.
        let mut sum = l.splat(0.0);
        for at in (0..words).step_by(LANES) {
            // SAFETY: the panel is whole vectors.
            let pairs = unsafe { l.iload(values[at..][..LANES].as_ptr()) };
            for x in [l.low_bf16(pairs), l.high_bf16(pairs)] {
                sum = l.fma(x, l.splat(0.0), sum);
            }
        }
        l.sum(sum) == 0.0
    }

    /// Adds the weighted values of `count` tiles from `tile` on, whose panels start at `values`.
    ///
    /// # Safety
    /// Tiles are configured, and so many value panels follow each other.
    #[inline(always)]
    unsafe fn weigh(&mut self, block: usize, tile: usize, count: usize, values: *const u32) {
        for dim in (0..self.dims).step_by(2 * LANES) {
            let product = Product {
                rows: self.weights[tile * LANES..].as_ptr().cast(),
                row_stride: WEIGHTS * 4,
                row_step: 64,
                panel: values.wrapping_add(dim).cast(),
                panel_stride: self.dims * 4,
                panel_step: self.dims * TILE * 2,
                steps: count,
                sums: self.o[block * BLOCK * self.dims + dim..].as_mut_ptr(),
                sum_stride: self.dims * 4,
                add: true,
                ahead: values.cast(),
                ahead_step: 0,
            };
            // SAFETY: the caller's contract; 32 lanes of weights and of sums.
            unsafe { product.run() };
        }
    }

    /// Adds the weighted values of a tile in which lanes must not see some: for the lanes that see the
    /// same, with zeros in the place of what they do not.
    #[cold]
    fn weigh_hidden(&mut self, block: usize, tile: usize) {
        let dims = self.dims;
        let mine = block * BLOCK * dims..(block + 1) * BLOCK * dims;
        let before = self.o[mine.clone()].to_vec();
        let mut after = before.clone();
        let mut panel = vec![0u32; dims * TILE / 2];
        let bits: [u32; BLOCK] = std::array::from_fn(|lane| self.bits(tile, block)[lane]);
        for lane in 0..BLOCK {
            if bits[..lane].contains(&bits[lane]) {
                continue;
            }
            let words = self.values[tile * dims * TILE / 2..].chunks_exact(dims);
            for (j, (panel, words)) in panel.chunks_exact_mut(dims).zip(words).enumerate() {
                let keep = |key: usize| 0u32.wrapping_sub(bits[lane] >> key & 1);
                let seen = keep(j) & 0xffff | keep(j + LANES) & 0xffff_0000;
                panel
                    .iter_mut()
                    .zip(words)
                    .for_each(|(to, word)| *to = word & seen);
            }
            self.o[mine.clone()].copy_from_slice(&before);
            // SAFETY: tiles are configured (`step` has them), and `panel` is a value panel.
            unsafe { self.weigh(block, tile, 1, panel.as_ptr()) };
            let done = &self.o[mine.clone()];
            for same in (lane..BLOCK).filter(|&same| bits[same] == bits[lane]) {
                after[same * dims..][..dims].copy_from_slice(&done[same * dims..][..dims]);
            }
        }
        self.o[mine].copy_from_slice(&after);
    }
}
