//! New rows into a cache, at the places of their positions.

use super::cache::{Ring, Strides};
use crate::Pool;
use crate::kernels::math::Shared;
use crate::kernels::seq::Seq;

/// Bytes that one thread writes sooner than it can share them.
const SHARED: usize = 64 << 10;

/// Where rows go.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// The rows, by sequence.
    pub seqs: &'a [Seq],
    /// Heads of a row.
    pub heads: usize,
    /// Elements of a head.
    pub width: usize,
    /// Strides of the cache.
    pub strides: Strides,
    /// How positions map to cache rows.
    pub ring: Option<Ring>,
}

/// Writes rows `[rows, heads, width]` into a cache `[slots, heads, capacity, width]`.
///
/// A call longer than a ring leaves its last rows there.
///
/// # Panics
/// When a row lies outside the cache.
pub fn append<T: Copy + Send + Sync>(pool: &Pool, place: &Append<'_>, rows: &[T], cache: &mut [T]) {
    let count = Seq::rows(place.seqs);
    assert!(
        rows.len() >= count * place.heads * place.width,
        "too few rows"
    );
    let cache = Shared::new(cache);
    // One part per head: rows of a ring that wraps within a call must be written in order.
    let write = |head: usize| {
        let mut row = 0;
        for seq in place.seqs {
            for i in 0..seq.len as usize {
                let index = Ring::index(place.ring, seq.first as usize + i);
                let from = (row * place.heads + head) * place.width;
                let to = place.strides.at(seq.slot as usize, head, index);
                // SAFETY: heads are disjoint, and one part writes all rows of a head.
                unsafe { cache.slice(to, place.width) }
                    .copy_from_slice(&rows[from..from + place.width]);
                row += 1;
            }
        }
    };
    if count * place.heads * place.width * size_of::<T>() < SHARED {
        (0..place.heads).for_each(write);
    } else {
        pool.run(place.heads, &write);
    }
}
