//! Attention of ragged rows over caches in `f32`, `bf16`, `f16` or packed affine codes.
//!
//! Keys come in tiles of 32 at fixed absolute positions. A tile is brought into panels once for all
//! query heads of its key head and for all rows of a block (packed caches are expanded there), and
//! each row runs an online softmax over the tiles of a split of 512 positions; splits start fresh and
//! are merged in ascending order. One instruction sequence serves one row and many, so neither the
//! number of rows nor the cut of a prompt nor the work of threads reaches a bit of the result.
//!
//! With `bf16` queries over `bf16` or packed caches, scores and weighted values are dot products of
//! `bf16` pairs accumulated in `f32` (weights are rounded to `bf16`, their sum is of the rounded
//! ones); otherwise everything is `f32`. The score matrix is never stored.
//!
//! Not chosen: dots along the head dimension, which need no transposed panel but a horizontal sum for
//! each score.

mod append;
mod cache;
mod merge;
mod panel;
#[cfg(target_arch = "x86_64")]
mod prompt;
#[cfg(test)]
mod tests;
mod tile;
mod unit;

pub use append::{Append, append};
pub use cache::{Affine, Cache, Ring, Strides};

use super::floats::{Floats, FloatsMut};
use super::math::{Entry, Kernel, Scratch, Shared};
use super::seq::Seq;
use crate::{Isa, Pool};
use merge::Merge;
#[cfg(target_arch = "x86_64")]
use prompt::Prompt;
use unit::{Job, Out, Unit};

/// Positions of a tile.
pub(crate) const TILE: usize = 32;
/// Positions of a split.
pub const SPLIT: usize = 512;
/// Query heads times rows that share a tile's panels, about.
const BLOCK: usize = 128;
/// The same for prompts by tiles, whose panels cost more beside the rest.
const PROMPT_BLOCK: usize = 256;
/// Rows up to which a call may be spread over splits; its partials stay small.
const SPREAD_ROWS: usize = 8;
/// Units per thread below which a call is spread over splits.
const UNITS_PER_THREAD: usize = 4;

/// What to attend to, and how.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Queries `[rows, heads, key_dim]`.
    pub q: Floats<'a>,
    /// Keys, those of the rows themselves included.
    pub keys: Cache<'a>,
    /// Values, those of the rows themselves included.
    pub values: Cache<'a>,
    /// The rows.
    pub seqs: &'a [Seq],
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Length of a query and of a key.
    pub key_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Factor of the scores.
    pub scale: f32,
    /// Whether a row sees no position above its own; else all of its sequence's.
    pub causal: bool,
    /// A row sees this many positions, its own included; all up to its own if `None`.
    pub window: Option<u32>,
    /// Positions below this are visible despite the window.
    pub sink_tokens: u32,
    /// How positions map to cache rows.
    pub ring: Option<Ring>,
    /// A learned logit per query head that takes part in the softmax and has no value.
    pub sinks: Option<&'a [f32]>,
}

/// The attention kernels of one dispatch path.
pub struct Attention {
    pairs: Entry<Unit<true>>,
    floats: Entry<Unit<false>>,
    merge_pairs: Entry<Merge<true>>,
    merge_floats: Entry<Merge<false>>,
    /// For rows of prompts, what takes the place of `pairs`.
    #[cfg(target_arch = "x86_64")]
    prompts: Option<Entry<Prompt>>,
}

impl Attention {
    /// The kernels for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Attention {
        Attention {
            pairs: Entry::new(isa),
            floats: Entry::new(isa),
            merge_pairs: Entry::new(isa),
            merge_floats: Entry::new(isa),
            #[cfg(target_arch = "x86_64")]
            prompts: (isa == Isa::Amx).then(|| Entry::new(isa)),
        }
    }

    /// `softmax(scale * q k^T + mask) v` for each row and head, into `out` `[rows, heads, value_dim]`
    /// of the type of `q`. Rows that see no key, or only scores of minus infinity, give zeros.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say, or a ring no longer holds what a row sees.
    pub fn run(&self, pool: &Pool, call: &Call<'_>, out: FloatsMut<'_>) {
        call.check(&out);
        let pairs = matches!(call.q, Floats::Bf16(_)) && call.keys.pairs() && call.values.pairs();
        let out = match out {
            FloatsMut::F32(out) => Out::F32(Shared::new(out)),
            FloatsMut::Bf16(out) => Out::Bf16(Shared::new(out)),
            FloatsMut::F16(out) => Out::F16(Shared::new(out)),
        };
        #[cfg(target_arch = "x86_64")]
        if let (true, Some(prompts)) = (pairs, &self.prompts) {
            self.units(pool, call, &out, Some(true), &self.pairs);
            return self.units(pool, call, &out, Some(false), prompts);
        }
        if pairs {
            self.units(pool, call, &out, None, &self.pairs);
        } else {
            self.units(pool, call, &out, None, &self.floats);
        }
    }

    /// Computes the rows of a role, or all, with kernel `unit`.
    fn units<K: for<'a> Kernel<Args<'a> = Job<'a>>>(
        &self,
        pool: &Pool,
        call: &Call<'_>,
        out: &Out<'_>,
        generated: Option<bool>,
        unit: &Entry<K>,
    ) {
        let pairs = matches!(call.q, Floats::Bf16(_)) && call.keys.pairs() && call.values.pairs();
        let group = call.heads / call.kv_heads;
        let seqs = || {
            let of_role = |seq: &&Seq| generated.is_none_or(|role| role == seq.generated);
            call.seqs.iter().filter(of_role)
        };
        let units = |block_rows: usize| {
            let blocks = |seq: &Seq| (seq.len as usize).div_ceil(block_rows);
            seqs().map(blocks).sum::<usize>() * call.kv_heads
        };
        let enough = UNITS_PER_THREAD * pool.threads();
        let mut block_rows = (BLOCK / group).clamp(1, 64);
        if generated == Some(false) {
            // Larger blocks lay out keys and values less often.
            let large = (PROMPT_BLOCK / group).max(1);
            block_rows = if units(large) >= enough {
                large
            } else {
                block_rows
            };
        }
        let base = units(block_rows);
        if base == 0 {
            return;
        }
        let splits = seqs()
            .map(|seq| seq.end().div_ceil(SPLIT))
            .max()
            .unwrap_or(0);
        let rows: usize = seqs().map(|seq| seq.len as usize).sum();
        let pieces = if pool.threads() > 1 && rows <= SPREAD_ROWS {
            enough.div_ceil(base).min(splits).max(1)
        } else {
            1
        };
        let lanes = Seq::rows(call.seqs) * call.heads;
        let words = match pieces {
            1 => 0,
            _ => lanes * splits * merge::partial_words(call.value_dim),
        };
        let mut workspace = Scratch::workspace(words);
        let job = Job {
            call,
            out,
            generated,
            block_rows,
            pieces,
            splits,
            partials: Shared::new(workspace.floats()),
            key_codes: call.keys.codes(pairs),
            value_codes: call.values.codes(pairs),
        };
        unit.run(pool, &job, base * pieces);
        if pieces > 1 {
            if pairs {
                self.merge_pairs.run(pool, &job, lanes);
            } else {
                self.merge_floats.run(pool, &job, lanes);
            }
        }
    }
}

impl Call<'_> {
    fn check(&self, out: &FloatsMut<'_>) {
        assert!(self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads));
        assert!(self.heads >= self.kv_heads && self.key_dim > 0 && self.value_dim > 0);
        let rows = Seq::rows(self.seqs);
        assert!(
            self.q.len() >= rows * self.heads * self.key_dim,
            "q is too short"
        );
        let out_len = match (out, self.q) {
            (FloatsMut::F32(out), Floats::F32(_)) => out.len(),
            (FloatsMut::Bf16(out), Floats::Bf16(_)) => out.len(),
            (FloatsMut::F16(out), Floats::F16(_)) => out.len(),
            _ => panic!("out must have the type of q"),
        };
        assert!(
            out_len >= rows * self.heads * self.value_dim,
            "out is too short"
        );
        assert!(self.sinks.is_none_or(|sinks| sinks.len() >= self.heads));
        for seq in self.seqs.iter().filter(|seq| seq.len > 0) {
            let last = seq.end() - 1;
            let highest = match self.ring {
                None => last,
                Some(ring) => {
                    assert!(ring.len > 0);
                    let held = ring.len as usize + ring.keep as usize;
                    assert!(
                        last < held || self.fits(ring, seq),
                        "a ring of {} holds less than the window and {} rows",
                        ring.len,
                        seq.len
                    );
                    last.min(held - 1)
                }
            };
            self.keys
                .check(seq.slot, self.kv_heads, highest, self.key_dim);
            self.values
                .check(seq.slot, self.kv_heads, highest, self.value_dim);
        }
    }

    /// Whether what the first row sees was not overwritten by the last.
    fn fits(&self, ring: Ring, seq: &Seq) -> bool {
        let Some(window) = self.window else {
            return false;
        };
        let oldest = (seq.first as usize + 1).saturating_sub(window as usize);
        let oldest = oldest.max(ring.keep as usize);
        self.sink_tokens <= ring.keep && seq.end() - oldest.min(seq.end()) <= ring.len as usize
    }
}
