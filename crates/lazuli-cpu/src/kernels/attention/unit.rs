//! A unit of work: a block of rows of one sequence, one key head, a range of splits.

use super::cache::Codes;
use super::merge::{Total, partial_words};
use super::panel::Head;
use super::tile::Block;
use super::{Call, SPLIT, TILE};
use crate::kernels::floats::Floats;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Scratch, Shared};
use crate::kernels::seq::Seq;
use half::{bf16, f16};

/// The output, of the type of the queries.
pub(super) enum Out<'a> {
    F32(Shared<'a, f32>),
    Bf16(Shared<'a, bf16>),
    F16(Shared<'a, f16>),
}

/// A call and how it is divided.
pub(super) struct Job<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) out: &'a Out<'a>,
    /// The role of the rows that this is about; of all if `None`.
    pub(super) generated: Option<bool>,
    pub(super) block_rows: usize,
    /// Units that share the splits of a block.
    pub(super) pieces: usize,
    /// Splits of the longest sequence.
    pub(super) splits: usize,
    /// `[lane][split]` partials, if `pieces > 1`.
    pub(super) partials: Shared<'a, f32>,
    pub(super) key_codes: [Codes; 2],
    pub(super) value_codes: [Codes; 2],
}

/// What a part of the region is about.
pub(super) struct Place {
    pub(super) slot: usize,
    pub(super) kv_head: usize,
    /// First row, counted over all sequences, and its position.
    pub(super) row: usize,
    position: usize,
    pub(super) rows: usize,
    /// One past the last position that any of the rows sees.
    pub(super) end: usize,
    /// Splits of the sequence; those after the block's last row are empty.
    splits: usize,
    piece: usize,
}

impl Place {
    /// The splits that are this part's.
    pub(super) fn share(&self, pieces: usize) -> std::ops::Range<usize> {
        let share = self.splits.div_ceil(pieces);
        (self.piece * share).min(self.splits)..((self.piece + 1) * share).min(self.splits)
    }

    /// The last position that row `row` of the block sees.
    #[inline(always)]
    pub(super) fn last(&self, job: &Job<'_>, row: usize) -> usize {
        match job.call.causal {
            true => self.position + row,
            false => self.end - 1,
        }
    }
}

impl Job<'_> {
    /// The sequences that this is about, each with its first row.
    fn seqs(&self) -> impl Iterator<Item = (usize, &Seq)> {
        let mut next = 0;
        let numbered = self.call.seqs.iter().map(move |seq| {
            let first = next;
            next += seq.len as usize;
            (first, seq)
        });
        numbered.filter(|(_, seq)| self.generated.is_none_or(|role| role == seq.generated))
    }

    /// Splits that the sequence of `row` has, if this is about it.
    pub(super) fn splits_of(&self, row: usize) -> Option<usize> {
        let mut seqs = self.seqs();
        let of_row =
            |&(first, seq): &(usize, &Seq)| (first..first + seq.len as usize).contains(&row);
        Some(seqs.find(of_row)?.1.end().div_ceil(SPLIT))
    }

    /// # Safety
    /// No one else uses this partial.
    #[allow(clippy::mut_from_ref)] // As `Shared::slice`.
    pub(super) unsafe fn partial(&self, lane: usize, split: usize) -> &mut [f32] {
        let words = partial_words(self.call.value_dim);
        // SAFETY: the caller's promise.
        unsafe {
            self.partials
                .slice((lane * self.splits + split) * words, words)
        }
    }

    pub(super) fn place(&self, part: usize) -> Option<Place> {
        let piece = part % self.pieces;
        let mut unit = part / self.pieces;
        for (row, seq) in self.seqs() {
            let blocks = (seq.len as usize).div_ceil(self.block_rows);
            if unit < blocks * self.call.kv_heads {
                // Late blocks see more keys: early and late ones alternate, so that a contiguous
                // range of units is a fair share.
                let turn = unit % blocks;
                let block = if turn.is_multiple_of(2) {
                    turn / 2
                } else {
                    blocks - 1 - turn / 2
                };
                let start = block * self.block_rows;
                let rows = self.block_rows.min(seq.len as usize - start);
                let position = seq.first as usize + start;
                return Some(Place {
                    slot: seq.slot as usize,
                    kv_head: unit / blocks,
                    row: row + start,
                    position,
                    rows,
                    end: if self.call.causal {
                        position + rows
                    } else {
                        seq.end()
                    },
                    splits: seq.end().div_ceil(SPLIT),
                    piece,
                });
            }
            unit -= blocks * self.call.kv_heads;
        }
        None
    }

    /// Which of the positions from `start` on a row sees whose last one is `position`, as bits.
    #[inline(always)]
    pub(super) fn visible(&self, position: usize, start: usize) -> u32 {
        if position < start {
            return 0;
        }
        let causal = below(position + 1 - start);
        let window = match self.call.window {
            None => !0,
            Some(window) => {
                let oldest = (position + 1).saturating_sub(window as usize);
                !below(oldest.saturating_sub(start))
            }
        };
        let kept = below((self.call.sink_tokens as usize).saturating_sub(start));
        causal & (window | kept)
    }
}

/// The lowest `n` bits.
#[inline(always)]
fn below(n: usize) -> u32 {
    if n >= TILE { !0 } else { (1u32 << n) - 1 }
}

/// One unit per part.
pub(super) struct Unit<const PAIRS: bool>;

impl<const PAIRS: bool> Kernel for Unit<PAIRS> {
    type Args<'a> = Job<'a>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, job: &Job<'_>, part: usize) {
        let Some(place) = job.place(part) else {
            return;
        };
        let call = job.call;
        let group = call.heads / call.kv_heads;
        let lanes = place.rows * group;
        let padded = lanes.next_multiple_of(LANES);
        let key_dims = call.key_dim.next_multiple_of(32);
        let q_stride = if PAIRS { key_dims / 2 } else { key_dims };
        let dims = call.value_dim.next_multiple_of(32);
        let value_rows = if PAIRS { TILE / 2 } else { TILE };
        let sizes = [
            padded * q_stride,
            q_stride * TILE,
            value_rows * dims,
            padded * TILE,
            padded,
            padded,
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
            visible,
            rescale,
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
        let rescale: &mut [f32] = bytemuck::cast_slice_mut(rescale);
        let m: &mut [f32] = bytemuck::cast_slice_mut(m);
        let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
        let o: &mut [f32] = bytemuck::cast_slice_mut(o);
        let total_m: &mut [f32] = bytemuck::cast_slice_mut(total_m);
        let total_l: &mut [f32] = bytemuck::cast_slice_mut(total_l);
        let total_o: &mut [f32] = bytemuck::cast_slice_mut(total_o);
        total_m.fill(f32::NEG_INFINITY);
        total_l.fill(0.0);
        total_o.fill(0.0);
        for lane in 0..lanes {
            let head = place.kv_head * group + lane % group;
            let row = (place.row + lane / group) * call.heads + head;
            let to = &mut q[lane * q_stride..][..q_stride];
            load_query::<L, PAIRS>(l, &call.q, row * call.key_dim, call.key_dim, to);
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
        let end = place.end;
        for split in place.share(job.pieces) {
            m[..lanes].fill(f32::NEG_INFINITY);
            sums[..lanes * LANES].fill(0.0);
            o[..lanes * dims].fill(0.0);
            let mut start = split * SPLIT;
            while start < end.min((split + 1) * SPLIT) {
                let (from, to) = seen_by(job, &place, start, group, visible);
                if from < to {
                    key_head.keys::<L, PAIRS>(l, start, end, keys);
                    value_head.values::<L, PAIRS>(l, start, end, values);
                    let mut block = Block {
                        q,
                        keys,
                        values,
                        scores,
                        visible,
                        rescale,
                        m,
                        l: sums,
                        o,
                        q_stride,
                        steps: if PAIRS {
                            call.key_dim.div_ceil(2)
                        } else {
                            call.key_dim
                        },
                        dims,
                        scale: call.scale,
                        ahead: [key_head.ahead(start + TILE), value_head.ahead(start + TILE)],
                    };
                    block.tile::<L, PAIRS>(l, from, to);
                }
                start += TILE;
            }
            for lane in 0..lanes {
                let sum = l.sum(f32::read(l, sums, lane * LANES));
                let o = &o[lane * dims..][..dims];
                if job.pieces == 1 {
                    let mut total = Total {
                        m: &mut total_m[lane],
                        l: &mut total_l[lane],
                        o: &mut total_o[lane * dims..][..dims],
                    };
                    total.add(l, m[lane], sum, o);
                } else {
                    // SAFETY: a lane and split belong to one unit.
                    let to = unsafe { job.partial(out_lane(job, &place, group, lane), split) };
                    to[..dims].copy_from_slice(o);
                    to[dims] = m[lane];
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
                total.finish::<L, PAIRS>(l, job, out_lane(job, &place, group, lane));
            }
        }
    }
}

/// A lane of the block counted over the call: row times heads plus head.
pub(super) fn out_lane(job: &Job<'_>, place: &Place, group: usize, lane: usize) -> usize {
    (place.row + lane / group) * job.call.heads + place.kv_head * group + lane % group
}

/// Writes what each lane sees of the tile at `start`; returns the range of lanes that see some.
///
/// They are a range: a later row sees a tile as soon as an earlier one does, and a window leaves a
/// tile for early rows no later than for late ones, unless it holds sinks, which all rows see.
#[inline(always)]
fn seen_by(
    job: &Job<'_>,
    place: &Place,
    start: usize,
    group: usize,
    visible: &mut [u32],
) -> (usize, usize) {
    let (mut from, mut to) = (usize::MAX, 0);
    for row in 0..place.rows {
        let bits = job.visible(place.last(job, row), start);
        if bits != 0 {
            visible[row * group..][..group].fill(bits);
            from = from.min(row * group);
            to = (row + 1) * group;
        }
    }
    (from, to)
}

/// The query at element `at` as the words that the key panel is multiplied by.
#[inline(always)]
pub(super) fn load_query<L: Lanes, const PAIRS: bool>(
    l: L,
    q: &Floats<'_>,
    at: usize,
    width: usize,
    to: &mut [u32],
) {
    match q {
        Floats::Bf16(q) if PAIRS => {
            let (pairs, last) = q[at..at + width].as_chunks::<2>();
            for (word, [first, second]) in to.iter_mut().zip(pairs) {
                *word = u32::from(first.to_bits()) | u32::from(second.to_bits()) << 16;
            }
            if let [last] = last {
                to[pairs.len()] = u32::from(last.to_bits());
            }
        }
        Floats::F32(q) => load_floats(l, &q[at..at + width], to),
        Floats::Bf16(q) => load_floats(l, &q[at..at + width], to),
        Floats::F16(q) => load_floats(l, &q[at..at + width], to),
    }
}

#[inline(always)]
fn load_floats<L: Lanes, T: Element>(l: L, q: &[T], to: &mut [u32]) {
    let to: &mut [f32] = bytemuck::cast_slice_mut(to);
    for at in (0..q.len()).step_by(LANES) {
        f32::write(l, T::read(l, q, at), to, at);
    }
}
