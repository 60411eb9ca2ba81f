//! Sorting and selection of rows, and places in a sorted row.
//!
//! Elements become unsigned keys ([`mod@key`]). Where keys tell elements apart, keys alone are sorted and
//! turned back; else, and for positions, a key is sorted with its position below it, which makes any
//! sort stable. What is done depends on the order of the keys and of the positions alone, so that both
//! ways give one order, of partitions too. Compiled by width, not by dtype.

pub mod key;
pub mod radix;

use std::ops::Range;

use key::{Bits, Code, element, is_plain, key};
use radix::{Key, Word, select, sort};

/// What is done to each row.
#[derive(Clone, Copy)]
pub struct Order {
    /// How bits are compared.
    pub code: Code,
    /// Only the element of this rank comes to its place.
    pub kth: Option<usize>,
}

impl Order {
    /// Words of scratch for a row of `len` elements of `size` bytes.
    pub fn scratch(&self, size: usize, len: usize) -> usize {
        // Selection by digits moves words out of place; sorting of the widest is in place.
        if size == 8 && self.kth.is_some() {
            2 * len
        } else {
            len
        }
    }

    fn arrange<W: Word>(&self, words: &mut [W], spare: &mut [W], keys: Range<u32>) {
        match self.kth {
            Some(kth) => select(words, spare, keys, kth),
            None => sort(words, spare, keys),
        }
    }

    /// The elements of `row` in order, with [`Order::scratch`].
    pub fn values<B: Bits>(&self, row: &[B], out: &mut [B], scratch: &mut [u128]) {
        let code = self.code;
        if !row.iter().all(|&x| is_plain(code, x)) {
            return self.by_position(row, scratch, |k, at| out[k] = row[at]);
        }
        match B::WIDTH {
            64 => self.bare::<B, Key<u64>>(row, out, bytemuck::cast_slice_mut(scratch)),
            _ => self.bare::<B, Key<u32>>(row, out, bytemuck::cast_slice_mut(scratch)),
        }
    }

    /// The positions in `row` of its elements in order, with [`Order::scratch`].
    pub fn positions<B: Bits>(&self, row: &[B], out: &mut [u32], scratch: &mut [u128]) {
        self.by_position(row, scratch, |k, at| out[k] = at as u32);
    }

    /// Calls `f` with each rank and the position of its element.
    fn by_position<B: Bits>(&self, row: &[B], scratch: &mut [u128], f: impl FnMut(usize, usize)) {
        match B::WIDTH {
            64 => self.packed::<B, u128>(row, scratch, f),
            _ => self.packed::<B, u64>(row, bytemuck::cast_slice_mut(scratch), f),
        }
    }

    fn bare<B: Bits, W: Word>(&self, row: &[B], out: &mut [B], scratch: &mut [W]) {
        let (words, spare) = scratch.split_at_mut(row.len());
        fill(self.code, row, words);
        self.arrange(words, spare, 0..B::WIDTH);
        for (out, word) in out.iter_mut().zip(words) {
            *out = element(self.code, word.key());
        }
    }

    fn packed<B: Bits, W: Word>(
        &self,
        row: &[B],
        scratch: &mut [W],
        mut f: impl FnMut(usize, usize),
    ) {
        let (words, spare) = scratch.split_at_mut(row.len());
        fill(self.code, row, words);
        self.arrange(words, spare, 32..32 + B::WIDTH);
        for (k, word) in words.iter().enumerate() {
            f(k, word.position());
        }
    }
}

fn fill<B: Bits, W: Word>(code: Code, row: &[B], words: &mut [W]) {
    for (at, (word, &x)) in words.iter_mut().zip(row).enumerate() {
        *word = W::of_key(key(code, x), at);
    }
}

/// How many elements of `sorted` go before `value`; equal ones do if it goes `after` them.
pub fn place<B: Bits>(code: Code, sorted: &[B], value: B, after: bool) -> usize {
    let value = key(code, value);
    sorted.partition_point(|&x| {
        let x = key(code, x);
        x < value || (after && x == value)
    })
}
