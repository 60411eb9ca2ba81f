//! Sorting and selection of rows, and places in a sorted row.
//!
//! Elements become unsigned keys ([`key`]). Where keys tell elements apart, keys alone are sorted and
//! turned back; else, and for positions, a key is sorted with its position below it, which makes any
//! sort stable. Compiled by width, not by dtype.

pub mod key;
pub mod radix;

use key::{Bits, Code, element, is_plain, key};
use radix::{Key, Word, sort};

/// What is done to each row.
#[derive(Clone, Copy)]
pub struct Order {
    /// How bits are compared.
    pub code: Code,
    /// Only the element of this rank comes to its place.
    pub kth: Option<usize>,
}

impl Order {
    /// The elements of `row` in order. `scratch` has a word for each.
    pub fn values<B: Bits>(&self, row: &[B], out: &mut [B], scratch: &mut [u128]) {
        let code = self.code;
        // A partition has many orders: that of its positions is the one.
        if self.kth.is_some() || !row.iter().all(|&x| is_plain(code, x)) {
            return self.by_position(row, scratch, |k, at| out[k] = row[at]);
        }
        match B::WIDTH {
            64 => values::<B, Key<u64>>(code, row, out, bytemuck::cast_slice_mut(scratch)),
            _ => values::<B, Key<u32>>(code, row, out, bytemuck::cast_slice_mut(scratch)),
        }
    }

    /// The positions in `row` of its elements in order. `scratch` has a word for each.
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

    fn packed<B: Bits, W: Word>(
        &self,
        row: &[B],
        scratch: &mut [W],
        mut f: impl FnMut(usize, usize),
    ) {
        let (words, spare) = scratch.split_at_mut(row.len());
        fill(self.code, row, words);
        match self.kth {
            Some(kth) => {
                words.select_nth_unstable(kth);
            }
            None => sort(words, spare, 32..32 + B::WIDTH),
        }
        for (k, word) in words.iter().enumerate() {
            f(k, word.position());
        }
    }
}

fn values<B: Bits, W: Word>(code: Code, row: &[B], out: &mut [B], scratch: &mut [W]) {
    let (words, spare) = scratch.split_at_mut(row.len());
    fill(code, row, words);
    sort(words, spare, 0..B::WIDTH);
    for (out, word) in out.iter_mut().zip(words) {
        *out = element(code, word.key());
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
