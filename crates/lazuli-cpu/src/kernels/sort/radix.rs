//! Sorting of unsigned words and selection among them: by digits where that is fewer steps, else by
//! comparison. Both move words of equal digits in order, so that what they do depends on keys alone.

use std::ops::Range;

/// Words of at least this many bits' digits are sorted by digits from this many words on.
const FROM: usize = 192;
const DIGIT: u32 = 8;
const BUCKETS: usize = 1 << DIGIT;

/// A word to sort; words that differ below the sorted bits have been made in ascending order there.
#[allow(missing_docs)]
pub trait Word: Copy + Ord + Default + bytemuck::Pod + Send + Sync {
    fn of_key(key: u64, position: usize) -> Self;
    fn key(self) -> u64;
    fn position(self) -> usize;
    fn digit(self, from: u32) -> usize;
}

macro_rules! packed {
    ($ty:ident) => {
        impl Word for $ty {
            #[inline(always)]
            fn of_key(key: u64, position: usize) -> $ty {
                (key as $ty) << 32 | position as $ty
            }
            #[inline(always)]
            fn key(self) -> u64 {
                (self >> 32) as u64
            }
            #[inline(always)]
            fn position(self) -> usize {
                self as u32 as usize
            }
            #[inline(always)]
            fn digit(self, from: u32) -> usize {
                (self >> from) as usize & (BUCKETS - 1)
            }
        }
    };
}

// A key of up to 32 bits, or of 64, above the position.
packed!(u64);
packed!(u128);

/// A word that is only a key.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, bytemuck::Pod, bytemuck::Zeroable,
)]
#[repr(transparent)]
pub struct Key<T>(T);

macro_rules! bare {
    ($ty:ident) => {
        impl Word for Key<$ty> {
            #[inline(always)]
            fn of_key(key: u64, _: usize) -> Key<$ty> {
                Key(key as $ty)
            }
            #[inline(always)]
            fn key(self) -> u64 {
                self.0.into()
            }
            #[inline(always)]
            fn position(self) -> usize {
                0
            }
            #[inline(always)]
            fn digit(self, from: u32) -> usize {
                (self.0 >> from) as usize & (BUCKETS - 1)
            }
        }
    };
}

bare!(u32);
bare!(u64);

/// Sorts by the bits `keys`; words that are equal there are in order below.
///
/// `spare` has as many words as `words`.
pub fn sort<W: Word>(words: &mut [W], spare: &mut [W], keys: Range<u32>) {
    // By comparison, a word moves about as often as the length has bits.
    let digits = keys.len() / DIGIT as usize;
    if words.len() < FROM || digits > 4 {
        return words.sort_unstable();
    }
    let mut counts = [[0u32; BUCKETS]; 4];
    for &word in words.iter() {
        for (digit, counts) in counts.iter_mut().enumerate().take(digits) {
            counts[word.digit(keys.start + digit as u32 * DIGIT)] += 1;
        }
    }
    let len = words.len() as u32;
    let (mut from, mut to) = (words, &mut spare[..len as usize]);
    let mut swapped = false;
    for (digit, counts) in counts.iter_mut().enumerate().take(digits) {
        if counts.contains(&len) {
            continue;
        }
        let mut next = 0;
        for count in counts.iter_mut() {
            next += std::mem::replace(count, next);
        }
        let shift = keys.start + digit as u32 * DIGIT;
        for &word in from.iter() {
            let place = &mut counts[word.digit(shift)];
            to[*place as usize] = word;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
        swapped = !swapped;
    }
    if swapped {
        to.copy_from_slice(from);
    }
}

/// Ranges that are sorted rather than split further.
const SMALL: usize = 32;

/// Brings the word of rank `kth` by the bits `keys` to its place, lesser words before it and greater
/// ones after it. Arguments as those of [`sort`].
pub fn select<W: Word>(words: &mut [W], spare: &mut [W], keys: Range<u32>, kth: usize) {
    let (mut first, mut last) = (0, words.len());
    for shift in keys.step_by(DIGIT as usize).rev() {
        let range = &mut words[first..last];
        if range.len() <= SMALL {
            break;
        }
        let mut counts = [0usize; BUCKETS];
        for &word in range.iter() {
            counts[word.digit(shift)] += 1;
        }
        // The digit of the word sought, and how many words have a lesser one.
        let (mut digit, mut less) = (0, 0);
        while first + less + counts[digit] <= kth {
            less += counts[digit];
            digit += 1;
        }
        let equal = counts[digit];
        if equal == range.len() {
            continue;
        }
        let mut places = [0, less, less + equal];
        for &word in range.iter() {
            let d = word.digit(shift);
            let place = &mut places[(d >= digit) as usize + (d > digit) as usize];
            spare[*place] = word;
            *place += 1;
        }
        range.copy_from_slice(&spare[..range.len()]);
        (first, last) = (first + less, first + less + equal);
    }
    if last - first <= SMALL {
        words[first..last].sort_unstable();
    }
}
